package chart

import (
	"testing"
	"time"

	"sallyport/internal/live"
)

func TestAnHour(t *testing.T) {
	reg := live.NewRegistry()
	d := reg.Begin()
	key := live.WorkerKey{Balancer: live.BalancerKey{Name: "b"}, URL: "http://a"}
	w := d.Worker(key, live.Configured{})
	d.Commit()
	var r Recorder
	now := time.Unix(1_000_000_000, 0)
	list := reg.Members(nil)
	if len(list) != 1 {
		t.Fatalf("%d members", len(list))
	}
	tick := func(n int) {
		for range n {
			for range 20 {
				w.Count(1, 200, 10*time.Millisecond)
			}
			w.Count(1, 500, 200*time.Millisecond)
			w.Count(1, 0, 0)
			w.AddTraffic(100, 1000)
			now = now.Add(time.Second)
			r.Tick(now, list)
		}
	}
	tick(1)
	if _, ok := r.Now(live.WorkerKey{}); ok {
		t.Error("a member that was never there is known")
	}
	if n, ok := r.Now(key); !ok || n.Rate != 0 {
		t.Errorf("after one moment: %+v", n)
	}
	tick(60)
	n, _ := r.Now(key)
	if n.Rate < 21.9 || n.Rate > 22.1 || n.ErrorRate < 1.9 || n.ErrorRate > 2.1 || n.Sent != 100 || n.Received != 1000 {
		t.Errorf("rates: %+v", n)
	}
	if n.P50 < 10*time.Millisecond || n.P50 > 13*time.Millisecond || n.P99 < 200*time.Millisecond || n.P99 > 260*time.Millisecond {
		t.Errorf("times: %v %v %v", n.P50, n.P95, n.P99)
	}
	if n.Requests < 22*60 || n.Requests > 22*70 {
		t.Errorf("%d requests within the minute", n.Requests)
	}
	if !n.Since.IsZero() {
		t.Errorf("nothing changed, but since %v", n.Since)
	}
	w.Balancer().Lock()
	w.Fail(now)
	w.Balancer().Unlock()
	tick(1)
	if n, _ := r.Now(key); !n.Since.Equal(now) {
		t.Errorf("in error since %v, now %v", n.Since, now)
	}
	tick(2 * 3600)
	samples, end := r.Hour(key)
	if len(samples) != Steps || now.Sub(end) >= Step || now.Before(end) {
		t.Fatalf("%d samples until %v, now %v", len(samples), end, now)
	}
	for i, s := range samples {
		if s.Requests != 220 || s.Errors != 20 || s.P50 < 10_000 || !s.Down {
			t.Fatalf("sample %d: %+v", i, s)
		}
	}
	// The machine sleeps for five minutes, then the member goes.
	now = now.Add(5 * time.Minute)
	tick(20)
	samples, _ = r.Hour(key)
	empty := 0
	for _, s := range samples {
		if s.Requests == 0 {
			empty++
		}
	}
	if len(samples) != Steps || empty < 28 || empty > 31 {
		t.Errorf("%d samples, %d of them empty", len(samples), empty)
	}
	list = nil
	tick(3700)
	if _, ok := r.Now(key); ok {
		t.Error("a member that has gone for an hour is still known")
	}
}

// BenchmarkTick is what a second costs with 200 members.
func BenchmarkTick(b *testing.B) {
	reg := live.NewRegistry()
	d := reg.Begin()
	for i := range 200 {
		d.Worker(live.WorkerKey{Balancer: live.BalancerKey{Name: "b"}, URL: "http://a" + string(rune('a'+i))}, live.Configured{})
	}
	d.Commit()
	list := reg.Members(nil)
	var r Recorder
	now := time.Unix(1_000_000_000, 0)
	for b.Loop() {
		now = now.Add(time.Second)
		r.Tick(now, list)
	}
}
