package patch

import (
	"fmt"
	"strings"
)

// context is how many lines of a unified diff stand around a change.
const context = 3

// Diff is what has changed, as a unified diff; "" where nothing has.
func (t *Text) Diff(from, to string) string {
	var all []diffLine
	for i := range t.lines {
		l := &t.lines[i]
		switch {
		case !l.gone && l.new == l.old:
			all = appendLines(all, ' ', l.old)
		case l.gone:
			all = appendLines(all, '-', l.old)
		default:
			all = appendLines(appendLines(all, '-', l.old), '+', l.new)
		}
		for _, a := range l.after {
			all = appendLines(all, '+', a)
		}
	}
	var b strings.Builder
	for i := 0; i < len(all); {
		if all[i].kind == ' ' {
			i++
			continue
		}
		// A hunk: changes with no more than twice the context between them.
		start, end, calm := max(i-context, 0), i, 0
		for end < len(all) && calm <= 2*context {
			if all[end].kind == ' ' {
				calm++
			} else {
				calm = 0
			}
			end++
		}
		end -= max(calm-context, 0)
		if b.Len() == 0 {
			fmt.Fprintf(&b, "--- %s\n+++ %s\n", from, to)
		}
		hunk(&b, all, start, end)
		i = end
	}
	return b.String()
}

// diffLine is a physical line of the old text ('-'), the new one ('+') or both.
type diffLine struct {
	kind byte
	text string // with its line end
}

func appendLines(to []diffLine, kind byte, text string) []diffLine {
	for l := range strings.Lines(text) {
		to = append(to, diffLine{kind, l})
	}
	return to
}

func hunk(b *strings.Builder, all []diffLine, start, end int) {
	count := func(list []diffLine, not byte) (n int) {
		for i := range list {
			if list[i].kind != not {
				n++
			}
		}
		return n
	}
	span := func(not byte) string {
		first, n := count(all[:start], not), count(all[start:end], not)
		if n > 0 {
			first++
		}
		if n == 1 {
			return fmt.Sprint(first)
		}
		return fmt.Sprintf("%d,%d", first, n)
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", span('+'), span('-'))
	for _, l := range all[start:end] {
		b.WriteByte(l.kind)
		b.WriteString(l.text)
		if !strings.HasSuffix(l.text, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}
