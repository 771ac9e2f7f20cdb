package balancer_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sallyport/internal/balancer"
	"sallyport/internal/fault"
	"sallyport/internal/live"
)

// TestWeights: from a fresh start each member gets exactly its share of one
// round, and again of the next.
func TestWeights(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + rnd.IntN(12)
		weights := make([]int32, n)
		sum := 0
		for i := range weights {
			weights[i] = 100 * int32(1+rnd.IntN(9))
			sum += int(weights[i]) / 100
		}
		b := many("byrequests", n, false, weights...)
		for range 3 {
			picks := make([]int, n)
			for range sum {
				var p balancer.Pick
				turn(b, balancer.Request{URL: "/"}, &p)
				for i, m := range b.Members() {
					if m == p.Member {
						picks[i]++
					}
				}
			}
			for i := range picks {
				if picks[i] != int(weights[i])/100 {
					t.Fatalf("weights %v: a round of %d gave %v", weights, sum, picks)
				}
			}
		}
	}
}

// TestRules: in random balancers whose members come and go, a member that is
// out never serves, a higher set never serves while a lower one can, and
// spares serve only as many as members are missing.
func TestRules(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		b, ed, key := rulesBalancer(rnd)
		now := start
		used, of := map[*balancer.Member]bool{}, -1
		for range 60 {
			now = now.Add(time.Duration(rnd.IntN(3000)) * time.Millisecond)
			if rnd.IntN(4) == 0 {
				m := b.Members()[rnd.IntN(len(b.Members()))]
				e := edit{key: live.WorkerKey{Balancer: key, URL: m.URL()}}
				f := []live.Flags{live.Stopped, live.Disabled, live.Draining}[rnd.IntN(3)]
				if rnd.IntN(2) == 0 {
					e.on = f
				} else {
					e.off = f
				}
				ed.apply(e)
				clear(used)
			}
			var p balancer.Pick
			ref := b.Elect(now, balancer.Request{URL: "/"}, &p)
			serving := set(b)
			if ref.Refused() {
				if serving >= 0 {
					t.Fatalf("refused although set %d could serve: %s", serving, roles(b))
				}
				continue
			}
			f := p.Member.Worker.Flags()
			if !f.Usable() || f&live.Draining != 0 {
				t.Fatalf("%s serves: %s", p.Member.URL(), roles(b))
			}
			if s := int(p.Member.Worker.Settings().LBSet); s != serving {
				t.Fatalf("%s of set %d serves, set %d could: %s", p.Member.URL(), s, serving, roles(b))
			}
			if serving != of || len(p.Events) > 0 {
				of = serving
				clear(used)
			}
			if f&live.Spare != 0 {
				used[p.Member] = true
				if missing := missing(b, serving); len(used) > missing {
					t.Fatalf("%d spares used for %d missing: %s", len(used), missing, roles(b))
				}
			}
			o := balancer.Outcome{Status: 200}
			if rnd.IntN(6) == 0 {
				o = balancer.Outcome{Fault: fault.ConnectFailed}
				clear(used)
			}
			b.Done(&p, o, now)
			b.Release(&p)
		}
	}
}

func rulesBalancer(rnd *rand.Rand) (*balancer.Balancer, *editor, live.BalancerKey) {
	reg := live.NewRegistry()
	ed := newEditor(reg)
	key := live.BalancerKey{Name: "x"}
	d := reg.Begin()
	var members []*balancer.Member
	for i := range 1 + rnd.IntN(9) {
		f := []live.Flags{0, 0, 0, live.Spare, live.Standby, live.Stopped, live.Draining}[rnd.IntN(7)]
		w := ed.worker(d, live.WorkerKey{Balancer: key, URL: fmt.Sprintf("m%d", i)},
			live.Configured{Factor: int32(100 * (1 + rnd.IntN(4))), LBSet: uint8(rnd.IntN(3)), Flags: f})
		members = append(members, &balancer.Member{Worker: w, Retry: 5 * time.Second})
	}
	method := []string{"byrequests", "bybusyness", "bytraffic"}[rnd.IntN(3)]
	b := balancer.New("balancer://x", d.Balancer(key), balancer.Config{Method: methods(method)}, members)
	d.Commit()
	return b, ed, key
}

// set is the lowest set with anyone who may serve; -1 when there is none.
func set(b *balancer.Balancer) int {
	for s := range 3 {
		spares := 0
		for _, m := range b.Members() {
			f := m.Worker.Flags()
			if int(m.Worker.Settings().LBSet) != s || !f.Usable() || f&live.Draining != 0 {
				continue
			}
			if f&live.Spare == 0 {
				return s
			}
			spares++
		}
		if spares > 0 && missing(b, s) > 0 {
			return s
		}
	}
	return -1
}

