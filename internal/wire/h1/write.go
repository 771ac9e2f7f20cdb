package h1

import (
	"bytes"
	"strconv"

	"sallyport/internal/message"
)

// The Append functions write a message into the caller's buffer and return it,
// as append does. They trust their input: fields that did not come through a
// parser are checked by BadField first.

// LastChunk ends a chunked body that has no trailers.
const LastChunk = "0\r\n\r\n"

// AppendRequestLine writes "METHOD target HTTP/1.x".
func AppendRequestLine(dst []byte, method, target string, v message.Version) []byte {
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, target...)
	if v == message.HTTP10 {
		return append(dst, " HTTP/1.0\r\n"...)
	}
	return append(dst, " HTTP/1.1\r\n"...)
}

// AppendStatusLine writes "HTTP/1.1 status reason". The blank in front of the
// reason stands even if that is empty (RFC 9112 §4). Responses say HTTP/1.1
// whatever the client spoke (RFC 9110 §2.5).
func AppendStatusLine(dst []byte, status int, reason string) []byte {
	if status == 200 && reason == "OK" {
		return append(dst, "HTTP/1.1 200 OK\r\n"...)
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, byte('0'+status/100%10), byte('0'+status/10%10), byte('0'+status%10), ' ')
	dst = append(dst, reason...)
	return append(dst, '\r', '\n')
}

// AppendField writes one field line.
func AppendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

// AppendFields writes all fields of h, without the blank line.
func AppendFields(dst []byte, h *message.Header) []byte {
	for i := range h.Fields {
		dst = AppendField(dst, h.Fields[i].Name, h.Fields[i].Value)
	}
	return dst
}

// AppendLength writes a Content-Length field.
func AppendLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '\r', '\n')
}

// AppendBlank ends a head.
func AppendBlank(dst []byte) []byte { return append(dst, '\r', '\n') }

// AppendChunkHead writes the size line of a chunk of n > 0 bytes; the payload
// and a CRLF follow.
func AppendChunkHead(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(dst, n, 16)
	return append(dst, '\r', '\n')
}

// AppendLastChunk ends a chunked body with its trailers; nil: none.
func AppendLastChunk(dst []byte, trailer *message.Header) []byte {
	dst = append(dst, "0\r\n"...)
	if trailer != nil {
		dst = AppendFields(dst, trailer)
	}
	return append(dst, '\r', '\n')
}

// BadField returns the index of the first field that must not be written
// (an empty name or one that is no token, a control byte in the value), -1
// when all are sound: httpd's check_headers.
func BadField(h *message.Header) int {
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.Known == message.Other && !isToken(f.Name) || !IsValue(f.Value) {
			return i
		}
	}
	return -1
}

// IsValue reports whether s may be written as a field's value: no control byte
// but the tab.
func IsValue(s string) bool {
	for i := 0; ; i++ {
		if i = nextCtl(s, i); i >= len(s) {
			return true
		}
		if s[i] != '\t' {
			return false
		}
	}
}

// Lines counts the lines of a head, or of the beginning of one; -1 when a CR
// or LF stands alone. A writer that knows how many fields it has put in sees by
// it that none of their values ended its line early.
func Lines(head []byte) int {
	n := bytes.Count(head, lf)
	if bytes.Count(head, cr) != n {
		return -1
	}
	return n
}

var cr, lf = []byte{'\r'}, []byte{'\n'}
