package balancer

import (
	"math"
	"time"

	"sallyport/internal/live"
)

// group is the members of a balancer and who of them may serve: what all
// servers that see the balancer share. Everything in it is guarded by the live
// balancer's lock.
type group struct {
	live    *live.Balancer
	members []*Member // as configured; the slice is replaced, never changed
	gen     uint64    // counts the replacements

	// The candidates hold while version is the live balancer's, the group is
	// its holder, and stale is not set.
	version uint64
	stale   bool
	cand    Candidates
	// others are usable but not offered (standbys not needed, other sets):
	// sticky picks count them. Their standing is LBStatus + otherRound*factor.
	others     []*Member
	otherTotal int64
	otherRound int64
	dirty      bool // standings changed since they were written back
	news       bool // candidates changed since the method was told

	// When errors will be forgiven: those that recover looked at, and those
	// that walk did. walked is false after any change of flags.
	recoverDue time.Time
	walkDue    time.Time
	walked     bool

	routes routes
	// rampDue is when a slow start has its next step.
	rampDue time.Time
	// why tells the candidates and why others are none, see why.go; "": not
	// asked for since build.
	why string

	// scratch of build
	spares, standbys   []*Member
	factors, standings []int64
	paces              []time.Duration // of medianPace
	shares             []int           // of medianErrors
}

// never is a due date that does not come.
var never = time.Unix(math.MaxInt32<<8, 0)

// LoneHold is the first pause a member in error gets when it is the only one
// that could serve; it doubles with each failure up to the member's retry.
const LoneHold = 100 * time.Millisecond

// fresh reports whether the candidates still hold.
func (g *group) fresh() bool {
	return g.version == g.live.Version() && g.live.Held(g) && !g.stale
}

// begin is what comes before every election, sticky or not: errors are
// forgiven by force if there is nothing else (httpd's force_recovery).
func (g *group) begin(now time.Time, force bool, p *Pick) {
	if g.fresh() && !now.After(g.recoverDue) && len(g.cand.members) > 0 {
		return
	}
	g.recoverDue = g.recover(now, force, p)
	if !g.fresh() {
		g.build(now, nil)
	}
}

// look brings the candidates up to date for a method: errors whose time is
// over are forgiven. It reports whether there is anyone to choose. A request
// that may wait does not try a lone member twice: it waits until somebody else
// has found it well.
func (g *group) look(now time.Time, p *Pick, wait bool) bool {
	if g.walked && g.fresh() && !now.After(g.walkDue) && len(g.cand.members) > 0 {
		return true
	}
	due, found := g.walk(now, p, nil)
	if !found {
		if m, at := g.lone(); m != nil && !now.Before(at) && !(wait && p.hasTried(m)) {
			m.Worker.Forgive()
			p.event(Retried, m)
			due, _ = g.walk(now, p, nil)
		}
	}
	if !g.fresh() {
		g.build(now, nil)
	}
	g.walked, g.walkDue = true, due
	return len(g.cand.members) > 0
}

// recover forgives errors, in order, up to the first member without one; if
// there is none, and force is set, it forgives all. It returns when it might
// find more to forgive.
func (g *group) recover(now time.Time, force bool, p *Pick) (due time.Time) {
	due = never
	for _, m := range g.members {
		if m.Worker.Flags()&live.InError == 0 || g.retry(now, m, &due, p) {
			return due
		}
	}
	if force {
		for _, m := range g.members {
			m.Worker.Forgive()
			p.event(Forced, m)
		}
	}
	return due
}

// retry forgives m's error if its time is over, else lowers due to when it is.
func (g *group) retry(now time.Time, m *Member, due *time.Time, p *Pick) bool {
	w := m.Worker
	if w.RetryDue(now, m.Retry) {
		p.event(Retried, m)
		return true
	}
	if f := w.Flags(); f&live.InError != 0 && f&live.Stopped == 0 {
		if at := w.ErrorAt().Add(w.Hold(m.Retry)); at.Before(*due) {
			*due = at
		}
	}
	return false
}

// lookFurther is look for a request that has failed on some of the candidates:
// they are left out if there is anyone else.
//
// Unlike httpd: there a member that failed this very request may be asked
// again while others wait (retry=0, a full pool).
func (g *group) lookFurther(now time.Time, p *Pick) {
	g.walk(now, p, p)
	g.build(now, p)
	if len(g.cand.members) == 0 {
		g.build(now, nil)
	}
}

