package rewrite

import (
	"cmp"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
	"sallyport/internal/regex"
)

// cond is one RewriteCond. Immutable once read.
type cond struct {
	input   *template
	pattern string // as written
	negate  bool
	nocase  bool
	or      bool
	noVary  bool
	// One of these is set.
	regex  *regex.Regex
	expr   *expr.Cond
	test   expr.Test
	verify func(s string) bool
}

func newCond(c *conf.Cmd, f *config, w []string) (*cond, error) {
	n := &cond{pattern: w[1]}
	if len(w) == 3 {
		if err := n.flags(w[2]); err != nil {
			return nil, err
		}
	}
	p, negate := strings.CutPrefix(w[1], "!")
	n.negate = negate
	if strings.EqualFold(w[0], "expr") {
		var err error
		n.expr, err = expr.Parse(p, expr.Options{Groups: true})
		n.input = &template{}
		if err != nil {
			return nil, expr.Diag(err, p, "RewriteCond: cannot compile expression \""+p+"\": ", 2)
		}
		return n, nil
	}
	var err error
	if n.input, err = newTemplate(c, w[0], 1); err != nil {
		return nil, err
	}
	if n.test, n.verify = n.compare(p); n.test != 0 || n.verify != nil {
		return n, nil
	}
	if n.regex, err = regex.Compile(p, n.nocase); err != nil {
		return nil, &diag.Err{Text: "RewriteCond: cannot compile regular expression '" + p + "'", Hint: err.Error(), Word: 2}
	}
	return n, nil
}

// compare reads the patterns that are no regular expressions: -f, -eq5, <text.
func (n *cond) compare(p string) (expr.Test, func(string) bool) {
	if len(p) == 2 && p[0] == '-' && strings.IndexByte("fsdxhlLUF", p[1]) >= 0 {
		switch p[1] {
		case 'h', 'l':
			return expr.IsLink, nil
		}
		return expr.Test(p[1]), nil
	}
	if len(p) > 3 && p[0] == '-' {
		want := expr.Int(p[3:])
		switch p[1:3] {
		case "lt":
			return 0, func(s string) bool { return expr.Int(s) < want }
		case "le":
			return 0, func(s string) bool { return expr.Int(s) <= want }
		case "eq":
			return 0, func(s string) bool { return expr.Int(s) == want }
		case "ge":
			return 0, func(s string) bool { return expr.Int(s) >= want }
		case "gt":
			return 0, func(s string) bool { return expr.Int(s) > want }
		case "ne":
			return 0, func(s string) bool { return expr.Int(s) != want }
		}
	}
	if len(p) < 2 {
		return 0, nil // a sign alone is a regular expression
	}
	order := longer
	if n.nocase {
		order = func(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) }
	}
	text := func(s string) string {
		if s == `""` {
			return ""
		}
		return s
	}
	switch {
	case strings.HasPrefix(p, "<="):
		return 0, func(s string) bool { return order(s, text(p[2:])) <= 0 }
	case strings.HasPrefix(p, ">="):
		return 0, func(s string) bool { return order(s, text(p[2:])) >= 0 }
	case p[0] == '<':
		return 0, func(s string) bool { return order(s, text(p[1:])) < 0 }
	case p[0] == '>':
		return 0, func(s string) bool { return order(s, text(p[1:])) > 0 }
	case p[0] == '=':
		want := text(p[1:])
		return 0, func(s string) bool { return order(s, want) == 0 }
	}
	return 0, nil
}

// longer is mod_rewrite's order of texts: the longer one is the greater, but
// not where case does not matter.
func longer(a, b string) int {
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return cmp.Compare(a, b)
}

func (n *cond) flags(s string) error {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return &diag.Err{Text: "RewriteCond: bad flag delimiters", Expected: "[flag,flag]", Word: 3}
	}
	for f := range strings.SplitSeq(s[1:len(s)-1], ",") {
		switch strings.ToLower(strings.TrimSpace(f)) {
		case "":
		case "nc", "nocase":
			n.nocase = true
		case "or", "ornext":
			n.or = true
		case "nv", "novary":
			n.noVary = true
		default:
			return &diag.Err{Text: "RewriteCond: unknown flag '" + f + "'", Expected: "NC, OR or NV", Word: 3}
		}
	}
	return nil
}

// holds asks the condition.
func (n *cond) holds(r *run) bool {
	var input string
	var ok bool
	switch {
	case n.expr != nil:
		vars := exprvars.Of(r.x)
		if !n.noVary {
			vars = exprvars.Varying(r.x)
		}
		m := r.condMatch
		if ok = n.expr.Eval(vars, &m); ok && !n.negate {
			r.condMatch = m
		}
	case n.regex != nil:
		input = n.input.expand(r, nil)
		g := n.regex.Find(input)
		if ok = g != nil; ok && !n.negate {
			r.condMatch = expr.Match{Source: input, Groups: g}
		}
	case n.test != 0:
		input = n.input.expand(r, nil)
		ok = input != "" && exprvars.Test(r.x, n.test, input)
	default:
		input = n.input.expand(r, nil)
		ok = n.verify(input)
	}
	ok = ok != n.negate
	if r.tells(errorlog.Trace4) {
		nc, verdict := "", "not-matched"
		if n.nocase {
			nc = " [NC]"
		}
		if ok {
			verdict = "matched"
		}
		r.logf(4, "RewriteCond: input='%s' pattern='%s'%s => %s", input, n.pattern, nc, verdict)
	}
	return ok
}

// pass asks all conditions of a rule, joined as their flags say, and gathers
// the fields they were decided by.
func (r *rule) holds(n *run) bool {
	n.seen = n.seen[:0]
	var vary []string
	for i := 0; i < len(r.conds); i++ {
		c := r.conds[i]
		from := len(n.seen)
		ok := c.holds(n)
		if c.noVary {
			n.seen = n.seen[:from]
		}
		switch {
		case c.or && !ok:
			n.seen = n.seen[:0]
			continue
		case c.or:
			for i < len(r.conds) && r.conds[i].or {
				i++
			}
		case !ok:
			return false
		}
		vary = append(vary, n.seen...)
		n.seen = n.seen[:0]
	}
	for _, f := range vary {
		exprvars.Vary(n.x, f)
	}
	return true
}
