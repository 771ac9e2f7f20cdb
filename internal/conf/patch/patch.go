// Package patch changes single words and lines of a configuration text and
// leaves everything else as its author wrote it: comments, indentation, quotes,
// continued lines, line ends. It is what `sallyport ctl export -into` folds
// edits into a file with.
//
// A line is named by its number as a diag.Position has it: the last physical
// line of a continued one, in the text as it was at the beginning, whatever was
// changed since. Words are found as package conf/syntax reads them; what a
// directive means is not known here. There is no loading and there are no files.
package patch

import (
	"strings"

	"sallyport/internal/conf/syntax"
)

// Text is a text on its way to another one.
type Text struct {
	lines []line
	at    map[int]int // number of a line: its index
	end   string      // of lines: "\n" or "\r\n"
}

// line is one logical line.
type line struct {
	first, last int    // physical lines, from 1
	old         string // with its line ends
	new         string
	after       []string // whole lines that follow it, in order
	gone        bool
}

// New reads a text.
func New(text string) *Text {
	t := &Text{at: map[int]int{}, end: "\n"}
	if i := strings.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		t.end = "\r\n"
	}
	n := 0
	for text != "" {
		l := line{first: n + 1}
		for {
			part := text
			if i := strings.IndexByte(text, '\n'); i >= 0 {
				part = text[:i+1]
			}
			text = text[len(part):]
			l.old += part
			n++
			if text == "" || !strings.HasSuffix(strings.TrimRight(part, "\r\n"), `\`) {
				break
			}
		}
		l.last, l.new = n, l.old
		t.at[n] = len(t.lines)
		t.lines = append(t.lines, l)
	}
	return t
}

// String is the text as it is now.
func (t *Text) String() string {
	var b strings.Builder
	for i := range t.lines {
		l := &t.lines[i]
		if !l.gone {
			b.WriteString(l.new)
		}
		for _, a := range l.after {
			if s := b.String(); s != "" && s[len(s)-1] != '\n' {
				b.WriteString(t.end)
			}
			b.WriteString(a)
		}
	}
	return b.String()
}

// Directive is what a line says now: its name, "<" included for a section, and
// its words; ok is false where there is no such line, or nothing on it.
func (t *Text) Directive(n int) (name string, words []string, ok bool) {
	i, there := t.at[n]
	if !there || t.lines[i].gone {
		return "", nil, false
	}
	all := split(t.lines[i].new)
	if len(all) == 0 {
		return "", nil, false
	}
	for _, w := range all[1:] {
		words = append(words, w.text)
	}
	return all[0].text, words, true
}

// word is a word of a line and where it stands in it.
type word struct {
	text     string
	from, to int
}

// split finds the words of a logical line; of a comment, and of a line with a
// quote that is never closed, it finds none. The ">" that ends a section's is
// no word.
func split(raw string) (out []word) {
	// The line as it is read, and where each byte of it stands.
	var joined []byte
	var places []int
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\\' && (strings.HasPrefix(raw[i+1:], "\n") || strings.HasPrefix(raw[i+1:], "\r\n")) && i+2 < len(raw) {
			i += strings.IndexByte(raw[i:], '\n')
			continue
		}
		joined, places = append(joined, raw[i]), append(places, i)
	}
	text := strings.TrimRight(string(joined), " \t\r\n\v\f")
	if t := strings.TrimLeft(text, " \t"); strings.HasPrefix(t, "<") {
		text = strings.TrimSuffix(text, ">")
	} else if strings.HasPrefix(t, "#") {
		return nil
	}
	for n := 1; ; n++ {
		from := syntax.Offset(text, n)
		if from >= len(text) {
			return out
		}
		_, rest := syntax.Word(text[from:])
		to := len(strings.TrimRight(text[:len(text)-len(rest)], " \t\r\n\v\f"))
		if open(text[from:to]) {
			return nil
		}
		w, _ := syntax.Word(text[from:to])
		out = append(out, word{w, places[from], places[to-1] + 1})
	}
}

// open reports whether a word's quote is not closed.
func open(w string) bool {
	if q := w[0]; q == '"' || q == '\'' {
		// With one more quote it would read otherwise.
		a, _ := syntax.Word(w)
		b, _ := syntax.Word(w + string(q) + "x")
		_, rest := syntax.Word(w + "x")
		return a != b || rest == ""
	}
	return false
}

// Set makes the parameter names[0] of a line have these values, one word for
// each; none: it goes. A word that is there under one of the names is changed
// where it stands; the others of them go; else the words are put at the end.
func (t *Text) Set(n int, names []string, values ...string) bool {
	i, there := t.at[n]
	if !there || t.lines[i].gone {
		return false
	}
	l := &t.lines[i]
	all := split(l.new)
	if len(all) == 0 {
		return false
	}
	spell := func(name string) string {
		out := ""
		for k, v := range values {
			if k > 0 {
				out += " "
			}
			out += syntax.Quote(name + "=" + v)
		}
		return out
	}
	placed := len(values) == 0
	var swaps []word // in the order of the line
	for k, w := range all[1:] {
		key, _, pair := strings.Cut(w.text, "=")
		if !pair || !among(key, names) {
			continue
		}
		from, text := w.from, ""
		if !placed {
			placed = true
			if !strings.EqualFold(key, names[0]) {
				key = names[0]
			}
			text = spell(key)
		} else {
			from = all[k].to // with the space before it: all[k] is the word before
		}
		swaps = append(swaps, word{text, from, w.to})
	}
	if !placed {
		to := all[len(all)-1].to
		swaps = append(swaps, word{" " + spell(names[0]), to, to})
	}
	for k := len(swaps) - 1; k >= 0; k-- {
		s := swaps[k]
		l.new = l.new[:s.from] + s.text + l.new[s.to:]
	}
	return true
}

func among(key string, names []string) bool {
	for _, n := range names {
		if strings.EqualFold(key, n) {
			return true
		}
	}
	return false
}

// Delete takes a line out.
func (t *Text) Delete(n int) {
	if i, there := t.at[n]; there {
		t.lines[i].gone = true
	}
}

// Insert puts a line behind line n, with n's indentation; inner: one step
// further in.
func (t *Text) Insert(n int, text string, inner bool) {
	if i, there := t.at[n]; there {
		l := &t.lines[i]
		indent := l.old[:len(l.old)-len(strings.TrimLeft(l.old, " \t"))]
		if inner {
			indent += t.step()
		}
		l.after = append(l.after, indent+text+t.end)
	}
}

// step is by how much the text's author indents.
func (t *Text) step() string {
	for i := range t.lines {
		if s := t.lines[i].old; strings.TrimSpace(s) != "" && s[0] != '#' && s[0] != '<' && (s[0] == ' ' || s[0] == '\t') {
			return s[:len(s)-len(strings.TrimLeft(s, " \t"))]
		}
	}
	return "    "
}

// Inside lists the lines of a section that opens on line n, without the one
// that closes it; ok is false where none opens there, or none closes it.
func (t *Text) Inside(n int) (lines []int, ok bool) {
	name, _, is := t.Directive(n)
	if !is || !strings.HasPrefix(name, "<") {
		return nil, false
	}
	depth := 0
	for i := t.at[n] + 1; i < len(t.lines); i++ {
		l := &t.lines[i]
		all := split(l.old)
		if len(all) > 0 {
			switch w := all[0].text; {
			case strings.EqualFold(w, "</"+name[1:]) && depth == 0:
				return lines, true
			case strings.EqualFold(w, "</"+name[1:]):
				depth--
			case strings.EqualFold(w, name):
				depth++
			}
		}
		lines = append(lines, l.last)
	}
	return nil, false
}
