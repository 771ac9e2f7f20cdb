package proxy

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"sallyport/internal/backend"
	"sallyport/internal/backend/pool"
	"sallyport/internal/balancer"
	"sallyport/internal/live"
	"sallyport/internal/resolve"
)

// expansion is a balancer with members whose line says expand=on: every
// address of such a name is a member of its own, added and removed as the name
// service has it. Until the first answer the line itself is the member. A name
// that begins with an underscore stands for its SRV records.
//
// The last good answer is kept by package resolve: a name service that fails
// takes no member out.
type expansion struct {
	balancer *balancer.Balancer
	key      live.BalancerKey
	house    *house

	mu     sync.Mutex
	places []*place // in the order of the lines
	stops  []func()
	over   bool
}

// place is one BalancerMember line.
type place struct {
	line *balancer.Member
	name resolve.Name // "": not to be expanded
	now  []*balancer.Member
}

// expand notes a balancer that has lines to expand.
func (d *draft) expand(p *pending, b *balancer.Balancer, members []*balancer.Member) {
	e := &expansion{balancer: b, key: p.key, house: d.house}
	wanted := false
	for _, m := range members {
		w := m.Data.(*worker)
		pl := &place{line: m, now: []*balancer.Member{m}}
		if w.params.Expand.V {
			if _, err := netip.ParseAddr(w.to.Host); err == nil || w.to.Socket != "" || w.to.Open {
				d.b.Warn(w.pos, w.name+": expand=on has no effect: this is no name", "")
			} else {
				pl.name = resolve.Name{Host: w.to.Host, Port: w.to.port(), SRV: strings.HasPrefix(w.to.Host, "_")}
				wanted = true
			}
		}
		e.places = append(e.places, pl)
	}
	if wanted {
		d.house.expansions = append(d.house.expansions, e)
		// What is known from the configuration before keeps its state.
		if pools := d.house.pools; pools != nil && !d.house.test {
			for _, pl := range e.places {
				for _, a := range pools.Names.Known(pl.name) {
					d.live.Worker(e.workerKey(pl, a), pl.line.Data.(*worker).configured())
				}
			}
		}
	}
}

// begin lays in what is known already; the links are made.
func (e *expansion) begin() {
	if e.house.pools == nil || e.house.test {
		return
	}
	for _, pl := range e.places {
		if pl.name.Host != "" {
			for _, a := range e.house.pools.Names.Known(pl.name) {
				// So that a reload does not close its connections.
				for _, l := range pl.line.Data.(*worker).links {
					e.house.targets[at(l.Target, a)] = true
				}
			}
		}
	}
}

func (e *expansion) start() {
	for _, pl := range e.places {
		if pl.name.Host == "" {
			continue
		}
		if known := e.house.pools.Names.Known(pl.name); len(known) > 0 {
			e.changed(pl, known)
		}
		stop := e.house.pools.Names.Watch(pl.name, func(addrs []netip.AddrPort) { e.changed(pl, addrs) })
		e.mu.Lock()
		e.stops = append(e.stops, stop)
		e.mu.Unlock()
	}
}

func (e *expansion) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	for _, stop := range e.stops {
		stop()
	}
}

// changed makes the members of a line those of its name's addresses.
func (e *expansion) changed(pl *place, addrs []netip.AddrPort) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return
	}
	var next []*balancer.Member
	for _, a := range addrs {
		i := slices.IndexFunc(pl.now, func(m *balancer.Member) bool {
			return m != pl.line && m.Worker.Key() == e.workerKey(pl, a)
		})
		if i >= 0 {
			next = append(next, pl.now[i])
		} else {
			next = append(next, e.member(pl, a))
		}
	}
	old := pl.now
	pl.now = next
	var all []*balancer.Member
	for _, pl := range e.places {
		all = append(all, pl.now...)
	}
	e.balancer.SetMembers(all)
	for _, m := range old {
		if m != pl.line && !slices.Contains(all, m) {
			e.house.live.Part(m.Worker.Key())
			for _, l := range m.Data.(*worker).links {
				if p, ok := l.Pool.(*pool.Pool); ok {
					p.Clear()
				}
			}
		}
	}
}

// workerKey names the worker of an address.
func (e *expansion) workerKey(pl *place, a netip.AddrPort) live.WorkerKey {
	w := pl.line.Data.(*worker)
	t := w.to
	t.Host, t.Port = a.Addr().String(), a.Port()
	if t.Port == defaultPort(t.Scheme) {
		t.Port = 0
	}
	return live.WorkerKey{Balancer: e.key, URL: t.name()}
}

// member makes a member of an address: the line's, but for where it leads. The
// backend is sent the name as Host all the same.
func (e *expansion) member(pl *place, a netip.AddrPort) *balancer.Member {
	w := *pl.line.Data.(*worker)
	key := e.workerKey(pl, a)
	w.name = key.URL
	w.live = e.house.live.Join(key, w.configured())
	w.links = make([]*link, len(w.links))
	for i, from := range pl.line.Data.(*worker).links {
		l := from.copy() // the certificate must bear the name, too
		l.live, l.Name = w.live, w.name
		l.Target = at(from.Target, a)
		if !l.secure {
			l.Pool = e.house.pools.For(l.Target)
		}
		w.links[i] = l
	}
	return w.params.Member(w.live, &w)
}

func at(t backend.Target, a netip.AddrPort) backend.Target {
	t.Addr = a.String()
	return t
}
