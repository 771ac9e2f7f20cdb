package balancer

import (
	"fmt"
	"slices"
	"time"

	"sallyport/internal/fault"
	"sallyport/internal/live"
)

// What eject= goes by, apart from the share of errors it names.
const (
	ejectSamples = live.WindowAnswers
	ejectFirst   = 10 * time.Second
	ejectSlower  = 5                      // times the median of the members
	ejectSlow    = 100 * time.Millisecond // and at least this much more
	ejectLook    = 10                     // pace is compared every so many answers
)

// eject looks whether m answers so much worse than its siblings that it should
// rest: a large share of broken replies and 5xx, twice theirs at least, or many
// times their response time. What failed before it was sent is retry='s to judge.
// out reports that it was put into error. At least half of the members that are
// meant to serve stay.
//
// Unlike httpd: there only what fails before sending, or a status of
// failonstatus, takes a member out.
func (b *Balancer) eject(m *Member, o Outcome, now time.Time) (v Verdict, out bool) {
	bad := o.Fault != fault.None || o.Status >= 500 && o.Status != 501 && o.Status != 505
	g := b.g
	g.live.Lock()
	defer g.live.Unlock()
	all, failed := m.Worker.Note(bad, now)
	if all < ejectSamples {
		return v, false
	}
	v = Verdict{Cause: CauseEject, Error: true, member: m, name: b.name}
	switch {
	case bad && failed*100 >= b.conf.Load().Eject*all && failed*50 >= g.medianErrors(m)*all:
		v.Detail = fmt.Sprintf("%d of its last %d answers were errors", failed, all)
	case all%ejectLook == 0:
		mine, middle := m.Worker.Pace(now), g.medianPace(now)
		if middle == 0 || mine < ejectSlower*middle || mine < middle+ejectSlow {
			return v, false
		}
		v.Detail = fmt.Sprintf("it takes %v to answer, the middle of the members %v",
			mine.Round(time.Millisecond), middle.Round(time.Millisecond))
	default:
		return v, false
	}
	serving, meant := 0, 0
	for _, o := range g.members {
		f := o.Worker.Flags()
		if f.Usable() {
			serving++
		}
		if f.Usable() || f&switchedOff == 0 {
			meant++
		}
	}
	if (serving-1)*2 < meant {
		return v, false
	}
	v.Hold, out = m.Worker.Eject(now, ejectFirst)
	v.RetryAt = now.Add(v.Hold)
	return v, out
}

// medianErrors is the share of errors, in per cent, of the middle one of m's
// usable siblings: where all fail, nothing is won by leaving one out.
func (g *group) medianErrors(m *Member) int {
	g.shares = g.shares[:0]
	for _, o := range g.members {
		if all, failed := o.Worker.Errors(); o != m && all > 0 && o.Worker.Usable() {
			g.shares = append(g.shares, failed*100/all)
		}
	}
	if len(g.shares) == 0 {
		return 0
	}
	slices.Sort(g.shares)
	return g.shares[(len(g.shares)-1)/2]
}

// medianPace is the response time of the middle one of the usable members
// whose time is known.
func (g *group) medianPace(now time.Time) time.Duration {
	g.paces = g.paces[:0]
	for _, m := range g.members {
		if m.Worker.Usable() {
			if p := m.Worker.Pace(now); p > 0 {
				g.paces = append(g.paces, p)
			}
		}
	}
	if len(g.paces) < 2 {
		return 0
	}
	slices.Sort(g.paces)
	return g.paces[(len(g.paces)-1)/2]
}
