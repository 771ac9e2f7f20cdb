package balancer_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sallyport/internal/balancer"
	"sallyport/internal/fault"
	"sallyport/internal/live"
)

// model is the election told the long way, member by member, as the reference
// describes httpd: what the fast one must agree with, pick by pick.
type model struct {
	method  string
	force   bool
	members []*modelMember
}

type modelMember struct {
	name             string
	flags            live.Flags
	factor, standing int64
	set              int
	route, redirect  string
	retry            time.Duration
	errorAt          time.Time
	fails, elected   int
	busy             int
	traffic          [2]int64
}

func (w *modelMember) dueRetry(now time.Time) {
	if w.flags&live.InError != 0 && w.flags&live.Stopped == 0 && now.After(w.errorAt.Add(w.retry)) {
		w.flags &^= live.InError
	}
}

func (m *model) elect(now time.Time, route string, tried map[string]bool) *modelMember {
	all := true
	for _, w := range m.members {
		if w.flags&live.InError == 0 {
			all = false
			break
		}
		if w.dueRetry(now); w.flags&live.InError == 0 {
			all = false
			break
		}
	}
	if all && m.force {
		for _, w := range m.members {
			w.flags &^= live.InError
		}
	}
	if route != "" {
		if w := m.routed(now, route, tried, 1); w != nil {
			sum := int64(0)
			for _, o := range m.members {
				if o.flags.Usable() {
					o.standing += o.factor
					sum += o.factor
				}
			}
			w.standing -= sum
			w.elected++
			return w
		}
	}
	list := m.offer(now, nil)
	if len(list) == 0 {
		if w := m.lone(); w != nil {
			hold := min(100*time.Millisecond<<(max(w.fails, 1)-1), w.retry)
			if !now.Before(w.errorAt.Add(hold)) {
				w.flags &^= live.InError
				list = m.offer(now, nil)
			}
		}
	}
	if l := m.offer(now, tried); len(l) > 0 {
		list = l
	}
	var best *modelMember
	sum := int64(0)
	for _, w := range list {
		if m.method != "bytraffic" {
			w.standing += w.factor
			sum += w.factor
		}
		if best == nil || m.better(w, best) {
			best = w
		}
	}
	if best != nil {
		best.standing -= sum
		best.elected++
	}
	return best
}

func (m *model) better(w, best *modelMember) bool {
	switch m.method {
	case "bybusyness":
		return w.busy < best.busy || w.busy == best.busy && w.standing > best.standing
	case "bytraffic":
		return w.traffic[0]/w.factor+w.traffic[1]/w.factor < best.traffic[0]/best.factor+best.traffic[1]/best.factor
	}
	return w.standing > best.standing
}

func (m *model) offer(now time.Time, tried map[string]bool) (list []*modelMember) {
	for set := 0; set <= 99 && len(list) == 0; set++ {
		var spares, standbys []*modelMember
		unusable := 0
		for _, w := range m.members {
			if w.set != set {
				continue
			}
			if w.flags&live.Draining != 0 {
				if w.flags&(live.Spare|live.Standby) == 0 {
					unusable++
				}
				continue
			}
			if !w.flags.Usable() {
				w.dueRetry(now)
			}
			usable := w.flags.Usable() && !tried[w.name]
			switch {
			case w.flags&live.Spare != 0:
				if usable {
					spares = append(spares, w)
				}
			case w.flags&live.Standby != 0:
				if usable {
					standbys = append(standbys, w)
				}
			case usable:
				list = append(list, w)
			default:
				unusable++
			}
		}
		list = append(list, spares[:min(len(spares), unusable)]...)
		if len(list) == 0 {
			list = standbys
		}
	}
	return list
}

func (m *model) routed(now time.Time, route string, tried map[string]bool, depth int) *modelMember {
	for _, standby := range []bool{false, true} {
		for _, w := range m.members {
			if w.flags&live.Standby != 0 != standby || w.route != route {
				continue
			}
			if !tried[w.name] {
				if w.flags.Usable() {
					return w
				}
				if w.dueRetry(now); w.flags.Usable() {
					return w
				}
			}
			if w.redirect != "" && depth < len(m.members) {
				if r := m.routed(now, w.redirect, tried, depth+1); r != nil {
					return r
				}
			}
		}
	}
	return nil
}

