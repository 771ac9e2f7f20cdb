package balancer

import (
	"slices"
	"sync/atomic"
	"time"

	"sallyport/internal/live"
)

// Config is a balancer's settings, resolved with their defaults.
type Config struct {
	Method Method // required
	// StickyCookie "" means no sticky sessions at all.
	StickyCookie, StickyPath string
	Separator                byte // between session and route; 0: Off
	Semicolon                bool // scolonpathdelim
	NoFailover               bool
	// Timeout is how long a request may wait for a member; the caller does
	// the waiting.
	Timeout time.Duration
	// MaxAttempts counts the tries after the first; negative: members - 1.
	MaxAttempts     int
	FailOnStatus    []int
	FailOnTimeout   bool
	NoForceRecovery bool

	// Queue bounds how many may wait at a time; 0: as many as come.
	Queue int
	// Retries is how often a safe request is sent again after a broken reply,
	// within the budget of retry.go.
	Retries int
	// Eject is the share of errors, in per cent, that ejects a member; 0:
	// none is. See eject.go.
	Eject int
	// Signer makes the balancer's own session cookie; nil: it has none.
	Signer *Signer
	// Seed begins the random numbers of methods that want some.
	Seed uint64
	// Data is the owner's.
	Data any
}

// Balancer is one server's view of a balancer: its own settings over members
// and state it may share with other servers. Safe for use by many goroutines.
type Balancer struct {
	name string                 // with "balancer://"
	conf atomic.Pointer[Config] // not changed, but replaced
	g    *group
	// What the present method wants to know of requests and answers.
	keyed, paced, sticky atomic.Bool

	// Guarded by the live balancer's lock.
	set    settings
	budget budget
	gen    uint64 // of the group's members, as set knows them
}

// settings are a Config with what depends on the members.
type settings struct {
	Config
	maxAttempts int
}

// New makes the balancer of that name ("balancer://x") from members that
// belong to no other. All workers must be of the live balancer lb.
func New(name string, lb *live.Balancer, c Config, members []*Member) *Balancer {
	g := &group{live: lb, members: slices.Clone(members), stale: true, rampDue: never}
	g.cand.random = c.Seed
	for i, m := range g.members {
		m.index, m.slot, m.other = int32(i), -1, -1
		m.id = identity(m.URL())
	}
	return view(g, name, c)
}

// With makes another server's view: the same members and standings, other
// settings.
func (b *Balancer) With(c Config) *Balancer { return view(b.g, b.name, c) }

func view(g *group, name string, c Config) *Balancer {
	b := &Balancer{name: name, g: g, budget: budget{saved: budgetStart}}
	b.conf.Store(&c)
	b.resolve()
	return b
}

// Name is the balancer's name with "balancer://" in front.
func (b *Balancer) Name() string { return b.name }

// Members lists the members, in the order configured; not to be changed.
func (b *Balancer) Members() []*Member {
	b.g.live.Lock()
	defer b.g.live.Unlock()
	return b.g.members
}

// SetMembers replaces the members, for all servers that see the balancer:
// those of a name whose addresses have changed, or that people have edited.
// Another Member of the same worker goes on where that was; requests under way
// at members that left end as they would have.
func (b *Balancer) SetMembers(members []*Member) {
	g := b.g
	g.live.Lock()
	defer g.live.Unlock()
	g.live.Settle()
	g.members = slices.Clone(members)
	for i, m := range g.members {
		m.index, m.slot, m.other = int32(i), -1, -1
		m.id = identity(m.URL())
	}
	g.cand.members = g.cand.members[:0]
	g.routes, g.stale, g.news = routes{}, true, true
	g.gen++
	g.live.Changed()
}

// SetConfig replaces the settings. As in httpd another method starts from
// nothing; the same one goes on.
func (b *Balancer) SetConfig(c Config) {
	g := b.g
	g.live.Lock()
	defer g.live.Unlock()
	before := b.set.Method
	if old := b.conf.Load().Method; old.Name() == c.Method.Name() {
		c.Method = old
	}
	b.conf.Store(&c)
	b.resolve()
	if b.set.Method != before {
		b.forget()
	}
	g.live.Changed()
}

// forget sets all standings to zero; locked.
func (b *Balancer) forget() {
	b.g.live.Settle()
	for _, m := range b.g.members {
		m.Worker.Forget()
	}
	b.g.live.Changed()
}

