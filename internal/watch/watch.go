// Package watch does three small jobs for every connection of the house, so
// that none of them costs a timer or a goroutine per connection (and keeps the
// clock for a fourth, Calm):
//
//   - coarse deadlines (Guard): one ticker looks at all guards and wakes the
//     connections that are due. Arming is one atomic store;
//   - idle connections (Watch with Readable): they wait here without goroutine
//     and buffers until bytes arrive;
//   - hang-ups (Watch with Hangup): a client that leaves while its backend is
//     slow, a pooled backend connection that the backend closes.
//
// The last two are epoll on Linux; elsewhere (poll_other.go) the callers fall
// back to a goroutine that reads. Nothing here reads or writes a byte of
// anybody's connection.
package watch

import (
	"sync"
	"sync/atomic"
	"time"
)

// Tick is the resolution of all deadlines kept by guards.
const Tick = 50 * time.Millisecond

// Past is a deadline that has long gone by.
var Past = time.Unix(1, 0)

const shards = 16

// Watcher owns the ticker and, on Linux, the epoll instance. Its two
// goroutines start with New and end with Close.
type Watcher struct {
	base  time.Time
	now   atomic.Int64 // nanoseconds since base, moved once per Tick
	shard [shards]struct {
		sync.Mutex
		first *Guard
		_     [40]byte // one cache line each
	}
	next atomic.Uint32
	stop chan struct{}
	done sync.WaitGroup
	poll poller
}

// New starts a watcher.
func New() (*Watcher, error) {
	w := &Watcher{base: time.Now(), stop: make(chan struct{})}
	if err := w.poll.open(); err != nil {
		return nil, err
	}
	w.done.Add(2)
	go w.tick()
	go func() { defer w.done.Done(); w.poll.run() }()
	return w, nil
}

// Close ends the goroutines and waits for them. Guards no longer fire.
func (w *Watcher) Close() {
	close(w.stop)
	w.poll.close()
	w.done.Wait()
}

// Now is the time of the last tick, since the watcher began: cheap and up to
// one Tick old.
func (w *Watcher) Now() time.Duration { return time.Duration(w.now.Load()) }

func (w *Watcher) tick() {
	defer w.done.Done()
	t := time.NewTicker(Tick)
	defer t.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-t.C:
		}
		now := int64(time.Since(w.base))
		w.now.Store(now)
		for i := range w.shard {
			s := &w.shard[i]
			s.Lock()
			for g := s.first; g != nil; g = g.next {
				if due := g.due.Load(); due != 0 && due <= now {
					g.conn.SetDeadline(Past)
				}
			}
			s.Unlock()
		}
	}
}

// Deadliner is the part of net.Conn a Guard needs. The ticker calls it with a
// time long past, under a lock and again at every tick until the guard is
// disarmed: it must not block.
type Deadliner interface{ SetDeadline(time.Time) error }

// Each calls f for the connection of every guard, for a server that shuts
// down. f must not block or call back into the watcher.
func (w *Watcher) Each(f func(Deadliner)) {
	for i := range w.shard {
		s := &w.shard[i]
		s.Lock()
		for g := s.first; g != nil; g = g.next {
			f(g.conn)
		}
		s.Unlock()
	}
}

// Guard is the coarse deadline of one connection. The connection's goroutine
// arms and disarms it around blocking calls; the ticker sets the connection's
// deadline into the past when it is due. A call that then fails with a time-out
// asks Expired whether that was meant.
type Guard struct {
	due        atomic.Int64 // 0: disarmed
	woken      atomic.Bool  // by Wake, until Rest
	conn       Deadliner
	w          *Watcher
	shard      int
	prev, next *Guard // under the shard's lock
}

