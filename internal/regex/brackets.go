package regex

import (
	"errors"
	"strings"
)

// class is [...].
func (t *translator) class() error {
	var s set
	at := t.at
	t.at++
	not := t.at < len(t.in) && t.in[t.at] == '^'
	if not {
		t.at++
	}
	first := true
	for {
		if t.at >= len(t.in) {
			t.at = at
			return errClassEnd
		}
		if t.in[t.at] == ']' && !first {
			t.at++
			break
		}
		first = false
		if err := t.classItem(&s); err != nil {
			return err
		}
	}
	if t.flags.i {
		s.fold()
	}
	if not {
		s = s.not()
	}
	t.set(s)
	return nil
}

// classItem reads one member of a class: a byte, a range, a class in it.
func (t *translator) classItem(s *set) error {
	lo, one, err := t.classByte(s)
	if err != nil || !one {
		return err
	}
	// A range, unless the hyphen is the last in the class.
	if t.at+1 < len(t.in) && t.in[t.at] == '-' && t.in[t.at+1] != ']' {
		mark := t.at
		t.at++
		hi, one, err := t.classByte(s)
		switch {
		case err != nil:
			return err
		case !one: // [a-\d]: the hyphen is one
			s.add(lo)
			s.add('-')
			return nil
		case hi < lo:
			t.at = mark
			return errors.New("range out of order in character class")
		}
		s.addRange(lo, hi)
		return nil
	}
	s.add(lo)
	return nil
}

// classByte reads a byte of a class; one is false when it was a set, which is
// added.
func (t *translator) classByte(s *set) (b byte, one bool, err error) {
	c := t.in[t.at]
	if c == '[' && t.at+1 < len(t.in) && strings.IndexByte(":.=", t.in[t.at+1]) >= 0 {
		kind := t.in[t.at+1]
		if end := strings.Index(t.in[t.at+2:], string(kind)+"]"); end >= 0 {
			name := t.in[t.at+2 : t.at+2+end]
			name, not := strings.CutPrefix(name, "^")
			p, ok := posix[name]
			if kind != ':' || !ok {
				if kind == ':' && strings.ContainsAny(name, "[]\\:") {
					t.at++
					return c, true, nil // no class after all
				}
				return 0, false, errors.New("unknown POSIX class name " + name)
			}
			if t.flags.i && (name == "lower" || name == "upper") {
				p.fold()
			}
			if not {
				p = p.not()
			}
			s.union(p)
			t.at += end + 4
			return 0, false, nil
		}
	}
	if c != '\\' {
		t.at++
		return c, true, nil
	}
	if t.at+1 == len(t.in) {
		return 0, false, errEscapeEnd
	}
	c = t.in[t.at+1]
	if p, ok := named(c); ok {
		s.union(p)
		t.at += 2
		return 0, false, nil
	}
	switch c {
	case 'b':
		t.at += 2
		return '\b', true, nil
	case 'Q':
		t.at += 2
		t.quoted(s.add)
		return 0, false, nil
	case 'E':
		t.at += 2
		return 0, false, nil
	case 'p', 'P':
		p, err := t.property()
		s.union(p)
		return 0, false, err
	case 'N', 'R', 'X', 'B':
		return 0, false, errors.New(`\` + string(c) + " is not allowed in a character class")
	}
	b, err = t.byteEscape()
	return b, err == nil, err
}
