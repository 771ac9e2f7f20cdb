// Package message holds one HTTP message of any version, the neutral middle of
// the house: every protocol in front (h1, h2, h3) and behind (http, fcgi, …)
// turns its bytes into these types at its own edge, so that adapters number
// N + M and never N × M.
//
// It is not a parser (see wire/h1) and knows no sockets. Headers keep the order
// and the spelling they arrived with; well-known names also carry a small
// number (Known), found once, so that later look-ups compare integers.
//
// Strings handed to a message are substrings of one string per head; keeping
// any of them keeps that whole head alive, which is cheap, and there is no
// lifetime rule.
package message

import "io"

// Version is an HTTP version as major*10+minor: 9 (HTTP/0.9), 10, 11, 20, 30.
type Version uint8

// The versions that can come through a door.
const (
	HTTP10 Version = 10
	HTTP11 Version = 11
	HTTP2  Version = 20
	HTTP3  Version = 30
)

// String gives the form of a request line: "HTTP/1.1".
func (v Version) String() string {
	switch v {
	case HTTP11:
		return "HTTP/1.1"
	case HTTP10:
		return "HTTP/1.0"
	case HTTP2:
		return "HTTP/2.0"
	case HTTP3:
		return "HTTP/3.0"
	}
	return "HTTP/" + string([]byte{'0' + byte(v)/10, '.', '0' + byte(v)%10})
}

// Body is the content of a message on its way. The zero Body is "no content".
type Body struct {
	// Reader yields the content with its transfer coding removed and ends
	// with io.EOF; any other error means the content is incomplete. Owned by
	// whoever made the message; valid until the exchange ends.
	io.Reader
	// Length in bytes, -1 when it is not known beforehand.
	Length int64
	// Trailer gives the trailer section once Reader has returned io.EOF; nil
	// where there can be none.
	Trailer func() *Header
}

// None reports that the message has no content at all (not: zero bytes of it).
func (b *Body) None() bool { return b.Reader == nil }

// Request is what a client asked, or what the proxy asks of a backend.
type Request struct {
	Method  string
	Target  string // the request target as received (RFC 9112 §3.2)
	Version Version
	// Authority is the host[:port] the request is for: of the absolute-form
	// target if there is one, else of the Host field; "" when neither came.
	Authority string
	Header    Header
	Body      Body
}

// Response is what a backend or a handler of our own answers.
type Response struct {
	Status  int
	Reason  string // verbatim, may be empty; ReasonOf(Status) where we make it
	Version Version
	Header  Header
	Body    Body
}
