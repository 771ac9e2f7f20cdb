package rewrite

import (
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/regex"
)

// template is a text with variables, groups and map look-ups in it.
type template struct {
	parts []part
	// opensLoose: the first segment of its path is not all literal.
	opensLoose bool
}

// part is one piece: text, or what make says, or a group.
type part struct {
	text  string
	make  func(n *run) string
	group byte // '$' of the rule, '%' of the conditions; 0: none
	n     int
}

// maxDepth bounds map look-ups inside of map look-ups.
const maxDepth = 20

// newTemplate compiles a text that stands in word n of the line.
func newTemplate(c *conf.Cmd, s string, n int) (*template, error) {
	t, err := compileTemplate(c, s, 0)
	if err != nil {
		err.Word = n
		return nil, err
	}
	slashes, text := 0, s
	for i := 0; i < len(text) && slashes < 2; i++ {
		switch text[i] {
		case '/':
			slashes++
		case '$', '%':
			t.opensLoose = true
		}
	}
	return t, nil
}

func compileTemplate(c *conf.Cmd, s string, depth int) (*template, *diag.Err) {
	t := &template{}
	if depth > maxDepth {
		return nil, &diag.Err{Text: c.Directive.Name + ": map look-ups are nested too deeply"}
	}
	var lit []byte
	flush := func() {
		if len(lit) > 0 {
			t.parts = append(t.parts, part{text: string(lit)})
			lit = lit[:0]
		}
	}
	for i := 0; i < len(s); i++ {
		ch := s[i]
		next := byte(0)
		if i+1 < len(s) {
			next = s[i+1]
		}
		switch {
		case ch == '\\' && next != 0:
			lit = append(lit, next)
			i++
		case (ch == '$' || ch == '%') && next >= '0' && next <= '9':
			flush()
			t.parts = append(t.parts, part{group: ch, n: int(next - '0')})
			i++
		case (ch == '$' || ch == '%') && next == '{':
			end := closing(s, i+2)
			if end < 0 {
				// Literally, as in httpd.
				lit = append(lit, ch)
				continue
			}
			flush()
			inner := s[i+2 : end]
			i = end
			if ch == '%' {
				t.parts = append(t.parts, part{make: lookup(c, inner)})
				continue
			}
			name, rest, found := strings.Cut(inner, ":")
			if !found {
				lit = append(lit, "${"+inner+"}"...)
				continue
			}
			m := mapFor(c, name)
			if m == nil {
				c.Warn(c.Directive.Name+": no RewriteMap "+name+" in this server: the look-up is always empty", "RewriteMap stands in front of the rules that use it")
			}
			key, other := splitDefault(rest)
			k, err := compileTemplate(c, key, depth+1)
			if err != nil {
				return nil, err
			}
			d, err := compileTemplate(c, other, depth+1)
			if err != nil {
				return nil, err
			}
			t.parts = append(t.parts, part{make: func(n *run) string {
				if v := m.find(n, k.expand(n, nil)); v != "" {
					return v
				}
				return d.expand(n, nil)
			}})
		default:
			lit = append(lit, ch)
		}
	}
	flush()
	return t, nil
}

// closing finds the brace that closes one opened before i; -1 without.
func closing(s string, i int) int {
	depth := 1
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// splitDefault cuts key|default, not inside of braces.
func splitDefault(s string) (key, other string) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			depth--
		case '|':
			if depth == 0 {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

// expand makes the text. Where r is given, groups are escaped as its flags say,
// and n.question tells whether the "?" before the query comes from the request.
func (t *template) expand(n *run, r *rule) string {
	if len(t.parts) == 1 && t.parts[0].group == 0 {
		if p := &t.parts[0]; p.make == nil {
			return p.text
		}
	}
	var b strings.Builder
	query := false // there has been a "?"
	for i := range t.parts {
		p := &t.parts[i]
		v := p.text
		switch {
		case p.group != 0:
			m := &n.ruleMatch
			if p.group == '%' {
				m = &n.condMatch
			}
			v = regex.Group(m.Source, m.Groups, p.n)
			if r != nil && r.escape {
				v = r.escapeGroup(v)
			}
		case p.make != nil:
			v = p.make(n)
		}
		b.WriteString(v)
		if r != nil && (!query || r.queryLast) && strings.IndexByte(v, '?') >= 0 {
			query = true
			n.question = p.group != 0 || p.make != nil
		}
	}
	return b.String()
}

// escapeGroup spells a group for a URL (escape_backref).
func (r *rule) escapeGroup(s string) string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case r.escapeControls:
			if c > ' ' && c != 0x7f {
				b = append(b, c)
				continue
			}
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_',
			r.escapeOnly != "" && strings.IndexByte(r.escapeOnly, c) < 0,
			strings.IndexByte(r.escapeNot, c) >= 0:
			b = append(b, c)
			continue
		}
		if c == ' ' && !r.noPlus {
			b = append(b, '+')
			continue
		}
		b = append(b, '%', hex[c>>4], hex[c&15])
	}
	return string(b)
}
