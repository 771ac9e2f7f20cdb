package proxy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"sallyport/internal/balancer"
	"sallyport/internal/diag"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/modules/proxy_hcheck"
	"sallyport/internal/workerconf"
)

// pending is a balancer of one server with what its lines say.
type pending struct {
	name    string
	pos     diag.Position // of the first line that names it
	key     live.BalancerKey
	members []*worker
	byURL   map[string]*worker
	set     workerconf.Balancer
	paths   []string // that ProxyPass leads here
	entry   *manager.Balancer
	server  *standing
	names   *proxy_hcheck.Names
}

// known answers the questions of edited parameters.
func (p *pending) known(h *house) *workerconf.Known {
	k := p.names.Known()
	k.Method = func(name string) bool { return h.methods[name] != nil }
	k.Hcheck = h.loaded("proxy_hcheck_module")
	return k
}

// balancerLine takes in a line about a balancer.
func (d *draft) balancerLine(i int, n *line) {
	p := d.balancers[i][n.balancer]
	if p == nil {
		p = &pending{name: n.balancer, pos: n.pos, byURL: map[string]*worker{}}
		p.key = live.BalancerKey{Server: d.serverKey(i), Name: strings.TrimPrefix(n.balancer, "balancer://")}
		d.balancers[i][n.balancer] = p
	}
	if p.names == nil {
		p.names = n.names
	}
	if n.verb != member {
		known := n.known()
		for _, q := range n.params {
			p.set.Set(known, q.key, q.value, n.pos)
		}
		if n.verb == pass {
			p.paths = append(p.paths, n.alias.path)
		}
		return
	}
	if i > 0 && d.sites[i].inherits {
		if main := d.balancers[0][n.balancer]; main != nil {
			d.b.Fail(n.pos, fmt.Sprintf("BalancerMember: %s is a balancer of the main server (%s:%d); a virtual host that inherits it can not give it members of its own",
				n.balancer, main.pos.File, main.pos.Line),
				"use another name here, or write BalancerInherit Off and ProxyPassInherit Off")
			return
		}
	}
	name := n.to.name()
	if w := p.byURL[name]; w != nil {
		if len(n.params) > 0 {
			d.b.Warn(n.pos, "BalancerMember "+name+" is a member already (line "+fmt.Sprint(w.pos.Line)+"): its parameters there hold, these are ignored", "")
		}
		return
	}
	w := n.define()
	w.apply(n)
	p.members = append(p.members, w)
	p.byURL[name] = w
}

// finishBalancers makes the balancers of one server of what its lines said and
// operators have edited.
func (d *draft) finishBalancers(i int) {
	s := d.sites[i]
	if len(d.balancers[i]) == 0 {
		return
	}
	s.balancers = make(map[string]*balancer.Balancer, len(d.balancers[i]))
	for _, name := range slices.Sorted(maps.Keys(d.balancers[i])) {
		p := d.balancers[i][name]
		layout := d.desk.Layout(p.entry)
		conf, found := d.house.config(&layout.Settings)
		if !found {
			pos := p.pos
			if p.set.Method.Is {
				pos = p.set.Method.Pos
			}
			name := layout.Settings.Method.Or(workerconf.DefaultMethod)
			d.b.Fail(pos, "AH02432: Cannot find LB Method: "+name+" for "+p.name,
				"LoadModule lbmethod_"+name+"_module is missing")
		}
		if owner := p.entry.Owner; owner != p.entry {
			// The host's own settings over the main server's; the members and
			// their state are shared.
			s.balancers[name] = d.sites[0].balancers[name].With(conf)
			p.entry.LB = s.balancers[name]
			p.entry.Lay = settingsOnly(d.house, p.entry.LB)
			continue
		}
		p.server.names, p.server.tls = p.names, d.tlsFor(i, name)
		r := &roster{house: d.house, key: p.key, site: s, fallbacks: d.fallbacks, server: p.server}
		d.warnEmpty(p, len(layout.Seats))
		members := make([]*balancer.Member, len(layout.Seats))
		for k := range layout.Seats {
			w := p.worker(&layout.Seats[k])
			w.wide, w.tls, w.names = layout.Settings.Health, p.server.tls, p.names
			d.warnChecks(w, true)
			w.live = d.live.Worker(live.WorkerKey{Balancer: p.key, URL: w.name}, w.configured())
			d.own(w, s)
			members[k] = w.member()
			r.places = append(r.places, &place{base: p.text(&layout.Seats[k]), line: members[k], now: []*balancer.Member{members[k]}})
		}
		b := balancer.New(name, d.live.Balancer(p.key), conf, members)
		s.balancers[name], r.balancer = b, b
		p.entry.LB, p.entry.Lay, r.settings = b, r.lay, layout.Settings
		r.wide = layout.Settings.Health
		d.expand(r)
	}
}

// text is the member that a seat's line in the configuration defines; nil: it
// was added.
func (p *pending) text(s *manager.Seat) *worker {
	if s.Line < 0 {
		return nil
	}
	return p.members[s.Line]
}

// worker makes the worker of a seat.
func (p *pending) worker(s *manager.Seat) *worker {
	if w := p.text(s); w != nil {
		c := *w
		c.params = s.Conf
		return &c
	}
	return p.server.worker(s)
}

// config resolves a balancer's settings; false: its method is not loaded.
func (h *house) config(set *workerconf.Balancer) (balancer.Config, bool) {
	c := set.Core(nil)
	c.Seed = rand.Uint64()
	key := set.Key.Or(workerconf.DefaultKey)
	c.Data = &key
	if name := set.StickyCookie.V; name != "" {
		secret := []byte(set.StickySecret.V)
		if len(secret) == 0 {
			secret = h.live.Secret()
		}
		c.Signer = &balancer.Signer{Name: name, Secret: secret, TTL: set.StickyTTL.Or(workerconf.DefaultStickyTTL)}
	}
	make := h.methods[set.Method.Or(workerconf.DefaultMethod)]
	if make == nil {
		c.Method = noMethod{}
		return c, false
	}
	c.Method = make()
	return c, true
}

// noMethod stands in where the configuration is refused anyway.
type noMethod struct{}

func (noMethod) Name() string                  { return "" }
func (noMethod) Pick(*balancer.Candidates) int { return 0 }
