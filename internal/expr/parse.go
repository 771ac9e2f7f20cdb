package expr

import (
	"strings"

	"sallyport/internal/regex"
)

// Parse compiles a condition. The error is an *Error.
func Parse(text string, o Options) (*Cond, error) {
	c := &Cond{text: text}
	p := newParser(text, o, &c.uses)
	c.eval = p.or()
	if p.space(); p.err == nil && p.pos < len(text) {
		p.unexpected("&&, || or the end")
	}
	if p.err != nil {
		return nil, p.err
	}
	return c, nil
}

// ParseString compiles a text with variables. The error is an *Error.
func ParseString(text string, o Options) (*Text, error) {
	t := &Text{text: text}
	p := newParser(text, o, &t.uses)
	t.word = p.stringUntil(0)
	if p.err != nil {
		return nil, p.err
	}
	return t, nil
}

func newParser(text string, o Options, u *uses) *parser {
	// A "$" with a digit anywhere makes every match keep its groups: cheap to
	// see, and harmless where it is part of a pattern.
	u.groups = o.Groups || o.Outer
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '$' && isDigit(text[i+1]) {
			u.groups = true
		}
	}
	if o.Other == nil {
		o.Other = TLSVariable
	}
	return &parser{in: text, o: o, uses: u}
}

func never(Vars, *Match) bool { return false }

func (p *parser) or() boolFn {
	a := p.and()
	for p.err == nil {
		if p.space(); !p.accept("||") && !p.keyword("or") {
			break
		}
		b, first := p.and(), a
		a = func(v Vars, m *Match) bool { return first(v, m) || b(v, m) }
	}
	return a
}

func (p *parser) and() boolFn {
	a := p.not()
	for p.err == nil {
		if p.space(); !p.accept("&&") && !p.keyword("and") {
			break
		}
		b, first := p.not(), a
		a = func(v Vars, m *Match) bool { return first(v, m) && b(v, m) }
	}
	return a
}

// keyword takes a name if it stands here as a whole.
func (p *parser) keyword(name string) bool {
	if p.ident(0) != name {
		return false
	}
	p.pos += len(name)
	return true
}

func (p *parser) not() boolFn {
	if !p.enter() {
		return never
	}
	defer p.leave()
	p.space()
	if p.accept("!") || p.keyword("not") {
		a := p.not()
		return func(v Vars, m *Match) bool { return !a(v, m) }
	}
	return p.comparison()
}

func (p *parser) comparison() boolFn {
	switch c := p.peek(0); {
	case c == '(':
		p.pos++
		a := p.or()
		p.space()
		if p.err == nil && !p.accept(")") {
			p.unexpected("')'")
		}
		return a
	case c == '-' && !isDigit(p.peek(1)):
		return p.unary()
	case isLetter(c):
		switch id := p.ident(0); id {
		case "true", "false":
			p.pos += len(id)
			yes := id == "true"
			return func(Vars, *Match) bool { return yes }
		}
	}
	return p.binary()
}

func (p *parser) unary() boolFn {
	at := p.pos
	name := p.ident(1)
	if len(name) != 1 {
		p.unexpected("an operator such as -n, -z, -f")
		return never
	}
	p.pos += 2
	argAt := p.pos
	w := p.operand()
	if p.err != nil {
		return never
	}
	f, err := unaryOp(name[0], w)
	if err != nil {
		if err.Pos < 0 {
			p.space()
			err.Pos = argAt + 1
		} else {
			err.Pos = at
		}
		p.err = err
		return never
	}
	return f
}

func (p *parser) binary() boolFn {
	a := p.operand()
	if p.err != nil {
		return never
	}
	p.space()
	at := p.pos
	const wanted = "an operator such as ==, !=, =~, -eq, in"
	switch c := p.peek(0); {
	case p.accept("=~"):
		return p.regex(a, false)
	case p.accept("!~"):
		return p.regex(a, true)
	case p.accept("=="), p.accept("!="), p.accept("<="), p.accept(">="), p.accept("="), p.accept("<"), p.accept(">"):
		op := p.in[at:p.pos]
		if p.o.SSLRequire {
			return compareRequire(integerOps[signs[op]], a, p.operand())
		}
		return compare(op, a, p.operand())
	case c == '-' || isLetter(c):
		name := p.ident(0)
		if c == '-' {
			name = p.ident(1)
			p.pos++
		}
		p.pos += len(name)
		switch {
		case name == "in":
			return p.in_(a)
		case integerOps[name] != nil && p.o.SSLRequire:
			return compareRequire(integerOps[name], a, p.operand())
		case integerOps[name] != nil:
			return compareInts(integerOps[name], a, p.operand())
		case c == '-' && len(name) > 1:
			argAt := p.pos
			b := p.operand()
			if p.err != nil {
				return never
			}
			f, err := binaryOp(strings.ToLower(name), a, b)
			if err != nil {
				if err.Pos < 0 {
					err.Pos = argAt + 1
				} else {
					err.Pos = at
				}
				p.err = err
				return never
			}
			return f
		}
		p.pos = at
	}
	p.unexpected(wanted)
	return never
}

