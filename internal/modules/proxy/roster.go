package proxy

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/internal/backend/pool"
	"sallyport/internal/backend/secure"
	"sallyport/internal/balancer"
	"sallyport/internal/conf"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/modules/proxy_hcheck"
	"sallyport/internal/resolve"
	"sallyport/internal/workerconf"
)

// roster keeps the members of a balancer while its configuration serves: those
// of its lines, those that operators add and remove, and for a line with
// expand=on one for every address that the name has (expand.go).
type roster struct {
	balancer  *balancer.Balancer
	key       live.BalancerKey
	house     *house
	site      *site
	fallbacks []fallback
	server    *standing

	mu       sync.Mutex
	places   []*place // in the order of the lines, then as they were added
	settings workerconf.Balancer
	wide     workerconf.Health // the hc… parameters of all members
	over     bool
}

// place is one BalancerMember line, or a member that was added.
type place struct {
	base *worker // as the configuration has it; nil: it was added
	line *balancer.Member
	name resolve.Name // "": not to be expanded
	now  []*balancer.Member
	stop func() // ends the watch of the name; nil: there is none
}

func (pl *place) worker() *worker { return pl.line.Data.(*worker) }

// standing is what a member takes from the server that it is added to.
type standing struct {
	timeout       conf.Opt[time.Duration]
	receiveBuffer conf.Opt[int]
	names         *proxy_hcheck.Names
	tls           *secure.Settings // of health checks
}

// worker makes the worker of a member that no line names.
func (st *standing) worker(s *manager.Seat) *worker {
	to, _ := parseTarget(s.URL, false) // Canon has parsed it
	return &worker{name: s.URL, to: to, params: s.Conf, timeout: st.timeout, receiveBuffer: st.receiveBuffer}
}

// canon spells the URL of a member that is to be added.
func canon(h *house) func(string) (string, error) {
	return func(url string) (string, error) {
		if len(url) > maxURL {
			return "", badTarget("the URL is too long")
		}
		if strings.ContainsFunc(url, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '"' || r == '<' || r == '>' || r == '\\' }) {
			return "", badTarget("the URL holds a character that none may hold")
		}
		if _, _, ok := unsocket(url); !ok {
			return "", badTarget(`invalid "unix:" URL`)
		}
		to, err := parseTarget(url, false)
		if err != nil {
			return "", err
		}
		switch {
		case to.Open:
			return "", badTarget("${name} has no meaning in the URL of a member that is added")
		case h.transport(to.Scheme) == nil:
			return "", badTarget("no protocol handler for " + to.Scheme + ":// is loaded")
		}
		return to.name(), nil
	}
}

// maxURL bounds the URL of a member that is added.
const maxURL = 1024

// settingsOnly is how a virtual host's view of an inherited balancer is laid.
func settingsOnly(h *house, b *balancer.Balancer) func(*manager.Layout) {
	return func(l *manager.Layout) {
		if c, ok := h.config(&l.Settings); ok {
			b.SetConfig(c)
		}
	}
}

// lay makes settings and members what the layout says. What has not changed
// stays as it is; a member that has changed is another Member of the same
// worker, so that requests under way end with what they began with.
func (r *roster) lay(l *manager.Layout) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	if !reflect.DeepEqual(&r.settings, &l.Settings) {
		if c, ok := r.house.config(&l.Settings); ok {
			r.settings = l.Settings
			r.balancer.SetConfig(c)
		}
	}
	old := r.places
	wide := r.wide != l.Settings.Health
	r.wide = l.Settings.Health
	r.places = make([]*place, 0, len(l.Seats))
	for i := range l.Seats {
		s := &l.Seats[i]
		k := slices.IndexFunc(old, func(pl *place) bool { return pl.worker().name == s.URL })
		if k >= 0 && !wide && sameSettings(&old[k].worker().params, &s.Conf) {
			r.places = append(r.places, old[k])
			old = slices.Delete(slices.Clone(old), k, k+1)
			continue
		}
		pl := &place{}
		if k >= 0 {
			pl.base = old[k].base
		}
		r.seat(pl, s)
		r.places = append(r.places, pl)
	}
	r.seated(old)
}

// seat fills a place anew.
func (r *roster) seat(pl *place, s *manager.Seat) {
	var w *worker
	if pl.base != nil {
		c := *pl.base
		c.params = s.Conf
		w = &c
	} else {
		w = r.server.worker(s)
	}
	w.site, w.wide, w.names, w.tls = r.site, r.wide, r.server.names, r.server.tls
	key := live.WorkerKey{Balancer: r.key, URL: w.name}
	w.live = r.house.live.Join(key, w.configured())
	r.house.live.Configure(key, w.configured())
	w.makeLinks(r.fallbacks, r.house)
	pl.line = w.member()
	pl.now = []*balancer.Member{pl.line}
	r.name(pl)
	if pl.name.Host != "" {
		r.watch(pl)
	}
}

// seated puts the members of all places into service; those of gone places
// leave.
func (r *roster) seated(gone []*place) {
	var all []*balancer.Member
	for _, pl := range r.places {
		all = append(all, pl.now...)
	}
	r.balancer.SetMembers(all)
	for _, m := range all {
		r.house.checks.add(m.Data.(*worker))
	}
	for _, pl := range gone {
		if pl.stop != nil {
			pl.stop()
		}
		for _, m := range pl.now {
			r.part(m, all)
		}
	}
}

// part forgets a member that left, unless its worker is another member's now.
func (r *roster) part(m *balancer.Member, all []*balancer.Member) {
	key := m.Worker.Key()
	if !slices.ContainsFunc(all, func(o *balancer.Member) bool { return o.Worker == m.Worker }) {
		r.house.checks.remove(key)
	}
	if slices.ContainsFunc(all, func(o *balancer.Member) bool { return o.Worker == m.Worker }) ||
		slices.ContainsFunc(r.places, func(pl *place) bool { return pl.line.Worker == m.Worker }) {
		return
	}
	r.house.live.Part(key)
	for _, l := range m.Data.(*worker).links {
		for _, l := range l.forms() {
			if p, ok := l.Pool.(*pool.Pool); ok {
				p.Clear()
			}
		}
	}
}

// start begins to watch names.
func (r *roster) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, pl := range r.places {
		if pl.name.Host != "" {
			r.watch(pl)
		}
	}
	r.seated(nil)
}

func (r *roster) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	for _, pl := range r.places {
		if pl.stop != nil {
			pl.stop()
		}
	}
}