// resolve works out what the configuration leaves open; locked or not yet shared.
func (b *Balancer) resolve() {
	s := settings{Config: *b.conf.Load()}
	s.maxAttempts = s.MaxAttempts
	if s.maxAttempts < 0 {
		s.maxAttempts = max(len(b.g.members)-1, 0)
	}
	_, keyed := s.Method.(Keyed)
	_, paced := s.Method.(Paced)
	b.keyed.Store(keyed)
	b.paced.Store(paced)
	b.sticky.Store(s.StickyPath != "" && s.StickyCookie != "")
	b.set = s
}

// refresh takes notice of members that came or went; locked.
func (b *Balancer) refresh() {
	if b.gen != b.g.gen {
		b.gen = b.g.gen
		b.resolve()
	}
}

// Request is what an election looks at.
type Request struct {
	// URL is the balancer URL asked for, or its path and query: where a
	// session parameter may stand.
	URL string
	// Cookie is the Cookie field; several are joined with ", ".
	Cookie string
	// Key is what byhash goes by, hashed (HashKey), if HasKey.
	Key    uint64
	HasKey bool
	// Trace asks for Pick.Choice.
	Trace bool
}

// election is one run of Elect.
type election struct {
	now  time.Time
	pick *Pick
}

// Elect chooses the member for a request and fills p, or says why there is
// none. For a further attempt of the same exchange call it again with the same
// p. A chosen member is busy until Release.
func (b *Balancer) Elect(now time.Time, r Request, p *Pick) Refusal {
	p.next()
	b.g.live.Lock()
	defer b.g.live.Unlock()
	refusal := b.elect(now, r, p)
	p.Why = b.g.explain()
	return refusal
}

func (b *Balancer) elect(now time.Time, r Request, p *Pick) Refusal {
	b.refresh()
	if !now.Before(b.g.rampDue) {
		b.g.stale = true // a slow start has come a step further
	}
	b.g.begin(now, !b.set.NoForceRecovery, p)
	if p.attempts == 0 && !p.waiter.Joined() {
		b.budget.earn()
	}
	p.waiter.Want = nil

	var s session
	if b.set.StickyCookie != "" {
		s = b.set.findSession(r.URL, r.Cookie)
	}
	var m *Member
	e := election{now, p}
	if s.has && s.route != "" {
		m = b.g.routed(s.route, &e, 1)
	}
	signed := false
	if m == nil && b.conf.Load().Signer != nil {
		if m = b.signed(r.Cookie, now, p); m != nil {
			if signed = e.serves(m); !signed && !m.Worker.Full() {
				m = nil
			}
		}
	}
	if m != nil && m.Worker.Full() {
		// Its session waits for it, if it may wait at all.
		if b.set.Timeout > 0 {
			p.waiter.Want = m.Worker
			return b.refuse(AllBusy, p)
		}
		m = nil
	}
	if m != nil {
		if !b.g.fresh() { // its error was forgiven just now
			b.g.build(now, nil)
		}
		b.g.sessionCharge(m)
		if m.Worker.Flags()&live.Draining != 0 {
			m.Worker.SeeSession(HashKey(0, s.value), now)
		}
		p.RouteChanged = p.RouteChanged || !signed && m.Worker.Settings().Route != s.route
	} else {
		if s.has && b.set.NoFailover && b.g.knowsRoute(s.route) {
			ref := b.refuse(RouteDown, p)
			ref.Route = s.route
			return ref
		}
		if b.g.live.Waiting() > 0 && !b.g.live.MayPass(&p.waiter) {
			return b.refuse(AllBusy, p) // others have waited longer
		}
		if m = b.choose(now, r, p); m == nil {
			return b.refuse(AllDown, p)
		}
		p.RouteChanged = p.RouteChanged || b.set.StickyCookie != ""
	}
	p.fill(b, m, s, now)
	p.reseal = p.reseal || b.conf.Load().Signer != nil && !signed
	m.Worker.Enter() // before the next election looks who is busy
	b.g.live.Quit(&p.waiter)
	return Refusal{}
}

