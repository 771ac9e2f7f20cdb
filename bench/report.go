//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Report is everything the written result holds.
type Report struct {
	Cases    []Case
	Peers    []Peer
	Samples  []Sample
	Machine  []string
	Versions []string
	Rounds   int
	Seconds  float64
}

// column is one measured column of a case's table.
type column struct {
	title  string
	metric Metric
	show   func(float64) string
}

func loadColumns() []column {
	return []column{
		{"requests/s", Rate, func(v float64) string { return number(v) }},
		{"CPU µs/request", CPU, number},
		{"p50", P50, duration},
		{"p99", P99, duration},
		{"peak MB", Peak, func(v float64) string { return number(v / mib) }},
	}
}

// columns are the table's columns by the shape of the case.
func (c Case) columns() []column {
	switch c.Shape {
	case ShapeIdle:
		return []column{
			{"bytes/connection", PerCon, func(v float64) string { return fmt.Sprintf("%.0f", v) }},
			{"peak MB", Peak, func(v float64) string { return number(v / mib) }},
		}
	case ShapeSlow:
		return []column{
			{"KB/connection at the peak", PerCon, func(v float64) string { return number(v / kib) }},
			{"CPU µs/MB", CPU, number},
			{"peak MB", Peak, func(v float64) string { return number(v / mib) }},
		}
	case ShapeMany:
		return []column{
			{"requests/s", Rate, number},
			{"CPU µs/request", CPU, number},
			{"peak MB", Peak, func(v float64) string { return number(v / mib) }},
			{"MB more than after a tenth", Growth, func(v float64) string { return number(v / mib) }},
		}
	default:
		return loadColumns()
	}
}

// ratioMetric is what the "÷ nginx" and "÷ floor" columns compare.
func (c Case) ratioMetric() Metric {
	if c.Shape == ShapeIdle {
		return PerCon
	}
	return CPU
}

// write prints the report as Markdown.
func (r Report) write(w io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("Each figure is the median of %d rounds (least–greatest), %.0f s of load per round and peer after a warm-up. CPU is user and", r.Rounds, r.Seconds)
	p("system time of all processes of the peer. Ratios compare CPU per request (idle connections: bytes) with nginx and with")
	p("the floor in the same round. The floor copies bytes and has no duties: no log, no fields, no reuse of backend")
	p("connections. Where large bodies are concerned one request is one body's worth of bytes. Peak is the sum of each process's greatest resident set.")
	p("")
	for _, line := range r.Machine {
		p("- %s", line)
	}
	for _, line := range r.Versions {
		p("- %s", line)
	}
	for _, peer := range r.Peers {
		if peer.Name == "sallyport" {
			r.writeGoals(w, peer.Label)
		}
	}
	for _, c := range r.Cases {
		r.writeCase(w, c)
	}
}

// writeGoals prints the goals' table for one peer.
func (r Report) writeGoals(w io.Writer, label string) {
	fmt.Fprintf(w, "\n## Goals: %s\n\n| case | goal | measured | |\n|---|---|---|---|\n", label)
	chosen := map[string]bool{}
	for _, c := range r.Cases {
		chosen[c.Name] = true
	}
	for _, v := range judge(r.Samples, label) {
		if !chosen[v.Case] {
			continue
		}
		figure, verdict := v.Why, "missed"
		if v.Measured {
			show := func(x float64) string { return fmt.Sprintf("%.2f", x) }
			if v.Peer == "" && v.Base == "" {
				show = number
			}
			figure = spreadText(v.Spread, r.Rounds, show)
		}
		switch {
		case v.Met():
			verdict = "met"
		case v.Why == "not measured":
			verdict = "–"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", v.Case, v.Goal, figure, verdict)
	}
}

// writeCase prints one case's table.
func (r Report) writeCase(w io.Writer, c Case) {
	fmt.Fprintf(w, "\n## %s: %s\n\n", c.Name, c.Title)
	head := []string{"peer"}
	for _, col := range c.columns() {
		head = append(head, col.title)
	}
	head = append(head, "÷ nginx", "÷ floor", "errors")
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	var worst float64
	var notes []string
	for _, peer := range r.Peers {
		row := []string{peer.Label}
		for _, col := range c.columns() {
			row = append(row, r.cell(c.Name, peer.Label, col.metric, col.show))
		}
		own := values(r.Samples, c.Name, peer.Label, c.ratioMetric())
		for _, to := range []string{"nginx", "relay"} {
			list := ratios(own, values(r.Samples, c.Name, to, c.ratioMetric()))
			if len(list) == 0 {
				row = append(row, "–")
				continue
			}
			row = append(row, fmt.Sprintf("%.2f", spreadOf(list).Median))
		}
		row = append(row, fmt.Sprint(faults(r.Samples, c.Name, peer.Label)))
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		for _, s := range r.Samples {
			if s.Case != c.Name || s.Peer != peer.Label {
				continue
			}
			worst = max(worst, s.Foreign)
			if s.Errors > 0 {
				notes = append(notes, fmt.Sprintf("%s, round %d: %d errors: %s", s.Peer, s.Round, s.Errors, s.Detail))
			}
			if s.Failed != "" {
				notes = append(notes, fmt.Sprintf("%s, round %d: %s", s.Peer, s.Round, oneLine(s.Failed)))
			}
		}
	}
	if worst > 0.05 {
		notes = append(notes, fmt.Sprintf("Not a quiet machine: other processes used up to %.0f%% of it.", 100*worst))
	}
	for i, note := range notes {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "- %s\n", note)
	}
}

// cell is one figure of a table. Samples with errors are shown too, so that
// a reader sees what the failing peer did; the errors column disarms them.
func (r Report) cell(name, peer string, m Metric, show func(float64) string) string {
	var list []float64
	for _, s := range r.Samples {
		if s.Case == name && s.Peer == peer && s.Has[m] {
			list = append(list, s.Values[m])
		}
	}
	if len(list) == 0 {
		return "–"
	}
	return spreadText(spreadOf(list), len(list), show)
}

// spreadText is "median (least–greatest)", or the figure alone.
func spreadText(s Spread, n int, show func(float64) string) string {
	if n < 2 {
		return show(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", show(s.Median), show(s.Min), show(s.Max))
}

// number prints three significant digits or whole numbers.
func number(v float64) string {
	switch {
	case v >= 1000 || v <= -1000:
		return thousands(int64(math.Round(v)))
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// thousands groups digits with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// duration prints microseconds as µs, ms or s.
func duration(us float64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%.0f µs", us)
	case us < 1e6:
		return number(us/1e3) + " ms"
	default:
		return number(us/1e6) + " s"
	}
}

// oneLine makes an error fit a list item.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}
