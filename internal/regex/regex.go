// Package regex is httpd's regular expressions (PCRE): Go's regexp, which is
// linear in time, wherever it accepts the pattern and means the same by it;
// else a backtracking engine under a time limit.
package regex

import "regexp"

// Regex is one compiled pattern, safe for use by many goroutines.
type Regex struct{ re *regexp.Regexp }

// Compile compiles a pattern; nocase is the i flag.
func Compile(pattern string, nocase bool) (*Regex, error) {
	if nocase {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	return &Regex{re}, err
}

// Match reports whether s contains a match.
func (r *Regex) Match(s string) bool { return r.re.MatchString(s) }

// Find returns the byte offsets of the leftmost match and its groups, two per
// group, -1 where a group took no part; nil without a match.
func (r *Regex) Find(s string) []int { return r.re.FindStringSubmatchIndex(s) }
