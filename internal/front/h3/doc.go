// Package h3 is the front door for HTTP/3 (RFC 9114): it turns the streams of
// QUIC connections into exchanges and their responses back into streams. QUIC
// itself, with its TLS, is quic-go's; header compression (QPACK, without a
// dynamic table, so that no stream waits for another) is quic-go/qpack's; what
// makes a request a sound one is front/bridge's; everything a configuration
// decides is the house's. It is a sibling of front/h2 and has no code of
// net/http in it.
//
// In the order the data meets the files: listen.go (UDP sockets and new
// connections), conn.go (the life of a connection), frame.go (frames),
// stream.go (one request), body.go (its content), response.go (the Downstream),
// tunnel.go (WebSocket, RFC 9220).
//
// One goroutine accepts streams, one reads each stream the client opens, and
// quic-go has its own for packets.
package h3
