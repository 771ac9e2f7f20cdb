package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/secure"
	"sallyport/internal/conf"
	"sallyport/internal/health"
	"sallyport/internal/health/checker"
	"sallyport/internal/live"
	"sallyport/internal/modules/proxy_hcheck"
	"sallyport/internal/modules/ssl"
	"sallyport/internal/workerconf"
)

// dialer opens a connection for a check.
type dialer = func(context.Context, time.Time) (net.Conn, error)

// checks are the health checks of a configuration's members: what the house's
// checker is told of them. Members come and go while it serves: the rosters call
// add and remove.
type checks struct {
	checker *checker.Checker // nil with -t, and without proxy_hcheck_module
	limit   int
	gen     uint64
}

func (d *draft) newChecks() *checks {
	c := &checks{limit: proxy_hcheck.Limit(d.b)}
	if d.house.loaded("proxy_hcheck_module") && !d.house.test {
		c.checker = d.house.health
	}
	return c
}

// begin starts the list that takes the place of the configuration's before.
func (c *checks) begin() {
	if c.checker == nil {
		return
	}
	c.gen = c.checker.Begin(c.limit)
}

// settle is called when all members there are at the start have been added:
// others are not checked any more.
func (c *checks) settle() {
	if c.checker != nil {
		c.checker.End(c.gen)
	}
}

// end is called when the configuration's last request has ended.
func (c *checks) end() {
	if c.checker != nil {
		c.checker.Leave(c.gen)
	}
}

// add has a member checked from now on.
func (c *checks) add(w *worker) {
	if c.checker == nil {
		return
	}
	l := w.links[0]
	c.checker.Add(c.gen, checker.Member{
		Worker: w.live,
		Log:    w.site.server.Log,
		Plan:   w.plan(l),
	})
}

// hurry tells that requests have found a member in error.
func (c *checks) hurry(w *live.Worker) {
	if c.checker != nil {
		c.checker.Hurry(w)
	}
}

// remove has it checked no more.
func (c *checks) remove(key live.WorkerKey) {
	if c.checker != nil {
		c.checker.Remove(c.gen, key)
	}
}

// plan resolves a member's parameters.
func (w *worker) plan(l *link) *checker.Plan {
	h := w.health()
	method, _ := health.MethodOf(h.Method.Or(health.None.String()))
	p := &checker.Plan{
		Rules: health.Rules{
			Interval:  h.Interval.Or(workerconf.DefaultHealthInterval),
			Fast:      h.Fast.V,
			Passes:    h.Passes.Or(1),
			Fails:     h.Fails.Or(1),
			Jitter:    h.Jitter.Or(workerconf.DefaultHealthJitter),
			Mandatory: h.Mandatory.V,
		},
		Agent:   h.Agent.V,
		Timeout: h.Timeout.Or(l.Timeout),
	}
	if p.Timeout <= 0 {
		p.Timeout = time.Minute
	}
	uri := h.URI.V
	p.Request = health.Request{Method: method, Host: h.Host.Or(w.checkHost()), Path: health.Join(w.to.Path, uri), Body: h.Body.V}
	if method == health.GRPC {
		p.Request.Path = uri
	}
	if h.Header.Is {
		p.Request.Header, _ = health.ParseHeader(h.Header.V)
	}
	p.Expect = &health.Expect{}
	if h.Expect.Is {
		p.Expect, _ = health.ParseExpect(h.Expect.V)
	}
	if name := h.Expr.V; name != "" && method.Answers() && w.names != nil {
		p.Expect.Cond, p.Expect.Name = w.names.Cond(name), name
	}
	target := checkTarget(l.Target, h.Port.V)
	connect := l.ConnectTimeout
	pools := w.site.house.pools
	open := func(ctx context.Context, deadline time.Time) (net.Conn, error) {
		if connect > 0 {
			if d := time.Now().Add(connect); d.Before(deadline) {
				deadline = d
			}
		}
		return pools.Open(ctx, &target, deadline)
	}
	p.Dial = open
	if l.secure && method.Protocol() != health.NoProtocol {
		p.Dial = w.dialTLS(open, p.Request.Host, method.Protocol() == health.HTTP2)
		target.TLS = "-"
		if w.tls != nil {
			target.TLS = w.tls.Key
		}
	}
	p.Is = fmt.Sprint(p.Rules, p.Timeout, p.Agent, target, connect, h.Expect.V, p.Expect.Cond, string(p.Request.Append(nil)), method)
	return p
}

// dialTLS puts TLS over the connections of open, under the SSLProxy directives
// of the balancer's section and server. host is the Host of the check.
func (w *worker) dialTLS(open dialer, host string, h2 bool) dialer {
	if w.tls == nil {
		return func(context.Context, time.Time) (net.Conn, error) {
			return nil, errors.New("the member wants TLS, and SSLProxyEngine is Off")
		}
	}
	name := w.links[0].serverName
	if w.health().Host.Is {
		if name = host; strings.Contains(host, ":") {
			if alone, _, err := net.SplitHostPort(host); err == nil {
				name = alone
			}
		}
	}
	var alpn []string
	if h2 {
		alpn = []string{"h2"}
	}
	cache := tls.NewLRUClientSessionCache(1)
	return func(ctx context.Context, deadline time.Time) (net.Conn, error) {
		c, err := open(ctx, deadline)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { c.Close() })
		defer stop()
		over, err := w.tls.Dial(c, name, alpn, cache, deadline)
		if err != nil {
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		if h2 && over.Protocol() != "h2" {
			over.Close()
			return nil, errors.New("the member does not offer HTTP/2 (ALPN)")
		}
		return over, nil
	}
}

// tlsFor finds the SSLProxy directives that hold for the checks of a balancer:
// those of its <Proxy> section over the server's.
func (d *draft) tlsFor(i int, balancer string) *secure.Settings {
	sb := d.b.Servers[i]
	dir := sb.Dir
	for _, s := range sb.Source.Sections {
		if s.Kind != conf.InProxy || s.Regex || !isBalancer(s.Arg) {
			continue
		}
		if name, err := balancerName(s.Arg); err == nil && name == balancer {
			dir = conf.Merge(dir, s.Dir)
		}
	}
	return ssl.Backends(dir)
}

// checkHost is the Host field of a check: as httpd sends it, with the port
// always.
func (w *worker) checkHost() string {
	return net.JoinHostPort(w.to.Host, strconv.Itoa(int(w.to.port())))
}

// checkTarget is where a check connects to: the member's address, on another
// port if hcport= gives one.
func checkTarget(t backend.Target, port int) backend.Target {
	if port > 0 && t.Network != "unix" {
		if host, _, err := net.SplitHostPort(t.Addr); err == nil {
			t.Addr = net.JoinHostPort(host, strconv.Itoa(port))
		}
	}
	return t
}

// warnChecks says of a member's checks what its parameters do not show one by
// one.
func (d *draft) warnChecks(w *worker, member bool) {
	h := w.health()
	if !h.Method.Is || h.Method.V == health.None.String() {
		return
	}
	method, _ := health.MethodOf(h.Method.V)
	warn := func(text, hint string) { d.b.Warn(h.Method.Pos, w.name+": "+text, hint) }
	switch {
	case !member:
		warn("health checks are for members of balancers: this worker is not checked", "")
		return
	case !method.Answers() && (h.Expr.V != "" || h.Expect.Is || h.Agent.V):
		warn("hcmethod="+h.Method.V+" has no answer for hcexpr, hcexpect and hcagent to look at", "hcmethod=GET")
	case h.Port.Is && w.to.Socket != "":
		warn("hcport has no effect: the member is a unix socket", "")
	}
}
