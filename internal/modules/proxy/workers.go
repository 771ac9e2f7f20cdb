package proxy

import (
	"net/netip"
	"strings"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/secure"
	"sallyport/internal/balancer"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/live"
	"sallyport/internal/modules/proxy_hcheck"
	"sallyport/internal/workerconf"
)

// worker is one worker as the configuration defines it: a plain one, named by
// a ProxyPass or <Proxy>, or a member of a balancer.
type worker struct {
	name   string // canonical URL
	to     target
	regex  bool
	pos    diag.Position
	params workerconf.Worker
	wide   workerconf.Health // of all members of its balancer
	names  *proxy_hcheck.Names
	tls    *secure.Settings // for health checks of a member; nil: SSLProxyEngine is off
	// As its server stood when it was made.
	timeout       conf.Opt[time.Duration]
	receiveBuffer conf.Opt[int]

	site *site // of the server that names it
	live *live.Worker
	// links reach it, one per set of server-wide settings it is used under
	// (see fallback); a worker of a virtual host has one.
	links []*link
	only  bool
}

// fallback is what a worker takes from the server that serves the request
// where its own parameters are silent. Few differ within a configuration.
type fallback struct {
	timeout   time.Duration // ProxyTimeout, else Timeout
	ioBuffer  int
	badHeader backend.BadHeader
	source    netip.Addr
}

// link is a worker ready for requests of servers with one fallback: what the
// transport wants to know and what the request's head needs. Immutable.
type link struct {
	backend.Worker
	scheme    string            // of the worker's URL: "http", "ws"
	transport backend.Transport // nil: no module serves the scheme
	live      *live.Worker      // nil for the generic worker
	host      string            // Host sent to the backend
	path      string            // the URL's own path, in front of a balancer's
	upgrade   string            // protocols a client may switch to; "*": any
	ping      time.Duration

	secure     bool   // needs TLS
	protocols  string // to offer in the handshake, by protocols=
	serverName string // the host of the URL, for the handshake
	stray      bool   // made for one request
	overs      overs
}

// at returns the link for a server's fallback.
func (w *worker) at(f int) *link {
	if w.only {
		return w.links[0]
	}
	return w.links[f]
}

// workers are the plain workers of one server, found by URL.
type workers struct {
	byName map[string]*worker
	list   []*worker
}

// find returns the worker a URL belongs to: the longest name it begins with,
// scheme and authority being equal; nil when there is none. Workers with $n in
// their name are not found this way.
//
// Unlike httpd: there $n acts as a wildcard and takes requests that another
// alias mapped; here an alias is bound to its own worker.
func (ws *workers) find(url string) *worker {
	if len(ws.byName) == 0 {
		return nil
	}
	url, least := lowerAuthority(url)
	for n := len(url); n >= least; n-- {
		if w := ws.byName[url[:n]]; w != nil {
			return w
		}
	}
	return nil
}

func (ws *workers) add(w *worker) {
	if ws.byName == nil {
		ws.byName = map[string]*worker{}
	}
	ws.list = append(ws.list, w)
	if !w.regex && ws.byName[w.name] == nil {
		ws.byName[w.name] = w
	}
}

// define makes a worker of a line.
func (n *line) define() *worker {
	return &worker{
		name: n.to.name(), to: n.to, regex: n.regex && strings.Contains(n.url, "$"), pos: n.pos,
		timeout: n.timeout, receiveBuffer: n.receiveBuffer,
	}
}

// apply lays parameters over those the worker has. They were checked when
// their line was read.
func (w *worker) apply(n *line) {
	known := n.known()
	if w.names == nil {
		w.names = n.names
	}
	for _, p := range n.params {
		w.params.Set(known, p.key, p.value, n.pos)
	}
}

// configured is what a reload replaces in the worker's live half.
func (w *worker) configured() live.Configured {
	p := w.params
	p.Health = w.health()
	return p.Live()
}

// health are the hc… parameters that hold: the worker's own over those that its
// balancer has for all.
func (w *worker) health() workerconf.Health { return w.params.Health.Under(&w.wide) }

// member makes a balancer's member of the worker.
func (w *worker) member() *balancer.Member {
	p := w.params
	p.Health = w.health()
	return p.Member(w.live, w)
}

