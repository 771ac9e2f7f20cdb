package regex

import (
	"io"
	"regexp"
	"time"

	"github.com/dlclark/regexp2/v2"
)

// Limit is how long a backtracking match may take. One that takes longer is
// no match, as in httpd when PCRE's limit is reached.
const Limit = 250 * time.Millisecond

// stack bounds the backtracking engine's memory, in words per match.
const stack = 1 << 20

// Regex is one compiled pattern, safe for use by many goroutines.
type Regex struct {
	source string
	names  []string // by group; [0] and those of unnamed groups are empty
	shape  shape
	lit    string          // of shape
	re     *regexp.Regexp  // nil if there is a shape or back is used
	back   *regexp2.Regexp // nil unless the pattern needs backtracking
}

// Compile compiles a pattern; nocase is the i flag. The error tells what is
// wrong with the pattern, without repeating it.
func Compile(pattern string, nocase bool) (*Regex, error) {
	t := translator{in: pattern}
	t.flags.i, t.flags.s = nocase, true
	if err := t.translate(); err != nil {
		return nil, err
	}
	r := &Regex{source: pattern, names: t.names}
	if r.shape, r.lit = simple(t.tokens); r.shape != complicated {
		return r, nil
	}
	out := string(t.out)
	if !t.back {
		re, err := regexp.Compile(out)
		if err == nil {
			r.re = re
			return r, nil
		}
		// Too many repetitions for Go, most likely.
	}
	back, err := regexp2.Compile(out, regexp2.RE2, regexp2.OptionMaxBacktrackingStackSize(stack))
	if err != nil {
		return nil, complaint(err)
	}
	back.MatchTimeout = Limit
	r.back = back
	return r, nil
}

// String returns the pattern as it was written.
func (r *Regex) String() string { return r.source }

// Groups returns how many capturing groups the pattern has, group 0 (the whole
// match) not counted.
func (r *Regex) Groups() int { return len(r.names) - 1 }

// Names returns the names of the groups, by number; empty for group 0 and for
// groups without a name. Callers must not change it.
func (r *Regex) Names() []string { return r.names }

// Linear reports whether matching takes time linear in the text.
func (r *Regex) Linear() bool { return r.back == nil }

// Match reports whether s contains a match.
func (r *Regex) Match(s string) bool {
	switch {
	case r.shape != complicated:
		return r.shape.match(r.lit, s)
	case r.back != nil:
		ok, err := r.back.MatchRunes(runes(s))
		return ok && err == nil
	case ascii(s):
		return r.re.MatchString(s)
	}
	return r.re.MatchReader(&bytewise{s: s})
}

// Find returns the byte offsets of the leftmost match and its groups, two per
// group, -1 where a group took no part; nil without a match.
func (r *Regex) Find(s string) []int {
	switch {
	case r.shape != complicated:
		return r.shape.find(r.lit, s)
	case r.back != nil:
		return r.findBack(s)
	case ascii(s):
		return r.re.FindStringSubmatchIndex(s)
	}
	return r.re.FindReaderSubmatchIndex(&bytewise{s: s})
}

func (r *Regex) findBack(s string) []int {
	m, err := r.back.FindRunesMatch(runes(s))
	if err != nil || m == nil {
		return nil
	}
	out := make([]int, 0, 2*len(r.names))
	for i := range r.names {
		g := m.GroupByNumber(i)
		if g == nil || len(g.Captures) == 0 {
			out = append(out, -1, -1)
			continue
		}
		out = append(out, g.RuneIndex, g.RuneIndex+g.RuneLength)
	}
	return out
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// runes gives every byte as one character.
func runes(s string) []rune {
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return out
}

// bytewise reads a string with every byte as one character.
type bytewise struct {
	s string
	i int
}

func (b *bytewise) ReadRune() (rune, int, error) {
	if b.i >= len(b.s) {
		return 0, 0, io.EOF
	}
	c := b.s[b.i]
	b.i++
	return rune(c), 1, nil
}
