package h2

import (
	"errors"
	"sync"
	"time"

	"sallyport/internal/clock"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/front/bridge"
	"sallyport/internal/message"
	"sallyport/internal/watch"
	h1 "sallyport/internal/wire/h1"
	wire "sallyport/internal/wire/h2"
)

// stream is one request and its response. The reader makes it; from serve on
// it belongs to the goroutine of its exchange, except what the connection's
// lock guards. It is used again for later streams of the connection.
type stream struct {
	c      *conn
	visit  exchange.Visit
	client *exchange.Client
	work   chan struct{} // wakes its goroutine; closed when it is not needed; nil before the first time

	id      uint32
	x       *exchange.Exchange
	set     *exchange.ServerSettings
	head    bridge.Head
	trailer bridge.Trailer
	refusal error // why the request is not served: a *wire/h1.Problem
	tunnel  bool  // an extended CONNECT
	expect  bool  // the client waits for a 100
	out     response

	// Under the connection's lock.
	cond      sync.Cond // content or windows have come, or the end
	started   bool      // serve runs
	gone      bool      // out of conn.streams
	remoteEnd bool      // the client has sent all
	localEnd  bool      // we have sent all, or reset the stream
	answered  bool      // the head of the response has been sent
	err       error     // no more of anything: errGone, errBroken
	window    int64     // what we may send
	inWindow  int64     // what the client may send
	owed      int       // bytes read since the last WINDOW_UPDATE
	left      int64     // of the announced content; -1: not announced
	in        []byte    // content that waits to be read
	at        int       // of it, read already
	bytesIn   int64     // of frames, not yet counted in the exchange
	waker     exchange.Waker
	queued    bool // in writer.queue
	stopped   bool // body.Stop was called
	cut       bool // the tunnel's writing was ended
	readLate  bool // a guard has fired
	writeLate bool
	readEnd   watch.Guard
	writeEnd  watch.Guard
	guarded   bool // both are registered
}

// Why nothing more can be read or sent.
var (
	errGone   = errors.New("the client is gone")
	errBroken = errors.New("the client broke the protocol")
)

// slowness is a time-out; its Timeout says 408 to who answers.
type slowness struct{}

func (slowness) Error() string { return "the client took too long" }
func (slowness) Timeout() bool { return true }

var errTimeout error = slowness{}

// newStream makes or takes up a stream and counts it. Under the lock.
func (c *conn) newStream(id uint32) *stream {
	var s *stream
	if n := len(c.free); n > 0 {
		s = c.free[n-1]
		c.free = c.free[:n-1]
	} else {
		s = &stream{c: c, client: c.client.ForStream()}
		s.cond.L = &c.mu
		s.visit = c.visit.Stream(s.client)
	}
	s.id = id
	s.window, s.inWindow = c.initial, int64(c.h2.Window)
	x := exchange.Get()
	x.Client, x.Received = s.client, clock.Now()
	s.client.Stream, s.client.Served = uint64(id), 1
	x.Request.Version = message.HTTP2
	x.Down = &s.out
	s.x = x
	s.out = response{s: s}
	c.streams[id] = s
	c.open++
	return s
}

// recycle keeps a stream that is over for the next. Under the lock.
func (c *conn) recycle(s *stream) {
	exchange.Put(s.x)
	in := s.in
	if cap(in) > 64<<10 {
		in = nil
	}
	visit, client := s.visit, s.client
	s.reset(in[:0])
	s.visit, s.client = visit, client
	c.free = append(c.free, s)
}

// reset empties s but for its lock and its buffer.
func (s *stream) reset(in []byte) {
	s.id, s.x, s.set, s.head, s.trailer, s.refusal = 0, nil, nil, bridge.Head{}, bridge.Trailer{}, nil
	s.tunnel, s.expect, s.out = false, false, response{}
	s.started, s.gone, s.remoteEnd, s.localEnd, s.answered, s.err = false, false, false, false, false, nil
	s.owed, s.left, s.in, s.at, s.bytesIn, s.waker = 0, 0, in, 0, 0, nil
	s.queued, s.stopped, s.cut, s.readLate, s.writeLate = false, false, false, false, false
}

// forget takes a stream out of the connection's map: nothing more goes or comes
// on it. Under the lock.
func (c *conn) forget(s *stream) {
	if s.gone {
		return
	}
	s.gone = true
	delete(c.streams, s.id)
	c.open--
	if !s.started {
		return
	}
	c.credit(nil, len(s.in)-s.at) // nobody will read it
	s.in, s.at = s.in[:0], 0
}

// fail ends the exchange of a stream: everything it waits for fails. Under the
// lock.
func (s *stream) fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.cond.Broadcast()
	if s.waker != nil {
		s.waker.Wake()
	}
}

// run begins serve, in the stream's own goroutine: stacks that have grown once
// are used again.
func (s *stream) run() {
	s.c.front.running.Add(1)
	if s.work != nil {
		s.work <- struct{}{}
		return
	}
	s.work = make(chan struct{}, 1)
	go s.loop(s.work)
}

func (s *stream) loop(work chan struct{}) {
	for ok := true; ok; _, ok = <-work {
		s.serve()
	}
}

// serve runs the exchange.
func (s *stream) serve() {
	x := s.x
	s.set = s.visit.Enter()
	var p *h1.Problem
	if errors.As(s.refusal, &p) {
		s.visit.Refuse(x, p.Status, p.Error())
	} else {
		s.visit.Serve(x)
	}
	s.visit.Leave()
	s.finish()
}

