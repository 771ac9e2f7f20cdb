package syntax

import (
	"strings"

	"sallyport/internal/diag"
)

// Lines splits a text into logical lines: a backslash as the very last
// character before the newline joins the next line (both vanish), white space
// around the joined line is dropped (httpd's ap_cfg_getline).
type Lines struct {
	file string
	rest string
	line int
}

// NewLines reads text; file is the name positions carry.
func NewLines(file, text string) *Lines { return &Lines{file: file, rest: text} }

// File is the name given to NewLines.
func (l *Lines) File() string { return l.file }

// Line is one logical line.
type Line struct {
	Text string // joined, without outer white space; may be empty
	// Pos.Line is the number of the last physical line, Pos.Col the place of
	// the first byte of Text in the joined line, counted from 1.
	Pos diag.Position
}

// Blank reports whether the line holds nothing to read: empty or a comment.
func (l Line) Blank() bool { return l.Text == "" || l.Text[0] == '#' }

// Next returns the next logical line, blank ones too; false at the end.
func (l *Lines) Next() (Line, bool) {
	joined, ok := l.join()
	if !ok {
		return Line{}, false
	}
	text := strings.TrimLeft(joined, space)
	col := len(joined) - len(text) + 1
	return Line{strings.TrimRight(text, space), diag.Position{File: l.file, Line: l.line, Col: col}}, true
}

// join takes one logical line off the text, white space included.
func (l *Lines) join() (string, bool) {
	if l.rest == "" {
		return "", false
	}
	var parts []string
	for l.rest != "" {
		part, rest, newline := strings.Cut(l.rest, "\n")
		l.rest = rest
		l.line++
		if newline {
			part = strings.TrimSuffix(part, "\r")
			// Only a real newline continues: at the end of the file a
			// backslash is a backslash.
			if cut, more := strings.CutSuffix(part, `\`); more {
				parts = append(parts, cut)
				continue
			}
		}
		if parts == nil {
			return part, true
		}
		return strings.Join(append(parts, part), ""), true
	}
	l.line++ // as httpd counts a continuation into the end of the file
	return strings.Join(parts, ""), true
}

// Source is a text whose lines can be looked up again, for messages. Not safe
// for concurrent use.
type Source struct {
	Text   string
	starts []int // of the physical lines, found on first use
}

// Line returns the logical line with number n, joined and with its white
// space: the line a Position with that number speaks of. Empty when there is
// none.
func (s *Source) Line(n int) string {
	if s.starts == nil {
		s.starts = append(s.starts, 0)
		for i := range len(s.Text) {
			if s.Text[i] == '\n' {
				s.starts = append(s.starts, i+1)
			}
		}
	}
	if n < 1 || n > len(s.starts) {
		return ""
	}
	first := n
	for first > 1 && s.continued(first-1) {
		first--
	}
	l := Lines{rest: s.Text[s.starts[first-1]:]}
	joined, _ := l.join()
	return joined
}

// continued reports whether physical line n ends in a backslash.
func (s *Source) continued(n int) bool {
	line := strings.TrimSuffix(s.Text[s.starts[n-1]:s.starts[n]-1], "\r")
	return strings.HasSuffix(line, `\`)
}
