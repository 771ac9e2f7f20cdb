package server

import (
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/errorlog"
)

// openConns counts the clients' connections and lets accept wait when there
// are as many as the process has descriptors for: the rest wait in the
// listeners' backlogs, and descriptors are left for backends.
type openConns struct {
	count   atomic.Int64
	limit   atomic.Int64 // 0: none yet
	waiting atomic.Int32
	shed    atomic.Int64 // when shedNow did something, of the watcher's clock

	mu   sync.Mutex
	room chan struct{} // closed when a connection ended; nil: nobody waits
	told bool
}

// shedEvery is how often accept looks for idle connections while it waits.
const shedEvery = 200 * time.Millisecond

// gone counts an ended connection.
func (o *openConns) gone() {
	o.count.Add(-1)
	if o.waiting.Load() > 0 {
		o.wake()
	}
}

func (o *openConns) wake() {
	o.mu.Lock()
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
	o.mu.Unlock()
}

// awaitRoom blocks while there is no room for one more connection, or until stop.
// Connections that are idle make room: who waits has something to ask.
func (s *Server) awaitRoom(stop <-chan struct{}) {
	o := &s.open
	for o.full() {
		o.mu.Lock()
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room, tell := o.room, !o.told
		o.told = true
		o.mu.Unlock()
		if tell {
			s.Logf(errorlog.Error, "core", "%d connections are open, as many as the limit of open files allows; new ones wait", o.limit.Load())
		}
		o.waiting.Add(1)
		s.shed(int(o.limit.Load()/16) + 1)
		if o.full() { // else one has ended before we were announced
			select {
			case <-room:
			case <-stop:
			case <-time.After(shedEvery):
			}
		}
		o.waiting.Add(-1)
		select {
		case <-stop:
			return
		default:
		}
	}
}

// shedNow closes as many idle connections as awaitRoom does, for somebody who
// can't wait; at most every shedEvery.
func (s *Server) shedNow() {
	o := &s.open
	was, now := o.shed.Load(), int64(s.Watch.Now())
	if now-was >= int64(shedEvery) && o.shed.CompareAndSwap(was, now) {
		s.shed(int(o.limit.Load()/16) + 1)
	}
}

// shed closes up to n connections of clients that have been idle for a second or
// more.
func (s *Server) shed(n int) {
	n -= s.front.Shed(n)
	n -= s.front2.Shed(n)
	s.front3.Shed(n)
}

func (o *openConns) full() bool {
	limit := o.limit.Load()
	return limit > 0 && o.count.Load() >= limit
}
