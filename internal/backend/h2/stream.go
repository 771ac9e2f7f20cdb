package h2

import (
	"errors"
	"io"
	"sync"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	"sallyport/internal/watch"
	h1 "sallyport/internal/wire/h1"
	wire "sallyport/internal/wire/h2"
)

// stream is one request and its response. What the reader of the session
// writes is guarded by the session's mu; the rest belongs to the exchange.
type stream struct {
	s     *session
	id    uint32
	x     *exchange.Exchange
	work  *backend.Worker
	req   *backend.Request
	guard watch.Guard
	since time.Time
	wire  bool // our head has been written

	// Under mu.
	cond    sync.Cond
	due     bool // a deadline of guard struck
	heads   []head
	chunks  [][]byte // of buffers lent by package buffer
	held    int      // bytes in chunks
	recv    int      // what the backend may still send
	trailer *message.Header
	final   bool  // the final head has come
	ended   bool  // END_STREAM has come
	err     error // why there is no more
	refused bool  // the backend has not looked at the request
	nothing bool  // not a byte of an answer has come
	counted bool  // left is known
	left    int64 // of the announced content
	window  int64 // send window
	starved bool  // waits for a window
	closed  bool  // END_STREAM sent, or reset
	stopped bool  // the sender is to end

	connect bool // extended CONNECT
	eaten   int  // bytes taken and not yet asked for again
	cur     []byte
	curBuf  []byte
	sender  *sender

	sent, read int64
}

// news wakes whoever waits. Under mu.
func (st *stream) news() { st.cond.Broadcast() }

// broken ends the stream from the session's side. Under mu.
func (st *stream) broken(err error, refused bool) {
	if st.err == nil && !(st.ended && !refused) {
		st.err, st.refused = err, refused
	}
	st.stopped = true
	st.news()
}

// wasReset: RST_STREAM has come. Under mu.
func (st *stream) wasReset(code wire.Code) {
	st.closed = true
	if st.ended {
		st.stopped = true // it has answered and does not want the rest (RFC 9113 §8.1)
		st.news()
		return
	}
	st.broken(&resetError{code}, code == wire.RefusedStream && st.nothing)
}

// resetError: the backend gave the stream up.
type resetError struct{ code wire.Code }

func (e *resetError) Error() string { return "HTTP/2 stream reset by the backend: " + e.code.String() }

// reasonOf is what a client is told of a reset. REFUSED_STREAM behind a head
// would have it send again what was worked on, NO_ERROR take a part for the
// whole.
func reasonOf(code wire.Code) exchange.Reset {
	switch code {
	case wire.Cancel:
		return exchange.ResetCancelled
	case wire.EnhanceYourCalm:
		return exchange.ResetCalm
	}
	return exchange.ResetInternal
}

// data takes content. length is the frame's, padding included. Under mu.
func (st *stream) data(p []byte, length int, end bool) wire.Code {
	if st.err != nil || st.closed && st.stopped && st.ended {
		return wire.NoError
	}
	if st.ended {
		return st.malformed(wire.StreamClosed, "content behind the end")
	}
	if !st.final {
		return st.malformed(wire.ProtocolError, "content before the head")
	}
	if st.recv -= length; st.recv < 0 {
		return st.malformed(wire.FlowControlError, "more content than was asked for")
	}
	st.eaten += length - len(p)
	st.read += int64(length)
	if st.counted {
		if st.left -= int64(len(p)); st.left < 0 || end && st.left > 0 {
			return st.malformed(wire.ProtocolError, "content that is not as long as content-length says")
		}
	}
	st.held += len(p)
	for len(p) > 0 {
		n := len(st.chunks)
		if n == 0 || len(st.chunks[n-1]) == cap(st.chunks[n-1]) {
			b := buffer.GetSmall()
			if len(p) > len(b) || n > 0 {
				buffer.Put(b)
				b = buffer.GetLarge()
			}
			st.chunks = append(st.chunks, b[:0])
			n++
		}
		last := st.chunks[n-1]
		m := min(len(p), cap(last)-len(last))
		st.chunks[n-1] = append(last, p[:m]...)
		p = p[m:]
	}
	st.ended = end
	st.news()
	return wire.NoError
}

// malformed ends the stream because of what came; the code is for the backend.
func (st *stream) malformed(code wire.Code, why string) wire.Code {
	st.broken(bad(code, why), false)
	st.closed = true
	return code
}

