package http

import (
	"errors"
	"io"

	"sallyport/internal/backend"
	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	wire "sallyport/internal/wire/h1"
)

// aheadBytes is how much of a request body is read before a backend is
// chosen: httpd's MAX_MEM_SPOOL. What fits can be sent again to another member.
const aheadBytes = 16 << 10

// readAhead reads the first bytes of the body, once per exchange.
func readAhead(x *exchange.Exchange, r *backend.Request) *fault.Fault {
	if r.HTTP10 {
		r.Expect = false // RFC 9110 §10.1.1
	}
	switch {
	case r.Body == nil || r.Body.None() || r.Body.Length == 0:
		r.Whole, r.Expect = true, false // nothing to wait for
		return nil
	case r.Whole || r.Streaming || r.Ahead != nil || r.Expect:
		return nil
	}
	if w, ok := r.Body.Reader.(interface{ Whole() []byte }); ok && r.Body.Length <= aheadBytes {
		if r.Ahead = w.Whole(); r.Ahead != nil {
			r.Whole = true
			return nil
		}
	}
	size := int64(aheadBytes)
	if (r.SendLength || r.HTTP10) && r.Body.Length < 0 {
		return spool(r) // HTTP/1.0 knows no other way to say where a request ends
	}
	if n := r.Body.Length; n > 0 && n < size {
		size = n
	}
	r.Ahead = make([]byte, 0, size)
	for int64(len(r.Ahead)) < size {
		n, err := r.Body.Read(r.Ahead[len(r.Ahead):size])
		r.Ahead = r.Ahead[:len(r.Ahead)+n]
		if err == io.EOF {
			r.Whole = true
			return nil
		}
		if err != nil {
			return bodyFault(err)
		}
	}
	if r.Body.Length == size {
		r.Whole = true
	}
	return nil
}

// maxSpool bounds what proxy-sendcl may make us hold of one body in memory.
const maxSpool = 64 << 20

// spool reads a whole body of unknown length, which proxy-sendcl wants sent
// with a Content-Length.
func spool(r *backend.Request) *fault.Fault {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxSpool+1))
	if err != nil {
		return bodyFault(err)
	}
	if len(b) > maxSpool {
		return &fault.Fault{Kind: fault.ClientBody, Status: 413, Err: errors.New("body too large to be sent with a length")}
	}
	r.Ahead, r.Whole = b, true
	return nil
}

// bodyFault tells why the client's body could not be read.
func bodyFault(err error) *fault.Fault {
	f := &fault.Fault{Kind: fault.ClientBody, Err: err}
	var p *wire.Problem
	var late interface{ Timeout() bool }
	switch {
	case errors.As(err, &p):
		f.Status = p.Status
	case errors.Is(err, io.ErrUnexpectedEOF):
	case errors.As(err, &late) && late.Timeout():
		f.Status = 408
	}
	return f
}

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