// choose lets the method pick among the candidates; nil if there are none.
func (b *Balancer) choose(now time.Time, r Request, p *Pick) *Member {
	if !b.g.look(now, p, b.set.Timeout > 0) {
		return nil
	}
	if p.tries > 0 && b.g.anyTried(p) {
		b.g.lookFurther(now, p)
	}
	b.g.tell(b.set.Method)
	b.g.dirty = true
	c := &b.g.cand
	c.now, c.key, c.hasKey = now, r.Key, r.HasKey
	if r.Trace {
		return b.traced(p)
	}
	return c.members[b.set.Method.Pick(c)]
}

// traced is the choice with its reasons, for the log: as httpd's they are those
// from before the chosen pays for its turn.
func (b *Balancer) traced(p *Pick) *Member {
	c := &b.g.cand
	was := make([]int64, c.Len())
	for i := range was {
		was[i] = c.Standing(i)
	}
	i := b.set.Method.Pick(c)
	if c.Standing(i) == was[i] {
		was[i] -= c.Factor(i) // a method without turns
	}
	m := c.members[i]
	p.Choice = Choice{By: b.set.Method.Name(), Busy: m.Worker.Busy(), Standing: was[i]}
	return m
}

func (g *group) anyTried(p *Pick) bool {
	for _, m := range g.cand.members {
		if p.hasTried(m) {
			return true
		}
	}
	return false
}

func (b *Balancer) refuse(k RefusalKind, p *Pick) Refusal {
	switch {
	case k != AllDown:
	case len(b.g.members) == 0:
		k = NoMembers
	case b.g.anyFull():
		k = AllBusy
	}
	r := Refusal{Kind: k, Balancer: b.name, Wait: b.set.Timeout, NextTry: b.g.nextTry(p, b.set.Timeout > 0)}
	if k == AllBusy && b.set.Queue > 0 && b.g.live.Waiting() >= b.set.Queue {
		r.LineFull = true
	}
	return r
}

// Queue puts a refused request into the line of those who wait for a member;
// wake is called when it should Elect again (see live.Waiter). It reports false
// when the line is as long as it may be. Elect once more right afterwards: a
// member may have come free in between. A successful Elect takes the request
// out of the line, Unqueue does when it gives up.
func (b *Balancer) Queue(p *Pick, wake func()) bool {
	b.g.live.Lock()
	defer b.g.live.Unlock()
	p.waiter.Wake = wake
	return b.g.live.Join(&p.waiter, b.set.Queue)
}

// Unqueue takes the request out of the line, if it is there.
func (b *Balancer) Unqueue(p *Pick) {
	b.g.live.Lock()
	defer b.g.live.Unlock()
	b.g.live.Quit(&p.waiter)
}

// Data is Config.Data.
func (b *Balancer) Data() any { return b.conf.Load().Data }

// WantsKey reports whether elections look at Request.Key.
func (b *Balancer) WantsKey() bool { return b.keyed.Load() }

// WantsURL reports whether elections look at Request.URL.
func (b *Balancer) WantsURL() bool { return b.sticky.Load() }

// WantsPace reports whether Done looks at Outcome.Answered.
func (b *Balancer) WantsPace() bool { return b.paced.Load() || b.conf.Load().Eject > 0 }

// Release ends the exchange: the member is no longer busy with it. Calling it
// again, or for a pick that was refused, does nothing.
func (b *Balancer) Release(p *Pick) {
	if p.busy {
		p.busy = false
		p.Member.Worker.Leave()
	}
}

// Lone names the member in error that is the only one who could serve, and
// when a connection to it should next be tried: work for a prober, who tells
// Probed. nil when there is no such member.
func (b *Balancer) Lone() (m *Member, at time.Time) {
	b.g.live.Lock()
	defer b.g.live.Unlock()
	return b.g.lone()
}

// Probed reports a connection tried outside of any request.
func (b *Balancer) Probed(m *Member, ok bool, now time.Time) {
	b.g.live.Lock()
	defer b.g.live.Unlock()
	if ok {
		m.Worker.Forgive()
		m.Worker.Recover()
	} else {
		m.Worker.Fail(now)
	}
}

// Waiting counts the requests that wait for a member.
func (b *Balancer) Waiting() int {
	b.g.live.Lock()
	defer b.g.live.Unlock()
	return b.g.live.Waiting()
}

// Method is the method that chooses now.
func (b *Balancer) Method() Method {
	b.g.live.Lock()
	defer b.g.live.Unlock()
	b.refresh()
	return b.set.Method
}
