package expr

import (
	"net/netip"
	"strconv"
	"strings"
)

// compare makes a comparison of strings, byte by byte.
func compare(op string, a, b word) boolFn {
	switch op {
	case "!=":
		return func(v Vars, m *Match) bool { return a.value(v, m) != b.value(v, m) }
	case "<":
		return func(v Vars, m *Match) bool { return a.value(v, m) < b.value(v, m) }
	case "<=":
		return func(v Vars, m *Match) bool { return a.value(v, m) <= b.value(v, m) }
	case ">":
		return func(v Vars, m *Match) bool { return a.value(v, m) > b.value(v, m) }
	case ">=":
		return func(v Vars, m *Match) bool { return a.value(v, m) >= b.value(v, m) }
	}
	return func(v Vars, m *Match) bool { return a.value(v, m) == b.value(v, m) }
}

// compareRequire is compare in SSLRequire's language (httpd's strcmplex): numbers
// written alike compare as numbers.
func compareRequire(op func(a, b int64) bool, a, b word) boolFn {
	return func(v Vars, m *Match) bool {
		s, t := a.value(v, m), b.value(v, m)
		if d := len(s) - len(t); d != 0 {
			return op(int64(d), 0)
		}
		return op(int64(strings.Compare(s, t)), 0)
	}
}

// signs are the names of the operators that are written as signs.
var signs = map[string]string{"==": "eq", "=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

var integerOps = map[string]func(a, b int64) bool{
	"eq": func(a, b int64) bool { return a == b },
	"ne": func(a, b int64) bool { return a != b },
	"lt": func(a, b int64) bool { return a < b },
	"le": func(a, b int64) bool { return a <= b },
	"gt": func(a, b int64) bool { return a > b },
	"ge": func(a, b int64) bool { return a >= b },
}

func compareInts(op func(a, b int64) bool, a, b word) boolFn {
	return func(v Vars, m *Match) bool { return op(Int(a.value(v, m)), Int(b.value(v, m))) }
}

// Int reads the number a text begins with, as C's strtoll: 0 where there is
// none, the nearest bound where it is too large.
func Int(s string) int64 {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	if end < len(s) && (s[end] == '-' || s[end] == '+') {
		end++
	}
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64) // out of range: the bound
	return n
}

// unaryOp makes a unary operator. An error with Pos -1 is about the argument.
func unaryOp(letter byte, w word) (boolFn, *Error) {
	switch letter {
	case 'n':
		return func(v Vars, m *Match) bool { return w.value(v, m) != "" }, nil
	case 'z':
		return func(v Vars, m *Match) bool { return w.value(v, m) == "" }, nil
	case 'T':
		return func(v Vars, m *Match) bool { return truth(w.value(v, m)) }, nil
	case 'R':
		n, err := constantNet("-R", w)
		if err != nil {
			return nil, err
		}
		return func(v Vars, _ *Match) bool { return v.ClientIn(n) }, nil
	case 'd', 'e', 'f', 's', 'L', 'F', 'U', 'x':
		t := Test(letter)
		return func(v Vars, m *Match) bool { return v.Test(t, w.value(v, m)) }, nil
	case 'h':
		return func(v Vars, m *Match) bool { return v.Test(IsLink, w.value(v, m)) }, nil
	case 'A':
		return func(v Vars, m *Match) bool { return v.Test(URLReach, w.value(v, m)) }, nil
	}
	return nil, &Error{Text: "Unary operator '-" + string(rune(letter)) + "' does not exist",
		Expected: "one of -n -z -T -R -d -e -f -s -L -h -F -U -A"}
}

// truth is -T.
func truth(s string) bool {
	switch strings.ToLower(s) {
	case "", "0", "off", "false", "no":
		return false
	}
	return true
}

// binaryOp makes a named binary operator; name is in lower case, without the
// minus. An error with Pos -1 is about the right operand.
func binaryOp(name string, a, b word) (boolFn, *Error) {
	switch name {
	case "ipmatch":
		n, err := constantNet("-ipmatch", b)
		if err != nil {
			return nil, err
		}
		return func(v Vars, m *Match) bool {
			addr, err := netip.ParseAddr(a.value(v, m))
			return err == nil && n.Contains(addr)
		}, nil
	case "strmatch":
		return func(v Vars, m *Match) bool { return Glob(b.value(v, m), a.value(v, m), false) }, nil
	case "strcmatch":
		return func(v Vars, m *Match) bool {
			return Glob(strings.ToLower(b.value(v, m)), strings.ToLower(a.value(v, m)), false)
		}, nil
	case "fnmatch":
		return func(v Vars, m *Match) bool { return Glob(b.value(v, m), a.value(v, m), true) }, nil
	}
	return nil, &Error{Text: "Binary operator '-" + name + "' does not exist",
		Hint: nearest(name, []string{"ipmatch", "strmatch", "strcmatch", "fnmatch", "eq", "ne", "lt", "le", "gt", "ge", "in"})}
}

