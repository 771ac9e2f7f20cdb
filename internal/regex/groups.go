package regex

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// groupName reads "(?<name>", "(?P<name>" or "(?'name'" and returns the name
// and the length of it all; an empty name when s is something else.
func groupName(s string) (name string, length int) {
	rest, p := strings.CutPrefix(s[2:], "P")
	if rest == "" || rest[0] != '<' && (p || rest[0] != '\'') {
		return "", 0
	}
	closing := byte('>')
	if rest[0] == '\'' {
		closing = '\''
	}
	end := strings.IndexByte(rest[1:], closing)
	if end < 1 {
		return "", 0
	}
	name = rest[1 : 1+end]
	if !isName(name) {
		return "", 0
	}
	return name, len(s) - len(rest) + end + 2
}

func isName(s string) bool {
	for i := range len(s) {
		if !wordChars.has(s[i]) {
			return false
		}
	}
	return s != "" && !digits.has(s[0]) && len(s) <= 32
}

// push opens a parenthesis, written as s.
func (t *translator) push(s string) {
	t.open = append(t.open, group{t.flags, len(t.out)})
	t.out = append(t.out, s...)
	t.atom = -1
}

// capture opens a group that is remembered; name may be empty.
func (t *translator) capture(name string) {
	t.groups++
	if t.counting {
		t.names = append(t.names, name)
	}
	t.push("(")
}

func (t *translator) closeParen() error {
	if len(t.open) == 0 {
		return errors.New("unmatched closing parenthesis")
	}
	t.at++
	g := t.open[len(t.open)-1]
	t.open = t.open[:len(t.open)-1]
	t.flags, t.atom = g.flags, g.atom
	t.out = append(t.out, ')')
	t.tok(tokClose, 0)
	return nil
}

// paren is an opening parenthesis of any kind.
func (t *translator) paren() error {
	s := t.in[t.at:]
	switch {
	case strings.HasPrefix(s, "(*"):
		verb, _, _ := strings.Cut(s[2:], ")")
		return unsupported("(*" + verb + ")")
	case !strings.HasPrefix(s, "(?"):
		t.at++
		t.capture("")
		t.tok(tokOpen, 0)
		return nil
	}
	t.tok(tokOther, 0)
	// All these are written alike for the engine.
	for _, p := range []struct {
		s    string
		back bool
	}{{"(?:", false}, {"(?>", true}, {"(?=", true}, {"(?!", true}, {"(?<=", true}, {"(?<!", true}} {
		if strings.HasPrefix(s, p.s) {
			t.at += len(p.s)
			t.push(p.s)
			t.back = t.back || p.back
			return nil
		}
	}
	if name, n := groupName(s); n > 0 {
		if t.counting && slices.Contains(t.names, name) {
			return errors.New("two named groups have the same name: " + name)
		}
		t.at += n
		t.capture(name)
		return nil
	}
	switch c := byteAt(s, 2); {
	case c == '#':
		end := strings.IndexByte(s, ')')
		if end < 0 {
			return errors.New("missing ) after (?# comment")
		}
		t.at += end + 1
		return nil
	case c == '(':
		return t.conditional()
	case strings.HasPrefix(s, "(?P="):
		return t.named(s[4:], ')', 4)
	case c == '|':
		return unsupported("(?| branch reset")
	case c == 'R', c == '&', c == '+', c >= '0' && c <= '9', strings.HasPrefix(s, "(?P>"),
		c == '-' && digits.has(byteAt(s, 3)):
		return unsupported("recursion")
	case c == 'C':
		return unsupported("(?C callout")
	case c == '<', c == 'P', c == '\'':
		return errName
	}
	return t.options()
}

func byteAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// options is (?imsx-imsx) or (?imsx-imsx:…).
func (t *translator) options() error {
	f, on := t.flags, true
	for i := t.at + 2; i < len(t.in); i++ {
		switch t.in[i] {
		case '^':
			f = flags{}
		case '-':
			on = false
		case 'i':
			f.i = on
		case 'm':
			f.m = on
		case 's':
			f.s = on
		case 'x':
			f.x = on
		case 'U':
			f.ungreedy = on
		case 'J', 'X', 'n':
			return unsupported("(?" + string(t.in[i]) + ")")
		case ')':
			t.at = i + 1
			t.flags = f
			t.atom = -1
			return nil
		case ':':
			t.at = i + 1
			t.push("(?:")
			t.flags = f
			return nil
		default:
			return errors.New("unrecognized character after (? or (?-")
		}
	}
	return errParen
}

