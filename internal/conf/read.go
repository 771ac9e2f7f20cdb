package conf

import (
	"errors"
	"slices"
	"strings"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
)

// input is one file being read, with the macros used in it on top: their
// lines stand in the place of the Use line, so that a section may even open in
// a macro and close behind it.
type input struct{ stack []syntax.Lines }

// next returns the next line of the innermost text that has one.
func (in *input) next() (syntax.Line, bool) {
	for {
		top := len(in.stack) - 1
		if line, ok := in.stack[top].Next(); ok {
			return line, true
		}
		if top == 0 {
			return syntax.Line{}, false
		}
		in.stack = in.stack[:top]
	}
}

func (in *input) push(name, text string) {
	in.stack = append(in.stack, *syntax.NewLines(name, text))
}

// file is the name of the text being read.
func (in *input) file() string { return in.stack[len(in.stack)-1].File() }

// mark remembers the place of reading; calling the result goes back to it.
func (in *input) mark() (back func()) {
	at := slices.Clone(in.stack)
	return func() { in.stack = at }
}

// readText reads a whole text into the tree. Its sections must be closed
// before it ends, and it can't close those around it.
func (ld *Loader) readText(name, text string) {
	ld.source(name, text)
	outer := ld.in
	ld.in = &input{}
	ld.in.push(name, text)
	end := ld.tree.Begin()
	for !ld.again {
		line, ok := ld.in.next()
		if !ok {
			break
		}
		ld.readLine(line)
	}
	for _, n := range end() {
		ld.readErr(n.Pos, syntax.Unclosed(n), &diag.Err{Expected: "</" + n.Name + "> before the end of the file"})
	}
	ld.in = outer
}

// source remembers a text for messages.
func (ld *Loader) source(name, text string) {
	if old := ld.sources[name]; old == nil || old.Text != text {
		ld.sources[name] = &syntax.Source{Text: text}
	}
}

// readLine reads one line: reading directives act, all others become nodes.
func (ld *Loader) readLine(line syntax.Line) {
	if line.Blank() {
		return
	}
	text := ld.expand(line)
	kind, name, args, bare := syntax.Head(text)
	if kind == syntax.Close {
		if msg := ld.tree.Close(name, bare, line.Pos); msg != "" {
			ld.readErr(line.Pos, msg, nil)
		}
		return
	}
	if name == "" && kind == syntax.Directive {
		return
	}
	n := &syntax.Node{Name: name, Args: args, Pos: line.Pos, Section: kind == syntax.Open, Bare: bare}
	if r := ld.table.find(name, n.Section); r != nil && r.d.Reading && r.module.loaded {
		ld.act(n, r.d)
		return
	}
	if n.Section {
		ld.tree.Open(n)
	} else {
		ld.tree.Add(n)
	}
}

// act executes a reading directive.
func (ld *Loader) act(n *syntax.Node, d *Directive) {
	c := &Cmd{Directive: d, Node: n, Pos: n.Pos, Raw: n.Args, Scope: ld.main, Loader: ld}
	err := c.call()
	if err == nil {
		return
	}
	ld.readErr(n.Pos, err.Error(), err)
	if n.Section && !c.bodyRead {
		// What the body would have been for is unknown; its last line must not
		// count as one too many.
		back := ld.in.mark()
		if text, _ := ld.skip(n.Name); text != "" {
			back()
		}
	}
}

// readErr adds an error of the reading phase.
func (ld *Loader) readErr(pos diag.Position, text string, err error) {
	d := diag.Diagnostic{Pos: pos, Text: text, Reading: true}
	if len(ld.chain) > 0 {
		d.Chain = append([]diag.Position(nil), ld.chain...)
	}
	ld.explain(&d, err)
	ld.diags = append(ld.diags, d)
}

// explain takes over what a *diag.Err says beyond its text, and turns the word
// it points at into a column.
func (ld *Loader) explain(d *diag.Diagnostic, err error) {
	var e *diag.Err
	if src := ld.sources[d.Pos.File]; src != nil {
		d.Line = src.Line(d.Pos.Line)
	}
	if !errors.As(err, &e) {
		return
	}
	d.Expected, d.Hint = e.Expected, e.Hint
	if e.Excerpt != "" {
		if i := strings.Index(d.Line, e.Excerpt); i >= 0 {
			d.Pos.Col = i + e.Col
		} else {
			d.Line, d.Pos.Col = e.Excerpt, e.Col
		}
		return
	}
	if e.Word > 0 && d.Pos.Col > 0 && d.Line != "" {
		d.Pos.Col = ld.column(d.Line, d.Pos.Col, e.Word)
	}
}

// column finds argument number word of the directive that begins at col of
// line, as written: the words are counted after variables are expanded.
func (ld *Loader) column(line string, col, word int) int {
	if col > len(line) {
		return col
	}
	written := line[col-1:]
	text, back := ld.vars.expand(written)
	_, rest := syntax.Word(text)
	at := len(text) - len(rest)
	return col + back(at+syntax.Offset(rest, word))
}
