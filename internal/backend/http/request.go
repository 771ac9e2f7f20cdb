package http

import (
	"sallyport/internal/buffer"
	wire "sallyport/internal/wire/h1"
)

const crlf = "\r\n"

// writeHead puts the request line, the fields and what is at hand of the body
// into c.out. It reports false for a head that must not be sent: some field a
// room has set would end its line early.
func (c *conn) writeHead() bool {
	r := c.req
	b := buffer.GetSmall()[:0]
	b = append(b, r.Method...)
	b = append(b, ' ')
	b = append(b, r.Prefix...)
	b = append(b, r.Path...)
	if r.HasQuery {
		b = append(b, '?')
		b = append(b, r.Query...)
	}
	if r.HTTP10 {
		b = append(b, " HTTP/1.0\r\nHost: "...)
	} else {
		b = append(b, " HTTP/1.1\r\nHost: "...)
	}
	b = append(b, r.Host...)
	b = append(b, '\r', '\n')
	for i := range r.Header.Fields {
		f := &r.Header.Fields[i]
		b = append(b, f.Name...)
		b = append(b, ':', ' ')
		b = append(b, f.Value...)
		b = append(b, '\r', '\n')
	}
	whole := wire.Lines(b) == 2+len(r.Header.Fields)
	if r.Expect {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	chunked := false
	switch {
	case r.Body == nil || r.Body.None():
	case r.Whole && r.Ahead != nil:
		b = wire.AppendLength(b, int64(len(r.Ahead)))
	case r.Body.Length >= 0 && !(r.SendChunked && !r.HTTP10):
		b = wire.AppendLength(b, r.Body.Length)
	case !r.HTTP10:
		chunked = true
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case r.Upgrade != "":
		b = append(b, "Upgrade: "...)
		b = append(b, r.Upgrade...)
		b = append(b, "\r\nConnection: Upgrade\r\n\r\n"...)
	case r.HTTP10:
		b = append(b, "\r\n"...)
	case r.Close || c.work.NoReuse:
		b = append(b, "Connection: close\r\n\r\n"...)
	default:
		b = append(b, "Connection: Keep-Alive\r\n\r\n"...)
	}
	if r.HTTP10 || r.Close {
		c.keep = false
	}
	end := ""
	if chunked && len(r.Ahead) > 0 {
		b = wire.AppendChunkHead(b, int64(len(r.Ahead)))
		end = crlf
	}
	if r.Whole && r.ExtraCRLF {
		end = crlf
	}
	if len(b)+len(r.Ahead)+len(end) <= cap(b) {
		b = append(append(b, r.Ahead...), end...)
		c.out = [3][]byte{b}
	} else {
		c.out = [3][]byte{b, r.Ahead, []byte(end)}
	}
	if !r.Whole {
		c.sender = &sender{c: c, body: r.Body, chunked: chunked, hold: r.Expect}
	}
	c.head = b
	return whole
}
