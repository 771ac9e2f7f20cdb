package expr

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"sallyport/internal/conf/syntax"
)

// pureFunctions are those that need nothing but their argument.
var pureFunctions = map[string]func(string) string{
	"tolower":  lower,
	"toupper":  upper,
	"escape":   escape,
	"unescape": unescape,
	"base64":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"unbase64": unbase64,
	"md5":      func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) },
	"sha1":     func(s string) string { h := sha1.Sum([]byte(s)); return hex.EncodeToString(h[:]) },
	"ldap":     escapeLDAP,
}

func lower(s string) string { return mapASCII(s, 'A', 'Z') }
func upper(s string) string { return mapASCII(s, 'a', 'z') }

// mapASCII changes the case of letters between lo and hi; other bytes stay.
func mapASCII(s string, lo, hi byte) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= lo && s[i] <= hi {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= lo && b[i] <= hi {
					b[i] ^= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

const lowerHex = "0123456789abcdef"

// escape spells a path for a URL (ap_escape_uri's partial form, without the
// "./" in front of a colon).
func escape(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isLetter(c) || isDigit(c) || strings.IndexByte("$-_.+!*'(),:;@&=/~", c) >= 0 {
			b = append(b, c)
			continue
		}
		b = append(b, '%', lowerHex[c>>4], lowerHex[c&15])
	}
	return string(b)
}

// unescape reads %xx, but leaves an encoded slash. A bad escape stays as it
// is; %00 makes the whole text empty.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	bad := false
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		hi, lo := -1, -1
		if i+2 < len(s) {
			hi, lo = unhex(s[i+1]), unhex(s[i+2])
		}
		switch c := hi<<4 | lo; {
		case hi < 0 || lo < 0:
			bad = true
			b = append(b, '%')
		case c == 0:
			return ""
		case c == '/':
			b = append(b, s[i:i+3]...)
			i += 2
		default:
			b = append(b, byte(c))
			i += 2
		}
	}
	if bad {
		return ""
	}
	return string(b)
}

func unhex(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// unbase64 decodes up to the first byte that is no digit of base64, and up to
// the first zero byte of the result.
func unbase64(s string) string {
	end := 0
	for end < len(s) && (isLetter(s[end]) || isDigit(s[end]) || s[end] == '+' || s[end] == '/') {
		end++
	}
	s = s[:end]
	if len(s)%4 == 1 {
		s = s[:len(s)-1]
	}
	out, _ := base64.RawStdEncoding.DecodeString(s)
	if i := slices.Index(out, 0); i >= 0 {
		out = out[:i]
	}
	return string(out)
}

// escapeLDAP escapes for distinguished names (RFC 4514) and filters (RFC 4515).
func escapeLDAP(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < 0x20 || c >= 0x7f || strings.IndexByte("\\\"+,;<>*()", c) >= 0 {
			b = append(b, '\\', lowerHex[c>>4], lowerHex[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

func functionList() []string {
	return append(slices.Sorted(maps.Keys(functionNames)), slices.Sorted(maps.Keys(pureFunctions))...)
}

// nearest suggests a name for a misspelt one; "" when none is near.
func nearest(word string, names []string) string {
	best, at := "", 4
	for _, n := range names {
		if d := syntax.Distance(strings.ToLower(word), strings.ToLower(n)); d < at {
			best, at = n, d
		}
	}
	if best == "" || at >= len(word) {
		return ""
	}
	return "did you mean " + best + "?"
}
