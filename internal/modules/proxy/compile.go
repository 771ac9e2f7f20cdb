package proxy

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"sallyport/internal/backend/h2"
	"sallyport/internal/balancer"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/module"
	"sallyport/internal/modules/ssl"
	"sallyport/internal/urlmap"
	"sallyport/internal/workerconf"
)

// site is one server (or virtual host) as requests meet it.
type site struct {
	server *exchange.Server
	// outer is the main server's site, for a virtual host. Its aliases come
	// before the host's own. inherits: its workers and balancers are this
	// host's, too (BalancerInherit, ProxyPassInherit).
	outer    *site
	inherits bool

	plain, encoded table // own aliases
	workers        workers
	balancers      map[string]*balancer.Balancer // by "balancer://name"
	generic        *link
	fallback       int // number of its fallback within the configuration

	house *house
	serverSettings
}

// serverSettings are the server-wide directives that requests meet.
type serverSettings struct {
	via         via
	maxForwards int      // negative: none is added
	block       []string // ProxyBlock
	blockAddrs  []netip.Addr
}

// table is an alias list ready for look-ups.
type table struct {
	lines *urlmap.Map
	list  []*route
}

// route is an alias with what serves it.
type route struct {
	*alias
	// worker serves it, unless it leads to a balancer or is an exclusion.
	worker *worker
	// static: the authority is the same for every request, as long as what is
	// appended begins with a slash or real has a path.
	static bool
}

// draft is a configuration being compiled.
type draft struct {
	b         *module.Build
	house     *house
	live      *live.Draft
	desk      *manager.Draft
	fallbacks []fallback
	sites     []*site
	sections  map[*alias]*route // ProxyPass inside of sections
	all       []*worker         // whose links are to be made
	// balancers while they grow, by server and name.
	balancers []map[string]*pending
}

// compile makes the sites of a configuration; see module.Room.
func compile(b *module.Build) func(*module.Plan) { return compileFor(b, newHouse(b)) }

func compileFor(b *module.Build, h *house) func(*module.Plan) {
	d := &draft{b: b, house: h, sections: map[*alias]*route{}}
	d.live = d.house.live.Begin()
	h.prober, h.explain = newProber(), explainFor(b.Config)
	h.checks = d.newChecks()
	d.nameServers()
	sites := make(map[*module.ServerBuild]*site, len(b.Servers))
	for i, sb := range b.Servers {
		s := d.site(i, sb)
		d.sites = append(d.sites, s)
		sites[sb] = s
	}
	for i, sb := range b.Servers {
		d.read(i, server.Of(sb.Source.Conf))
	}
	desk := d.board()
	for i := range d.sites {
		d.finishBalancers(i)
	}
	for _, w := range d.all {
		w.makeLinks(d.fallbacks, h)
	}
	for _, r := range h.rosters {
		r.begin()
	}
	d.warn()
	for i := range d.sites {
		d.warnHidden(i)
		d.warnLines(i)
	}
	if !b.Env.Test {
		b.Open(module.Opening{Ready: func() {
			d.live.Commit()
			h.settle()
			h.prober.start()
			h.checks.begin()
			for _, r := range h.rosters {
				r.start()
			}
			h.checks.settle()
			desk.Commit()
		}, Close: func() {
			for _, r := range h.rosters {
				r.stop()
			}
			h.checks.end()
			h.prober.stop()
		}})
	}
	sections := d.sections
	return func(p *module.Plan) { furnish(p, sites[p.Server], sections) }
}

// site makes a server's site without what its lines say.
func (d *draft) site(i int, sb *module.ServerBuild) *site {
	c := server.Of(sb.Conf)
	if c == nil {
		c = &serverConf{}
	}
	s := &site{server: sb.Server, house: d.house}
	if i > 0 {
		s.outer = d.sites[0]
		// Only both together cut the host off, as in httpd.
		s.inherits = c.BalancerInherit.Or(true) || c.PassInherit.Or(true)
	}
	s.via = c.Via.V
	s.maxForwards = c.MaxForwards.Or(-1)
	s.block = c.Block
	s.blockAddrs = blockAddrs(c.Block, d.b.Env.Test)
	f := fallback{
		timeout:   c.Timeout.Or(coreTimeout(sb.Server)),
		ioBuffer:  c.IOBuffer.Or(defaultIOBuffer),
		badHeader: c.BadHeader.V,
		source:    c.Source.V,
	}
	s.fallback = -1
	for n := range d.fallbacks {
		if d.fallbacks[n] == f {
			s.fallback = n
		}
	}
	if s.fallback < 0 {
		s.fallback = len(d.fallbacks)
		d.fallbacks = append(d.fallbacks, f)
	}
	s.generic = generic(&f)
	d.balancers = append(d.balancers, map[string]*pending{})
	return s
}

