package backend

import (
	"errors"
	"io"

	"sallyport/internal/fault"
	wire "sallyport/internal/wire/h1"
)

// aheadBytes is how much of a request body is read before a backend is
// chosen: httpd's MAX_MEM_SPOOL. What fits can be sent again to another member.
const aheadBytes = 16 << 10

// ReadAhead reads the first bytes of the body, once per exchange.
func (r *Request) ReadAhead() *fault.Fault {
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
	if r.Body.Length >= 0 && r.takeWhole() {
		return nil
	}
	size := int64(aheadBytes)
	if (r.SendLength || r.HTTP10) && r.Body.Length < 0 {
		return r.spool() // HTTP/1.0 knows no other way to say where a request ends
	}
	if r.AtOnce {
		return nil
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
			return BodyFault(err)
		}
	}
	if r.Body.Length == size {
		r.Whole = true
	}
	return nil
}

// TakeWhole is ReadAhead that does not wait: it takes the body only if all of it
// has come and is short.
func (r *Request) TakeWhole() {
	if r.Body != nil && !r.Whole && !r.Streaming && r.Ahead == nil && !r.Expect {
		r.takeWhole()
	}
}

func (r *Request) takeWhole() bool {
	w, ok := r.Body.Reader.(interface{ Whole(most int) []byte })
	if !ok {
		return false
	}
	if r.Ahead = w.Whole(aheadBytes); r.Ahead == nil {
		return false
	}
	r.Whole = true
	return true
}

// maxSpool bounds what proxy-sendcl may make us hold of one body in memory.
const maxSpool = 64 << 20

// spool reads a whole body of unknown length, which proxy-sendcl wants sent
// with a Content-Length.
func (r *Request) spool() *fault.Fault {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxSpool+1))
	if err != nil {
		return BodyFault(err)
	}
	if len(b) > maxSpool {
		return &fault.Fault{Kind: fault.ClientBody, Status: 413, Err: errors.New("body too large to be sent with a length")}
	}
	r.Ahead, r.Whole = b, true
	return nil
}

// BodyFault tells why the client's body could not be read.
func BodyFault(err error) *fault.Fault {
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
