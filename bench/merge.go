//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// results is a written report in parts: what stands before the cases, and each
// case's section by its name.
type results struct {
	head     string
	sections map[string]string
}

// parseResults cuts a report at the headings of cases; other headings belong to
// what stands before.
func parseResults(text string) results {
	r := results{sections: map[string]string{}}
	known := map[string]bool{}
	for _, c := range cases() {
		known[c.Name] = true
	}
	name := ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "## "); ok {
			if n, _, ok := strings.Cut(rest, ":"); ok && known[n] {
				name = n
			}
		}
		if name == "" {
			r.head += line
		} else {
			r.sections[name] += line
		}
	}
	return r
}

// mergeResults puts the sections and goals of a report of some cases into an
// older one. Each new section says when and how it was recorded.
func mergeResults(old, fresh string, r Report) string {
	was, now := parseResults(old), parseResults(fresh)
	var day string
	for _, line := range r.Machine {
		if d, ok := strings.CutPrefix(line, "Day: "); ok {
			day = d
		}
	}
	for name, text := range now.sections {
		first, rest, _ := strings.Cut(strings.TrimSpace(text), "\n\n")
		was.sections[name] = fmt.Sprintf("%s\n\nRecorded by itself on %s: %d rounds of %.0f s.\n\n%s\n\n", first, day, r.Rounds, r.Seconds, strings.TrimSpace(rest))
	}
	var b strings.Builder
	b.WriteString(mergeGoals(was.head, now.head))
	for _, c := range cases() {
		if text, ok := was.sections[c.Name]; ok {
			b.WriteString(strings.TrimSpace(text) + "\n\n")
		}
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// mergeGoals replaces rows of the goals' table by those that were measured again.
func mergeGoals(old, fresh string) string {
	row := func(line string) (key string) {
		if cells := strings.Split(line, "|"); len(cells) == 6 && strings.TrimSpace(cells[2]) != "goal" {
			key = cells[1] + "|" + cells[2]
		}
		return key
	}
	again := map[string]string{}
	var order []string
	for line := range strings.Lines(fresh) {
		if k := row(line); k != "" && !strings.Contains(line, "| not measured |") {
			again[k] = line
			order = append(order, k)
		}
	}
	var out []string
	last := -1
	for line := range strings.Lines(old) {
		k := row(line)
		if text, ok := again[k]; ok && k != "" {
			line = text
			order = slices.DeleteFunc(order, func(s string) bool { return s == k })
		}
		if k != "" || strings.HasPrefix(line, "|---") {
			last = len(out)
		}
		out = append(out, line)
	}
	if last >= 0 {
		var more []string
		for _, k := range order {
			more = append(more, again[k])
		}
		out = slices.Insert(out, last+1, more...)
	}
	return strings.Join(out, "")
}
