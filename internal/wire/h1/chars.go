package h1

import "math/bits"

// Classes of bytes, one bit each, looked up in class.
const (
	cToken = 1 << iota // tchar, RFC 9110 §5.6.2
	cCtl               // 0x00-0x1F and 0x7F
	cHex
	cHost       // may stand in a registered name or IPv4 address as httpd takes them
	cUnreserved // RFC 3986 §2.3
	cTarget     // may stand in a request target: everything but CTL and SP
)

var class = func() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		if b < 0x20 || b == 0x7f {
			t[c] |= cCtl
		} else if b != ' ' {
			t[c] |= cTarget
		}
		switch {
		case b >= '0' && b <= '9':
			t[c] |= cToken | cHex | cHost | cUnreserved
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z':
			t[c] |= cToken | cHost | cUnreserved
			if b|0x20 <= 'f' {
				t[c] |= cHex
			}
		}
	}
	for _, b := range []byte("!#$%&'*+-.^_`|~") {
		t[b] |= cToken
	}
	for _, b := range []byte("-._~") {
		t[b] |= cUnreserved
	}
	for _, b := range []byte("-._") {
		t[b] |= cHost
	}
	return t
}()

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if class[s[i]]&cToken == 0 {
			return false
		}
	}
	return s != ""
}

// nextCtl returns the index of the first control byte of s at or behind i,
// len(s) when there is none. Eight bytes are tested at a time: a byte below
// 0x20, or equal to 0x7F, raises its top bit in the mask, and the lowest bit
// raised is exact (borrows travel upwards only).
func nextCtl(s string, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for len(s)-i >= 8 {
		b := s[i : i+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		del := w ^ 0x7f*ones
		if m := ((w-0x20*ones)&^w | (del-ones)&^del) & tops; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(s) && class[s[i]]&cCtl == 0 {
		i++
	}
	return i
}

// trimOWS removes optional white space (SP, HTAB) on both sides.
func trimOWS(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	default:
		return c | 0x20 - 'a' + 10
	}
}
