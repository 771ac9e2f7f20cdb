package live

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

var (
	at  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	bal = BalancerKey{Name: "b"}
)

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		f      Flags
		shown  string
		usable bool
	}{
		{0, "??? ", false},
		{Initialized, "Init Ok ", true},
		{Initialized | Standby, "Init Stby Ok ", true},
		{Initialized | Disabled, "Init Dis ", false},
		{Initialized | InError | Spare, "Init Err Spar ", false},
		{Initialized | IgnoreErrors | Draining | Disabled | Stopped | Standby | Spare | HealthFailed, "Init Ign Drn Dis Stop Stby Spar HcFl ", false},
		{0xfff, "Init Ign Drn Gen Shut Dis Stop Err Stby Spar Free HcFl ", false},
	} {
		if c.f.String() != c.shown || c.f.Usable() != c.usable {
			t.Errorf("%#x: %q %v", uint32(c.f), c.f, c.f.Usable())
		}
	}
	for _, row := range flagTable {
		if FlagOf(row.letter) != row.flag || FlagOf(row.letter|0x20) != row.flag || row.flag.Letters() != string(row.letter) {
			t.Errorf("letter %c", row.letter)
		}
	}
	if FlagOf('Q') != 0 || FlagOf('+') != 0 || FlagOf(0) != 0 {
		t.Error("letters that are none")
	}
}

// world is a registry with members a and b.
func world(t *testing.T) (*Registry, *Worker, *Worker) {
	t.Helper()
	r := NewRegistry()
	d := r.Begin()
	a := d.Worker(WorkerKey{bal, "a"}, Configured{Route: "ra"})
	b := d.Worker(WorkerKey{bal, "b"}, Configured{Factor: 250, LBSet: 2})
	if r.Worker(a.Key()) != nil {
		t.Error("a draft's worker is found before Commit")
	}
	if gone := d.Commit(); gone != nil {
		t.Errorf("removed %v", gone)
	}
	return r, a, b
}

func locked[T any](w *Worker, f func() T) T {
	w.Balancer().Lock()
	defer w.Balancer().Unlock()
	return f()
}

func TestHealth(t *testing.T) {
	_, w, _ := world(t)
	w.Balancer().Lock()
	defer w.Balancer().Unlock()
	steps := []struct {
		name string
		do   func() bool
		did  bool
		want string
	}{
		{"nothing to forgive", func() bool { return w.RetryDue(at, 0) }, false, "Init Ok  retries 0 fails 0 false"},
		{"fail", func() bool { return w.Fail(at) }, true, "Init Err  retries 0 fails 1 true"},
		{"too soon", func() bool { return w.RetryDue(at.Add(time.Minute), time.Minute) }, false, "Init Err  retries 0 fails 1 true"},
		{"due", func() bool { return w.RetryDue(at.Add(time.Minute+1), time.Minute) }, true, "Init Ok  retries 1 fails 1 true"},
		{"fails again", func() bool { return w.Fail(at) }, true, "Init Err  retries 1 fails 2 true"},
		{"somebody succeeds late", w.Recover, false, "Init Err  retries 1 fails 2 true"},
		{"forgiven", w.Forgive, true, "Init Ok  retries 2 fails 2 true"},
		{"succeeds", w.Recover, true, "Init Ok  retries 0 fails 0 false"},
		{"succeeds again", w.Recover, false, "Init Ok  retries 0 fails 0 false"},
		{"probe fails", w.ProbeFailed, true, "Init HcFl  retries 0 fails 0 false"},
		{"and again", w.ProbeFailed, false, "Init HcFl  retries 0 fails 0 false"},
		{"fails too", func() bool { return w.Fail(at) }, true, "Init Err HcFl  retries 0 fails 1 true"},
		{"probe passes", w.ProbePassed, true, "Init Ok  retries 0 fails 0 false"},
		{"and again", w.ProbePassed, false, "Init Ok  retries 0 fails 0 false"},
	}
	for _, s := range steps {
		did := s.do()
		got := fmt.Sprintf("%s retries %d fails %d %v", w.Flags(), w.Retries(), w.Fails(), w.Troubled())
		if did != s.did || got != s.want {
			t.Errorf("%s: %v %s, want %v %s", s.name, did, got, s.did, s.want)
		}
	}
	w.setFlags(w.Flags() | Stopped)
	w.Fail(at)
	if w.RetryDue(at.Add(time.Hour), 0) {
		t.Error("a stopped worker was retried")
	}
}

func TestIgnoreErrors(t *testing.T) {
	r := NewRegistry()
	d := r.Begin()
	plain := d.Worker(WorkerKey{URL: "p"}, Configured{})
	i := d.Worker(WorkerKey{bal, "i"}, Configured{Flags: IgnoreErrors})
	d.Commit()
	for _, w := range []*Worker{plain, i} {
		if locked(w, func() bool { return w.Fail(at) }) || w.Flags() != Initialized|IgnoreErrors {
			t.Errorf("%v: %s", w.Key(), w.Flags())
		}
	}
}

