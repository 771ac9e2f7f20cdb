package regex

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// flags are the options that are in force at a place of the pattern.
type flags struct{ i, m, s, x, ungreedy bool }

// translator turns a PCRE pattern into one that means the same to both
// engines: without flags, names, or anything they read in their own way.
type translator struct {
	in    string
	at    int
	flags flags
	out   []byte
	names []string // by group
	// counting is the first pass, which only finds the names of the groups:
	// references may point forward.
	counting bool
	groups   int // that began before at
	open     []group
	// atom is where the last item began in out, for its quantifier; -1: there
	// is none.
	atom   int
	back   bool // needs backtracking
	tokens []token
}

// group is an open parenthesis.
type group struct {
	flags flags
	atom  int
}

var (
	errEscapeEnd = errors.New(`\ at the end of the pattern`)
	errClassEnd  = errors.New("missing terminating ] for character class")
	errParen     = errors.New("missing closing parenthesis")
	errName      = errors.New("group name expected, closed by its bracket")
)

func unsupported(what string) error { return errors.New(what + " is not supported") }

// complaint is an engine's error without the pattern, which is not the one the
// user wrote.
func complaint(err error) error {
	text, _, _ := strings.Cut(err.Error(), " in `")
	return errors.New(strings.TrimPrefix(text, "error parsing regexp: "))
}

func (t *translator) translate() error {
	if err := t.verbs(); err != nil {
		return err
	}
	first := translator{in: t.in, flags: t.flags, names: []string{""}, counting: true}
	if err := first.items(); err != nil {
		return err
	}
	t.names = first.names
	return t.items()
}

// items is one pass over the whole pattern.
func (t *translator) items() error {
	t.atom = -1
	for t.at < len(t.in) {
		if err := t.item(); err != nil {
			return err
		}
	}
	if len(t.open) > 0 {
		return errParen
	}
	return nil
}

// verbs reads the settings a pattern may begin with. Those about UTF-8 would
// change what a character is.
func (t *translator) verbs() error {
	if strings.HasPrefix(t.in, "(*") {
		verb, _, _ := strings.Cut(t.in[2:], ")")
		return unsupported("(*" + verb + ")")
	}
	return nil
}

func (t *translator) tok(k tokenKind, lit byte) { t.tokens = append(t.tokens, token{k, lit}) }

// begin starts an item in out.
func (t *translator) begin() { t.atom = len(t.out) }

func (t *translator) item() error {
	c := t.in[t.at]
	if t.flags.x {
		switch {
		case spaces.has(c):
			t.at++
			return nil
		case c == '#':
			_, rest, _ := strings.Cut(t.in[t.at:], "\n")
			t.at = len(t.in) - len(rest)
			return nil
		}
	}
	switch c {
	case '\\':
		return t.escape()
	case '[':
		return t.class()
	case '(':
		return t.paren()
	case ')':
		return t.closeParen()
	case '*', '+', '?':
		t.at++
		return t.quantify(string(c))
	case '{':
		if q := repeat(t.in[t.at:]); q != "" {
			t.at += len(q)
			return t.quantify(q)
		}
	case '|':
		t.at++
		t.out = append(t.out, '|')
		t.atom = -1
		t.tok(tokOther, 0)
		return nil
	case '.':
		t.at++
		t.begin()
		if t.flags.s {
			t.out = append(t.out, "(?s:.)"...)
			t.tok(tokAny, 0)
		} else {
			t.set(newline.not())
		}
		return nil
	case '^':
		t.at++
		t.begin()
		if t.flags.m {
			t.out = append(t.out, "(?m:^)"...)
			t.tok(tokOther, 0)
		} else {
			t.out = append(t.out, `\A`...)
			t.tok(tokBegin, 0)
		}
		return nil
	case '$':
		t.at++
		t.begin()
		if t.flags.m {
			t.out = append(t.out, "(?m:$)"...)
			t.tok(tokOther, 0)
		} else {
			t.out = append(t.out, `\z`...)
			t.tok(tokEnd, 0)
		}
		return nil
	}
	t.at++
	t.literal(c)
	return nil
}

// literal is one byte that means itself.
func (t *translator) literal(c byte) {
	lower := c | 0x20
	if t.flags.i && lower >= 'a' && lower <= 'z' {
		t.begin()
		t.out = append(t.out, '[', lower&^0x20, lower, ']')
		t.tok(tokOther, 0)
		return
	}
	t.begin()
	t.out = char(t.out, c)
	t.tok(tokLit, c)
}

func (t *translator) set(s set) {
	t.begin()
	t.out = s.pattern(t.out)
	t.tok(tokOther, 0)
}

// repeat returns the {n}, {n,} or {n,m} that s begins with, or "".
func repeat(s string) string {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return ""
	}
	lo, hi, comma := strings.Cut(s[1:end], ",")
	if !number(lo) || comma && hi != "" && !number(hi) {
		return ""
	}
	return s[:end+1]
}

func number(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 5
}

