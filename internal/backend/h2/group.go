package h2

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/pool"
	"sallyport/internal/backend/secure"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/watch"
)

// group is the sessions to one target. It lives with the target's pool, over
// reloads.
type group struct {
	pool  *pool.Pool
	plain atomic.Bool // the backend chose HTTP/1.1 in the last handshake
	gone  atomic.Bool // the target has no worker any more

	mu       sync.Mutex
	sessions []*session
	dialing  map[string]*dialing // by name: a handshake is under way
	changed  chan struct{}       // closed when waiting may be over; nil: nobody waits
}

func groupOf(p *pool.Pool) *group {
	return p.Shared(func() pool.Shared { return &group{pool: p, dialing: map[string]*dialing{}} }).(*group)
}

func (g *group) watch() *watch.Watcher { return g.pool.Watch() }

// maxIdleNames bounds the idle sessions that were made for other server names
// than the one asked for: with ProxyPreserveHost clients choose the names.
const maxIdleNames = 16

// get takes a place on a session, or dials one. One handshake at a time is under
// way for a name; max= bounds the sessions. s is nil when the backend chose
// HTTP/1.1: the connection is in the pool.
func (g *group) get(w *backend.Worker, x *exchange.Exchange, r *backend.Request, fresh bool) (s *session, reused bool, f *fault.Fault) {
	name := ""
	if w.TLS != nil {
		name = r.ServerName
	}
	var late <-chan time.Time
	g.follow(w)
	for {
		g.mu.Lock()
		room := w.Max <= 0 || len(g.sessions) < w.Max
		if !fresh || !room {
			if s := g.best(name); s != nil {
				g.mu.Unlock()
				if g.stale(s, w) {
					s.fail(errGone)
					s.leave(nil)
					continue
				}
				return s, true, nil
			}
		}
		d := g.dialing[name]
		if room && (fresh || d == nil) {
			d = &dialing{done: make(chan struct{})}
			g.dialing[name] = d
			g.mu.Unlock()
			s := g.dial(w, name, d)
			return s, false, d.f
		}
		var wait <-chan struct{}
		if d != nil {
			wait = d.done
		} else {
			if g.changed == nil {
				g.changed = make(chan struct{})
			}
			wait = g.changed
		}
		g.mu.Unlock()
		if late == nil && w.Acquire > 0 {
			t := time.NewTimer(w.Acquire)
			defer t.Stop()
			late = t.C
		}
		if f := await(x, wait, late); f != nil {
			return nil, false, f
		}
		if d != nil && d.f != nil {
			again := *d.f // those who waited for it have it too
			return nil, false, &again
		}
		if g.plain.Load() {
			return nil, false, nil
		}
	}
}

// dialing is a handshake that others wait for.
type dialing struct {
	done chan struct{}
	f    *fault.Fault // why there is no session
}

// await waits for a place, as long as acquire= allows and the client stays.
func await(x *exchange.Exchange, wait <-chan struct{}, late <-chan time.Time) *fault.Fault {
	gone := &waiter{woken: make(chan struct{})}
	if !x.Down.Waiting(gone) {
		return &fault.Fault{Kind: fault.ClientGone}
	}
	defer x.Down.Waiting(nil)
	select {
	case <-wait:
		return nil
	case <-late:
		return &fault.Fault{Kind: fault.PoolTimeout}
	case <-gone.woken:
		return &fault.Fault{Kind: fault.ClientGone}
	}
}

// waiter is woken when the client leaves.
type waiter struct {
	woken chan struct{}
	once  sync.Once
}

// Wake implements exchange.Waker.
func (w *waiter) Wake() { w.once.Do(func() { close(w.woken) }) }

// best takes a place on the session with the fewest streams. Under g.mu.
func (g *group) best(name string) *session {
	var best *session
	least := 0
	for _, s := range g.sessions {
		if s.name != name {
			continue
		}
		s.mu.Lock()
		if s.usable() && (best == nil || s.places < least) {
			best, least = s, s.places
		}
		s.mu.Unlock()
	}
	if best == nil {
		return nil
	}
	best.mu.Lock()
	defer best.mu.Unlock()
	if !best.usable() {
		return nil // meanwhile; whoever asks dials
	}
	best.places++
	return best
}

// follow gives no more streams to sessions whose address the backend's name has
// lost.
func (g *group) follow(w *backend.Worker) {
	if w.AddressTTL <= 0 {
		return
	}
	var idle []*session
	g.mu.Lock()
	for _, s := range g.sessions {
		if !g.pool.Moved(w, s.nc) {
			continue
		}
		s.mu.Lock()
		if s.places == 0 && !s.closing {
			idle = append(idle, s)
		}
		s.closing = true
		s.mu.Unlock()
	}
	g.mu.Unlock()
	for _, s := range idle {
		s.close()
	}
}

