//go:build linux

package main

import (
	"strings"
	"testing"
)

func TestSpread(t *testing.T) {
	tests := []struct {
		values []float64
		want   Spread
	}{
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{9, 1, 2}, Spread{2, 1, 9}},
		{[]float64{4, 1, 3, 2}, Spread{2.5, 1, 4}},
	}
	for _, test := range tests {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("spread of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

// sample makes a sample of one metric.
func sample(name, peer string, round int, m Metric, v float64) Sample {
	s := Sample{Case: name, Peer: peer, Round: round}
	s.set(m, v)
	return s
}

// Ratios are taken within a round: a slow round slows both sides.
func TestJudge(t *testing.T) {
	samples := []Sample{
		sample("100b-c64", "sallyport", 1, CPU, 9), sample("100b-c64", "nginx", 1, CPU, 10),
		sample("100b-c64", "sallyport", 2, CPU, 27), sample("100b-c64", "nginx", 2, CPU, 30),
		sample("100b-c64", "sallyport", 3, CPU, 11), sample("100b-c64", "nginx", 3, CPU, 10),
		sample("100b-c64", "sallyport", 1, P99, 500), sample("100b-c64", "nginx", 1, P99, 400),
		sample("pp10", "sallyport", 1, CPU, 10), sample("pp10000", "sallyport", 1, CPU, 10.5),
		sample("idle10000", "sallyport", 1, PerCon, 1600),
		sample("16k", "sallyport", 1, CPU, 1), sample("16k", "nginx", 1, CPU, 10),
	}
	samples[len(samples)-2].Errors = 3 // a figure with errors wins nothing

	got := map[string]Verdict{}
	for _, v := range judge(samples, "sallyport") {
		got[v.Case+" "+v.Goal.String()] = v
	}
	tests := []struct {
		goal   string
		met    bool
		median float64
		why    string
	}{
		{goal: "100b-c64 CPU per request ≤ 0.95 × nginx", met: true, median: 0.9},
		{goal: "100b-c64 p99 ≤ 1.00 × nginx", median: 1.25},
		{goal: "100b-c64 CPU per request ≤ 0.80 × haproxy", why: "not measured"},
		{goal: "pp10000 CPU per request ≤ 1.10 × pp10", met: true, median: 1.05},
		{goal: "idle10000 bytes per idle connection ≤ 1536", median: 1600},
		{goal: "16k CPU per request ≤ 1.00 × nginx", why: "3 errors"},
	}
	for _, test := range tests {
		v, ok := got[test.goal]
		if !ok {
			t.Errorf("no goal %q", test.goal)
			continue
		}
		if v.Met() != test.met || v.Why != test.why || v.Spread.Median != test.median {
			t.Errorf("%s: met %v, median %v, why %q", test.goal, v.Met(), v.Spread.Median, v.Why)
		}
	}
}

// Every goal names a case and a peer that exist.
func TestGoalsResolve(t *testing.T) {
	names := map[string]bool{}
	for _, c := range cases() {
		names[c.Name] = true
	}
	peers := map[string]bool{"": true}
	for _, k := range kinds() {
		peers[k.Name] = true
	}
	for _, g := range goals() {
		if !names[g.Case] || g.Base != "" && !names[g.Base] || !peers[g.Peer] {
			t.Errorf("goal %+v names what is not there", g)
		}
	}
}

// What a balancer costs is a difference, not a ratio.
func TestDifferenceGoal(t *testing.T) {
	samples := []Sample{
		sample("100b-c64", "x", 1, CPU, 9), sample("balancer8", "x", 1, CPU, 9.4),
		sample("100b-c64", "x", 2, CPU, 8), sample("balancer8", "x", 2, CPU, 8.2),
		sample("100b-c64", "x", 3, CPU, 8),
	}
	for _, v := range judge(samples, "x") {
		if v.More {
			if !v.Measured || !v.Met() || v.Spread.Median < 0.15 || v.Spread.Median > 0.45 || v.String() != "CPU per request ≤ 100b-c64 + 0.5 µs" {
				t.Errorf("%s: %+v", v, v)
			}
			return
		}
	}
	t.Error("no such goal")
}

func TestReport(t *testing.T) {
	chosen, err := chooseCases("100b-c64")
	if err != nil {
		t.Fatal(err)
	}
	kind := map[string]Kind{}
	for _, k := range kinds() {
		kind[k.Name] = k
	}
	r := Report{Cases: chosen, Rounds: 3, Seconds: 5, Machine: []string{"Machine: 2 cores"}, Versions: []string{"nginx: 1"},
		Peers: []Peer{{Kind: kind["sallyport"], Label: "sallyport"}, {Kind: kind["nginx"], Label: "nginx"}, {Kind: kind["caddy"], Label: "caddy"}},
		Samples: []Sample{
			sample("100b-c64", "sallyport", 1, CPU, 9), sample("100b-c64", "nginx", 1, CPU, 10),
			sample("100b-c64", "sallyport", 2, CPU, 8), sample("100b-c64", "nginx", 2, CPU, 10),
			sample("100b-c64", "sallyport", 3, CPU, 10), sample("100b-c64", "nginx", 3, CPU, 10),
			{Case: "100b-c64", Peer: "caddy", Round: 1, Failed: "answered\n502", Foreign: 0.5},
		}}
	var b strings.Builder
	r.write(&b)
	for _, want := range []string{
		"| sallyport | – | 9.00 (8.00–10.0) | – | – | – | 0.90 | – | 0 |",
		"| caddy | – | – | – | – | – | – | – | 1 |",
		"| 100b-c64 | CPU per request ≤ 0.95 × nginx | 0.90 (0.80–1.00) | met |",
		"- caddy, round 1: answered 502",
		"other processes used up to 50%",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &b)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0.123: "0.12", 12.34: "12.3", 123.4: "123", 88205.7: "88,206", 1234567: "1,234,567", -1500: "-1,500"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) is %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{529: "529 µs", 4480: "4.48 ms", 1.36e6: "1.36 s"} {
		if got := duration(v); got != want {
			t.Errorf("duration(%v) is %s, want %s", v, got, want)
		}
	}
}