// quantify repeats the last item.
func (t *translator) quantify(q string) error {
	if t.atom < 0 {
		return errors.New("quantifier does not follow a repeatable item")
	}
	lazy := t.flags.ungreedy
	possessive := false
	if t.at < len(t.in) {
		switch t.in[t.at] {
		case '?':
			lazy = !lazy
			t.at++
		case '+':
			possessive, lazy = true, false
			t.at++
		}
	}
	t.out = append(t.out, q...)
	switch {
	case possessive:
		t.out = append(t.out, '+')
		t.back = true
		t.tok(tokOther, 0)
	case lazy:
		t.out = append(t.out, '?')
		t.tok(tokOther, 0)
	case q == "*":
		t.tok(tokStar, 0)
	default:
		t.tok(tokOther, 0)
	}
	if t.at < len(t.in) && t.in[t.at] == '{' && repeat(t.in[t.at:]) != "" {
		// a{2}{3}: the engines want a group around the first.
		t.out = slices.Insert(t.out, t.atom, '(', '?', ':')
		t.out = append(t.out, ')')
		return nil
	}
	t.atom = -1
	return nil
}

// escape is a backslash outside of a class.
func (t *translator) escape() error {
	if t.at+1 == len(t.in) {
		return errEscapeEnd
	}
	c := t.in[t.at+1]
	if s, ok := named(c); ok {
		t.at += 2
		t.set(s)
		return nil
	}
	emit := func(s string, back bool) error {
		t.at += 2
		t.begin()
		t.out = append(t.out, s...)
		t.tok(tokOther, 0)
		t.back = t.back || back
		return nil
	}
	switch c {
	case 'b', 'B':
		return emit(`\`+string(c), false)
	case 'A', 'G':
		emit(`\A`, false)
		t.tokens[len(t.tokens)-1].kind = tokBegin
		return nil
	case 'z':
		emit(`\z`, false)
		t.tokens[len(t.tokens)-1].kind = tokEnd
		return nil
	case 'Z':
		return emit(`(?=\n?\z)`, true)
	case 'N':
		t.at += 2
		t.set(newline.not())
		return nil
	case 'C':
		t.at += 2
		t.set(set{}.not())
		return nil
	case 'R':
		return emit(`(?>\r\n|`+string(vertical.pattern(nil))+`)`, true)
	case 'Q':
		t.at += 2
		t.quoted(t.literal)
		return nil
	case 'E':
		t.at += 2
		return nil
	case 'K', 'X':
		return unsupported(`\` + string(c))
	case 'p', 'P':
		s, err := t.property()
		if err != nil {
			return err
		}
		t.set(s)
		return nil
	case 'g', 'k':
		return t.reference()
	}
	if c >= '1' && c <= '9' {
		if done, err := t.backref(); done {
			return err
		}
	}
	b, err := t.byteEscape()
	if err != nil {
		return err
	}
	t.literal(b)
	return nil
}

// quoted reads up to \E, or to the end.
func (t *translator) quoted(f func(byte)) {
	text, _, ended := strings.Cut(t.in[t.at:], `\E`)
	t.at += len(text)
	if ended {
		t.at += 2
	}
	for i := range len(text) {
		f(text[i])
	}
}

// property is \pL, \p{Name}, \P{Name}.
func (t *translator) property() (set, error) {
	not := t.in[t.at+1] == 'P'
	name, end := "", 0
	if rest := t.in[t.at+2:]; rest != "" && rest[0] != '{' {
		name, end = rest[:1], 1
	} else if end = strings.IndexByte(rest, '}') + 1; end > 0 {
		name = strings.TrimSpace(rest[1 : end-1])
	}
	s, ok := property(name)
	if !ok {
		return s, errors.New("unknown property after \\" + t.in[t.at+1:t.at+2])
	}
	t.at += 2 + end
	if not {
		s = s.not()
	}
	return s, nil
}

// byteEscape is an escape that stands for one byte.
func (t *translator) byteEscape() (byte, error) {
	rest := t.in[t.at+1:]
	c := rest[0]
	digitsOf := func(s string, base, most int) (byte, int, error) {
		n := 0
		for n < len(s) && n < most {
			if _, err := strconv.ParseUint(s[n:n+1], base, 8); err != nil {
				break
			}
			n++
		}
		if n == 0 {
			return 0, 0, nil
		}
		v, err := strconv.ParseUint(s[:n], base, 8)
		if err != nil {
			return 0, 0, errors.New("character value above 255 in \\" + rest[:1])
		}
		return byte(v), n, nil
	}
	switch {
	case c == 'x' || c == 'o':
		base := 16
		if c == 'o' {
			base = 8
		}
		if len(rest) > 1 && rest[1] == '{' {
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return 0, errors.New("missing } in \\" + rest[:1])
			}
			b, n, err := digitsOf(rest[2:end], base, 8)
			if err == nil && n != end-2 {
				err = errors.New("bad character value in \\" + rest[:1])
			}
			t.at += end + 2
			return b, err
		}
		if c == 'o' {
			return 0, errors.New(`missing { after \o`)
		}
		b, n, err := digitsOf(rest[1:], 16, 2)
		t.at += 2 + n
		return b, err
	case c >= '0' && c <= '7':
		b, n, err := digitsOf(rest, 8, 3)
		t.at += 1 + n
		return b, err
	case c == 'c':
		if len(rest) < 2 {
			return 0, errEscapeEnd
		}
		t.at += 3
		up := rest[1]
		if up >= 'a' && up <= 'z' {
			up -= 32
		}
		return up ^ 0x40, nil
	}
	if i := strings.IndexByte("aefnrt", c); i >= 0 {
		t.at += 2
		return "\a\x1b\f\n\r\t"[i], nil
	}
	if wordChars.has(c) && c != '_' {
		return 0, errors.New(`unrecognized character follows \: ` + string(c))
	}
	t.at += 2
	return c, nil
}
