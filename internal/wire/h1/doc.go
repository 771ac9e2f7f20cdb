// Package h1 is the HTTP/1.1 codec: bytes to message and back (RFC 9112). It
// holds no sockets, no clock and no goroutines; front/h1 and backend/http own
// those and hand it slices and strings.
//
// A message is read in three steps. HeadEnd finds where the head stops in a
// read buffer; the caller makes one string of it; ParseRequest or
// ParseResponse cut that string into a message.Request or message.Response
// whose names and values are all substrings, so that a head costs one
// allocation. ParseTarget then says what the request is for, and
// RequestFraming or ResponseFraming how its body ends; Chunked takes the
// chunked coding off.
//
// Requests are held to RFC 9112: what two readers could understand differently
// is refused with a Problem and the connection is closed; nothing is repaired
// and passed on. Responses are read with httpd's tolerance (lone LF, folded
// lines), because backends are what they are and their framing is decided
// here alone; whatever leaves Sallyport was written anew by the Append
// functions.
//
// The neighbours: message holds the types, front/h1 and backend/http call us,
// the snapshot uses NormalizePath and Unescape on the way from a target to a
// path.
package h1
