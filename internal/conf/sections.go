package conf

import (
	"errors"
	"slices"
	"strings"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/expr"
	"sallyport/internal/regex"
)

// open executes the section's body in scope s.
func (c *Cmd) open(s *Scope) {
	methods := c.Loader.methods
	c.Loader.methods = nil
	c.RunBody(s)
	c.Loader.methods = methods
}

// section opens a scope for the directive's kind, lets its setter see the
// words, and executes the body.
func (c *Cmd) section() error {
	if c.Directive.Opens == InVHost {
		return c.virtualHost()
	}
	if c.Directive.Opens == InIf {
		return c.condition()
	}
	sec := &Section{Kind: c.Directive.Opens, Pos: c.Pos, Name: c.Directive.Name}
	err := sec.readArgs(c)
	s := &Scope{Kind: sec.Kind, Host: c.Scope.Host, Section: sec, Server: c.Scope.Server, Dir: &sec.Dir, Outer: c.Scope}
	if err == nil && c.Directive.Set != nil {
		inner := *c
		inner.Scope = s
		err = c.Directive.Set(&inner, append([]string{sec.Arg}, sec.Words...))
	}
	if err != nil {
		c.Fail(err) // before what its body may have to say
	} else if c.Scope.Section != nil {
		c.Scope.Section.Sections = append(c.Scope.Section.Sections, sec)
	} else {
		c.Scope.Host.Sections = append(c.Scope.Host.Sections, sec)
	}
	c.open(s)
	return nil
}

// readArgs reads the argument: a path, a pattern with the Match forms and
// behind "~".
func (sec *Section) readArgs(c *Cmd) error {
	if c.Raw == "" && sec.Kind != InProxy {
		return c.needsMore()
	}
	arg, rest := syntax.Word(c.Raw)
	word := 1
	sec.Regex = strings.HasSuffix(sec.Name, "Match")
	if arg == "~" && !sec.Regex {
		arg, rest = syntax.Word(rest)
		sec.Regex = true
		word = 2
	}
	sec.Arg = arg
	if sec.Regex {
		var err error
		if sec.Pattern, err = regex.Compile(arg, false); err != nil {
			return &diag.Err{Text: "Regex could not be compiled", Expected: "a regular expression; " + err.Error(), Word: word}
		}
	}
	if rest != "" {
		if sec.Kind != InProxy || sec.Regex {
			return &diag.Err{Text: "Multiple " + c.Node.Title() + " arguments not (yet) supported.", Word: word + 1}
		}
		sec.Words = syntax.Words(rest)
	}
	return nil
}

func (c *Cmd) virtualHost() error {
	if c.Raw == "" {
		return c.needsMore()
	}
	h := &Server{Pos: c.Pos, Addrs: syntax.Words(c.Raw)}
	s := &Scope{Kind: InVHost, Host: h, Server: &h.Conf, Dir: &h.Dir, Outer: c.Scope}
	if c.Directive.Set != nil {
		inner := *c
		inner.Scope = s
		if err := c.Directive.Set(&inner, h.Addrs); err != nil {
			c.Fail(err)
		}
	}
	c.Loader.cfg.Hosts = append(c.Loader.cfg.Hosts, h)
	c.open(s)
	return nil
}

// condition is <If>, <ElseIf> and <Else>.
func (c *Cmd) condition() error {
	sec := &Section{Kind: InIf, Pos: c.Pos, Name: c.Directive.Name, Else: c.Directive.Name != "If"}
	list := &c.Scope.Host.Sections
	if c.Scope.Section != nil {
		list = &c.Scope.Section.Sections
	}
	if err := sec.readCondition(c, *list); err != nil {
		c.Fail(err)
		c.open(nowhere(c))
		return nil
	}
	*list = append(*list, sec)
	c.open(&Scope{Kind: InIf, Host: c.Scope.Host, Section: sec, Server: c.Scope.Server, Dir: &sec.Dir, Outer: c.Scope})
	return nil
}

// readCondition reads the expression; before are the sections of the scope so
// far.
func (sec *Section) readCondition(c *Cmd, before []*Section) error {
	if c.Directive.Name == "Else" && c.Raw != "" {
		return &diag.Err{Text: "<Else> does not take an argument", Word: 1}
	}
	if sec.Else {
		var last *Section
		for _, s := range before {
			if s.Kind == InIf {
				last = s
			}
		}
		if last == nil || last.Cond == nil {
			return &diag.Err{Text: "<Else> or <ElseIf> section without previous <If> or <ElseIf> section in same scope", Expected: "<If> in front of it"}
		}
	}
	arg, rest := syntax.Word(c.Raw)
	if c.Directive.Name == "Else" {
		return nil
	}
	if arg == "" {
		return c.needsMore()
	}
	if rest != "" {
		return &diag.Err{Text: "Multiple " + c.Node.Title() + " arguments not supported.", Expected: "the whole expression between quotes", Word: 2}
	}
	var err error
	sec.Arg = arg
	if sec.Cond, err = expr.Parse(arg, expr.Options{}); err != nil {
		return expr.Diag(err, arg, "Cannot parse condition clause: ", 1)
	}
	return nil
}

// limit is <Limit> and <LimitExcept>: their directives go to the same scope,
// knowing the methods they are for.
func limit(c *Cmd, args []string) error {
	names := syntax.Words(c.Raw)
	if len(names) == 0 {
		return c.needsMore()
	}
	ld := c.Loader
	m := &MethodSet{Except: strings.EqualFold(c.Node.Name, "LimitExcept")}
	for i, name := range names {
		if name == "TRACE" && !m.Except {
			return &diag.Err{Text: "TRACE cannot be controlled by " + c.Node.Title() + ", see TraceEnable", Word: i + 1}
		}
		m.Names = append(m.Names, name)
	}
	if outer := ld.methods; outer != nil {
		m = outer.and(m)
		switch {
		case m == nil:
			return errors.New(c.Node.Title() + " directive excludes all methods")
		case m.Except == outer.Except && len(m.Names) == len(outer.Names):
			return errors.New(c.Node.Title() + " directive specifies methods already excluded")
		}
	}
	before := ld.methods
	ld.methods = m
	c.RunBody(nil)
	ld.methods = before
	return nil
}

// and is the set of methods in both; nil when there are none.
func (m *MethodSet) and(n *MethodSet) *MethodSet {
	switch {
	case m.Except && n.Except:
		names := slices.Clone(m.Names)
		for _, name := range n.Names {
			if m.Has(name) {
				names = append(names, name)
			}
		}
		return &MethodSet{Names: names, Except: true}
	case m.Except:
		m, n = n, m
	}
	out := &MethodSet{}
	for _, name := range m.Names {
		if n.Has(name) {
			out.Names = append(out.Names, name)
		}
	}
	if len(out.Names) == 0 {
		return nil
	}
	return out
}

// setError is the Error directive: the text as written, without the quotes
// around the whole of it.
func setError(c *Cmd, args []string) error {
	text := c.Raw
	if word, rest := syntax.Word(text); rest == "" && len(text) > 1 && text[0] == text[len(text)-1] {
		text = word
	}
	if text == "" {
		return &diag.Err{Text: "The Error directive was used with no message."}
	}
	return errors.New(text)
}
