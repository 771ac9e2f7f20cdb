package checker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/internal/health"
	"sallyport/internal/live"
)

// farm is a registry with some members, and what is asked of them.
type farm struct {
	reg *live.Registry
	c   *Checker

	mu     sync.Mutex
	asked  map[string][]time.Time
	flying map[string]int
	most   int
}

func newFarm() *farm {
	return &farm{reg: live.NewRegistry(), c: New(), asked: map[string][]time.Time{}, flying: map[string]int{}}
}

func (f *farm) worker(name string) *live.Worker {
	return f.reg.Join(live.WorkerKey{Balancer: live.BalancerKey{Name: "cl"}, URL: name}, live.Configured{})
}

// member is one whose checks take so long and end so.
func (f *farm) member(name string, rules health.Rules, takes time.Duration, err error) Member {
	if rules.Interval == 0 {
		rules.Interval = time.Second
	}
	return Member{Worker: f.worker(name), Plan: &Plan{
		Rules: rules, Request: health.Request{Method: health.TCP}, Expect: &health.Expect{}, Timeout: time.Minute,
		Dial: func(ctx context.Context, _ time.Time) (net.Conn, error) {
			f.mu.Lock()
			f.asked[name] = append(f.asked[name], time.Now())
			f.flying[name]++
			if f.flying[name] > 1 {
				panic(name + " is asked twice at a time")
			}
			all := 0
			for _, n := range f.flying {
				all += n
			}
			f.most = max(f.most, all)
			f.mu.Unlock()
			select {
			case <-time.After(takes):
			case <-ctx.Done():
			}
			f.mu.Lock()
			f.flying[name]--
			f.mu.Unlock()
			if err != nil {
				return nil, err
			}
			c, other := net.Pipe()
			other.Close()
			return c, nil
		},
		Is: fmt.Sprint(rules, takes, err),
	}}
}

func (f *farm) times(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked[name])
}

func (f *farm) use(limit int, members ...Member) uint64 {
	gen := f.c.Begin(limit)
	for _, m := range members {
		f.c.Add(gen, m)
	}
	f.c.End(gen)
	return gen
}

// within wants n between low and high.
func within(t *testing.T, what string, n, low, high int) {
	t.Helper()
	if n < low || n > high {
		t.Errorf("%s: %d, want %d to %d", what, n, low, high)
	}
}

func TestIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		defer f.c.Stop()
		f.use(0,
			f.member("even", health.Rules{}, 0, nil),
			f.member("jittered", health.Rules{Jitter: 10}, 0, nil),
			f.member("slow", health.Rules{}, 4*time.Second, nil),
			f.member("failing", health.Rules{Interval: 10 * time.Second, Fast: time.Second}, 0, errors.New("no")),
			f.member("fine", health.Rules{Interval: 10 * time.Second, Fast: time.Second}, 0, nil),
		)
		began := time.Now()
		time.Sleep(100 * time.Second)
		within(t, "even", f.times("even"), 100, 101)
		within(t, "jittered", f.times("jittered"), 90, 111)
		within(t, "slow", f.times("slow"), 20, 21) // a second of rest after each
		within(t, "failing", f.times("failing"), 100, 101)
		within(t, "fine", f.times("fine"), 10, 11)
		for _, name := range []string{"even", "slow", "failing", "fine"} {
			f.mu.Lock()
			first := f.asked[name][0].Sub(began)
			f.mu.Unlock()
			if first > tick {
				t.Errorf("%s: first asked after %v", name, first)
			}
		}
	})
}

// TestSpread: the first checks of many do not come at once.
func TestSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		defer f.c.Stop()
		var all []Member
		for i := range 1000 {
			all = append(all, f.member(fmt.Sprint(i), health.Rules{Jitter: 10}, 0, nil))
		}
		f.use(0, all...)
		asked := func() (n int) {
			for i := range all {
				n += f.times(fmt.Sprint(i))
			}
			return
		}
		time.Sleep(100 * time.Millisecond)
		within(t, "in a tenth of a second", asked(), 50, 160)
		time.Sleep(910 * time.Millisecond)
		within(t, "in the first second", asked(), 1000, 1150)
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		defer f.c.Stop()
		rules := health.Rules{Interval: 10 * time.Second}
		other := health.Rules{Interval: 20 * time.Second}
		f.use(0, f.member("same", rules, 0, nil), f.member("changed", rules, 0, nil), f.member("gone", rules, 0, nil))
		time.Sleep(5 * time.Second)
		old := f.c.gen
		f.use(0, f.member("same", rules, 0, nil), f.member("changed", other, 0, nil), f.member("new", rules, 0, nil))
		// A configuration that has been replaced has no say.
		f.c.Add(old, f.member("late", rules, 0, nil))
		f.c.Leave(old)
		time.Sleep(time.Second)
		for name, want := range map[string]int{"same": 1, "changed": 2, "gone": 1, "new": 1, "late": 0} {
			if got := f.times(name); got != want {
				t.Errorf("after the reload %s was asked %d times, want %d", name, got, want)
			}
		}
		time.Sleep(5 * time.Second)
		within(t, "same, in its turn", f.times("same"), 2, 2)
		time.Sleep(100 * time.Second)
		within(t, "gone", f.times("gone"), 1, 1)
		if n := f.c.Len(); n != 3 {
			t.Errorf("%d members are checked", n)
		}
	})
}

