package expr

import "strings"

// parser reads one text. Errors are kept: the first one counts.
type parser struct {
	in    string
	pos   int
	depth int
	o     Options
	// needs is set where $0 to $9 occur; matches that come before must then
	// keep their groups. As closures are made before that is known, they read
	// it through this pointer while the text is parsed, never afterwards.
	uses *uses
	err  *Error
}

// maxDepth bounds parentheses, negations and variables inside of variables.
const maxDepth = 100

func (p *parser) fail(pos int, text, expected string) {
	if p.err == nil {
		p.err = &Error{Pos: pos, Text: text, Expected: expected}
	}
}

// enter counts a level of nesting; false beyond the limit.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.pos, "the expression is nested too deeply", "")
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

func (p *parser) space() {
	for p.pos < len(p.in) && isSpace(p.in[p.pos]) {
		p.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// peek returns the byte i places ahead, 0 at the end.
func (p *parser) peek(i int) byte {
	if p.pos+i < len(p.in) {
		return p.in[p.pos+i]
	}
	return 0
}

// accept takes a symbol if it is next.
func (p *parser) accept(s string) bool {
	if strings.HasPrefix(p.in[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// ident returns the name that begins at offset i of the rest, without taking
// it.
func (p *parser) ident(i int) string {
	from := p.pos + i
	end := from
	for end < len(p.in) && (isLetter(p.in[end]) || end > from && (isDigit(p.in[end]) || p.in[end] == '_')) {
		end++
	}
	return p.in[min(from, len(p.in)):end]
}

// unexpected is the error about what stands here.
func (p *parser) unexpected(expected string) {
	p.space()
	what := "end of the expression"
	if p.pos < len(p.in) {
		what = "'" + p.in[p.pos:p.pos+1] + "'"
		if id := p.ident(0); id != "" {
			what = "'" + id + "'"
		}
	}
	p.fail(p.pos, "syntax error, unexpected "+what, expected)
}

// stringUntil reads text with variables and groups in it up to the delimiter,
// which is taken; 0: up to the end of the text.
func (p *parser) stringUntil(delim byte) word {
	start := p.pos
	var parts []word
	var lit []byte
	flush := func() {
		if len(lit) > 0 {
			parts = append(parts, word{text: string(lit)})
			lit = lit[:0]
		}
	}
	for {
		if p.pos >= len(p.in) {
			if delim != 0 {
				text := "Unterminated string"
				if delim == '}' {
					text = "Unterminated variable"
				}
				p.fail(start-1, text, "a closing "+string(delim))
			}
			break
		}
		c := p.in[p.pos]
		switch {
		case delim != 0 && c == delim:
			p.pos++
			flush()
			return concat(parts)
		case c == '\\':
			lit = p.escape(lit)
		case c == '%' && p.peek(1) == '{':
			flush()
			parts = append(parts, p.variable())
		case c == '$' && isDigit(p.peek(1)):
			flush()
			parts = append(parts, p.group())
		default:
			lit = append(lit, c)
			p.pos++
		}
		if p.err != nil {
			return word{}
		}
	}
	flush()
	return concat(parts)
}

// escape reads a backslash and what it protects.
func (p *parser) escape(lit []byte) []byte {
	p.pos++
	if p.pos >= len(p.in) {
		return append(lit, '\\')
	}
	c := p.in[p.pos]
	if c >= '0' && c <= '7' {
		n := 0
		at := p.pos
		for i := 0; i < 3 && p.pos < len(p.in) && p.in[p.pos] >= '0' && p.in[p.pos] <= '7'; i++ {
			n = n*8 + int(p.in[p.pos]-'0')
			p.pos++
		}
		if isDigit(p.peek(0)) {
			p.fail(at-1, "Bad escape sequence", `three octal digits at most`)
			return lit
		}
		if n > 0xff {
			p.fail(at, "Escape sequence out of bound", `\000 to \377`)
			return lit
		}
		return append(lit, byte(n))
	}
	p.pos++
	if i := strings.IndexByte("nrtbf", c); i >= 0 {
		c = "\n\r\t\b\f"[i]
	} else if isDigit(c) {
		p.fail(p.pos-2, "Bad escape sequence", `an octal number such as \101`)
	}
	return append(lit, c)
}

// concat joins parts, constants first where they meet.
func concat(parts []word) word {
	out := parts[:0]
	for _, w := range parts {
		if n := len(out); n > 0 && w.fn == nil && out[n-1].fn == nil {
			out[n-1].text += w.text
			continue
		}
		out = append(out, w)
	}
	switch len(out) {
	case 0:
		return word{}
	case 1:
		return out[0]
	case 2:
		a, b := out[0], out[1]
		return word{fn: func(v Vars, m *Match) string { return a.value(v, m) + b.value(v, m) }}
	case 3:
		a, b, c := out[0], out[1], out[2]
		return word{fn: func(v Vars, m *Match) string { return a.value(v, m) + b.value(v, m) + c.value(v, m) }}
	}
	return word{fn: func(v Vars, m *Match) string {
		var b strings.Builder
		for _, w := range out {
			b.WriteString(w.value(v, m))
		}
		return b.String()
	}}
}