func coreTimeout(s *exchange.Server) time.Duration {
	if s.Core == nil || s.Core.Timeout == 0 {
		return 60 * time.Second
	}
	return s.Core.Timeout
}

// read goes through a server's own lines in order.
func (d *draft) read(i int, c *serverConf) {
	s := d.sites[i]
	if c == nil || c.Own == nil {
		return
	}
	var plain, encoded []*route
	for k := range c.Own.list {
		n := &c.Own.list[k]
		switch {
		case n.alias != nil && n.alias.exclude:
		case n.balancer != "":
			d.balancerLine(i, n)
			if n.verb != pass {
				continue
			}
		default:
			w := d.workerLine(i, n)
			if n.verb != pass {
				continue
			}
			r := newRoute(n.alias, w)
			d.place(n, r, &plain, &encoded)
			continue
		}
		d.place(n, newRoute(n.alias, nil), &plain, &encoded)
	}
	s.plain, s.encoded = newTable(plain), newTable(encoded)
}

// place puts a route where its line stood: in the server's list or a section.
func (d *draft) place(n *line, r *route, plain, encoded *[]*route) {
	switch {
	case !n.listed:
		d.sections[n.alias] = r
	case n.alias.encoded:
		*encoded = append(*encoded, r)
	default:
		*plain = append(*plain, r)
	}
}

func newRoute(a *alias, w *worker) *route {
	r := &route{alias: a, worker: w}
	if !a.exclude {
		r.static = w == nil || !w.to.Open
		if a.interpolate && strings.Contains(a.real[:a.authority], "${") {
			r.static = false
		}
	}
	return r
}

func newTable(list []*route) table {
	if len(list) == 0 {
		return table{}
	}
	patterns := make([]urlmap.Pattern, len(list))
	for i, r := range list {
		patterns[i] = urlmap.Pattern{Prefix: r.alias.path, Regex: r.regex}
		if r.regex == nil && (r.servlet || r.interpolate && strings.Contains(r.alias.path, "${")) {
			patterns[i].Ask = true
		}
	}
	return table{urlmap.New(patterns), list}
}

// workerLine finds or makes the worker a line is about and lays its
// parameters over it.
//
// Unlike httpd: a ProxyPass whose URL lies at or below an earlier worker's
// keeps its own parameters, over those of the earlier worker. httpd shares the
// earlier worker and drops them. Without any the worker is shared here, too.
func (d *draft) workerLine(i int, n *line) *worker {
	s := d.sites[i]
	w := n.define()
	if !w.regex {
		found := s.workers.find(w.name)
		if found != nil && (n.verb == set || len(n.params) == 0) {
			found.apply(n)
			return found
		}
		if found != nil {
			w.params = found.params
			w.apply(n)
			if sameSettings(&w.params, &found.params) {
				return found
			}
			w.note(d, found, n)
		}
	}
	w.apply(n)
	if !w.to.Open {
		key := live.WorkerKey{Balancer: live.BalancerKey{Server: d.serverKey(i)}, URL: w.name}
		w.live = d.live.Worker(key, w.configured())
	}
	s.workers.add(w)
	d.own(w, s)
	d.warnChecks(w, false)
	return w
}

// sameSettings compares parameters, not the lines they stand on.
func sameSettings(a, b *workerconf.Worker) bool {
	x, y := *a, *b
	forget(reflect.ValueOf(&x).Elem())
	forget(reflect.ValueOf(&y).Elem())
	return x == y
}

// forget clears the position of every Opt in a struct.
func forget(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.Struct {
			continue
		}
		if pos := f.FieldByName("Pos"); pos.IsValid() {
			pos.SetZero()
		} else {
			forget(f)
		}
	}
}