// Net is a network as -R and -ipmatch know it.
type Net struct{ prefix netip.Prefix }

// Contains reports whether a lies in the network. An IPv4 address in IPv6
// clothes is an IPv4 address.
func (n Net) Contains(a netip.Addr) bool { return n.prefix.Contains(a.Unmap().WithZone("")) }

// constantNet reads the network of an operator, which must be known when the
// text is parsed.
func constantNet(op string, w word) (Net, *Error) {
	if w.fn != nil {
		return Net{}, &Error{Pos: -1, Text: op + " requires subnet/netmask as constant argument", Expected: "a network such as '10.0.0.0/8'"}
	}
	n, ok := parseNet(w.text)
	if !ok {
		return Net{}, &Error{Pos: -1, Text: "'" + w.text + "' is not a network", Expected: "an address, a partial address, address/bits or address/mask"}
	}
	return n, nil
}

// parseNet reads address, address/bits, address/mask or the first bytes of an
// IPv4 address (apr_ipsubnet_create).
func parseNet(s string) (Net, bool) {
	text, mask, masked := strings.Cut(s, "/")
	a, err := netip.ParseAddr(text)
	if err != nil {
		return partialNet(text, masked)
	}
	bits := a.BitLen()
	if masked {
		n, err := strconv.Atoi(mask)
		if err != nil {
			m, err := netip.ParseAddr(mask)
			if err != nil || !m.Is4() || !a.Is4() {
				return Net{}, false
			}
			if n = maskBits(m.As4()); n < 0 {
				return Net{}, false
			}
		}
		if n < 1 || n > bits {
			return Net{}, false
		}
		bits = n
	}
	if a.Is4In6() && bits >= 96 {
		a, bits = a.Unmap(), bits-96
	}
	p, err := a.WithZone("").Prefix(bits)
	return Net{p}, err == nil
}

// maskBits counts the bits of a mask; -1 where they are not all in front.
func maskBits(m [4]byte) int {
	v := uint32(m[0])<<24 | uint32(m[1])<<16 | uint32(m[2])<<8 | uint32(m[3])
	n := 0
	for v&(1<<31) != 0 {
		v <<= 1
		n++
	}
	if v != 0 {
		return -1
	}
	return n
}

func partialNet(text string, masked bool) (Net, bool) {
	parts := strings.Split(strings.TrimSuffix(text, "."), ".")
	if masked || len(parts) > 3 {
		return Net{}, false
	}
	var b [4]byte
	for i, s := range parts {
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil {
			return Net{}, false
		}
		b[i] = byte(n)
	}
	return Net{netip.PrefixFrom(netip.AddrFrom4(b), 8*len(parts))}, true
}

// Glob matches s against a shell pattern: "*", "?", "[…]" and "\" (apr_fnmatch).
// With pathname none of them matches "/". It takes time len(p)*len(s) at most.
func Glob(p, s string, pathname bool) bool {
	pi, si := 0, 0
	star, mark := -1, 0 // where the last "*" stands, and what it has covered
	for {
		if pi == len(p) && si == len(s) {
			return true
		}
		if pi < len(p) {
			switch c := p[pi]; {
			case c == '*':
				star, mark = pi, si
				pi++
				continue
			case si < len(s):
				if n := globOne(p[pi:], s[si], pathname); n > 0 {
					pi += n
					si++
					continue
				}
			}
		}
		// Dead end: let the last "*" cover one byte more.
		if star < 0 || mark >= len(s) || pathname && s[mark] == '/' {
			return false
		}
		mark++
		pi, si = star+1, mark
	}
}

// globOne matches one byte against the front of a pattern and returns how much
// of the pattern that took; 0: no match.
func globOne(p string, c byte, pathname bool) int {
	switch p[0] {
	case '?':
		if pathname && c == '/' {
			return 0
		}
		return 1
	case '\\':
		if len(p) > 1 {
			if p[1] == c {
				return 2
			}
			return 0
		}
	case '[':
		if pathname && c == '/' {
			return 0
		}
		if n, ok := globClass(p, c); n > 0 {
			if ok {
				return n
			}
			return 0
		}
	}
	if p[0] == c {
		return 1
	}
	return 0
}

// globClass matches c against a bracket expression; n is its length, 0 where
// the bracket is never closed.
func globClass(p string, c byte) (n int, ok bool) {
	i := 1
	neg := i < len(p) && (p[i] == '!' || p[i] == '^')
	if neg {
		i++
	}
	for first := true; i < len(p); first = false {
		if p[i] == ']' && !first {
			return i + 1, ok != neg
		}
		lo := p[i]
		if lo == '\\' && i+1 < len(p) {
			i++
			lo = p[i]
		}
		i++
		hi := lo
		if i+1 < len(p) && p[i] == '-' && p[i+1] != ']' {
			i++
			if p[i] == '\\' && i+1 < len(p) {
				i++
			}
			hi = p[i]
			i++
		}
		ok = ok || lo <= c && c <= hi
	}
	return 0, false
}