// walk goes through the sets, lowest first, and forgives what is due, until a
// set has someone to offer: found. Members that but has tried (nil: none) do
// not count. due is when it might find more to forgive.
func (g *group) walk(now time.Time, p, but *Pick) (due time.Time, found bool) {
	due = never
	for set, more := g.nextSet(-1); more && !found; set, more = g.nextSet(set) {
		unusable, spares := 0, 0
		for _, m := range g.members {
			if int(m.Worker.Settings().LBSet) != set {
				continue
			}
			if f := m.Worker.Flags(); f&live.Draining == 0 && !f.Usable() {
				g.retry(now, m, &due, p)
			}
			switch m.role(but) {
			case plain, standby:
				found = true
			case spare:
				spares++
			case missing:
				unusable++
			}
		}
		found = found || spares > 0 && unusable > 0
	}
	return due, found
}

// nextSet finds the lowest lbset above the given one.
func (g *group) nextSet(after int) (set int, ok bool) {
	set = math.MaxInt
	for _, m := range g.members {
		if s := int(m.Worker.Settings().LBSet); s > after && s < set {
			set = s
		}
	}
	return set, set != math.MaxInt
}

// role is what a member is to its set.
type role uint8

const (
	absent  role = iota // neither serves nor wants a stand-in
	plain               // may serve
	spare               // may serve in place of a missing one
	standby             // may serve when nobody else can
	missing             // a place a spare may take
)

// role is what m is to an election; members that but has tried (nil: none)
// are as good as down.
func (m *Member) role(but *Pick) role {
	f := m.Worker.Flags()
	if but != nil && but.hasTried(m) {
		f |= live.InError
	}
	switch {
	case f&live.Draining != 0:
		if f&(live.Spare|live.Standby) == 0 {
			return missing
		}
	case f.Usable() && m.Worker.Full():
		// Passed over as if it were not there: spares stand in for members
		// that fail, not for busy ones.
	case f&live.Spare != 0:
		if f.Usable() {
			return spare
		}
	case f&live.Standby != 0:
		if f.Usable() {
			return standby
		}
	case f.Usable():
		return plain
	default:
		return missing
	}
	return absent
}

// build lists the candidates from the flags as they are, without members that
// but has tried (nil: none).
func (g *group) build(now time.Time, but *Pick) {
	g.rise(now)
	if g.live.Held(g) {
		g.Settle()
	} else {
		g.live.Hold(g)
		g.dirty = false // whoever held it since has settled; ours is history
	}
	c := &g.cand
	c.members = c.members[:0]
	for set, more := g.nextSet(-1); more && len(c.members) == 0; set, more = g.nextSet(set) {
		g.offer(set, but)
	}

	for _, m := range g.members {
		m.slot, m.other = -1, -1
	}
	g.factors, g.standings = g.factors[:0], g.standings[:0]
	c.share, c.sums, c.all = c.share[:0], c.sums[:0], g.members
	c.built++
	g.rampDue = never
	sum := int64(0)
	for i, m := range c.members {
		m.slot = int32(i)
		f := int64(m.Worker.Settings().Factor)
		share := g.ramp(m, now)
		if share < Steps {
			f = max(f*int64(share)/Steps, 1)
		}
		sum += f
		c.share, c.sums = append(c.share, uint8(share)), append(c.sums, sum)
		g.factors = append(g.factors, f)
		g.standings = append(g.standings, m.Worker.LBStatus())
	}
	c.tally.fill(g.factors, g.standings)
	g.why = ""
	g.others, g.otherTotal, g.otherRound = g.others[:0], 0, 0
	for _, m := range g.members {
		if m.slot < 0 && m.Worker.Usable() {
			m.other = int32(len(g.others))
			g.others = append(g.others, m)
			g.otherTotal += int64(m.Worker.Settings().Factor)
		}
	}
	g.routes.refresh(g.members)
	g.version, g.stale, g.walked = g.live.Version(), but != nil, false
	g.news = g.news || but == nil
}

// rise notes who may serve. One that could not while others could begins its
// slow start.
func (g *group) rise(now time.Time) {
	others := false
	for _, m := range g.members {
		others = others || m.Worker.Up()
	}
	for _, m := range g.members {
		ramp := time.Duration(0)
		if others {
			ramp = m.slowStart()
		}
		m.Worker.Rise(now, ramp)
	}
}

