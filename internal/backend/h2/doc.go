// Package h2 carries exchanges to HTTP/2 backends: many at a time over each
// connection. It serves h2:// and h2c:// targets, and https:// targets whose
// backend chose HTTP/2 in the TLS handshake (protocols=).
//
// In the order the data meets them: transport.go (one exchange, and its safe
// repetition), group.go (the connections to one target, and waiting for a place
// on one), session.go (a connection: what is written, how it ends), read.go
// (what the backend sends), stream.go (one request and its response), request.go
// and response.go (message ⇄ header fields), sender.go (a request's body),
// tunnel.go (WebSocket, RFC 8441).
//
// The frames are wire/h2's, HPACK is golang.org/x/net's. Which headers a backend
// is sent is modules/proxy's.
//
// # Flow control
//
// Each stream may hold windowSize bytes that the client has not taken yet; only
// what it took is asked for again. The connection's own window is opened as fast
// as data comes, so that one slow client never stops the others: a connection
// can so hold windowSize times its streams, and no more.
//
// # Locks
//
// session.wmu is held while something is written (and so, when the backend does
// not read, for as long as the write's deadline allows); session.mu for the
// moment it takes to look at streams and windows. wmu comes first. The reader
// takes wmu never: acknowledgements, windows and resets wait in session.control
// for a goroutine that writes them (session.tell), so that what a backend has
// sent is taken even while it reads nothing.
package h2