// regex reads /pattern/ or m#pattern# with flags.
func (p *parser) regex(a word, negate bool) boolFn {
	p.space()
	at := p.pos
	if p.peek(0) == 'm' && p.peek(1) != 0 && strings.IndexByte("/#$%^,;:_?|-!.'\"", p.peek(1)) >= 0 {
		p.pos++
	} else if p.peek(0) != '/' {
		p.unexpected("a regular expression between slashes")
		return never
	}
	delim := p.in[p.pos]
	p.pos++
	end := strings.IndexByte(p.in[p.pos:], delim)
	if end < 0 {
		p.fail(at, "Unterminated regular expression", "a closing "+string(delim))
		return never
	}
	pattern := p.in[p.pos : p.pos+end]
	p.pos += end + 1
	nocase := false
	for p.peek(0) == 'i' {
		nocase = true
		p.pos++
	}
	re, err := regex.Compile(pattern, nocase)
	if err != nil {
		p.fail(at+1, "Failed to compile regular expression: "+err.Error(), "")
		return never
	}
	if !p.uses.groups || re.Groups() == 0 {
		// As in httpd a pattern without groups leaves those of an earlier
		// match alone.
		return func(v Vars, m *Match) bool { return re.Match(a.value(v, m)) != negate }
	}
	return func(v Vars, m *Match) bool {
		s := a.value(v, m)
		if m == nil {
			return re.Match(s) != negate
		}
		m.Source, m.Groups = s, re.Find(s)
		return (m.Groups != nil) != negate
	}
}

// in_ reads { word, word … } or the call of a list function.
func (p *parser) in_(a word) boolFn {
	p.space()
	if !p.accept("{") {
		if id := p.ident(0); strings.EqualFold(id, "PeerExtList") {
			p.pos += len(id)
			return p.peerExt(a)
		} else if id != "" {
			p.fail(p.pos, "Function '"+id+"' does not exist", "a list: { 'a', 'b' }")
			return never
		}
		p.unexpected("a list: { 'a', 'b' }")
		return never
	}
	var list []word
	fixed := true
	for p.err == nil {
		w := p.operand()
		fixed = fixed && w.fn == nil
		list = append(list, w)
		p.space()
		if p.accept("}") {
			break
		}
		if !p.accept(",") {
			p.unexpected("',' or '}'")
		}
	}
	if fixed && len(list) > 8 {
		set := make(map[string]bool, len(list))
		for _, w := range list {
			set[w.text] = true
		}
		return func(v Vars, m *Match) bool { return set[a.value(v, m)] }
	}
	return func(v Vars, m *Match) bool {
		s := a.value(v, m)
		for i := range list {
			if list[i].value(v, m) == s {
				return true
			}
		}
		return false
	}
}

// peerExt reads the argument of PeerExtList, mod_ssl's list.
func (p *parser) peerExt(a word) boolFn {
	p.space()
	if !p.accept("(") {
		p.unexpected("PeerExtList('object ID')")
		return never
	}
	p.space()
	at := p.pos
	id := p.operand()
	p.space()
	if p.err == nil && !p.accept(")") {
		p.unexpected("')'")
	}
	if p.err == nil && id.fn == nil && strings.Trim(id.text, "0123456789.") != "" {
		p.fail(at, "PeerExtList: '"+id.text+"' is not an object ID of numbers", "such as '1.3.6.1.4.1.311.21.7'")
	}
	if p.err != nil {
		return never
	}
	return func(v Vars, m *Match) bool {
		s := a.value(v, m)
		for e := range strings.SplitSeq(v.Call(PeerExt, id.value(v, m)), "\x00") {
			if e != "" && e == s {
				return true
			}
		}
		return false
	}
}

