package chart

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
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

// TestKept: the hour outlives the process, and goes on where it was.
func TestKept(t *testing.T) {
	key := live.WorkerKey{Balancer: live.BalancerKey{Server: "s", Name: "b"}, URL: "http://a"}
	start := func() (*Recorder, *live.Worker, []*live.Worker) {
		reg := live.NewRegistry()
		d := reg.Begin()
		w := d.Worker(key, live.Configured{})
		d.Commit()
		return new(Recorder), w, reg.Members(nil)
	}
	now := time.Unix(1_000_000_000, 0)
	tick := func(r *Recorder, w *live.Worker, list []*live.Worker, seconds, each int) {
		for range seconds {
			for range each {
				w.Count(1, 200, 10*time.Millisecond)
			}
			now = now.Add(time.Second)
			r.Tick(now, list)
		}
	}
	r, w, list := start()
	if err := r.Load(r.Save(), now); err != nil {
		t.Errorf("an empty one: %v", err)
	}
	tick(r, w, list, 300, 5)
	saved := r.Save()
	before, _ := r.Hour(key)

	r, w, list = start()
	now = now.Add(20 * time.Second)
	if err := r.Load(saved, now); err != nil {
		t.Fatal(err)
	}
	if n, ok := r.Now(key); !ok || n.Rate != 0 || n.Requests != 0 {
		t.Errorf("before the first tick: %+v", n)
	}
	tick(r, w, list, 60, 7)
	after, _ := r.Hour(key)
	if len(after) < len(before)+7 || !slices.Equal(after[:len(before)], before) {
		t.Errorf("%d samples, were %d: %v", len(after), len(before), after)
	}
	if last := after[len(after)-1]; last.Requests != 70 {
		t.Errorf("the last: %+v", last)
	}
	if n, _ := r.Now(key); n.Rate < 6.9 || n.Rate > 7.1 || !n.Since.IsZero() || n.Requests > 420 {
		t.Errorf("now: %+v", n)
	}
	if err := r.Load(saved, now); err != nil {
		t.Error(err)
	}
	if again, _ := r.Hour(key); !slices.Equal(again, after) {
		t.Error("loading has changed what is known")
	}
	for what, at := range map[string]time.Time{"an hour later": now.Add(2 * time.Hour), "before it was": now.Add(-time.Hour)} {
		r, _, _ := start()
		if err := r.Load(saved, at); err != nil {
			t.Error(err)
		}
		if list, _ := r.Hour(key); len(list) > 0 {
			t.Errorf("%s: %d samples", what, len(list))
		}
	}
	for at := range saved {
		bad := slices.Clone(saved)
		bad[at] ^= 4
		if new(Recorder).Load(bad, now) == nil || new(Recorder).Load(saved[:at], now) == nil {
			t.Fatalf("damage at %d goes unnoticed", at)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("\x01\x00\x01b\x01a\x05\x02\x01\x01\x01\x01\x01\x01\x01\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		b := append([]byte(heading), body...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
		var r Recorder
		if r.Load(b, time.Unix(60, 0)) == nil {
			r.Save()
			for key := range r.members {
				r.Hour(key)
				r.Now(key)
			}
		}
	})
}
