//go:build linux

package main

import (
	"strings"
	"testing"
)

// TestMergeResults: a report of some cases leaves the others alone, takes the
// place of its own and adds goals that are new.
func TestMergeResults(t *testing.T) {
	all := map[string]Case{}
	for _, c := range cases() {
		all[c.Name] = c
	}
	report := func(rate float64, names ...string) Report {
		r := Report{Peers: []Peer{{Kind: Kind{Name: "sallyport"}, Label: "sallyport"}, {Kind: Kind{Name: "nginx"}, Label: "nginx"}},
			Rounds: 1, Seconds: 2, Machine: []string{"Machine: m", "Day: 2026-01-02"}}
		for _, n := range names {
			r.Cases = append(r.Cases, all[n])
			for _, p := range []string{"sallyport", "nginx"} {
				s := Sample{Case: n, Peer: p, Round: 1}
				s.set(Rate, rate)
				s.set(CPU, rate)
				r.Samples = append(r.Samples, s)
			}
		}
		return r
	}
	text := func(r Report) string {
		var b strings.Builder
		b.WriteString("# The race\n\n")
		r.write(&b)
		return b.String()
	}
	old := text(report(111, "100b-c64", "slow1000"))
	some := report(222, "100b-c64", "tls-100b")
	got := mergeResults(old, text(some), some)
	for _, want := range []string{"## Goals: sallyport", "| 222 |", "Recorded by itself on 2026-01-02: 1 rounds of 2 s.", "| tls-100b | CPU per request ≤ 1.10 × nginx | 1.00 | met |"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing:\n%s", want, got)
		}
	}
	var order []string
	for line := range strings.Lines(got) {
		if strings.HasPrefix(line, "## ") {
			name, _, _ := strings.Cut(line[3:], ":")
			order = append(order, name)
		}
	}
	if s := strings.Join(order, " "); s != "Goals 100b-c64 tls-100b slow1000" {
		t.Errorf("sections: %s", s)
	}
	if n := strings.Count(got, "| sallyport | 111"); n > 1 {
		t.Errorf("the old figures stand there %d times", n)
	}
	if strings.Count(got, "| 100b-c64 | CPU per request ≤ 0.95 × nginx |") != 1 {
		t.Error("a goal stands there twice, or not at all")
	}
	if again := mergeResults(got, text(some), some); again != got {
		t.Errorf("merging twice changes it:\n%s", again)
	}
}
