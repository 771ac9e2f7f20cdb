package live

import (
	"fmt"
	"reflect"
	"slices"
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
	d.Desk(bal)
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

func TestEdits(t *testing.T) {
	r, a, b := world(t)
	apply := func(e Edit) Effect {
		e.Balancer = bal
		return r.Apply(e)[0]
	}
	eff := apply(Edit{URL: "a", Worker: WorkerEdit{Factor: To(int32(300)), On: Disabled | InError | Generic, Off: Disabled}})
	if !eff.Landed || eff.Before != Initialized || eff.After != Initialized|Disabled {
		t.Errorf("%+v", eff)
	}
	standing := func() []int64 {
		return []int64{locked(a, a.LBStatus), locked(b, b.LBStatus)}
	}
	if got := standing(); !slices.Equal(got, []int64{300, 250}) {
		t.Errorf("after a factor's edit: %v", got)
	}
	apply(Edit{URL: "a", Worker: WorkerEdit{Route: To(""), On: Draining}})
	apply(Edit{URL: "a", Worker: WorkerEdit{Off: Disabled, On: HealthFailed}})
	if a.Flags() != Initialized|Draining|HealthFailed {
		t.Errorf("a: %s", a.Flags())
	}
	// A reload keeps the edits; health is the checks' to end.
	d := r.Begin()
	d.Desk(bal)
	d.Worker(a.Key(), Configured{Factor: 900, Route: "r", Flags: Disabled})
	d.Worker(b.Key(), Configured{})
	d.Commit()
	if got := locked(a, func() Settings { return *a.Settings() }); got != (Settings{Factor: 300}) || a.Flags() != Initialized|Draining|HealthFailed {
		t.Errorf("after a reload: %+v %s", got, a.Flags())
	}
	apply(Edit{URL: "a", Revert: true, Worker: WorkerEdit{Off: HealthFailed}})
	if got := locked(a, func() Settings { return *a.Settings() }); got != (Settings{Factor: 900, Route: "r"}) || a.Flags() != Initialized|Disabled {
		t.Errorf("taken back: %+v %s", got, a.Flags())
	}
	if eff := apply(Edit{URL: "nobody", Worker: WorkerEdit{On: Stopped}}); eff.Landed {
		t.Error("an edit of nobody landed")
	}

	d = r.Begin()
	desk := d.Desk(bal)
	if desk.Edit() != nil {
		t.Error("edits of nothing")
	}
	if !apply(Edit{Settings: BalancerEdit{MaxAttempts: To(3)}}).Landed || !apply(Edit{Settings: BalancerEdit{Method: To("m")}}).Landed {
		t.Error("balancer edit did not land")
	}
	if e := desk.Edit(); e == nil || e.MaxAttempts.V != 3 || e.Method.V != "m" || e.NoFailover.Is {
		t.Errorf("%+v", e)
	}
	if o := r.Overlay(); o.Workers[WorkerKey{bal, "nobody"}].On != Stopped || o.Balancers[bal].Method.V != "m" {
		t.Errorf("%+v", o)
	}
}

func TestLoneMemberWeighsOne(t *testing.T) {
	r := NewRegistry()
	d := r.Begin()
	w := d.Worker(WorkerKey{bal, "a"}, Configured{Factor: 700})
	d.Commit()
	r.Apply(Edit{Balancer: bal, URL: "a", Worker: WorkerEdit{Factor: To(int32(500))}})
	if f := locked(w, func() int32 { return w.Settings().Factor }); f != 100 {
		t.Errorf("factor %d", f)
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