func TestReload(t *testing.T) {
	r, a, b := world(t)
	locked(a, func() bool { return a.Fail(at) })
	a.Enter()
	a.AddTraffic(10, 20)
	locked(b, func() bool { b.SetLBStatus(70); return true })

	d := r.Begin()
	if d.Worker(a.Key(), Configured{Route: "new", Flags: Standby | HealthFailed}) != a {
		t.Error("a was not found again")
	}
	if d.Worker(a.Key(), Configured{}) != a {
		t.Error("asked for twice")
	}
	d.Worker(b.Key(), Configured{Factor: 250})
	if locked(a, func() string { return a.Settings().Route }) != "ra" {
		t.Error("a draft changed what runs")
	}
	d.Commit()
	if a.Flags() != Initialized|InError|Standby || a.Busy() != 1 || a.Elected() != 1 || a.Transferred() != 10 || a.Read() != 20 {
		t.Errorf("a: %s busy %d", a.Flags(), a.Busy())
	}
	if got := locked(a, func() Settings { return *a.Settings() }); got != (Settings{Factor: 100, Route: "new"}) {
		t.Errorf("a: %+v", got)
	}
	if got := locked(b, b.LBStatus); got != 70 {
		t.Errorf("same members, same factors: lbstatus %d was not kept", got)
	}

	d = r.Begin()
	d.Worker(b.Key(), Configured{Factor: 300})
	if gone := d.Commit(); len(gone) != 1 || gone[0] != a.Key() {
		t.Errorf("removed %v", gone)
	}
	if r.Worker(a.Key()) != nil || len(r.Workers()) != 1 || r.Workers()[0] != b {
		t.Error("a is still there")
	}
	if got := locked(b, b.LBStatus); got != 0 {
		t.Errorf("other members: lbstatus %d was kept", got)
	}
}

// TestConfigure: a running worker takes another configuration, and keeps health
// and counters; a factor that somebody edits starts the round anew.
func TestConfigure(t *testing.T) {
	r, a, b := world(t)
	if r.Configure(WorkerKey{bal, "nobody"}, Configured{}) {
		t.Error("nobody was configured")
	}
	if !r.Configure(a.Key(), Configured{Factor: 300, Route: "r", Flags: Disabled | InError}) {
		t.Fatal("a is not there")
	}
	if got := locked(a, func() Settings { return *a.Settings() }); got != (Settings{Factor: 300, Route: "r"}) || a.Flags() != Initialized|Disabled {
		t.Errorf("%+v %s", got, a.Flags())
	}
	r.Restart(bal)
	if x, y := locked(a, a.LBStatus), locked(b, b.LBStatus); x != 300 || y != 250 {
		t.Errorf("standings %d %d", x, y)
	}
	r.Configure(a.Key(), Configured{Flags: Draining | HealthFailed}) // an operator's word counts at once
	r.Configure(a.Key(), Configured{Flags: Draining})
	if a.Flags() != Initialized|Draining|HealthFailed {
		t.Errorf("a: %s", a.Flags())
	}
	locked(a, func() bool { a.SetHealthFailed(false); return true })
	if a.Flags() != Initialized|Draining {
		t.Errorf("a: %s", a.Flags())
	}
}

// TestSessions: those of a draining worker are counted until they are quiet.
func TestSessions(t *testing.T) {
	r, a, _ := world(t)
	now := time.Unix(1e9, 0)
	see := func(hash uint64) { locked(a, func() bool { a.SeeSession(hash, now); return true }) }
	see(1)
	if n, _ := a.Sessions(now); n != -1 {
		t.Errorf("%d sessions of a worker that does not drain", n)
	}
	r.Configure(a.Key(), Configured{Flags: Draining})
	see(1)
	see(2)
	now = now.Add(SessionKept)
	see(2)
	if n, last := a.Sessions(now); n != 2 || !last.Equal(now) {
		t.Errorf("%d, %v", n, last)
	}
	if n, _ := a.Sessions(now.Add(time.Second)); n != 1 {
		t.Errorf("%d sessions are left of one that came again", n)
	}
}

// TestZero: counters begin anew, and bytraffic's account is not disturbed.
func TestZero(t *testing.T) {
	_, a, _ := world(t)
	a.AddTraffic(1000, 500)
	locked(a, func() bool { a.Enter(); a.Forget(); return true })
	a.AddTraffic(10, 5)
	locked(a, func() bool { a.Zero(); return true })
	h := locked(a, func() History { return *a.History() })
	if a.Elected() != 0 || a.Transferred() != 0 || a.Read() != 0 || a.Busy() != 1 || a.Transferred()-h.Sent != 10 || a.Read()-h.Read != 5 {
		t.Errorf("elected %d, sent %d, read %d, busy %d, %+v", a.Elected(), a.Transferred(), a.Read(), a.Busy(), h)
	}
}

// TestLayout: what every election reads and what every request writes lie on
// different cache lines.
func TestLayout(t *testing.T) {
	w := reflect.TypeFor[Worker]()
	offset := func(name string) uintptr {
		f, ok := w.FieldByName(name)
		if !ok {
			t.Fatal(name)
		}
		return f.Offset
	}
	if d := offset("elected") - offset("offered"); d < 64 {
		t.Errorf("counters begin %d bytes behind the settings", d)
	}
	if d := w.Size() - offset("read"); d < 32 {
		t.Errorf("%d bytes behind the counters", d)
	}
}