// ramp is how far m's slow start has come, 1 to Steps; it lowers rampDue to
// when the next step is.
func (g *group) ramp(m *Member, now time.Time) int {
	from, long := m.Worker.Risen()
	if long <= 0 {
		return Steps
	}
	step := int64(max(now.Sub(from), 0)) * Steps / int64(long)
	if step >= Steps {
		return Steps
	}
	if due := from.Add(time.Duration((step+1)*int64(long)/Steps) + 1); due.Before(g.rampDue) {
		g.rampDue = due
	}
	return int(step) + 1
}

// anyFull reports whether a member could serve but for its maxconn.
func (g *group) anyFull() bool {
	for _, m := range g.members {
		if m.Worker.Full() && m.Worker.Usable() {
			return true
		}
	}
	return false
}

// offer lists the candidates of one set.
func (g *group) offer(set int, but *Pick) {
	c := &g.cand
	g.spares, g.standbys = g.spares[:0], g.standbys[:0]
	unusable := 0
	for _, m := range g.members {
		if int(m.Worker.Settings().LBSet) != set {
			continue
		}
		switch m.role(but) {
		case plain:
			c.members = append(c.members, m)
		case spare:
			g.spares = append(g.spares, m)
		case standby:
			g.standbys = append(g.standbys, m)
		case missing:
			unusable++
		}
	}
	c.members = append(c.members, g.spares[:min(unusable, len(g.spares))]...)
	if len(c.members) == 0 {
		c.members = append(c.members, g.standbys...)
	}
}

// tell lets a method that asks know of candidates that were none before.
func (g *group) tell(m Method) {
	if !g.news {
		return
	}
	g.news = false
	j, asks := m.(Joiner)
	if asks {
		known := 0
		for _, m := range g.cand.members {
			if m.Worker.Offered() {
				known++
			}
		}
		if known > 0 && known < len(g.cand.members) {
			for i, m := range g.cand.members {
				if !m.Worker.Offered() {
					j.Joined(&g.cand, i)
				}
			}
		}
	}
	for _, m := range g.members {
		m.Worker.SetOffered(m.slot >= 0)
	}
}

// Settle writes the standings back into the workers; see live.Holder.
func (g *group) Settle() {
	if !g.dirty {
		return
	}
	g.dirty = false
	t := &g.cand.tally
	t.settle()
	for i, m := range g.cand.members {
		m.Worker.SetLBStatus(t.base[i])
	}
	for _, m := range g.others {
		w := m.Worker
		w.SetLBStatus(w.LBStatus() + g.otherRound*int64(w.Settings().Factor))
	}
	g.otherRound = 0
}

// sessionCharge is the accounting of a sticky pick: every usable member gets
// its share, whatever its set or role, and the chosen pays for all.
func (g *group) sessionCharge(m *Member) {
	t := &g.cand.tally
	sum := t.total + g.otherTotal
	g.dirty = true
	t.round++
	g.otherRound++
	switch {
	case m.slot >= 0:
		t.pay(int(m.slot), sum)
	case m.other >= 0:
		w := m.Worker
		w.SetLBStatus(w.LBStatus() - sum)
	}
}

// lone finds the member that could serve but for its error, if it is the only
// one, and when it may be tried.
//
// Unlike httpd: such a member is not left alone for the whole of its retry,
// because nothing is gained by refusing requests that nobody else can serve.
func (g *group) lone() (found *Member, at time.Time) {
	const out = live.InShutdown | live.Disabled | live.Stopped | live.HealthFailed | live.Draining
	for _, m := range g.members {
		f := m.Worker.Flags()
		if f&live.Initialized == 0 || f&out != 0 {
			continue
		}
		if f&live.InError == 0 || found != nil {
			return nil, time.Time{}
		}
		found = m
	}
	if found == nil {
		return nil, time.Time{}
	}
	hold := min(LoneHold<<min(max(found.Worker.Fails(), 1)-1, 16), found.Worker.Hold(found.Retry))
	return found, found.Worker.ErrorAt().Add(hold)
}

// nextTry is when the next error will be forgiven for a request; zero when none
// will.
func (g *group) nextTry(p *Pick, wait bool) time.Time {
	best := never
	for _, m := range g.members {
		if f := m.Worker.Flags(); f&live.InError != 0 && f&live.Stopped == 0 {
			if at := m.Worker.ErrorAt().Add(m.Worker.Hold(m.Retry)); at.Before(best) {
				best = at
			}
		}
	}
	if m, at := g.lone(); m != nil && at.Before(best) && !(wait && p.hasTried(m)) {
		best = at
	}
	if best == never {
		return time.Time{}
	}
	return best
}
