// Package pool keeps the connections to backends: idle ones ready for the next
// exchange, new ones dialled, none more than a worker's max. It knows no
// protocol; a scheme hangs its own reader on a Conn (Conn.Proto).
//
// One Pool serves one backend.Target and lives as long as the process uses
// that target, across reloads. It is cut into shards so that many cores do not
// meet at one lock; the connection released last in a shard is used first.
//
// Every idle connection is watched: one that the backend closes leaves the
// pool at once, before an exchange could be sent into it.
package pool

import (
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/secure"
	"sallyport/internal/fault"
	"sallyport/internal/resolve"
	"sallyport/internal/watch"
)

const nshards = 8

// Registry finds the pool of a target. Safe for use by many goroutines.
type Registry struct {
	Watch *watch.Watcher
	// Names knows the addresses of backends. Closed by Close.
	Names *resolve.Resolver

	mu    sync.Mutex
	pools map[backend.Target]*Pool
}

// NewRegistry makes an empty registry.
func NewRegistry(w *watch.Watcher) *Registry {
	return &Registry{Watch: w, Names: resolve.New(), pools: map[backend.Target]*Pool{}}
}

// For returns the pool of t, made on first use.
func (r *Registry) For(t backend.Target) *Pool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pools[t]
	if p == nil {
		p = &Pool{target: t, reg: r}
		r.pools[t] = p
	}
	return p
}

// Retain closes the pools of targets that keep does not name: after a reload
// has dropped them.
func (r *Registry) Retain(keep map[backend.Target]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t, p := range r.pools {
		// Over TLS the settings are known by the requests only; what none has
		// used since the last reload is forgotten.
		base := t
		base.TLS = ""
		if keep[t] || t.TLS != "" && keep[base] && p.used.Swap(false) {
			continue
		}
		p.Drain()
		delete(r.pools, t)
	}
}

// Close closes all idle connections.
func (r *Registry) Close() {
	r.Retain(nil)
	r.Names.Close()
}

// Pool is the connections to one target.
type Pool struct {
	target backend.Target
	reg    *Registry
	shard  [nshards]shard
	busy   atomic.Int64 // handed out
	gone   atomic.Bool  // drained: keep nothing
	aging  atomic.Bool  // some idle connections have a ttl, see Tend
	used   atomic.Bool  // over TLS, since the last Retain

	// shared is what a scheme with many exchanges on a connection keeps here.
	shared     atomic.Pointer[Shared]
	sharedOnce sync.Once

	// Sessions are the TLS sessions that can be resumed; made on first use.
	sessions atomic.Pointer[tls.ClientSessionCache]

	waiting atomic.Int32 // len(waiters), to look at without the lock
	mu      sync.Mutex
	waiters []chan struct{} // for a free slot, first come first served
}

type shard struct {
	sync.Mutex
	idle []*Conn // the last is the freshest
	_    [24]byte
}

// Conn is one connection to a backend: in the pool, or owned by one exchange.
type Conn struct {
	Net   net.Conn
	TCP   *net.TCPConn    // Net, where it is one
	TLS   *secure.Conn    // Net, where it is one
	Raw   syscall.RawConn // of Net's descriptor; nil over TLS
	FD    int             // of the socket below; -1: none
	Guard watch.Guard
	// Reused: the connection has served an exchange before.
	Reused bool
	// Proto is the scheme's own state.
	Proto any

	pool   *Pool
	name   string // see Want.name
	shard  int
	idleAt time.Duration
	until  time.Duration // idle beyond this it is closed; 0: no limit
	closed atomic.Bool   // by the backend
	ticket watch.Ticket
}

// Shared is the connections of a scheme that carries many exchanges on each: the
// scheme hands them out itself. They come and go with the pool.
type Shared interface {
	// Idle counts connections, Busy exchanges.
	Idle() int
	Busy() int
	// Prune closes idle connections: all of them, or those whose ttl has
	// passed; it reports whether some are left that age.
	Prune(all bool) (left bool)
	// Drain closes the idle connections and the others when they become so.
	Drain()
}

// Shared returns the pool's, made on first use.
func (p *Pool) Shared(new func() Shared) Shared {
	if s := p.shared.Load(); s != nil {
		return *s
	}
	p.sharedOnce.Do(func() {
		s := new()
		p.shared.Store(&s)
	})
	s := *p.shared.Load()
	if p.gone.Load() {
		s.Drain()
	}
	return s
}