// link makes the link of a worker for servers with fallback f.
func (w *worker) link(f *fallback, h *house) *link {
	p := &w.params
	l := &link{
		live:    w.live,
		host:    hostField(&w.to),
		path:    w.to.Path,
		upgrade: p.Upgrade.V,
		ping:    max(p.Ping.V, 0),

		protocols:  p.Protocols.V,
		serverName: w.to.Host,
	}
	l.Name = w.name
	l.Timeout = firstOf(p.Timeout, w.timeout).Or(f.timeout)
	l.ConnectTimeout = p.ConnectTimeout.Or(l.Timeout)
	l.Ping = l.ping
	l.Acquire = p.Acquire.V
	l.TTL = p.TTL.V
	l.AddressTTL = max(p.AddressTTL.V, 0)
	l.Min, l.Max = p.Min.V, p.Max.V
	l.Smax = p.SMax.V
	l.FieldSize = p.ResponseFieldSize.Or(workerconf.DefaultFieldSize)
	l.IOBuffer = f.ioBuffer
	l.BadHeader = f.badHeader
	// A target that differs from request to request is no place to keep
	// connections to, unless the author says so.
	// Without ttl= there is no time to keep what is above an smax of none.
	l.NoReuse = p.DisableReuse.Or(w.regex) || p.AddressTTL.Is && p.AddressTTL.V == 0 ||
		p.SMax.Is && p.SMax.V == 0 && !p.TTL.Is
	l.Target = backend.Target{
		Network:       "tcp",
		Addr:          w.to.addr(),
		Source:        f.source,
		ReceiveBuffer: firstOf(p.ReceiveBufferSize, w.receiveBuffer).V,
		TCPKeepAlive:  p.TCPKeepAlive.V,
		ProxyProtocol: p.ProxyProtocol.V,
	}
	l.speak(w.to.Scheme, h)
	if w.to.Socket != "" {
		l.Target.Network, l.Target.Addr = "unix", h.socket(w.to.Socket)
		l.Target.Source = netip.Addr{}
	}
	if w.to.Open {
		l.NoReuse = true // made anew for each request, see open
	} else {
		l.Pool = h.pool(l.Target)
	}
	return l
}

// speak sets what follows from a scheme.
func (l *link) speak(scheme string, h *house) {
	l.scheme, l.transport, l.secure = scheme, h.transport(scheme), h.isSecure(scheme)
	l.Target.Scheme, l.Target.ALPN = h.wireScheme(scheme), ""
	switch {
	case scheme == "h2":
		l.Target.ALPN = "h2"
	case l.secure && l.protocols != "":
		l.Target.ALPN = l.protocols
		if l.transport != nil && l.protocols != "http/1.1" {
			l.transport = h.transport("h2+http")
		}
	}
	if l.upgrade == "" && (scheme == "ws" || scheme == "wss") {
		l.upgrade = "WebSocket"
	}
}

func firstOf[T any](a, b conf.Opt[T]) conf.Opt[T] {
	if a.Is {
		return a
	}
	return b
}

// hostField is the Host a backend is sent. As in httpd, port 80 is left out
// whatever the scheme.
func hostField(t *target) string {
	if t.Port == 80 {
		c := *t
		c.Port = 0
		return c.hostport()
	}
	return t.hostport()
}

// open makes a link to a place that is only known now: the authority came out
// of a regular expression, an environment variable, a rewrite rule.
func (l *link) open(t *target, h *house) *link {
	n := l.copy()
	n.speak(t.Scheme, h)
	n.host, n.serverName = hostField(t), t.Host
	n.Target.Network, n.Target.Addr = "tcp", t.addr()
	if t.Socket != "" {
		n.Target.Network, n.Target.Addr = "unix", h.socket(t.Socket)
		n.Target.Source = netip.Addr{}
	}
	n.NoReuse, n.stray = true, true
	if !n.secure {
		n.Pool = h.loose(n.Target)
	}
	return n
}

// generic is the worker of URLs that no line names: it serves them, keeps no
// connection and is never in error.
func generic(f *fallback) *link {
	l := &link{}
	l.Name = "proxy:reverse"
	l.Timeout, l.ConnectTimeout = f.timeout, f.timeout
	l.FieldSize = workerconf.DefaultFieldSize
	l.IOBuffer, l.BadHeader, l.Target.Source = f.ioBuffer, f.badHeader, f.source
	l.NoReuse = true
	return l
}
