package regex

import (
	"strconv"
	"unicode"
)

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

func (s *set) addRange(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s.add(byte(c))
	}
}

func (s *set) union(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s set) not() set {
	for i := range s {
		s[i] = ^s[i]
	}
	return s
}

// fold adds the other case of every letter. Only ASCII letters have one: PCRE
// sees bytes in the C locale.
func (s *set) fold() {
	for c := byte('a'); c <= 'z'; c++ {
		if s.has(c) || s.has(c-32) {
			s.add(c)
			s.add(c - 32)
		}
	}
}

func ranges(bounds ...byte) set {
	var s set
	for i := 0; i < len(bounds); i += 2 {
		s.addRange(bounds[i], bounds[i+1])
	}
	return s
}

// The classes of PCRE in the C locale.
var (
	digits     = ranges('0', '9')
	wordChars  = ranges('0', '9', 'A', 'Z', 'a', 'z', '_', '_')
	spaces     = ranges('\t', '\r', ' ', ' ')
	horizontal = ranges('\t', '\t', ' ', ' ', 0xa0, 0xa0)
	vertical   = ranges('\n', '\r', 0x85, 0x85)
	newline    = ranges('\n', '\n')
)

var posix = map[string]set{
	"alpha":  ranges('A', 'Z', 'a', 'z'),
	"lower":  ranges('a', 'z'),
	"upper":  ranges('A', 'Z'),
	"alnum":  ranges('0', '9', 'A', 'Z', 'a', 'z'),
	"ascii":  ranges(0, 127),
	"blank":  ranges('\t', '\t', ' ', ' '),
	"cntrl":  ranges(0, 31, 127, 127),
	"digit":  digits,
	"graph":  ranges('!', '~'),
	"print":  ranges(' ', '~'),
	"punct":  ranges('!', '/', ':', '@', '[', '`', '{', '~'),
	"space":  spaces,
	"word":   wordChars,
	"xdigit": ranges('0', '9', 'A', 'F', 'a', 'f'),
}

// named gives the set of a letter escape: \d, \W …
func named(c byte) (set, bool) {
	switch c {
	case 'd':
		return digits, true
	case 'w':
		return wordChars, true
	case 's':
		return spaces, true
	case 'h':
		return horizontal, true
	case 'v':
		return vertical, true
	case 'D', 'W', 'S', 'H', 'V':
		s, _ := named(c + 32)
		return s.not(), true
	}
	return set{}, false
}

// property gives the set of \p{name}, of the characters below 256.
func property(name string) (set, bool) {
	var s set
	not := false
	if name != "" && name[0] == '^' {
		name, not = name[1:], true
	}
	in := func(r rune) bool { return true }
	if name == "L&" {
		in = func(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }
	} else if name != "Any" {
		t := unicode.Categories[name]
		if t == nil {
			t = unicode.Scripts[name]
		}
		if t == nil {
			return s, false
		}
		in = func(r rune) bool { return unicode.Is(t, r) }
	}
	for c := range rune(256) {
		if in(c) != not {
			s.add(byte(c))
		}
	}
	return s, true
}

// pattern writes the set as both engines read it.
func (s set) pattern(out []byte) []byte {
	all, none := s == set{}.not(), s == set{}
	switch {
	case all:
		return append(out, "(?s:.)"...)
	case none:
		return append(out, `[^\x00-\xff]`...)
	}
	// The complement is often shorter, and says that characters above 255,
	// which never occur, need no care.
	out = append(out, '[')
	for lo := 0; lo < 256; lo++ {
		if !s.has(byte(lo)) {
			continue
		}
		hi := lo
		for hi < 255 && s.has(byte(hi+1)) {
			hi++
		}
		out = char(out, byte(lo))
		if hi > lo {
			out = append(out, '-')
			out = char(out, byte(hi))
		}
		lo = hi
	}
	return append(out, ']')
}

// char writes one byte so that it means itself, in a class and outside.
func char(out []byte, c byte) []byte {
	if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '/' || c == '_' || c == ' ' || c == ',' {
		return append(out, c)
	}
	if c > ' ' && c < 0x7f {
		return append(out, '\\', c)
	}
	out = append(out, `\x`...)
	if c < 16 {
		out = append(out, '0')
	}
	return strconv.AppendUint(out, uint64(c), 16)
}