// Watch is the watcher of the pool's connections.
func (p *Pool) Watch() *watch.Watcher { return p.reg.Watch }

// Ages asks for a Prune once in a while.
func (p *Pool) Ages() { p.aging.Store(true) }

// Dial makes a connection that the pool does not know of: it is the caller's.
// It is a *secure.Conn where the worker wants TLS.
func (p *Pool) Dial(w *backend.Worker, n *Want) (net.Conn, *fault.Fault) {
	if w.TLS != nil && !p.used.Load() {
		p.used.Store(true)
	}
	nc, c, f := p.reach(w, n)
	if c != nil {
		return c, f
	}
	return nc, f
}

// Idle counts the connections in the pool.
func (p *Pool) Idle() int {
	n := 0
	if s := p.shared.Load(); s != nil {
		n = (*s).Idle()
	}
	for i := range p.shard {
		s := &p.shard[i]
		s.Lock()
		n += len(s.idle)
		s.Unlock()
	}
	return n
}

// Busy counts the connections handed out.
func (p *Pool) Busy() int {
	n := int(p.busy.Load())
	if s := p.shared.Load(); s != nil {
		n += (*s).Busy()
	}
	return n
}

// Want is what a request asks of a connection.
type Want struct {
	// Hint spreads callers over the shards: the same client finds the
	// connection it used last.
	Hint uint64
	// Fresh forces a new one.
	Fresh bool
	// ServerName is that of a TLS handshake: a connection that was made under
	// another one is not handed out.
	ServerName string
	// From and To are the ends of the client's connection, for the PROXY
	// protocol: a connection that began with other ones is not handed out.
	From, To netip.AddrPort
}

// name tells connections of a pool apart that must not stand in for each other.
func (n *Want) name(w *backend.Worker) string {
	name := ""
	if w.TLS != nil {
		name = n.ServerName
	}
	if w.Target.ProxyProtocol != 0 {
		name += " " + n.From.String() + " " + n.To.String()
	}
	return name
}

// Get hands out an idle connection, or dials one. The fault is one of those
// before anything was sent.
func (p *Pool) Get(w *backend.Worker, n Want) (*Conn, *fault.Fault) {
	if f := p.enter(w); f != nil {
		return nil, f
	}
	if w.TLS != nil && !p.used.Load() {
		p.used.Store(true)
	}
	name := n.name(w)
	if !n.Fresh && !w.NoReuse {
		for i := range nshards {
			if c := p.take(int((n.Hint+uint64(i))%nshards), w, name); c != nil {
				c.Reused = true
				return c, nil
			}
		}
	}
	c, f := p.dial(w, int(n.Hint%nshards), &n)
	if f != nil {
		p.leave()
		return nil, f
	}
	return c, nil
}

// take pops the freshest usable connection of a shard.
func (p *Pool) take(i int, w *backend.Worker, name string) *Conn {
	s := &p.shard[i]
	for {
		s.Lock()
		n := len(s.idle)
		for n > 0 && s.idle[n-1].name != name {
			n--
		}
		if n == 0 {
			s.Unlock()
			return nil
		}
		c := s.idle[n-1]
		copy(s.idle[n-1:], s.idle[n:])
		s.idle[len(s.idle)-1] = nil
		s.idle = s.idle[:len(s.idle)-1]
		s.Unlock()
		if c.closed.Load() || w.TTL > 0 && p.reg.Watch.Now()-c.idleAt > w.TTL || p.Moved(w, c.Net) {
			c.close()
			continue
		}
		return c
	}
}

// Put takes a connection back after a complete exchange.
func (p *Pool) Put(c *Conn, w *backend.Worker) {
	c.Guard.Disarm()
	if w.NoReuse || p.gone.Load() || c.closed.Load() || w.Smax > 0 && w.TTL <= 0 && p.Idle() >= w.Smax {
		p.Discard(c)
		return
	}
	c.idleAt, c.until = p.reg.Watch.Now(), 0
	ages := w.TTL > 0
	if ages {
		c.until = c.idleAt + w.TTL
	}
	s := &p.shard[c.shard]
	s.Lock()
	other := s.other(c.name)
	s.idle = append(s.idle, c)
	s.Unlock()
	if other != nil {
		other.close()
	}
	if ages && !p.aging.Load() {
		p.aging.Store(true) // after it can be found: prune may have looked just before
	}
	// The backend may have closed it between the look above and now; then
	// Event found it in no shard.
	if c.closed.Load() {
		p.remove(c)
	}
	p.leave()
}