// conditional is (?(1)yes|no) and the like. Names become numbers; conditions
// that look around are passed on.
func (t *translator) conditional() error {
	rest := t.in[t.at+3:]
	t.back = true
	if strings.HasPrefix(rest, "?=") || strings.HasPrefix(rest, "?!") || strings.HasPrefix(rest, "?<") {
		t.at += 2
		t.push("(?")
		return nil
	}
	cond, _, ok := strings.Cut(rest, ")")
	if !ok {
		return errParen
	}
	length := len(cond)
	if n := len(cond); n > 2 && (cond[0] == '<' && cond[n-1] == '>' || cond[0] == '\'' && cond[n-1] == '\'') {
		cond = cond[1 : n-1]
	}
	n, err := t.number(cond)
	if err != nil {
		return err
	}
	t.at += 3 + length + 1
	t.push("(?(" + strconv.Itoa(n) + ")")
	return nil
}

// number finds the group that a name, a number or a negative number (counted
// from here) means.
func (t *translator) number(ref string) (int, error) {
	if t.counting {
		return 1, nil // whatever it is: the group may be still to come
	}
	if i := slices.Index(t.names[1:], ref); ref != "" && i >= 0 {
		return i + 1, nil
	}
	n, err := strconv.Atoi(ref)
	if err == nil && n < 0 {
		n += t.groups + 1
	}
	if err != nil || n < 1 || n >= len(t.names) {
		return 0, errors.New("reference to non-existent group " + ref)
	}
	return n, nil
}

// refer writes a back-reference.
func (t *translator) refer(n int) {
	t.begin()
	t.back = true
	// In a group of its own: a digit may follow.
	if t.flags.i {
		t.out = append(t.out, "(?i:"...)
	} else {
		t.out = append(t.out, "(?:"...)
	}
	t.out = append(t.out, '\\')
	t.out = strconv.AppendInt(t.out, int64(n), 10)
	t.out = append(t.out, ')')
	t.tok(tokOther, 0)
}

// backref is \1 to \9, and \10 and above if there are as many groups: else it
// is an octal number, and done is false.
func (t *translator) backref() (done bool, err error) {
	end := t.at + 1
	for end < len(t.in) && digits.has(t.in[end]) {
		end++
	}
	ref := t.in[t.at+1 : end]
	n, err := strconv.Atoi(ref)
	if err != nil || n >= len(t.names) && !t.counting {
		if len(ref) > 1 && ref[0] < '8' {
			return false, nil
		}
		return true, errors.New("reference to non-existent group " + ref)
	}
	t.at = end
	t.refer(n)
	return true, nil
}

// named is a reference by name that ends at closing; skip is what stands
// before rest in the pattern.
func (t *translator) named(rest string, closing byte, skip int) error {
	name, _, ok := strings.Cut(rest, string(closing))
	if !ok {
		return errName
	}
	n, err := t.number(name)
	if err != nil {
		return err
	}
	t.at += skip + len(name) + 1
	t.refer(n)
	return nil
}

// reference is \g or \k.
func (t *translator) reference() error {
	s := t.in[t.at:]
	switch c := byteAt(s, 2); {
	case c == '{':
		return t.named(s[3:], '}', 3)
	case s[1] == 'k' && c == '<':
		return t.named(s[3:], '>', 3)
	case s[1] == 'k' && c == '\'':
		return t.named(s[3:], '\'', 3)
	case s[1] == 'g' && (c == '<' || c == '\''):
		return unsupported("recursion")
	case s[1] == 'g' && (c == '-' || digits.has(c)):
		end := 3
		for end < len(s) && digits.has(s[end]) {
			end++
		}
		n, err := t.number(s[2:end])
		if err != nil {
			return err
		}
		t.at += end
		t.refer(n)
		return nil
	}
	return errName
}