func (m *model) lone() (found *modelMember) {
	for _, w := range m.members {
		if w.flags&(live.Disabled|live.Stopped|live.HealthFailed|live.Draining) != 0 {
			continue
		}
		if w.flags&live.InError == 0 || found != nil {
			return nil
		}
		found = w
	}
	return found
}

// TestModel plays random lives of random balancers on both.
func TestModel(t *testing.T) {
	lives := 3000
	if testing.Short() {
		lives = 300
	}
	for seed := range lives {
		if !play(t, uint64(seed)) {
			return
		}
	}
}

func play(t *testing.T, seed uint64) bool {
	rnd := rand.New(rand.NewPCG(seed, 7))
	m := &model{method: []string{"byrequests", "byrequests", "bybusyness", "bytraffic"}[rnd.IntN(4)], force: rnd.IntN(3) > 0}
	steady := m.method == "bytraffic" // its newcomers are treated better than httpd's: see modules/lbmethod_bytraffic
	n := 1 + rnd.IntN(7)
	if rnd.IntN(4) == 0 {
		n = 16 + rnd.IntN(8) // enough for the index of routes
	}
	reg := live.NewRegistry()
	ed := newEditor(reg)
	key := live.BalancerKey{Name: "x"}
	d := reg.Begin()
	var members []*balancer.Member
	roles := []live.Flags{0, 0, 0, 0, 0, live.Spare, live.Standby, live.Draining, live.Disabled, live.Stopped, live.Standby | live.Spare, live.HealthFailed, live.Draining | live.Spare}
	factors := []int64{100, 100, 100, 250, 300, 500, 1000}
	for i := range n {
		w := &modelMember{
			name: fmt.Sprintf("m%d", i), factor: factors[rnd.IntN(len(factors))], set: rnd.IntN(3) / 2 * rnd.IntN(3),
			flags: live.Initialized, route: string(rune('a' + rnd.IntN(n))), retry: time.Duration(rnd.IntN(4)) * 10 * time.Second,
		}
		if rnd.IntN(2) == 0 {
			w.flags |= roles[rnd.IntN(len(roles))]
		}
		if rnd.IntN(3) == 0 {
			w.redirect = string(rune('a' + rnd.IntN(n)))
		}
		m.members = append(m.members, w)
		lw := ed.worker(d, live.WorkerKey{Balancer: key, URL: w.name}, live.Configured{
			Factor: int32(w.factor), LBSet: uint8(w.set), Route: w.route, Redirect: w.redirect, Flags: w.flags})
		members = append(members, &balancer.Member{Worker: lw, Retry: w.retry})
	}
	b := balancer.New("balancer://x", d.Balancer(key), balancer.Config{
		Method: methods(m.method), MaxAttempts: -1, StickyCookie: "S", StickyPath: "S", Separator: '.', NoForceRecovery: !m.force,
	}, members)
	d.Commit()

	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	type under struct {
		p *balancer.Pick
		w *modelMember
	}
	var open []under
	var trail []string
	say := func(format string, args ...any) { trail = append(trail, fmt.Sprintf(format, args...)) }
	for _, w := range m.members {
		say("%s %s factor %d set %d route %s redirect %s retry %v", w.name, w.flags, w.factor, w.set, w.route, w.redirect, w.retry)
	}
	fail := func(format string, args ...any) bool {
		t.Errorf("seed %d, %s, %d members: %s\n%s", seed, m.method, n, fmt.Sprintf(format, args...), strings.Join(trail, "\n"))
		return false
	}
	for range 120 {
		now = now.Add(time.Duration(rnd.IntN(1000)) * time.Millisecond)
		switch k := rnd.IntN(20); {
		case k < 14: // an exchange, which may fail and go elsewhere
			r, route := balancer.Request{URL: "/"}, ""
			if rnd.IntN(3) == 0 {
				route = string(rune('a' + rnd.IntN(n)))
				r.Cookie = "S=1." + route
			}
			p := &balancer.Pick{}
			tried, attempts := map[string]bool{}, 0
			for again := true; again; {
				ref := b.Elect(now, r, p)
				w := m.elect(now, route, tried)
				say("%v elect %q", now.Format("04:05.000"), route)
				if (w == nil) != ref.Refused() {
					return fail("refused %v, model %+v", ref, w)
				}
				if w == nil {
					break
				}
				if got := p.Member.URL(); got != w.name {
					return fail("picked %s, model %s", got, w.name)
				}
				say(" -> %s", w.name)
				w.busy++
				again = false
				switch rnd.IntN(8) {
				case 0:
					if steady {
						break
					}
					now = now.Add(time.Microsecond)
					v := b.Done(p, balancer.Outcome{Fault: fault.ConnectFailed}, now)
					w.flags, w.errorAt, w.fails = w.flags|live.InError, now, w.fails+1
					say(" failed")
					if again = attempts < n-1; v.Again != again {
						return fail("again %v, model %v", v.Again, again)
					}
					tried[w.name] = true
					attempts++
					w.busy--
					if !again {
						b.Release(p)
					}
					now = now.Add(time.Microsecond)
				case 1:
					open = append(open, under{p, w})
					say(" kept open")
				default:
					sent, got := rnd.Int64N(5000), rnd.Int64N(50000)
					b.Done(p, balancer.Outcome{Status: 200, Sent: sent, Received: got}, now)
					b.Release(p)
					w.busy--
					w.traffic[0] += sent
					w.traffic[1] += got
					if w.flags&live.InError == 0 {
						w.fails = 0
					}
				}
			}
		case k < 16 && len(open) > 0:
			i := rnd.IntN(len(open))
			o := open[i]
			open = append(open[:i], open[i+1:]...)
			b.Done(o.p, balancer.Outcome{Status: 200}, now)
			b.Release(o.p)
			o.w.busy--
			if o.w.flags&live.InError == 0 {
				o.w.fails = 0
			}
		case k < 17:
			now = now.Add(time.Duration(rnd.IntN(40)) * time.Second)
			say("tick")
		case steady: // no changes of membership
		case k < 18:
			i := rnd.IntN(n)
			f := []live.Flags{live.Disabled, live.Stopped, live.Draining, live.Standby, live.Spare}[rnd.IntN(5)]
			w := m.members[i]
			e := edit{key: live.WorkerKey{Balancer: key, URL: w.name}}
			if w.flags&f != 0 {
				w.flags &^= f
				e.off = f
			} else {
				w.flags |= f
				e.on = f
			}
			say("edit %s to %v", w.name, w.flags)
			ed.apply(e)
		case k < 19:
			i := rnd.IntN(n)
			w := m.members[i]
			factor := factors[rnd.IntN(len(factors))]
			say("edit %s factor %d", w.name, factor)
			ed.apply(edit{key: live.WorkerKey{Balancer: key, URL: w.name}, factor: int32(factor)})
			if w.factor = factor; n == 1 {
				w.factor = 100
			}
			for _, o := range m.members {
				o.standing = o.factor
			}
		default:
			i := rnd.IntN(n)
			m.members[i].set = rnd.IntN(4)
			set := uint8(m.members[i].set)
			ed.apply(edit{key: live.WorkerKey{Balancer: key, URL: m.members[i].name}, set: &set})
			say("edit %s set %d", m.members[i].name, m.members[i].set)
		}
		if rnd.IntN(10) == 0 {
			for i, w := range m.members {
				lw := members[i].Worker
				lw.Balancer().Lock()
				lw.Balancer().Settle()
				standing := lw.LBStatus()
				lw.Balancer().Unlock()
				if standing != w.standing || lw.Elected() != int64(w.elected) || lw.Busy() != int64(w.busy) || lw.Flags() != w.flags {
					return fail("%s: lbstatus %d elected %d busy %d %s, model %d %d %d %s", w.name,
						standing, lw.Elected(), lw.Busy(), lw.Flags(), w.standing, w.elected, w.busy, w.flags)
				}
			}
		}
	}
	return true
}