// Add registers g for conn. Remove must follow before conn is forgotten.
func (w *Watcher) Add(g *Guard, conn Deadliner) {
	g.conn, g.w = conn, w
	g.due.Store(0)
	g.woken.Store(false)
	g.shard = int(w.next.Add(1) % shards)
	s := &w.shard[g.shard]
	s.Lock()
	g.prev, g.next = nil, s.first
	if s.first != nil {
		s.first.prev = g
	}
	s.first = g
	s.Unlock()
}

// Remove takes g out; afterwards the ticker does not touch its connection.
func (w *Watcher) Remove(g *Guard) {
	s := &w.shard[g.shard]
	s.Lock()
	if g.prev != nil {
		g.prev.next = g.next
	} else if s.first == g {
		s.first = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	}
	g.prev, g.next = nil, nil
	s.Unlock()
}

// Arm makes the connection's blocking calls fail d from now, up to one Tick
// late. d <= 0 disarms.
func (g *Guard) Arm(d time.Duration) {
	if d <= 0 {
		g.due.Store(0)
		return
	}
	g.due.Store(g.w.now.Load() + int64(d) + int64(Tick))
}

// Disarm forgets the deadline.
func (g *Guard) Disarm() {
	if g.due.Load() != 0 { // to look is much cheaper than to store
		g.due.Store(0)
	}
}

// Still is Disarm that also waits for a tick under way: afterwards the ticker
// sets no deadline until the guard is armed again.
func (g *Guard) Still() {
	s := &g.w.shard[g.shard]
	s.Lock()
	g.due.Store(0)
	s.Unlock()
	g.conn.SetDeadline(time.Time{})
}

// Wake makes the connection's blocking call return now; Expired then says
// Woken. For any goroutine. It implements exchange.Waker.
func (g *Guard) Wake() {
	g.woken.Store(true)
	g.conn.SetDeadline(Past)
}

// Verdict is what a time-out of a guarded connection means.
type Verdict uint8

const (
	Spurious Verdict = iota // late news of an earlier deadline: try again
	Due                     // the armed time has passed
	Woken                   // somebody called Wake
)

// Expired is called when a call on the connection failed with a time-out. It
// clears the connection's deadline and says what the time-out meant.
func (g *Guard) Expired() Verdict {
	g.conn.SetDeadline(time.Time{})
	if g.woken.Load() {
		return Woken
	}
	if due := g.due.Load(); due != 0 && due <= int64(time.Since(g.w.base)) {
		return Due
	}
	return Spurious
}

// Rest forgets a Wake, before the connection is used for the next exchange.
func (g *Guard) Rest() {
	if g.woken.Load() {
		g.woken.Store(false)
		g.conn.SetDeadline(time.Time{})
	}
}

// Interest says what a Watch waits for.
type Interest uint8

const (
	// Readable fires once: bytes or the end of the stream are there.
	Readable Interest = iota
	// Hangup fires when the peer shut down its side or reset, each time that
	// changes, until the watch is cancelled. Bytes do not fire it.
	Hangup
)

// Event is what happened on a watched connection.
type Event uint8

const (
	Ready  Event = 1 << iota // bytes to read, or the end of the stream
	Closed                   // the peer will send no more
	Reset                    // the connection is gone both ways
)

// Handler is told of events, on the watcher's own goroutine: it must not block.
type Handler interface{ Event(Event) }

// Ticket names one watch; the zero Ticket names none.
type Ticket struct {
	slot uint32
	gen  uint32
}

// None reports whether t names no watch.
func (t Ticket) None() bool { return t.gen == 0 }

// Watch registers a file descriptor and writes the watch's name to *t, before
// the first event can come. It reports false where the system has no poller or
// refuses; the caller then manages without.
func (w *Watcher) Watch(fd int, in Interest, h Handler, t *Ticket) bool {
	return w.poll.add(fd, in, h, t)
}

// Cancel ends a watch before its descriptor is closed. It reports false when
// the watch had fired (Readable) already or was none.
func (w *Watcher) Cancel(t Ticket) bool { return w.poll.cancel(t) }
