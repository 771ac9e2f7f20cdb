package health

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sallyport/internal/live"
)

// start is when every story begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func worker(flags live.Flags) *live.Worker {
	d := live.NewRegistry().Begin()
	return d.Worker(live.WorkerKey{Balancer: live.BalancerKey{Name: "cl"}, URL: "http://a"}, live.Configured{Flags: flags})
}

// tell plays events on a worker, one word each with the second it happens at
// counting up, and prints what each led to.
func tell(r *Rules, w *live.Worker, events string) string {
	var b strings.Builder
	b.WriteString("\n")
	now := start
	for _, e := range strings.Fields(events) {
		now = now.Add(time.Second)
		said := ""
		bal := w.Balancer()
		switch e {
		case "pass", "fail":
			said = r.Take(w, live.Check{At: now, Passed: e == "pass"}).String()
		case "slow-pass": // asked a while ago
			said = r.Take(w, live.Check{At: now.Add(-90 * time.Second), Passed: true}).String()
		default:
			bal.Lock()
			switch e {
			case "request-fails":
				said = fmt.Sprint(w.Fail(now))
			case "request-ok":
				said = fmt.Sprint(w.Recover())
			case "a-minute": // and an election
				now = now.Add(time.Minute)
				said = fmt.Sprint(w.RetryDue(now, time.Minute))
			case "eject":
				_, ok := w.Eject(now, 10*time.Second)
				said = fmt.Sprint(ok)
			default:
				panic(e)
			}
			bal.Unlock()
		}
		fmt.Fprintf(&b, "%-13s %-8s %s\n", e, said, strings.TrimSpace(w.Flags().String()))
	}
	return b.String()
}

func TestStories(t *testing.T) {
	for _, c := range []struct {
		name   string
		rules  Rules
		flags  live.Flags
		events string
		want   string
	}{
		{"out and back", Rules{Passes: 2, Fails: 3}, 0, "fail fail pass fail fail fail fail pass fail pass pass pass", `
fail          falling  Init Ok
fail          falling  Init Ok
pass          stays    Init Ok
fail          falling  Init Ok
fail          falling  Init Ok
fail          disabled Init HcFl
fail          stays    Init HcFl
pass          rising   Init HcFl
fail          stays    Init HcFl
pass          rising   Init HcFl
pass          enabled  Init Ok
pass          stays    Init Ok
`},
		{"zero counts as one", Rules{}, 0, "fail pass", `
fail          disabled Init HcFl
pass          enabled  Init Ok
`},
		{"a request fails, checks pass", Rules{Passes: 2, Fails: 1}, 0, "pass pass pass request-fails pass pass", `
pass          stays    Init Ok
pass          stays    Init Ok
pass          stays    Init Ok
request-fails true     Init Err
pass          rising   Init Err
pass          enabled  Init Ok
`},
		{"a request fails, checks too: retry does not bring it back", Rules{Passes: 1, Fails: 2}, 0, "request-fails fail fail a-minute pass", `
request-fails true     Init Err
fail          falling  Init Err
fail          disabled Init Err HcFl
a-minute      true     Init HcFl
pass          enabled  Init Ok
`},
		{"a check that began before the trouble says nothing about it", Rules{Passes: 1, Fails: 1}, 0, "request-fails slow-pass pass", `
request-fails true     Init Err
slow-pass     stays    Init Err
pass          enabled  Init Ok
`},
		{"an ejection lasts its time", Rules{Passes: 1, Fails: 1}, 0, "eject pass pass fail pass a-minute", `
eject         true     Init Err
pass          stays    Init Err
pass          stays    Init Err
fail          disabled Init Err HcFl
pass          enabled  Init Err
a-minute      true     Init Ok
`},
		{"status=+C", Rules{Passes: 2, Fails: 1}, live.HealthFailed, "pass pass", `
pass          rising   Init HcFl
pass          enabled  Init Ok
`},
		{"hcmandatory: the first pass is enough, later outages want hcpasses", Rules{Passes: 2, Fails: 1, Mandatory: true}, live.HealthFailed, "fail pass fail pass pass", `
fail          stays    Init HcFl
pass          enabled  Init Ok
fail          disabled Init HcFl
pass          rising   Init HcFl
pass          enabled  Init Ok
`},
		{"a disabled member is followed, too", Rules{Passes: 1, Fails: 1}, live.Disabled, "fail pass", `
fail          disabled Init Dis HcFl
pass          enabled  Init Dis
`},
		{"flapping", Rules{Passes: 2, Fails: 2}, 0, "fail pass fail pass fail fail pass fail pass fail pass pass", `
fail          falling  Init Ok
pass          stays    Init Ok
fail          falling  Init Ok
pass          stays    Init Ok
fail          falling  Init Ok
fail          disabled Init HcFl
pass          rising   Init HcFl
fail          stays    Init HcFl
pass          rising   Init HcFl
fail          stays    Init HcFl
pass          rising   Init HcFl
pass          enabled  Init Ok
`},
	} {
		if got := tell(&c.rules, worker(c.flags), c.events); got != c.want {
			t.Errorf("%s:%s, want:%s", c.name, got, c.want)
		}
	}
}