// operand is a word of the grammar: parts joined with ".".
func (p *parser) operand() word {
	w := p.part()
	for p.err == nil {
		save := p.pos
		p.space()
		if p.peek(0) != '.' {
			p.pos = save
			break
		}
		p.pos++
		w = concat([]word{w, p.part()})
	}
	return w
}

func (p *parser) part() word {
	if p.err != nil {
		return word{}
	}
	p.space()
	switch c := p.peek(0); {
	case c == '"' || c == '\'':
		p.pos++
		return p.stringUntil(c)
	case isDigit(c) || c == '-' && isDigit(p.peek(1)):
		from := p.pos
		p.pos++
		for isDigit(p.peek(0)) {
			p.pos++
		}
		return word{text: p.in[from:p.pos]}
	case c == '%' && p.peek(1) == '{':
		return p.variable()
	case c == '$' && isDigit(p.peek(1)):
		return p.group()
	case isLetter(c):
		return p.call()
	}
	p.unexpected("a string, a number, %{VARIABLE} or function('argument')")
	return word{}
}

// call reads function(word).
func (p *parser) call() word {
	at := p.pos
	name := p.ident(0)
	p.pos += len(name)
	p.space()
	if !p.accept("(") {
		p.pos = at
		if v, ok := LookupVariable(name); ok {
			p.err = &Error{Pos: at, Text: "syntax error, unexpected '" + name + "'", Hint: "write %{" + v.String() + "}"}
			return word{}
		}
		p.unexpected("a string in quotes, %{VARIABLE} or function('argument')")
		return word{}
	}
	if !p.enter() {
		return word{}
	}
	defer p.leave()
	arg := p.operand()
	p.space()
	if p.err == nil && !p.accept(")") {
		p.unexpected("')'")
	}
	return p.function(at, name, arg)
}

// function makes the call of a function; at is where its name stands.
func (p *parser) function(at int, name string, arg word) word {
	if p.err != nil {
		return word{}
	}
	low := strings.ToLower(name)
	if f, ok := pureFunctions[low]; ok {
		if arg.fn == nil {
			return word{text: f(arg.text)}
		}
		return word{fn: func(v Vars, m *Match) string { return f(arg.value(v, m)) }}
	}
	f, ok := functionNames[low]
	if low == "hc" && p.o.HealthCheck {
		f, ok = HC, true
	}
	if !ok {
		p.err = &Error{Pos: at, Text: "Function '" + name + "' does not exist", Hint: nearest(name, functionList())}
		return word{}
	}
	if arg.fn == nil {
		a := arg.text
		return word{fn: func(v Vars, m *Match) string { return v.Call(f, a) }}
	}
	return word{fn: func(v Vars, m *Match) string { return v.Call(f, arg.value(v, m)) }}
}

// variable reads %{NAME} or %{function:argument}.
func (p *parser) variable() word {
	if !p.enter() {
		return word{}
	}
	defer p.leave()
	start := p.pos
	p.pos += 2
	at := p.pos
	name := p.ident(0)
	if name == "" {
		p.unexpected("the name of a variable")
		return word{}
	}
	p.pos += len(name)
	switch p.peek(0) {
	case '}':
		p.pos++
		if v, ok := LookupVariable(name); ok {
			return word{fn: func(vars Vars, _ *Match) string { return vars.Var(v) }}
		}
		if p.o.Other(name) {
			return word{fn: func(vars Vars, _ *Match) string { return vars.Other(name) }}
		}
		p.err = &Error{Pos: at, Text: "Variable '" + name + "' does not exist", Hint: nearest(name, variableNames[:])}
	case ':':
		p.pos++
		if p.peek(0) == '}' {
			p.unexpected("the argument of " + name)
			return word{}
		}
		return p.function(at, name, p.stringUntil('}'))
	case 0:
		p.fail(start, "Unterminated variable", "a closing }")
	default:
		p.fail(p.pos, "Invalid character in variable name '"+string(p.peek(0))+"'", "letters, digits and _")
	}
	return word{}
}

// group reads $0 to $9.
func (p *parser) group() word {
	n := int(p.peek(1) - '0')
	p.pos += 2
	return word{fn: func(_ Vars, m *Match) string {
		if m == nil || m.Groups == nil {
			return ""
		}
		return regex.Group(m.Source, m.Groups, n)
	}}
}
