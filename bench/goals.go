//go:build linux

package main

import "fmt"

// Goal is a bound on what Sallyport may cost in a case: relative to a peer of
// the same round, relative to its own figure in another case of the same
// round, or absolute. The median over the rounds decides.
type Goal struct {
	Case    string
	Metric  Metric
	Peer    string // relative to this peer
	Base    string // relative to this case
	More    bool   // Limit is how much more than Base, in the metric's unit
	Limit   float64
	Meaning string
}

// goals are what Sallyport promises. One more promise, at most two
// allocations per proxied GET, is held by a test of the data plane.
func goals() []Goal {
	list := []Goal{
		{Case: "100b-c64", Metric: CPU, Peer: "nginx", Limit: 0.95},
		{Case: "100b-c64", Metric: CPU, Peer: "haproxy", Limit: 0.80},
		{Case: "100b-c64", Metric: CPU, Peer: "relay", Limit: 1.25},
		{Case: "100b-c64", Metric: CPU, Peer: "httpd", Limit: 0.20},
		{Case: "100b-c64", Metric: CPU, Peer: "caddy", Limit: 0.20},
		{Case: "100b-c64", Metric: P99, Peer: "nginx", Limit: 1.00},
		{Case: "100b-c64-log", Metric: CPU, Peer: "nginx", Limit: 1.00},
	}
	for _, name := range []string{"100b-c512", "browser", "balancer8", "16k"} {
		list = append(list, Goal{Case: name, Metric: CPU, Peer: "nginx", Limit: 1.00})
	}
	list = append(list, Goal{Case: "balancer8", Metric: CPU, Base: "100b-c64", More: true, Limit: 0.5})
	for _, name := range []string{"1m", "100m"} {
		list = append(list,
			Goal{Case: name, Metric: CPU, Peer: "nginx", Limit: 0.50},
			Goal{Case: name, Metric: CPU, Peer: "haproxy", Limit: 0.70})
	}
	return append(list,
		Goal{Case: "post16k", Metric: CPU, Peer: "nginx", Limit: 1.00},
		Goal{Case: "newconn", Metric: CPU, Peer: "nginx", Limit: 1.10},
		Goal{Case: "pp10000", Metric: CPU, Base: "pp10", Limit: 1.10},
		Goal{Case: "vhosts10000", Metric: CPU, Base: "vhosts10", Limit: 1.10},
		Goal{Case: "tls-100b", Metric: CPU, Peer: "nginx", Limit: 1.10},
		Goal{Case: "tls-new", Metric: CPU, Peer: "nginx", Limit: 1.30},
		Goal{Case: "tls-resumed", Metric: CPU, Peer: "nginx", Limit: 1.30},
		Goal{Case: "h2-c1m100", Metric: CPU, Peer: "nginx", Limit: 1.20},
		Goal{Case: "h2-c64m16", Metric: CPU, Peer: "nginx", Limit: 1.20},
		Goal{Case: "idle10000", Metric: PerCon, Limit: 1.5 * kib},
	)
}

// String says what is bounded, in words of the report.
func (g Goal) String() string {
	what := map[Metric]string{CPU: "CPU per request", P99: "p99", PerCon: "bytes per idle connection"}[g.Metric]
	switch {
	case g.Peer != "":
		return fmt.Sprintf("%s ≤ %.2f × %s", what, g.Limit, g.Peer)
	case g.More:
		return fmt.Sprintf("%s ≤ %s + %.1f µs", what, g.Base, g.Limit)
	case g.Base != "":
		return fmt.Sprintf("%s ≤ %.2f × %s", what, g.Limit, g.Base)
	default:
		return fmt.Sprintf("%s ≤ %.0f", what, g.Limit)
	}
}

// Verdict is a goal's outcome for one peer.
type Verdict struct {
	Goal
	Measured bool
	Spread   Spread // of the ratios, or of the figure itself
	Why      string // why it was not measured
}

// Met reports whether the median is within the limit.
func (v Verdict) Met() bool { return v.Measured && v.Spread.Median <= v.Limit }

// judge holds the samples against the goals, for the peer of that label.
func judge(samples []Sample, label string) []Verdict {
	var list []Verdict
	for _, g := range goals() {
		v := Verdict{Goal: g}
		own := values(samples, g.Case, label, g.Metric)
		var figures []float64
		switch {
		case g.Peer != "":
			figures = ratios(own, values(samples, g.Case, g.Peer, g.Metric))
		case g.More:
			figures = differences(own, values(samples, g.Base, label, g.Metric))
		case g.Base != "":
			figures = ratios(own, values(samples, g.Base, label, g.Metric))
		default:
			for _, x := range own {
				figures = append(figures, x)
			}
		}
		if n := faults(samples, g.Case, label); n > 0 {
			v.Why = fmt.Sprintf("%d errors", n)
		} else if len(figures) == 0 {
			v.Why = "not measured"
		} else {
			v.Measured, v.Spread = true, spreadOf(figures)
		}
		list = append(list, v)
	}
	return list
}
