package diag

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
)

// List collects diagnostics in the order found.
type List []Diagnostic

// CommandLine is the file name of directives given with -C and -c.
const CommandLine = "-c/-C directives"

// Count returns how many errors and how many warnings and notes l holds.
func (l List) Count() (errors, others int) {
	for i := range l {
		if l[i].Severity == Error {
			errors++
		} else {
			others++
		}
	}
	return errors, others
}

// Failed reports whether l holds an error.
func (l List) Failed() bool {
	n, _ := l.Count()
	return n > 0
}

// Errors returns the errors of l; Warnings what else it holds.
func (l List) Errors() List {
	return slices.DeleteFunc(slices.Clone(l), func(d Diagnostic) bool { return d.Severity != Error })
}

// Warnings returns the warnings and notes of l.
func (l List) Warnings() List {
	return slices.DeleteFunc(slices.Clone(l), func(d Diagnostic) bool { return d.Severity == Error })
}

// Grouped joins the diagnostics that have a topic in common into one, at the
// place of the first.
func (l List) Grouped() List {
	var out List
	at := map[string]int{}
	for _, d := range l {
		i, ok := at[d.Topic]
		switch {
		case d.Topic == "":
			out = append(out, d)
		case !ok:
			at[d.Topic] = len(out)
			out = append(out, d)
		default:
			first := &out[i]
			if first.Topic != "" {
				first.Text, first.Hint, first.Expected, first.Line = first.Topic+": "+first.Item, "", "", ""
				first.Topic = ""
			}
			first.Text += ", " + d.Item
			first.Severity = min(first.Severity, d.Severity)
		}
	}
	return out
}

// Sort puts what was found while reading first, then orders by place: the
// files as they first occur in l, then the line. What stands at the same line
// keeps its order. Conf.Load already returns the order in which httpd would
// have found the errors; Sort is for lists joined from several passes.
func (l List) Sort() {
	files := map[string]int{}
	for i := range l {
		if _, ok := files[l[i].Pos.File]; !ok {
			files[l[i].Pos.File] = len(files)
		}
	}
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		if a.Reading != b.Reading {
			if a.Reading {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(files[a.Pos.File], files[b.Pos.File]), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
}

// Print writes every diagnostic of l to w, errors as httpd prints them.
// Program is the name in front of reading errors, as httpd puts its own there.
func (l List) Print(w io.Writer, program string) error {
	var b strings.Builder
	for i := range l {
		l[i].write(&b, program)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Error gives the list as one text, so that a List can travel as an error.
func (l List) Error() string {
	var b strings.Builder
	l.Print(&b, "sallyport")
	return strings.TrimSuffix(b.String(), "\n")
}

// String is d as Print writes it, without the last newline.
func (d Diagnostic) String() string { return List{d}.Error() }

func (d *Diagnostic) write(b *strings.Builder, program string) {
	switch {
	case d.Severity != Error:
		b.WriteString(d.Severity.String())
		b.WriteString(": ")
		b.WriteString(d.Text)
		if !d.Pos.IsZero() {
			b.WriteString(" (")
			b.WriteString(d.Pos.File)
			if d.Pos.Line > 0 {
				b.WriteByte(':')
				b.WriteString(strconv.Itoa(d.Pos.Line))
			}
			b.WriteByte(')')
		}
	case d.Reading || d.Pos.Line == 0:
		b.WriteString(program)
		b.WriteString(": ")
		for _, p := range d.Chain {
			p.blame(b)
		}
		d.Pos.blame(b)
		b.WriteString(d.Text)
	default:
		b.WriteString("AH00526: Syntax error on line ")
		b.WriteString(strconv.Itoa(d.Pos.Line))
		b.WriteString(" of ")
		b.WriteString(d.Pos.File)
		b.WriteString(":\n")
		b.WriteString(d.Text)
	}
	b.WriteByte('\n')
	d.showLine(b)
	for _, more := range [2][2]string{{"expected: ", d.Expected}, {"hint: ", d.Hint}} {
		if more[1] != "" {
			b.WriteString(indent)
			b.WriteString(more[0])
			b.WriteString(more[1])
			b.WriteByte('\n')
		}
	}
}

// blame writes one link of httpd's chain for reading errors.
func (p Position) blame(b *strings.Builder) {
	switch {
	case p.File == CommandLine:
		b.WriteString("Syntax error in -C/-c directive: ")
	case p.Line > 0:
		b.WriteString("Syntax error on line ")
		b.WriteString(strconv.Itoa(p.Line))
		b.WriteString(" of ")
		b.WriteString(p.File)
		b.WriteString(": ")
	}
}

const indent = "  "

// widest is how many characters of a line are shown around the caret: a line
// of a thousand words should not fill the screen.
const widest = 160

// showLine writes the offending line and a caret below Pos.Col. Bytes that
// would upset a terminal or the caret's place are shown as one character each.
func (d *Diagnostic) showLine(b *strings.Builder) {
	if d.Line == "" {
		return
	}
	line := strings.TrimLeft(d.Line, " \t\r\v\f")
	caret := d.Pos.Col - 1 - (len(d.Line) - len(line))
	line = strings.TrimRight(line, " \t\r\n\v\f")
	if line == "" {
		return
	}
	var shown []rune
	at := -1
	for i, r := range line {
		if i >= caret && at < 0 && caret >= 0 {
			at = len(shown)
		}
		switch {
		case r == '\t':
			r = ' '
		case r < ' ' || r == 0x7f:
			r = '?'
		}
		shown = append(shown, r)
	}
	if caret >= len(line) {
		at = len(shown) // behind the end: what is missing belongs there
	}
	before, after := "", ""
	if len(shown) > widest {
		from := max(0, min(at-widest/2, len(shown)-widest))
		to := min(len(shown), from+widest)
		if from > 0 {
			before = "…"
		}
		if to < len(shown) {
			after = "…"
		}
		shown, at = shown[from:to], at-from
		if before != "" {
			at++
		}
	}
	b.WriteString(indent)
	b.WriteString(before)
	b.WriteString(string(shown))
	b.WriteString(after)
	b.WriteByte('\n')
	if d.Pos.Col > 0 && at >= 0 {
		b.WriteString(indent)
		for range at {
			b.WriteByte(' ')
		}
		b.WriteString("^\n")
	}
}