func missing(b *balancer.Balancer, set int) (n int) {
	for _, m := range b.Members() {
		f := m.Worker.Flags()
		if int(m.Worker.Settings().LBSet) == set && f&(live.Spare|live.Standby) == 0 && (!f.Usable() || f&live.Draining != 0) {
			n++
		}
	}
	return n
}

func roles(b *balancer.Balancer) (s string) {
	for _, m := range b.Members() {
		s += fmt.Sprintf("\n%s set %d %s", m.URL(), m.Worker.Settings().LBSet, m.Worker.Flags())
	}
	return s
}

// TestTogether: many exchanges, edits, reloads and views at once. Run with
// -race. In the end nobody is busy, and every election was counted once.
func TestTogether(t *testing.T) {
	reg := live.NewRegistry()
	ed := newEditor(reg)
	key := live.BalancerKey{Name: "x"}
	build := func(extra int) *balancer.Balancer {
		d := reg.Begin()
		var members []*balancer.Member
		for i := range 6 + extra {
			w := ed.worker(d, live.WorkerKey{Balancer: key, URL: fmt.Sprintf("m%d", i)},
				live.Configured{Factor: int32(100 + 50*(i%3)), LBSet: uint8(i / 4), Route: fmt.Sprint(i)})
			members = append(members, &balancer.Member{Worker: w, Retry: time.Millisecond})
		}
		b := balancer.New("balancer://x", d.Balancer(key),
			balancer.Config{Method: methods("byrequests"), MaxAttempts: -1, StickyCookie: "S", StickyPath: "S", Separator: '.'}, members)
		d.Commit()
		return b
	}
	first := build(0)
	view := first.With(balancer.Config{Method: methods("bybusyness"), MaxAttempts: 2})
	all := []*balancer.Balancer{first, view}
	var mu sync.Mutex
	some := func(rnd *rand.Rand) *balancer.Balancer {
		mu.Lock()
		defer mu.Unlock()
		return all[rnd.IntN(len(all))]
	}
	var wg sync.WaitGroup
	elected := make([]int64, 4)
	for g := range elected {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			var p balancer.Pick
			for range 3000 {
				b := some(rnd)
				p.Reset()
				r := balancer.Request{URL: "/"}
				if rnd.IntN(2) == 0 {
					r.Cookie = fmt.Sprintf("S=1.%d", rnd.IntN(7))
				}
				for {
					if b.Elect(time.Now(), r, &p).Refused() {
						break
					}
					elected[g]++
					o := balancer.Outcome{Status: 200, Sent: 10, Received: 100}
					if rnd.IntN(20) == 0 {
						o = balancer.Outcome{Fault: fault.ConnectFailed}
					}
					if !b.Done(&p, o, time.Now()).Again {
						break
					}
				}
				b.Release(&p)
			}
		})
	}
	wg.Go(func() {
		rnd := rand.New(rand.NewPCG(9, 9))
		for range 300 {
			e := edit{key: live.WorkerKey{Balancer: key, URL: fmt.Sprintf("m%d", rnd.IntN(8))}}
			switch rnd.IntN(4) {
			case 0:
				e.factor = int32(100 + rnd.IntN(500))
			case 1:
				e.on = live.Disabled
			case 2:
				e.revert = true
			case 3:
				name := []string{"byrequests", "bytraffic", "bybusyness"}[rnd.IntN(3)]
				some(rnd).SetConfig(balancer.Config{Method: methods(name), MaxAttempts: -1, StickyCookie: "S", StickyPath: "S", Separator: '.'})
				continue
			}
			ed.apply(e)
		}
	})
	wg.Go(func() {
		for i := range 20 {
			b := build(i % 3)
			mu.Lock()
			all = append(all, b)
			mu.Unlock()
		}
	})
	wg.Wait()

	var want, got int64
	for _, n := range elected {
		want += n
	}
	seen := map[*live.Worker]bool{}
	for _, b := range all {
		for _, m := range b.Members() {
			if w := m.Worker; !seen[w] {
				seen[w] = true
				got += w.Elected()
				if w.Busy() != 0 {
					t.Errorf("%s is busy with %d", m.URL(), w.Busy())
				}
			}
		}
	}
	if got != want {
		t.Errorf("%d elections, %d counted", want, got)
	}
}
