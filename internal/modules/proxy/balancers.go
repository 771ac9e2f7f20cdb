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
}

// balancerLine takes in a line about a balancer.
func (d *draft) balancerLine(i int, n *line) {
	p := d.balancers[i][n.balancer]
	if p == nil {
		p = &pending{name: n.balancer, pos: n.pos, byURL: map[string]*worker{}}
		p.key = live.BalancerKey{Server: d.serverKey(i), Name: strings.TrimPrefix(n.balancer, "balancer://")}
		d.balancers[i][n.balancer] = p
	}
	if n.verb != member {
		for _, q := range n.params {
			p.set.Set(d.known, q.key, q.value, n.pos)
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
	w.apply(n, d.known)
	p.members = append(p.members, w)
	p.byURL[name] = w
}

// finishBalancers makes the balancers of one server of what its lines said.
func (d *draft) finishBalancers(i int) {
	s := d.sites[i]
	if len(d.balancers[i]) == 0 {
		return
	}
	s.balancers = make(map[string]*balancer.Balancer, len(d.balancers[i]))
	for _, name := range slices.Sorted(maps.Keys(d.balancers[i])) {
		p := d.balancers[i][name]
		if i > 0 && s.inherits {
			if main := d.balancers[0][name]; main != nil {
				// The host's own settings over the main server's; the members
				// and their state are shared.
				set := p.set.Over(&main.set)
				s.balancers[name] = d.sites[0].balancers[name].With(d.live.Desk(p.key), d.config(p, set))
				continue
			}
		}
		lb := d.live.Balancer(p.key)
		members := make([]*balancer.Member, len(p.members))
		for k, w := range p.members {
			w.live = d.live.Worker(live.WorkerKey{Balancer: p.key, URL: w.name}, w.configured())
			d.own(w, s)
			members[k] = w.params.Member(w.live, w)
		}
		b := balancer.New(name, lb, d.live.Desk(p.key), d.config(p, &p.set), members)
		s.balancers[name] = b
		d.expand(p, b, members)
	}
}

// config resolves a balancer's settings.
func (d *draft) config(p *pending, set *workerconf.Balancer) balancer.Config {
	c := set.Core(nil, nil)
	c.Seed = rand.Uint64()
	key := set.Key.Or(workerconf.DefaultKey)
	c.Data = &key
	if name := set.StickyCookie.V; name != "" {
		secret := []byte(set.StickySecret.V)
		if len(secret) == 0 {
			secret = d.house.live.Secret()
		}
		c.Signer = &balancer.Signer{Name: name, Secret: secret, TTL: set.StickyTTL.Or(workerconf.DefaultStickyTTL)}
	}
	name := set.Method.Or(workerconf.DefaultMethod)
	pos := p.pos
	if set.Method.Is {
		pos = set.Method.Pos
	}
	if make := d.b.Methods[name]; make != nil {
		c.Method = make()
	} else {
		d.b.Fail(pos, "AH02432: Cannot find LB Method: "+name+" for "+p.name,
			"LoadModule lbmethod_"+name+"_module is missing")
		c.Method = noMethod{}
	}
	c.Methods = func(name string) balancer.Method {
		if make := d.b.Methods[name]; make != nil {
			return make()
		}
		return nil
	}
	return c
}

// noMethod stands in where the configuration is refused anyway.
type noMethod struct{}

func (noMethod) Name() string                  { return "" }
func (noMethod) Pick(*balancer.Candidates) int { return 0 }