// quietFor is how long a session may have been silent before ping= has it asked.
const quietFor = time.Second

// stale looks whether an idle session is still good.
func (g *group) stale(s *session, w *backend.Worker) bool {
	s.mu.Lock()
	alone := s.places == 1
	idle := time.Since(s.idleAt)
	quiet := time.Since(s.readAt)
	s.mu.Unlock()
	switch {
	case !alone:
		return false
	case w.TTL > 0 && idle > w.TTL:
		return true
	case w.Ping > 0 && quiet > quietFor:
		return !s.alive(w.Ping)
	}
	return false
}

// dial makes a session with one place taken; d says why there is none. nil
// without a fault: the backend chose HTTP/1.1.
func (g *group) dial(w *backend.Worker, name string, d *dialing) *session {
	s, plain, f := g.reach(w, name)
	d.f = f
	g.mu.Lock()
	if g.dialing[name] == d {
		delete(g.dialing, name)
	}
	var other *session
	if s != nil {
		g.sessions = append(g.sessions, s)
		other = g.other(name)
	}
	g.plain.Store(plain)
	g.mu.Unlock()
	close(d.done)
	if s != nil {
		s.mu.Lock()
		over := s.err != nil
		s.mu.Unlock()
		if over { // before it stood in the list
			g.drop(s)
		}
	}
	if other != nil {
		other.close()
	}
	return s
}

func (g *group) reach(w *backend.Worker, name string) (s *session, plain bool, f *fault.Fault) {
	nc, f := g.pool.Dial(w, &pool.Want{ServerName: name})
	if f != nil {
		if f.Kind == fault.TLSFailed && w.Target.Scheme == "h2" {
			f.Status = 503 // as mod_proxy_http2, which takes it for a failed connect
		}
		return nil, false, f
	}
	if over, ok := nc.(*secure.Conn); ok && over.Protocol() != "h2" {
		nc.Close()
		if w.Target.Scheme == "h2" {
			return nil, false, &fault.Fault{Kind: fault.TLSFailed, Err: errNotHTTP2, Detail: w.Target.Addr}
		}
		return nil, true, nil
	}
	s, err := start(nc, g, name, w)
	if err != nil {
		f := &fault.Fault{Kind: fault.ClosedEarly, Err: err}
		switch {
		case err == errNotHTTP2:
			f.Kind = fault.BadStatusLine
		case err == io.EOF:
			f.Err = nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			f.Kind = fault.ReadTimeout
		}
		return nil, false, f
	}
	return s, false, nil
}

// other picks an idle session of another name when there are too many. Under
// g.mu.
func (g *group) other(name string) (old *session) {
	if name == "" {
		return nil
	}
	n := 0
	for _, s := range g.sessions {
		s.mu.Lock()
		idle := s.places == 0 && s.name != name
		s.mu.Unlock()
		if idle {
			if n++; old == nil {
				old = s
			}
		}
	}
	if n <= maxIdleNames {
		return nil
	}
	return old
}

// drop forgets a session that is over.
func (g *group) drop(s *session) {
	g.mu.Lock()
	g.sessions = slices.DeleteFunc(g.sessions, func(o *session) bool { return o == s })
	g.mu.Unlock()
	g.wake()
}

// wake tells who waits for a place that things have changed.
func (g *group) wake() {
	g.mu.Lock()
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
	g.mu.Unlock()
}

// Idle implements pool.Shared: sessions without a stream.
func (g *group) Idle() int { return g.count(func(s *session) int { return b2i(s.places == 0) }) }

// Busy implements pool.Shared: streams.
func (g *group) Busy() int { return g.count(func(s *session) int { return s.places }) }

func (g *group) count(f func(*session) int) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sessions {
		s.mu.Lock()
		n += f(s)
		s.mu.Unlock()
	}
	return n
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Prune implements pool.Shared.
func (g *group) Prune(all bool) (left bool) {
	var old []*session
	g.mu.Lock()
	for _, s := range g.sessions {
		s.mu.Lock()
		if s.places == 0 {
			if all || s.ttl > 0 && time.Since(s.idleAt) > s.ttl {
				old = append(old, s)
				s.closing = true
			} else if s.ttl > 0 {
				left = true
			}
		}
		s.mu.Unlock()
	}
	g.mu.Unlock()
	for _, s := range old {
		s.close()
	}
	return left
}

// Drain implements pool.Shared: sessions end with their last stream.
func (g *group) Drain() {
	g.gone.Store(true)
	g.Prune(true)
}