// headers takes a head or a trailer section. Under mu.
func (st *stream) headers(h *head, end bool) wire.Code {
	if st.err != nil {
		return wire.NoError
	}
	st.nothing = false
	st.read += int64(h.size)
	switch {
	case st.ended:
		return st.malformed(wire.StreamClosed, "fields behind the end")
	case h.why != "":
		return st.malformed(wire.ProtocolError, h.why)
	case st.final:
		if !end || h.status != 0 {
			return st.malformed(wire.ProtocolError, "a second head")
		}
		if st.counted && st.left > 0 {
			return st.malformed(wire.ProtocolError, "less content than content-length says")
		}
		st.trailer = &h.fields
	case h.status == 0:
		return st.malformed(wire.ProtocolError, "a head without :status")
	case h.status == 101 || h.status < 200 && end:
		return st.malformed(wire.ProtocolError, "an interim response that is none")
	default:
		st.final = h.status >= 200
		if len(st.heads) > maxInterim {
			break // readHead says so
		}
		if st.final {
			if why := st.frame(h, end); why != "" {
				return st.malformed(wire.ProtocolError, why)
			}
		}
		h.end = end
		st.heads = append(st.heads, *h)
	}
	st.ended = end
	st.news()
	return wire.NoError
}

// frame notes how long the content will be.
func (st *stream) frame(h *head, end bool) string {
	if st.req.Method == "HEAD" || message.Bodyless(h.status) || st.connect {
		return ""
	}
	for i := range h.fields.Fields {
		f := &h.fields.Fields[i]
		if f.Known != message.ContentLength {
			continue
		}
		n, ok := h1.ParseLength(f.Value)
		if !ok || st.counted && n != st.left {
			return "a content-length that is none"
		}
		st.counted, st.left = true, n
	}
	if end && st.counted && st.left > 0 {
		return "less content than content-length says"
	}
	return ""
}

// SetDeadline lets the guard act.
func (st *stream) SetDeadline(t time.Time) error {
	st.s.mu.Lock()
	st.due = t.Equal(watch.Past)
	if st.due {
		st.news()
	}
	st.s.mu.Unlock()
	return nil
}

// block waits for news, under mu. It returns false with the fault when a
// deadline struck, or the client is gone.
func (st *stream) block() *fault.Fault {
	if !st.due {
		st.cond.Wait()
		return nil
	}
	mu := &st.s.mu
	mu.Unlock()
	v := st.guard.Expired()
	mu.Lock()
	switch v {
	case watch.Due:
		return &fault.Fault{Kind: fault.ReadTimeout, Err: errTimeout}
	case watch.Woken:
		if st.sender != nil && st.sender.err != nil {
			return backend.BodyFault(st.sender.err)
		}
		return &fault.Fault{Kind: fault.ClientGone}
	}
	return nil
}

// errTimeout is what the log shows of a time-out.
var errTimeout error = timeout{}

type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// broke makes a fault of the stream's error. Under mu.
func (st *stream) broke() *fault.Fault {
	f := &fault.Fault{Kind: fault.ClosedEarly, Err: st.err}
	var c *connError
	switch {
	case st.refused:
		f.Kind = fault.Refused
	case errors.As(st.err, &c):
		f.Kind = fault.BadHead
	case st.err == io.EOF, st.err == errGone:
		f.Err = nil
	}
	return f
}

// release ends the exchange on this stream.
func (st *stream) release() {
	s := st.s
	if st.sender != nil {
		st.sender.join()
	}
	s.mu.Lock()
	tell := st.wire && !(st.closed && st.ended) && st.err == nil && s.err == nil
	code := wire.Cancel
	if st.ended {
		code = wire.NoError // it has answered; the rest of the request is not wanted
	}
	for _, b := range st.chunks {
		buffer.Put(b)
	}
	st.chunks = nil
	st.req.Sent, st.req.Received = st.sent, st.read
	s.mu.Unlock()
	if st.curBuf != nil {
		buffer.Put(st.curBuf)
		st.cur, st.curBuf = nil, nil
	}
	if tell {
		s.reset(st.id, code)
	}
	s.group.watch().Remove(&st.guard)
	s.leave(st)
}

// leave gives the place of a stream back.
func (s *session) leave(st *stream) {
	s.mu.Lock()
	if st != nil {
		delete(s.streams, st.id)
		s.ttl = st.work.TTL
	}
	s.places--
	idle := s.places == 0
	if idle {
		s.idleAt = time.Now()
	}
	over := idle && (s.closing || s.group.gone.Load() || st != nil && st.work.NoReuse)
	s.mu.Unlock()
	if over {
		s.close()
	} else if idle && s.ttl > 0 {
		s.group.pool.Ages()
	}
	s.group.wake()
}

// LocalPort implements backend.Reply.
func (st *stream) LocalPort() string { return st.s.port }
