package proxy

import (
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/backend"
	"sallyport/internal/balancer"
	"sallyport/internal/live"
	"sallyport/internal/resolve"
)

// A member whose line says expand=on stands for every address of its name: each
// is a member of its own, added and removed as the name service has it. Until
// the first answer the line itself is the member. A name that begins with an
// underscore stands for its SRV records.
//
// The last good answer is kept by package resolve: a name service that fails
// takes no member out.

// expand notes a balancer, with what is known of its names from the
// configuration before: that keeps its state.
func (d *draft) expand(r *roster) {
	for _, pl := range r.places {
		w := pl.worker()
		if w.params.Expand.V && !r.name(pl) {
			d.b.Warn(w.pos, w.name+": expand=on has no effect: this is no name", "")
		}
		for _, a := range r.known(pl) {
			d.live.Worker(r.workerKey(pl, a), w.configured())
		}
	}
	d.house.rosters = append(d.house.rosters, r)
}

// name finds out whether a place is to be expanded.
func (r *roster) name(pl *place) bool {
	w := pl.worker()
	if !w.params.Expand.V {
		return false
	}
	if _, err := netip.ParseAddr(w.to.Host); err == nil || w.to.Socket != "" || w.to.Open {
		return false
	}
	pl.name = resolve.Name{Host: w.to.Host, Port: w.to.port(), SRV: strings.HasPrefix(w.to.Host, "_")}
	return true
}

// known is the addresses of a place's name that are known already.
func (r *roster) known(pl *place) []netip.AddrPort {
	if pl.name.Host == "" || r.house.pools == nil || r.house.test {
		return nil
	}
	return r.house.pools.Names.Known(pl.name)
}

// begin notes the targets of addresses that are known, so that a reload does
// not close their connections; the links are made.
func (r *roster) begin() {
	for _, pl := range r.places {
		for _, a := range r.known(pl) {
			for _, l := range pl.worker().links {
				r.house.targets[at(l.Target, a)] = true
			}
		}
	}
}

// watch follows the addresses of a place's name. Locked.
func (r *roster) watch(pl *place) {
	if known := r.known(pl); len(known) > 0 {
		r.expand(pl, known)
	}
	pl.stop = r.house.pools.Names.Watch(pl.name, func(addrs []netip.AddrPort) { r.changed(pl, addrs) })
}

// changed makes the members of a line those of its name's addresses.
func (r *roster) changed(pl *place, addrs []netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || !slices.Contains(r.places, pl) {
		return
	}
	old := pl.now
	r.expand(pl, addrs)
	r.seated([]*place{{line: pl.line, now: old}})
}

// expand lists the members of a line; locked.
func (r *roster) expand(pl *place, addrs []netip.AddrPort) {
	var next []*balancer.Member
	for _, a := range addrs {
		i := slices.IndexFunc(pl.now, func(m *balancer.Member) bool {
			return m != pl.line && m.Worker.Key() == r.workerKey(pl, a)
		})
		if i >= 0 {
			next = append(next, pl.now[i])
		} else {
			next = append(next, r.member(pl, a))
		}
	}
	pl.now = next
}

// workerKey names the worker of an address.
func (r *roster) workerKey(pl *place, a netip.AddrPort) live.WorkerKey {
	t := pl.worker().to
	t.Host, t.Port = a.Addr().String(), a.Port()
	if t.Port == defaultPort(t.Scheme) {
		t.Port = 0
	}
	return live.WorkerKey{Balancer: r.key, URL: t.name()}
}

// member makes a member of an address: the line's, but for where it leads. The
// backend is sent the name as Host all the same.
func (r *roster) member(pl *place, a netip.AddrPort) *balancer.Member {
	w := *pl.worker()
	key := r.workerKey(pl, a)
	w.name = key.URL
	w.live = r.house.live.Join(key, w.configured())
	r.house.live.Configure(key, w.configured())
	w.links = make([]*link, len(w.links))
	for i, from := range pl.worker().links {
		l := from.copy() // the certificate must bear the name, too
		l.live, l.Name = w.live, w.name
		l.Target = at(from.Target, a)
		if !l.secure {
			l.Pool = r.house.pools.For(l.Target)
		}
		w.links[i] = l
	}
	return w.member()
}

func at(t backend.Target, a netip.AddrPort) backend.Target {
	t.Addr = a.String()
	return t
}