// note says where httpd would differ: there the line's parameters are gone.
func (w *worker) note(d *draft, found *worker, n *line) {
	words := make([]string, len(n.params))
	for i, p := range n.params {
		words[i] = p.key + "=" + p.value
	}
	d.note(n.pos, fmt.Sprintf("%s: these parameters apply to this line; httpd would share the worker %s (line %d) and ignore them",
		strings.Join(words, " "), found.name, found.pos.Line))
}

func (d *draft) note(pos diag.Position, text string) {
	*d.b.Diags = append(*d.b.Diags, diag.Diagnostic{Severity: diag.Note, Pos: pos, Text: text})
}

func (d *draft) own(w *worker, s *site) {
	w.site = s
	d.all = append(d.all, w)
}

// serverKey names a server over reloads: "" for the main server, else what
// its virtual host is known by.
func (d *draft) serverKey(i int) string {
	return d.b.Servers[i].Key
}

// nameServers gives every virtual host a name that it will have again after a
// reload, unless two hosts can not be told apart.
func (d *draft) nameServers() {
	seen := map[string]int{}
	for i, sb := range d.b.Servers {
		if i == 0 {
			continue
		}
		key := sb.Server.Name + " " + strings.Join(sb.Source.Addrs, " ")
		if seen[key]++; seen[key] > 1 {
			key += fmt.Sprintf(" #%d", seen[key])
		}
		sb.Key = key
	}
}

// makeLinks makes the links of a worker: for a member of the main server one per
// fallback, for a virtual host's its own.
func (w *worker) makeLinks(fallbacks []fallback, h *house) {
	s := w.site
	if s.outer != nil || len(fallbacks) == 1 {
		w.only = true
		w.links = []*link{w.link(&fallbacks[s.fallback], h)}
		return
	}
	w.links = nil
	for f := range fallbacks {
		w.links = append(w.links, w.link(&fallbacks[f], h))
	}
}

// warn tells at load what requests would find out.
func (d *draft) warn() {
	canTLS := ssl.Anywhere(d.b)
	for _, w := range d.all {
		if w.links[0].secure && !canTLS {
			d.b.Warn(w.pos, "SSLProxyEngine is Off: requests for "+w.name+" will be answered with 500", "SSLProxyEngine On")
			continue
		}
		if pp := w.params.ProxyProtocol; pp.V != 0 {
			if _, many := w.links[0].transport.(*h2.Transport); many {
				d.b.Fail(pp.Pos, "proxyprotocol can not be had with HTTP/2: its connections serve many clients at a time", "use http:// or https:// for "+w.name)
			}
		}
		if w.links[0].transport != nil || w.to.Open {
			continue
		}
		hint := "Sallyport has no backend of this scheme"
		if s, ok := d.house.schemes[w.to.Scheme]; ok {
			hint = "LoadModule " + s.module + " is missing"
		}
		d.b.Warn(w.pos, "no protocol handler for "+w.name+": its requests will be answered with 500", hint)
	}
	if !d.house.balances() {
		for i := range d.balancers {
			for _, name := range slices.Sorted(maps.Keys(d.balancers[i])) {
				d.b.Warn(d.balancers[i][name].pos, name+" will not work: its requests will be answered with 500",
					"LoadModule proxy_balancer_module is missing")
			}
		}
	}
}

// blockAddrs resolves the words of ProxyBlock that may be host names, once, at
// load. Names that have no address then are only compared as text.
func blockAddrs(words []string, test bool) []netip.Addr {
	var out []netip.Addr
	for _, w := range words {
		if a, err := netip.ParseAddr(w); err == nil {
			out = append(out, a.Unmap())
			continue
		}
		if test || w == "*" || strings.HasPrefix(w, ".") {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), blockLookup)
		found, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", w)
		cancel()
		for _, a := range found {
			out = append(out, a.Unmap())
		}
	}
	return out
}

const blockLookup = 2 * time.Second

// defaults of the per-section settings.
func sectionConf(v conf.Vector) *dirConf {
	if c := dir.Of(v); c != nil {
		return c
	}
	return &noSection
}

var noSection dirConf
