package syntax

import (
	"strings"

	"sallyport/internal/diag"
)

// Kind is what a line is.
type Kind uint8

const (
	Directive Kind = iota // Name Args
	Open                  // <Name Args>
	Close                 // </Name>
)

// Head splits the text of a logical line that is not blank.
//
// For Close, name is what stands between "</" and ">", and bare tells that the
// ">" is missing. For Open, bare tells the same, args being the rest then.
// Like httpd, a section's name loses one ">" at its end, and a section line
// that consists of its name alone may do without. Name is empty when the line
// is `""` and means nothing.
func Head(text string) (kind Kind, name, args string, bare bool) {
	name, args = Word(text)
	if name == "" || name[0] != '<' {
		return Directive, name, args, false
	}
	if strings.HasPrefix(name, "</") {
		name, ok := strings.CutSuffix(name[2:], ">")
		return Close, name, args, !ok
	}
	name = strings.TrimSuffix(name[1:], ">")
	if args == "" {
		return Open, name, "", false
	}
	end := strings.LastIndexByte(args, '>')
	if end < 0 {
		return Open, name, args, true
	}
	return Open, name, strings.TrimRight(args[:end], space), false
}

// Tree grows the nodes of a text while its lines are read, and keeps the
// balance of its sections. The zero Tree is ready.
type Tree struct {
	Roots []*Node
	open  []*Node
	floor int // sections below it belong to an outer text
}

// Add plants a directive or a section without looking inside.
func (t *Tree) Add(n *Node) {
	if p := t.Parent(); p != nil {
		p.Children = append(p.Children, n)
	} else {
		t.Roots = append(t.Roots, n)
	}
}

// Open plants a section; what follows goes into it until it is closed.
func (t *Tree) Open(n *Node) {
	t.Add(n)
	t.open = append(t.open, n)
}

// Parent is the innermost open section; nil at the top.
func (t *Tree) Parent() *Node {
	if len(t.open) == 0 {
		return nil
	}
	return t.open[len(t.open)-1]
}

// Level reports whether no section of the text being read is open.
func (t *Tree) Level() bool { return len(t.open) == t.floor }

// Enclosing returns the open sections, outermost first. Callers must not
// change it.
func (t *Tree) Enclosing() []*Node { return t.open }

// Close ends the innermost section at pos. The text tells what is wrong, in
// httpd's words; empty: nothing. After an error the tree is left so that the
// rest of the text makes as much sense as it can: a name that is open further
// out closes everything up to it.
func (t *Tree) Close(name string, bare bool, pos diag.Position) (text string) {
	if len(t.open) == t.floor {
		if bare {
			return "</" + name + " without matching <" + name + " section"
		}
		return "</" + name + "> without matching <" + name + "> section"
	}
	p := t.Parent()
	if bare {
		text = "</" + name + "> directive missing closing '>'"
		if !strings.EqualFold(name, p.Name) {
			return text
		}
	} else if !strings.EqualFold(name, p.Name) {
		text = "Expected </" + p.Name + "> but saw </" + name + ">"
		for i := len(t.open) - 1; i >= t.floor; i-- {
			if strings.EqualFold(name, t.open[i].Name) {
				for _, n := range t.open[i+1:] {
					n.Unclosed = true
				}
				t.cut(i, pos)
				return text
			}
		}
		// Else it was meant to close this one.
		t.cut(len(t.open)-1, pos)
		return text
	}
	t.cut(len(t.open)-1, pos)
	return text
}

func (t *Tree) cut(i int, pos diag.Position) {
	for _, n := range t.open[i:] {
		n.End = pos
	}
	t.open = t.open[:i]
}

// Begin protects the open sections from being closed by the text that follows,
// as those of an including file are protected from an included one. The
// returned function ends that and returns the sections the text left open.
func (t *Tree) Begin() (end func() (unclosed []*Node)) {
	outer := t.floor
	t.floor = len(t.open)
	return func() []*Node {
		left := append([]*Node(nil), t.open[t.floor:]...)
		for _, n := range left {
			n.End, n.Unclosed = n.Pos, true
		}
		t.open = t.open[:t.floor]
		t.floor = outer
		return left
	}
}

// Unclosed is httpd's message about a section that its file leaves open; it
// names the place itself.
func Unclosed(n *Node) string {
	return n.Pos.File + ":" + itoa(n.Pos.Line) + ": <" + n.Name + "> was not closed."
}

// Parse reads a whole text, expanding nothing and including nothing. The tree
// is usable even when the list is not empty.
func Parse(file, text string) ([]*Node, diag.List) {
	var t Tree
	var errs diag.List
	fail := func(pos diag.Position, text, line string) {
		errs = append(errs, diag.Diagnostic{Pos: pos, Text: text, Line: line, Reading: true})
	}
	src := Source{Text: text}
	lines := NewLines(file, text)
	for {
		line, ok := lines.Next()
		if !ok {
			break
		}
		if line.Blank() {
			continue
		}
		kind, name, args, bare := Head(line.Text)
		switch kind {
		case Close:
			if msg := t.Close(name, bare, line.Pos); msg != "" {
				fail(line.Pos, msg, src.Line(line.Pos.Line))
			}
		case Open:
			t.Open(&Node{Name: name, Args: args, Pos: line.Pos, Section: true, Bare: bare})
		default:
			if name != "" {
				t.Add(&Node{Name: name, Args: args, Pos: line.Pos})
			}
		}
	}
	for _, n := range t.open {
		n.End, n.Unclosed = n.Pos, true
		fail(n.Pos, Unclosed(n), src.Line(n.Pos.Line))
	}
	return t.Roots, errs
}