// finish closes what is still open of the stream, and lets go of it.
func (s *stream) finish() {
	c := s.c
	if s.guarded {
		s.guarded = false
		c.front.Watch.Remove(&s.readEnd)
		c.front.Watch.Remove(&s.writeEnd)
	}
	c.mu.Lock()
	c.write.leave(s)
	switch {
	case s.gone:
	case !s.localEnd:
		c.resetStream(s, resetCodes[s.x.Reset])
	case !s.remoteEnd:
		// The answer is complete and the rest of the request unwanted (RFC
		// 9113 §8.1).
		c.resetStream(s, wire.NoError)
	default:
		c.forget(s)
	}
	c.heads -= s.head.Size()
	c.recycle(s)
	c.busy--
	if c.busy == 0 && c.open == 0 {
		c.letGo(spareStreams)
	}
	c.quieted()
	c.idle.Broadcast()
	c.mu.Unlock()
	c.front.running.Add(-1)
}

var resetCodes = [...]wire.Code{
	exchange.ResetInternal: wire.InternalError, exchange.ResetCancelled: wire.Cancel, exchange.ResetCalm: wire.EnhanceYourCalm,
}

// spareStreams is how many streams a connection keeps that has none under way.
const spareStreams = 4

// letGo ends all but keep of the streams that wait for another request. Under
// the lock.
func (c *conn) letGo(keep int) {
	for i := keep; i < len(c.free); i++ {
		s := c.free[i]
		c.free[i] = nil
		s.visit.Bye()
		if s.work != nil {
			close(s.work)
		}
	}
	c.free = c.free[:min(keep, len(c.free))]
}

// resetStream sends RST_STREAM and forgets the stream. Under the lock.
func (c *conn) resetStream(s *stream, code wire.Code) {
	if s.gone {
		return
	}
	s.localEnd = true
	c.forget(s)
	c.reset(s.id, code)
}

// reset sends RST_STREAM, and remembers that frames of that stream may be on
// their way. Under the lock.
func (c *conn) reset(id uint32, code wire.Code) {
	c.resets.add(id)
	c.write.out = wire.AppendUint32Frame(c.write.room(), wire.RSTStream, id, uint32(code))
	c.kick()
}

// resets are the streams that we reset last.
type resets struct {
	ids  []uint32 // at most 128
	next int
}

func (r *resets) add(id uint32) {
	if len(r.ids) < 128 {
		r.ids = append(r.ids, id)
		return
	}
	r.ids[r.next] = id
	r.next = (r.next + 1) % len(r.ids)
}

func (r *resets) has(id uint32) bool {
	for _, v := range r.ids {
		if v == id {
			return true
		}
	}
	return false
}

// patience is how long the exchange waits for its client to send or take
// something.
func (s *stream) patience() time.Duration { return bridge.Patience(s.x, s.set) }

// watch registers the guards, before the lock is taken.
func (s *stream) watch() {
	if !s.guarded {
		s.guarded = true
		s.c.front.Watch.Add(&s.readEnd, readSide{s})
		s.c.front.Watch.Add(&s.writeEnd, writeSide{s})
	}
}

// readSide and writeSide are a stream as its guards see it.
type (
	readSide  struct{ s *stream }
	writeSide struct{ s *stream }
)

// SetDeadline ends a wait for content.
func (r readSide) SetDeadline(t time.Time) error {
	if !t.IsZero() {
		r.s.c.mu.Lock()
		r.s.readLate = true
		r.s.cond.Broadcast()
		r.s.c.mu.Unlock()
	}
	return nil
}

// SetDeadline ends a wait for a window.
func (w writeSide) SetDeadline(t time.Time) error {
	if !t.IsZero() {
		w.s.c.mu.Lock()
		w.s.writeLate = true
		w.s.cond.Broadcast()
		w.s.c.mu.Unlock()
	}
	return nil
}

// upgraded serves the request that asked for HTTP/2 as stream 1 (RFC 7540
// §3.2). It reports false when the client's settings are none.
func (c *conn) upgraded(h *exchange.Handoff) bool {
	c.mu.Lock()
	if err := c.heed(h.Settings); err != nil {
		c.mu.Unlock()
		return false
	}
	c.last = 1
	s := c.newStream(1)
	s.started, s.remoteEnd = true, true
	c.busy++
	x := s.x
	x.Request.Method, x.Request.Target, x.Request.Authority = h.Request.Method, h.Request.Target, h.Request.Authority
	x.Request.Header.CopyFrom(&h.Request.Header)
	x.Request.Header.DelFunc(func(f *message.Field) bool {
		return bridge.Forbidden(f.Known) || f.Known == message.Other && message.EqualFold(f.Name, "HTTP2-Settings")
	})
	t, p := h1.ParseTarget(&x.Request, h1.Options{Unsafe: c.set.Unsafe})
	if p != nil {
		s.refusal = p
	}
	x.RawPath, x.Query, x.HasQuery = t.Path, t.Query, t.HasQuery
	s.client.Served = 0
	c.guard.Disarm()
	c.mu.Unlock()
	s.run()
	return true
}

// log writes to the error log of the address's default server.
func (c *conn) log(format string, args ...any) {
	c.visit.Enter()
	c.visit.Logger().Logf(errorlog.Info, "http2", errorlog.Facts{Client: c.client.Addr}, format, args...)
	c.visit.Leave()
}
