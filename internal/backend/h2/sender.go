package h2

import (
	"io"
	"sync/atomic"

	"sallyport/internal/buffer"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	h1 "sallyport/internal/wire/h1"
	wire "sallyport/internal/wire/h2"
)

// sender streams a request's body while the exchange's goroutine waits for the
// answer, which may come first or at the same time. It has a goroutine of its
// own for that time; release joins it.
type sender struct {
	st      *stream
	hold    bool // wait for a 100 before sending
	running bool
	done    chan struct{}
	err     error // why the body could not be read; under the session's mu
	stopped atomic.Bool
}

func newSender(st *stream) *sender { return &sender{st: st, hold: st.req.Expect} }

// start begins to stream, once the head is out and the backend wants the body.
// It may write to the client, so the exchange must not be Waiting.
func (d *sender) start() *fault.Fault {
	if d.running || d.hold {
		return nil
	}
	r := d.st.req
	if !r.Whole {
		if a, ok := r.Body.Reader.(interface{ Ask() error }); ok {
			if err := a.Ask(); err != nil {
				return &fault.Fault{Kind: fault.ClientGone, Err: err}
			}
		}
		r.Streaming = true
	}
	d.running = true
	d.done = make(chan struct{})
	go d.run()
	return nil
}

func (d *sender) run() {
	defer close(d.done)
	st := d.st
	err := d.stream()
	st.guard.Arm(st.work.Timeout) // for the answer
	if err == nil || d.stopped.Load() {
		return
	}
	st.s.mu.Lock()
	d.err = err
	st.s.mu.Unlock()
	st.guard.Wake()
}

// stream sends the body to its end, or until it is stopped. The error is the
// client's.
func (d *sender) stream() error {
	st := d.st
	r := st.req
	last := r.Whole && !trailing(r)
	if !st.put(r.Ahead, last) || last {
		return nil
	}
	if !r.Whole {
		b := buffer.GetLarge()
		defer buffer.Put(b)
		for {
			st.guard.Disarm() // the client has a time-out of its own
			n, err := r.Body.Read(b)
			st.guard.Arm(st.work.Timeout)
			if !st.put(b[:n], false) {
				return nil
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	st.finish(d.trailer())
	return nil
}

// trailer is the request's own trailer section, as far as it may be passed on.
func (d *sender) trailer() *message.Header {
	r := d.st.req
	if r.Body.Trailer == nil {
		return nil
	}
	t := r.Body.Trailer()
	if t == nil || len(t.Fields) == 0 || h1.BadField(t) >= 0 {
		return nil
	}
	out := &message.Header{}
	for i := range t.Fields {
		if f := &t.Fields[i]; f.Known == message.Other {
			out.Fields = append(out.Fields, *f)
		}
	}
	return out
}

// put sends content, as fast as the windows allow; false when the stream does
// not want it any more.
func (st *stream) put(p []byte, end bool) bool {
	for len(p) > 0 || end {
		n := st.reserve(len(p))
		if n < 0 {
			return false
		}
		last := end && n == len(p)
		if last {
			st.s.mu.Lock()
			st.closed = true
			st.s.mu.Unlock()
		}
		err := st.s.write(func(b []byte) []byte { return appendData(b, st.id, p[:n], last) })
		if err != nil {
			return false
		}
		st.s.mu.Lock()
		st.sent += int64(n + wire.HeadLen)
		st.s.mu.Unlock()
		st.guard.Arm(st.work.Timeout)
		p = p[n:]
		if last {
			return true
		}
	}
	return true
}

// finish ends the request, with a trailer section where there is one.
func (st *stream) finish(t *message.Header) {
	if t == nil || len(t.Fields) == 0 {
		st.put(nil, true)
		return
	}
	s := st.s
	s.mu.Lock()
	if st.stopped || st.closed {
		s.mu.Unlock()
		return
	}
	st.closed = true
	s.mu.Unlock()
	s.write(func(b []byte) []byte {
		s.block.Reset()
		for i := range t.Fields {
			s.enc.WriteField(field(&t.Fields[i]))
		}
		return wire.AppendHeaders(b, st.id, s.block.Bytes(), true)
	})
}

// reserve takes up to n bytes, and at most a frame's, out of both windows; it
// waits for them. -1 when the stream does not want any more.
func (st *stream) reserve(n int) int {
	s := st.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if st.stopped || st.err != nil || st.closed {
			return -1
		}
		if n == 0 {
			return 0
		}
		if m := min(int64(n), st.window, s.window, wire.MaxFrame); m > 0 {
			st.window -= m
			s.window -= m
			s.calm.Given()
			return int(m)
		}
		st.starved = true
		st.cond.Wait()
		st.starved = false
	}
}

// join waits for the goroutine. An answer that is complete before the body means
// the rest is not wanted: the sender is stopped.
func (d *sender) join() {
	if !d.running {
		return
	}
	select {
	case <-d.done:
		return
	default:
	}
	d.stopped.Store(true)
	st := d.st
	st.s.mu.Lock()
	st.stopped = true
	st.news()
	st.s.mu.Unlock()
	if !st.req.Whole {
		if r, ok := st.req.Body.Reader.(interface{ Stop() }); ok {
			r.Stop()
		}
	}
	<-d.done
}
