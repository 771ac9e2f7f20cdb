package h2

import (
	"errors"
	"io"
	"strings"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/http"
	"sallyport/internal/backend/pool"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h2"
)

// Transport implements backend.Transport for targets that speak HTTP/2. With
// Target.ALPN the backend may have chosen HTTP/1.1 instead: then package http
// carries the exchange.
type Transport struct{ http http.Transport }

// maxTries bounds how often a request that the backend has not looked at is
// sent again.
const maxTries = 4

// Start implements backend.Transport.
func (t *Transport) Start(x *exchange.Exchange, w *backend.Worker, r *backend.Request) (backend.Reply, *fault.Fault) {
	p := w.Pool.(*pool.Pool)
	g := groupOf(p)
	if g.plain.Load() {
		if reply, f := t.http.Start(x, w, r); f == nil || f.Err != http.ErrHTTP2 {
			return reply, f
		}
		g.plain.Store(false)
	}
	if r.Body != nil && r.Body.Length >= 0 || r.Body == nil || r.SendLength {
		if f := r.ReadAhead(); f != nil {
			return nil, f
		}
	} else if r.Body.None() {
		r.Whole = true
	} else {
		r.TakeWhole()
	}
	if r.HTTP10 {
		r.Expect = false
	}
	fresh := r.Fresh
	for try := 1; ; try++ {
		s, reused, f := g.get(w, x, r, fresh)
		if f != nil {
			return nil, f
		}
		if s == nil { // the backend chose HTTP/1.1
			return t.http.Start(x, w, r)
		}
		st := newStream(s, x, w, r)
		if f = st.open(); f == nil {
			if f = st.answer(); f == nil {
				return st, nil
			}
		}
		if f.Kind == fault.ReadTimeout {
			s.lost(st.since)
		}
		s.mu.Lock()
		nothing := st.nothing
		s.mu.Unlock()
		st.release()
		f.Reused = reused
		switch {
		case f.Kind == fault.ClientBody && f.Status == 0 && !x.Down.Waiting(nil):
			f.Kind = fault.ClientGone
		case f.Kind == fault.ClosedEarly && cancelled(x, f.Err):
			f.Begun = true
		}
		again := !f.Begun && !r.Streaming && try < maxTries &&
			(f.Kind == fault.Refused ||
				nothing && r.Replay && (reused || try == 1 && wasReset(f)) && (f.Kind == fault.ClosedEarly || f.Kind == fault.SendFailed))
		if !again {
			return nil, f
		}
		fresh = f.Kind != fault.Refused && !wasReset(f)
	}
}

// wasReset reports that the backend gave up this stream and no other.
func wasReset(f *fault.Fault) bool {
	_, ok := errors.AsType[*resetError](f.Err)
	return ok
}

// cancelled reports that a gRPC backend gave a call up, as it does when the
// call's deadline has passed. Its client understands a reset better than a page
// with an error: the two deadlines are one.
func cancelled(x *exchange.Exchange, err error) bool {
	r, ok := errors.AsType[*resetError](err)
	if !ok || r.code != wire.Cancel || x.Request.Version < message.HTTP2 {
		return false
	}
	kind, _ := x.Request.Header.Known(message.ContentType)
	if !strings.HasPrefix(kind, "application/grpc") {
		return false
	}
	x.Reset = reasonOf(r.code)
	return true
}

// newStream prepares a stream in the place that was taken for it.
func newStream(s *session, x *exchange.Exchange, w *backend.Worker, r *backend.Request) *stream {
	st := &stream{s: s, x: x, work: w, req: r, since: time.Now(), recv: windowSize, nothing: true}
	st.cond.L = &s.mu
	s.mu.Lock()
	can := s.connect
	s.mu.Unlock()
	st.connect = can && message.EqualFold(r.Upgrade, "websocket")
	s.group.watch().Add(&st.guard, st)
	return st
}

var _ io.Reader = (*stream)(nil)