// TestComeAndGo: members added and removed while a configuration serves, one in
// the middle of its check, and the end of it all.
func TestComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		defer f.c.Stop()
		gen := f.use(0, f.member("a", health.Rules{}, 0, nil))
		time.Sleep(10*time.Second + 500*time.Millisecond) // between two checks of a
		slow := f.member("slow", health.Rules{}, 30*time.Second, errors.New("no"))
		f.c.Add(gen, slow)
		time.Sleep(10 * time.Second)
		f.c.Remove(gen, slow.Worker.Key())
		f.c.Remove(gen, f.worker("a").Key())
		a := f.times("a")
		within(t, "a", a, 20, 21)
		time.Sleep(time.Minute)
		if f.times("a") != a || f.times("slow") != 1 {
			t.Errorf("asked after they were removed: a %d, slow %d", f.times("a")-a, f.times("slow"))
		}
		if _, passed, failed := slow.Worker.Checks(); passed+failed != 0 {
			t.Error("the check that was under way counts")
		}
		f.c.Add(gen, slow)
		time.Sleep(10 * time.Second)
		f.c.Leave(gen)
		if f.c.Len() != 0 {
			t.Error("members are left")
		}
	})
}

// TestAnew: what is asked changes while a check is under way: its outcome is
// void, and the next one comes at once.
func TestAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		defer f.c.Stop()
		gen := f.use(0, f.member("a", health.Rules{}, 10*time.Second, errors.New("no")))
		time.Sleep(5 * time.Second)
		fresh := f.member("a", health.Rules{Interval: time.Hour}, 0, nil)
		f.c.Add(gen, fresh)
		time.Sleep(6 * time.Second)
		checks, passed, failed := fresh.Worker.Checks()
		if passed != 1 || failed != 0 || !fresh.Worker.Usable() || checks[0].Reason != "it accepts connections" {
			t.Errorf("%d passed, %d failed: %+v", passed, failed, checks)
		}
		none := f.member("a", health.Rules{}, 0, nil)
		none.Plan.Request.Method, none.Plan.Is = health.None, "none"
		f.c.Add(gen, none)
		time.Sleep(5 * time.Hour)
		within(t, "with hcmethod=None", f.times("a"), 2, 2)
	})
}

// TestHurry: a member that requests have found in error is not left for a long
// interval.
func TestHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		defer f.c.Stop()
		m := f.member("a", health.Rules{Interval: time.Hour, Fast: 2 * time.Second}, 0, nil)
		plain := f.member("b", health.Rules{Interval: time.Hour}, 0, nil)
		f.use(0, m, plain)
		time.Sleep(10 * time.Minute)
		for _, w := range []*live.Worker{m.Worker, plain.Worker} {
			w.Balancer().Lock()
			w.Fail(time.Now())
			w.Balancer().Unlock()
			f.c.Hurry(w)
		}
		time.Sleep(3 * time.Second)
		if f.times("a") != 2 || !m.Worker.Usable() {
			t.Errorf("asked %d times, usable %v", f.times("a"), m.Worker.Usable())
		}
		if f.times("b") != 1 {
			t.Errorf("without hcfastinterval: asked %d times", f.times("b"))
		}
		f.c.Hurry(f.worker("nobody"))
		time.Sleep(10 * time.Minute)
		if f.times("a") != 2 {
			t.Errorf("it is back and still asked often: %d", f.times("a"))
		}
	})
}

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		defer f.c.Stop()
		var all []Member
		for i := range 10 {
			all = append(all, f.member(fmt.Sprint(i), health.Rules{}, time.Second, nil))
		}
		f.use(3, all...)
		time.Sleep(40 * time.Second)
		f.mu.Lock()
		most := f.most
		f.mu.Unlock()
		if most != 3 {
			t.Errorf("%d under way at a time", most)
		}
		for i := range all {
			within(t, all[i].Worker.Key().URL, f.times(fmt.Sprint(i)), 8, 16) // 12 each, in turn, but for the jitter
		}
	})
}

// TestStop: nothing is left, however slow a member is. The bubble ends only
// when all goroutines have.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.use(0, f.member("slow", health.Rules{}, time.Hour, nil), f.member("a", health.Rules{}, 0, nil))
		time.Sleep(10 * time.Second)
		began := time.Now()
		f.c.Stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v", took)
		}
		f.c.Add(f.c.gen, f.member("late", health.Rules{}, 0, nil))
		time.Sleep(time.Minute)
		if f.times("late") != 0 {
			t.Error("asked after Stop")
		}
		f.c.Stop()
	})
}

// TestFlapping: transitions are what changes, not what is checked.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		defer f.c.Stop()
		n := 0
		m := f.member("a", health.Rules{Passes: 2, Fails: 2}, 0, nil)
		m.Plan.Dial = func(context.Context, time.Time) (net.Conn, error) {
			if n++; n%2 == 0 {
				return nil, errors.New("no")
			}
			c, other := net.Pipe()
			other.Close()
			return c, nil
		}
		f.use(0, m)
		for range 100 {
			time.Sleep(time.Second)
			if !m.Worker.Usable() {
				t.Fatal("every second check fails, and it is out")
			}
		}
		_, passed, failed := m.Worker.Checks()
		within(t, "passed", int(passed), 49, 51)
		within(t, "failed", int(failed), 49, 51)
	})
}
