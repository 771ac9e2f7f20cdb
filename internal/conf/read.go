package conf

import (
	"errors"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
)

// readText reads a whole text into the tree. Its sections must be closed
// before it ends, and it can't close those around it.
func (ld *Loader) readText(name, text string) {
	ld.source(name, text)
	outer := ld.lines
	ld.lines = syntax.NewLines(name, text)
	end := ld.tree.Begin()
	for !ld.again {
		line, ok := ld.lines.Next()
		if !ok {
			break
		}
		ld.readLine(line)
	}
	if left := end(); len(left) > 0 && !ld.again {
		n := left[len(left)-1]
		for _, open := range left {
			open.End = open.Pos
		}
		ld.readErr(n.Pos, syntax.Unclosed(n), &diag.Err{Expected: "</" + n.Name + "> before the end of the file"})
	}
	ld.lines = outer
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