// TestRows: over any row of checks alone, a member is out from the moment that
// hcfails failed in a row until hcpasses passed in a row.
func TestRows(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		r := Rules{Passes: rnd.IntN(4), Fails: rnd.IntN(4)}
		w := worker(0)
		row, last, out := 0, true, false
		story := ""
		for range 60 {
			pass := rnd.IntN(3) > 0
			story += map[bool]string{true: "p", false: "f"}[pass]
			if pass != last {
				row = 0
			}
			row, last = row+1, pass
			want := Stays
			switch {
			case pass && out && row >= max(r.Passes, 1):
				out, want = false, Enabled
			case pass && out:
				want = Rising
			case !pass && !out && row >= max(r.Fails, 1):
				out, want = true, Disabled
			case !pass && !out:
				want = Falling
			}
			if got := r.Take(w, live.Check{At: start, Passed: pass}); got != want || w.Usable() == out {
				t.Fatalf("%+v %s: %v, want %v; usable %v", r, story, got, want, w.Usable())
			}
		}
		checks, passed, failed := w.Checks()
		if passed+failed != 60 || len(checks) != live.KeptChecks || checks[0].Passed != last {
			t.Fatalf("%s: kept %d, %d passed, %d failed", story, len(checks), passed, failed)
		}
	}
}

func TestSchedule(t *testing.T) {
	w := worker(0)
	r := Rules{Interval: 10 * time.Second, Fast: 2 * time.Second, Passes: 1, Fails: 2, Jitter: 10}
	for _, c := range []struct {
		random float64
		want   time.Duration
	}{{0.5, 10 * time.Second}, {0, 9 * time.Second}, {1, 11 * time.Second}} {
		if got := r.Next(w, c.random); got != c.want {
			t.Errorf("random %v: %v, want %v", c.random, got, c.want)
		}
	}
	r.Take(w, live.Check{At: start})
	if got := r.Next(w, 0.5); got != 2*time.Second {
		t.Errorf("after a failure: %v", got)
	}
	r.Take(w, live.Check{At: start})
	if got := r.Next(w, 0.5); got != 2*time.Second {
		t.Errorf("while it is out: %v", got)
	}
	r.Take(w, live.Check{At: start, Passed: true})
	if got := r.Next(w, 0.5); got != 10*time.Second {
		t.Errorf("when it is back: %v", got)
	}
	w.Balancer().Lock()
	w.Fail(start)
	w.Balancer().Unlock()
	if got := r.Next(w, 0.5); got != 2*time.Second {
		t.Errorf("while it is in error: %v", got)
	}
	if got := r.First(0.25); got != spread/4 {
		t.Errorf("first: %v", got)
	}
	fast := Rules{Interval: 100 * time.Millisecond, Jitter: 10}
	if got := fast.First(0.5); got != 50*time.Millisecond {
		t.Errorf("first of a short interval: %v", got)
	}
	fast.Jitter = 0
	if fast.First(0.9) != 0 || fast.Next(w, 0.9) != fast.Interval {
		t.Error("hcjitter=off: times differ")
	}
}
