package syntax

import "strings"

// space is C's isspace, which httpd splits words at.
const space = " \t\n\v\f\r"

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// Word takes the first word off s and returns it with what follows, outer
// white space skipped (httpd's ap_getword_conf).
//
// A word that begins with " or ' runs to the same quote; inside of it a
// backslash protects that quote and a backslash, and stays where it is before
// anything else. A quote that is never closed runs to the end. Any other word
// ends at white space; in it only a doubled backslash is read as one.
func Word(s string) (word, rest string) {
	word, end := next(s)
	return word, strings.TrimLeft(s[end:], space)
}

// Words splits s as repeated calls of Word would.
func Words(s string) []string {
	var words []string
	s = strings.TrimLeft(s, space)
	for s != "" {
		var w string
		w, s = Word(s)
		words = append(words, w)
	}
	return words
}

// Offset returns where word n of s begins (counted from 1), its quote
// included; len(s) when there are fewer words.
func Offset(s string, n int) int {
	at := 0
	for {
		at += len(s[at:]) - len(strings.TrimLeft(s[at:], space))
		if n <= 1 || at == len(s) {
			return at
		}
		_, end := next(s[at:])
		at += end
		n--
	}
}

// next reads one word and tells where it ended.
func next(s string) (word string, end int) {
	i := len(s) - len(strings.TrimLeft(s, space))
	if i == len(s) {
		return "", i
	}
	if q := s[i]; q == '"' || q == '\'' {
		i++
		start := i
		escaped := false
		for i < len(s) && s[i] != q {
			if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == q) {
				escaped = true
				i++
			}
			i++
		}
		word = s[start:i]
		if escaped {
			word = unescape(word, q)
		}
		if i < len(s) {
			i++
		}
		return word, i
	}
	start := i
	for i < len(s) && !isSpace(s[i]) {
		i++
	}
	word = s[start:i]
	if strings.Contains(word, `\\`) {
		word = unescape(word, '\\')
	}
	return word, i
}

// unescape drops the backslash before a backslash and before quote.
func unescape(s string, quote byte) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '\\' || s[i+1] == quote) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Quote returns w so that Word reads it back as it is: unchanged where that is
// enough, else in double quotes.
func Quote(w string) string {
	if w != "" && w[0] != '"' && w[0] != '\'' && !strings.ContainsAny(w, space) && !strings.Contains(w, `\\`) {
		return w
	}
	return quoted(w)
}

func quoted(w string) string {
	var b strings.Builder
	b.Grow(len(w) + 2)
	b.WriteByte('"')
	for i := 0; i < len(w); i++ {
		if w[i] == '"' || w[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(w[i])
	}
	b.WriteByte('"')
	return b.String()
}