// maxOthers bounds the idle connections of a shard that were made under other
// names than the one that comes back: with ProxyPreserveHost clients choose the
// names, and they shall not choose how many connections we hold.
const maxOthers = 16

// other takes the oldest connection of another name out of the shard when there
// are too many.
func (s *shard) other(name string) *Conn {
	if name == "" || len(s.idle) < maxOthers {
		return nil
	}
	oldest, n := -1, 0
	for i, c := range s.idle {
		if c.name != name {
			if oldest < 0 {
				oldest = i
			}
			n++
		}
	}
	if n < maxOthers {
		return nil
	}
	c := s.idle[oldest]
	s.idle = slices.Delete(s.idle, oldest, oldest+1)
	return c
}

// Probe tries a connection outside of any request and keeps it if it came up
// and its scheme keeps connections here.
func (p *Pool) Probe(w *backend.Worker, serverName string) *fault.Fault {
	p.busy.Add(1)
	c, f := p.dial(w, 0, &Want{ServerName: serverName})
	if f != nil {
		p.leave()
		return f
	}
	if p.shared.Load() != nil {
		p.Discard(c)
	} else {
		p.Put(c, w)
	}
	return nil
}

// Discard closes a connection that was handed out.
func (p *Pool) Discard(c *Conn) {
	c.close()
	p.leave()
}

// remove takes c out of its shard and closes it, if it is there.
func (p *Pool) remove(c *Conn) {
	s := &p.shard[c.shard]
	s.Lock()
	for i, o := range s.idle {
		if o == c {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			s.Unlock()
			c.close()
			return
		}
	}
	s.Unlock()
}

// Drain closes the idle connections and keeps no more.
func (p *Pool) Drain() {
	p.gone.Store(true)
	if s := p.shared.Load(); s != nil {
		(*s).Drain()
	}
	p.Clear()
}

// Clear closes the idle connections; the pool can go on.
func (p *Pool) Clear() {
	if s := p.shared.Load(); s != nil {
		(*s).Prune(true)
	}
	for i := range p.shard {
		s := &p.shard[i]
		s.Lock()
		idle := s.idle
		s.idle = nil
		s.Unlock()
		for _, c := range idle {
			c.close()
		}
	}
}

// enter takes one of max slots, waiting up to acquire for it.
func (p *Pool) enter(w *backend.Worker) *fault.Fault {
	n := p.busy.Add(1)
	if w.Max <= 0 || n <= int64(w.Max) {
		return nil
	}
	p.mu.Lock()
	// First announced, then looked again: whoever leaves meanwhile sees either
	// the announcement or is seen here.
	p.waiting.Add(1)
	p.busy.Add(-1)
	if p.busy.Load() < int64(w.Max) {
		p.busy.Add(1)
		p.waiting.Add(-1)
		p.mu.Unlock()
		return nil
	}
	turn := make(chan struct{}, 1)
	p.waiters = append(p.waiters, turn)
	p.mu.Unlock()
	var late <-chan time.Time
	if w.Acquire > 0 {
		t := time.NewTimer(w.Acquire)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-turn: // with the slot of whoever left
		return nil
	case <-late:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, o := range p.waiters {
		if o == turn {
			p.waiters = append(p.waiters[:i], p.waiters[i+1:]...)
			p.waiting.Add(-1)
			return &fault.Fault{Kind: fault.PoolTimeout}
		}
	}
	return nil // the slot came in the last moment
}

// leave gives a slot back, to the first who waits for one.
func (p *Pool) leave() {
	if p.busy.Add(-1) < 0 {
		panic("pool: more connections returned than handed out")
	}
	if p.waiting.Load() == 0 {
		return
	}
	p.mu.Lock()
	if len(p.waiters) > 0 {
		p.busy.Add(1)
		p.waiters[0] <- struct{}{}
		p.waiters = p.waiters[1:]
		p.waiting.Add(-1)
	}
	p.mu.Unlock()
}

// Event comes from the watcher: the backend closed or reset the connection.
func (c *Conn) Event(watch.Event) {
	c.closed.Store(true)
	c.pool.remove(c)
}

// Closed reports that the backend has ended its side.
func (c *Conn) Closed() bool { return c.closed.Load() }

// SetDeadline lets the guard act.
func (c *Conn) SetDeadline(t time.Time) error { return c.Net.SetDeadline(t) }

func (c *Conn) close() {
	w := c.pool.reg.Watch
	w.Cancel(c.ticket)
	w.Remove(&c.Guard)
	c.Net.Close()
}
