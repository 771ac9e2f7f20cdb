package lbmethod_heartbeat

import (
	"math"
	"testing"
	"time"

	"sallyport/internal/balancer"
	"sallyport/internal/heartbeat"
	"sallyport/internal/live"
)

func TestHost(t *testing.T) {
	for in, want := range map[string]string{
		"http://10.0.0.1:8080/app": "10.0.0.1", "http://a.test": "a.test", "http://[::1]:80/": "::1", "https://[2001:db8::1]": "2001:db8::1", "unix:": "unix",
	} {
		if got := host(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// The shares are those of what members have ready; without any they take turns.
func TestShares(t *testing.T) {
	now := time.Unix(1e9, 0)
	for text, want := range map[string][3]float64{
		"a &ready=10&busy=1&lastseen=1\nb &ready=30&busy=5&lastseen=9": {0.25, 0.75, 0},
		"a &ready=40&busy=0\nb &ready=10&busy=1":                       {0.5, 0.5, 0},
		"a &ready=10&busy=1\nb &ready=0&busy=9":                        {1, 0, 0},
		"a &ready=10&busy=1&lastseen=10\nc &ready=1&busy=9":            {0, 0, 1},
		"":                       {1. / 3, 1. / 3, 1. / 3},
		"a &ready=3&busy=0":      {1. / 3, 1. / 3, 1. / 3},
		"other &ready=10&busy=1": {1. / 3, 1. / 3, 1. / 3},
		"a &ready=1&busy=1&port=80\nb &ready=1&busy=1\nc &ready=2147483647&busy=1&lastseen=1000000000": {0.5, 0.5, 0},
	} {
		var board heartbeat.Board
		for h, r := range heartbeat.ParseFile(text, now) {
			board.Put(h, r, 0)
		}
		got := shares(t, &Method{reports: &board}, now)
		for i := range got {
			if math.Abs(got[i]-want[i]) > 0.05 {
				t.Errorf("%q: %v, want %v", text, got, want)
				break
			}
		}
	}
}

func shares(t *testing.T, m *Method, now time.Time) (out [3]float64) {
	t.Helper()
	key := live.BalancerKey{Name: "x"}
	d := live.NewRegistry().Begin()
	var members []*balancer.Member
	for _, url := range []string{"http://a:80", "http://b:8080/x", "https://c"} {
		w := d.Worker(live.WorkerKey{Balancer: key, URL: url}, live.Configured{Factor: 100})
		members = append(members, &balancer.Member{Worker: w, Retry: time.Minute})
	}
	b := balancer.New("balancer://x", d.Balancer(key), balancer.Config{Method: m, MaxAttempts: -1, Seed: 7}, members)
	d.Commit()
	const rounds = 6000
	for range rounds {
		var p balancer.Pick
		if r := b.Elect(now, balancer.Request{}, &p); r.Refused() {
			t.Fatal(r)
		}
		for i, mem := range members {
			if mem == p.Member {
				out[i] += 1. / rounds
			}
		}
		b.Done(&p, balancer.Outcome{Status: 200}, now)
		b.Release(&p)
	}
	return out
}
