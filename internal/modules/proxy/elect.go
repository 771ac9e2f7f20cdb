package proxy

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sallyport/internal/balancer"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
)

// resolve finds what serves a mapped URL: a link, or a balancer whose members
// are asked in turn.
func (s *site) resolve(x *exchange.Exchange, rec *record) (*link, *balancer.Balancer, exchange.Verdict) {
	if r := rec.route; r != nil && rec.authority >= 0 {
		if r.balancer != "" {
			return s.balancerFor(x, r.balancer)
		}
		if w := r.worker; s.sees(w) {
			return w.at(s.fallback), nil, exchange.OK
		}
	}
	url := x.Mapped.URL()
	if isBalancer(url) {
		return s.balancerFor(x, balancerScheme+"//"+balancerHost(strings.TrimPrefix(url[len(balancerScheme):], "//")))
	}
	t, err := parseTarget(rec.socket+url, false)
	if err != nil {
		return nil, nil, s.badURL(x, url)
	}
	if r := rec.route; r != nil && r.worker != nil && s.sees(r.worker) {
		return r.worker.at(s.fallback).open(&t, s.house), nil, exchange.OK
	}
	if w := s.find(t.name()); w != nil {
		return w.at(s.fallback), nil, exchange.OK
	}
	return s.generic.open(&t, s.house), nil, exchange.OK
}

// badURL answers a URL whose authority came out of a request and is none.
func (s *site) badURL(x *exchange.Exchange, url string) exchange.Verdict {
	host := url
	if i := strings.Index(url, "://"); i >= 0 {
		host = url[i+3 : authorityLen(url)]
	}
	if name, port, ok := strings.Cut(host, ":"); ok && name != "" && port != "" && strings.Trim(port, "0123456789") == "" {
		x.Logf(errorlog.Error, "proxy_http", "AH01083: error parsing URL %s: Invalid host/port", url)
		return exchange.Status(400)
	}
	return refuse(x, 500, fault.Unresolved.Row().Page+host)
}

// sees reports whether a worker is the server's own or inherited.
func (s *site) sees(w *worker) bool { return w.site == s || s.inherits || s.outer == nil }

// find looks a URL's worker up among the server's own and those it inherits.
func (s *site) find(url string) *worker {
	w := s.workers.find(url)
	if s.outer != nil && s.inherits {
		if o := s.outer.workers.find(url); o != nil && (w == nil || len(o.name) > len(w.name)) {
			return o
		}
	}
	return w
}

// balancer finds a balancer by its canonical name; nil when the server knows
// none of that name.
func (s *site) balancer(name string) *balancer.Balancer {
	if b := s.balancers[name]; b != nil {
		return b
	}
	if s.outer != nil && s.inherits {
		return s.outer.balancers[name]
	}
	return nil
}

func (s *site) balancerFor(x *exchange.Exchange, name string) (*link, *balancer.Balancer, exchange.Verdict) {
	b := s.balancer(name)
	if b == nil || !s.house.balances() {
		x.Logf(errorlog.Warn, "proxy", noHandler, x.Path, "balancer")
		return nil, nil, exchange.Status(500)
	}
	return nil, b, exchange.OK
}

// elect picks a member. While there is none it waits as long as the balancer's
// timeout= allows, then answers 503.
func (h *handler) elect(x *exchange.Exchange, rec *record, b *balancer.Balancer, ask balancer.Request) exchange.Verdict {
	refusal := b.Elect(now(), ask, &rec.pick)
	if refusal.Refused() && refusal.Wait > 0 && (refusal.Kind == balancer.AllDown || refusal.Kind == balancer.AllBusy) {
		gone := false
		if refusal, gone = await(x, rec, b, ask, refusal); gone {
			x.Aborted = true
			x.Out.Status = statusClientGone
			return exchange.Done
		}
	}
	if ask.Trace {
		trace(x, rec, b)
	}
	if !refusal.Refused() {
		return exchange.OK
	}
	id, text := refusal.Line(now())
	x.Logf(errorlog.Error, "proxy_balancer", "%s: %s", id, text)
	x.Restart()
	if refusal.Kind == balancer.AllBusy {
		x.Always.Set("Retry-After", strconv.Itoa(refusal.RetryAfter(now())))
	}
	return exchange.Status(503)
}

// trace logs how a member was found, as httpd does at level debug.
func trace(x *exchange.Exchange, rec *record, b *balancer.Balancer) {
	p := &rec.pick
	for _, e := range p.Events {
		switch e.Kind {
		case balancer.Retried:
			x.Logf(errorlog.Debug, "proxy", "AH00932: %s: worker for (%s) has been marked for retry", "BALANCER", e.Member.Host())
		case balancer.Forced:
			x.Logf(errorlog.Debug, "proxy_balancer", "AH01165: %s: Forcing recovery for worker (%s)", b.Name(), e.Member.Host())
		}
	}
	x.Logf(errorlog.Debug, "proxy_balancer", "%s: %s", b.Name(), p.Why)
	if p.HasRoute {
		x.Logf(errorlog.Debug, "proxy_balancer", "AH01161: Found route %s", p.SessionRoute)
		if p.RouteChanged {
			x.Logf(errorlog.Debug, "proxy_balancer", "AH01162: Route changed from %s to %s", p.SessionRoute, p.Route)
		}
	}
	if c := &p.Choice; c.By != "" {
		x.Logf(errorlog.Debug, "proxy", "AH10122: proxy: Entering %s for BALANCER (%s)", c.By, b.Name())
		x.Logf(errorlog.Debug, "proxy", "AH10123: proxy: %s selected worker \"%s\" : busy %d : lbstatus %d", c.By, p.Member.URL(), c.Busy, c.Standing)
	}
}

// permits applies ProxyBlock to the host of a link.
func (s *site) permits(x *exchange.Exchange, l *link) exchange.Verdict {
	if len(s.block) == 0 {
		return exchange.OK
	}
	host, _, err := net.SplitHostPort(l.Target.Addr)
	if err != nil || l.Target.Network == "unix" {
		host = l.host
	}
	const blocked = "Connect to remote machine blocked"
	for _, word := range s.block {
		if word == "*" || strings.Contains(host, word) {
			x.Logf(errorlog.Warn, "proxy", "AH00916: connect to remote machine %s blocked: name %s matched", host, word)
			return refuse(x, 403, blocked)
		}
	}
	if len(s.blockAddrs) == 0 {
		return exchange.OK
	}
	addrs := []string{l.Target.Addr}
	if _, err := netip.ParseAddr(host); err != nil {
		if addrs, err = s.house.pools.Names.Dial(net.JoinHostPort(host, "0")); err != nil {
			return refuseErr(x, 500, err, fault.Unresolved.Row().Page+host)
		}
	}
	for _, text := range addrs {
		a, _ := netip.ParseAddrPort(text)
		if slices.Contains(s.blockAddrs, a.Addr().Unmap()) {
			x.Logf(errorlog.Warn, "proxy", "AH00917: connect to remote machine %s blocked: IP %s matched", host, a.Addr())
			return refuse(x, 403, blocked)
		}
	}
	return exchange.OK
}
