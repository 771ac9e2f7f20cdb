package rewrite

import (
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/message"
	"sallyport/internal/regex"
)

// words splits a line as httpd's parseargline does: quotes hold a word
// together, a backslash protects what follows and stays. More than three words
// are wrong.
func words(s string) (list []string, ok bool) {
	for s = strings.TrimLeft(s, " \t"); s != "" && len(list) < 3; s = strings.TrimLeft(s, " \t") {
		quote := byte(0)
		if s[0] == '"' || s[0] == '\'' {
			quote, s = s[0], s[1:]
		}
		end := 0
		for end < len(s) {
			if s[end] == '\\' && end+1 < len(s) {
				end += 2
				continue
			}
			if quote != 0 && s[end] == quote || quote == 0 && (s[end] == ' ' || s[end] == '\t') {
				break
			}
			end++
		}
		list = append(list, s[:end])
		s = s[min(len(s), end+1):]
	}
	return list, s == ""
}

// rule is one RewriteRule. Immutable once read.
type rule struct {
	pos     diag.Position
	pattern string
	regex   *regex.Regex
	negate  bool
	conds   []*cond
	to      *template // nil: "-"
	output  string    // as written

	nocase, last, end, proxy, pass, chain, noEscape, noSub bool
	queryAppend, queryDiscard, queryLast, discardPath      bool
	escape, escapeControls, noPlus, unsafe3F, unsafePrefix bool
	escapeOnly, escapeNot                                  string
	next                                                   int // [N]: rounds; 0: not there
	skip                                                   int
	redirect                                               bool // [R] with a status of redirects
	status                                                 int  // [R], [F], [G]; 0: none was named
	env                                                    []assignment
	cookies                                                []*template
	media, handler                                         *template
}

// assignment is one [E].
type assignment struct {
	name, value *template // value nil: unset
}

const defaultRounds = 10000

func newRule(c *conf.Cmd, f *config, w []string) (*rule, error) {
	r := &rule{pos: c.Pos, output: w[1]}
	if len(w) == 3 {
		if err := r.flags(c, w[2]); err != nil {
			return nil, err
		}
	}
	r.pattern = w[0]
	pattern, negate := strings.CutPrefix(w[0], "!")
	r.negate = negate
	var err error
	if r.regex, err = regex.Compile(pattern, r.nocase); err != nil {
		return nil, &diag.Err{Text: "RewriteRule: cannot compile regular expression '" + pattern + "'", Hint: err.Error(), Word: 1}
	}
	// A status that is no redirect needs no substitution.
	if w[1] != "-" && (r.status == 0 || r.redirect) {
		if r.to, err = newTemplate(c, w[1], 2); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// flags reads [flag,flag=value,…].
func (r *rule) flags(c *conf.Cmd, s string) error {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return &diag.Err{Text: "RewriteRule: bad flag delimiters", Expected: "[flag,flag=value]", Word: 3}
	}
	for _, f := range splitFlags(s[1 : len(s)-1]) {
		name, value, has := strings.Cut(f, "=")
		if err := r.flag(c, strings.ToLower(strings.TrimSpace(name)), value, has); err != nil {
			return err
		}
	}
	return nil
}

// splitFlags cuts at commas, but not at those between quotes.
func splitFlags(s string) []string {
	var out []string
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && s[i+1] == ',':
			b.WriteByte(',')
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && c == '"' && (b.Len() == 0 || s[i-1] == '='):
			quote = c
		case quote == 0 && c == ',':
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(out, b.String())
}

func (r *rule) flag(c *conf.Cmd, name, value string, has bool) (err error) {
	text := func() *template {
		var t *template
		if err == nil {
			t, err = newTemplate(c, value, 3)
		}
		return t
	}
	switch name {
	case "":
	case "b":
		r.escape, r.escapeOnly = true, value
	case "bne":
		r.escape, r.escapeNot = true, value
	case "bnp", "backrefnoplus":
		r.noPlus = true
	case "bctls":
		r.escape, r.escapeControls = true, true
	case "c", "chain":
		r.chain = true
	case "co", "cookie":
		r.cookies = append(r.cookies, text())
	case "dpi", "discardpath":
		r.discardPath = true
	case "e", "env":
		n, v, set := strings.Cut(value, ":")
		a := assignment{}
		if n, unset := strings.CutPrefix(n, "!"); unset {
			a.name, err = newTemplate(c, n, 3)
		} else {
			if a.name, err = newTemplate(c, n, 3); err == nil {
				a.value, err = newTemplate(c, v, 3)
			}
		}
		_ = set
		r.env = append(r.env, a)
	case "end":
		r.end = true
	case "f", "forbidden":
		r.status, r.redirect, r.last = 403, false, true
	case "g", "gone":
		r.status, r.redirect, r.last = 410, false, true
	case "h", "handler":
		r.handler = text()
	case "l", "last":
		r.last = true
	case "n", "next":
		r.next = defaultRounds
		if has {
			n, bad := strconv.Atoi(value)
			if bad != nil || n < 1 {
				return &diag.Err{Text: "RewriteRule: invalid value '" + value + "' for flag 'N'", Expected: "a number of rounds", Word: 3}
			}
			r.next = n
		}
	case "nc", "nocase":
		r.nocase = true
	case "ne", "noescape":
		r.noEscape = true
	case "ns", "nosubreq":
		r.noSub = true
	case "p", "proxy":
		r.proxy = true
	case "pt", "passthrough":
		r.pass = true
	case "qsa", "qsappend":
		r.queryAppend = true
	case "qsd", "qsdiscard":
		r.queryDiscard = true
	case "qsl", "qslast":
		r.queryLast = true
	case "r", "redirect":
		return r.setStatus(value)
	case "s", "skip":
		n, bad := strconv.Atoi(value)
		if bad != nil || n < 0 {
			return &diag.Err{Text: "RewriteRule: invalid value '" + value + "' for flag 'S'", Expected: "a number of rules", Word: 3}
		}
		r.skip = n
	case "t", "type":
		r.media = text()
	case "unc":
	case "unsafeallow3f":
		r.unsafe3F = true
	case "unsafeprefixstat":
		r.unsafePrefix = true
	default:
		return &diag.Err{Text: "RewriteRule: unknown flag '" + name + "'", Word: 3,
			Expected: "B BCTLS BNE BNP C CO DPI E END F G H L N NC NE NS P PT QSA QSD QSL R S T UnsafeAllow3F UnsafePrefixStat UNC"}
	}
	return err
}

// setStatus is [R] and [R=code].
func (r *rule) setStatus(value string) error {
	r.status = 302
	switch strings.ToLower(value) {
	case "":
	case "permanent":
		r.status = 301
	case "temp":
	case "seeother":
		r.status = 303
	default:
		n, err := strconv.Atoi(value)
		if err != nil || message.ReasonOf(n) == "" || n < 200 {
			return &diag.Err{Text: "RewriteRule: invalid HTTP response code '" + value + "' for flag 'R'", Word: 3}
		}
		r.status = n
	}
	r.redirect = r.status >= 300 && r.status < 400 && r.status != 304
	if !r.redirect {
		r.last = true
	}
	return nil
}
