package conf

import (
	"errors"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
)

// RunBody executes the children of a section directive in scope s (nil: the
// scope the section stands in), collecting their errors in the loader's list.
func (c *Cmd) RunBody(s *Scope) {
	if s == nil {
		s = c.Scope
	}
	ld := c.Loader
	ld.parents = append(ld.parents, c.Node)
	ld.execute(c.Node.Children, s)
	ld.parents = ld.parents[:len(ld.parents)-1]
}

// Warn adds a warning at this directive.
func (c *Cmd) Warn(text, hint string) { c.Loader.warn(c.Pos, text, hint) }

// ReadFile reads a file that the directive names, with the rights that the
// configuration itself is read with.
func (c *Cmd) ReadFile(path string) ([]byte, error) {
	b, err := c.Loader.opts.ReadFile(path)
	if err == nil {
		c.Loader.cfg.Files = append(c.Loader.cfg.Files, path)
	}
	return b, err
}

// Fail adds an error at this directive, for a setter that has more than one.
// Err may be a *diag.Err.
func (c *Cmd) Fail(err error) {
	d := diag.Diagnostic{Pos: c.Pos, Text: err.Error()}
	c.Loader.explain(&d, err)
	c.Loader.diags = append(c.Loader.diags, d)
}

// Parent is the section that the directive stands in; nil at the top level.
func (c *Cmd) Parent() *syntax.Node {
	if p := c.Loader.parents; len(p) > 0 {
		return p[len(p)-1]
	}
	return nil
}

// execute runs directives in a scope: the second phase.
func (ld *Loader) execute(nodes []*syntax.Node, s *Scope) {
	for _, n := range nodes {
		ld.run(n, s)
	}
}

// run executes one directive.
func (ld *Loader) run(n *syntax.Node, s *Scope) {
	r := ld.table.find(n.Name, n.Section)
	c := &Cmd{Node: n, Pos: n.Pos, Raw: n.Args, Scope: s, Methods: ld.methods, Loader: ld}
	if r == nil || !r.module.loaded {
		if ld.skips(n) {
			return
		}
		name := n.Name
		if n.Section {
			name = "<" + name
		}
		c.Fail(&diag.Err{
			Text: "Invalid command '" + name + "', perhaps misspelled or defined by a module not included in the server configuration",
			Hint: ld.unknown(n),
		})
		return
	}
	c.Directive = r.d
	if err := c.misplaced(); err != nil {
		c.Fail(err)
		if r.d.Opens != 0 {
			c.open(nowhere(c)) // for the errors in its body
		}
		return
	}
	var err error
	if r.d.Section && r.d.Opens != 0 && !n.Bare {
		err = c.section()
	} else {
		err = c.call()
	}
	if err != nil {
		c.Fail(err)
	}
}

// nowhere is a scope whose configuration is thrown away.
func nowhere(c *Cmd) *Scope {
	kind := c.Directive.Opens
	s := &Section{Kind: kind, Pos: c.Pos, Name: c.Node.Name}
	host := &Server{Pos: c.Pos}
	return &Scope{Kind: kind, Host: host, Section: s, Server: &host.Conf, Dir: &s.Dir, Outer: c.Scope}
}

// misplaced checks the context, in httpd's two wordings: one of a directive
// that has no business in such a place, and one of a directive that belongs to
// places like this but not to this one.
func (c *Cmd) misplaced() error {
	d, kind := c.Directive, c.Scope.Kind
	limited := c.Methods != nil && d.Opens != 0
	if kind == 0 || d.In&kind != 0 && !limited {
		return nil
	}
	name, title := d.Name, d.Name
	if d.Section {
		name, title = "<"+d.Name, "<"+d.Name+">"
	}
	p := c.Parent()
	switch {
	case p != nil:
	case d.In == InVHost:
		return errors.New(title + " only used in <VirtualHost>")
	default:
		return &diag.Err{Text: name + " not allowed here", Expected: d.where()}
	}
	for _, n := range c.Loader.parents {
		if n.Unclosed {
			return nil // that is said already, and the directive may be in its place
		}
	}
	kin := Sections
	if kind == InVHost {
		kin = InServer
	}
	switch {
	case d.In&kin == 0, d.In&kin == InProxy:
		return &diag.Err{Text: name + " not allowed in " + p.Title() + " context", Expected: d.where()}
	case limited:
		return &diag.Err{Text: title + " cannot occur within <Limit> or <LimitExcept> section", Expected: d.where()}
	}
	return &diag.Err{Text: title + " cannot occur within " + p.Title() + " section", Expected: d.where()}
}

// Outside refuses a directive that stands, at whatever depth, in a section of
// these kinds (httpd's ap_check_cmd_context).
func (c *Cmd) Outside(x Context) error {
	if x&InLimit != 0 && c.Methods != nil {
		return errors.New(c.Node.Title() + " cannot occur within <Limit> or <LimitExcept> section")
	}
	for _, kind := range [...]Context{InDirectory, InLocation, InFiles, InProxy, InIf} {
		for s := c.Scope; s != nil; s = s.Outer {
			if s.Kind == kind && x&kind != 0 {
				return errors.New(c.Node.Title() + " cannot occur within <" + s.Section.Name + "> section")
			}
		}
	}
	return nil
}

// where says in which places the directive may stand.
func (d *Directive) where() string {
	return d.Name + " in " + d.In.String()
}
