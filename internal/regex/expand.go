package regex

import "strings"

// Expand puts the groups of a match into a template: $0 to $9 stand for the
// text of a group (nothing, when it took no part), and a backslash takes the
// character behind it as it is (httpd's ap_pregsub). "$" before anything else
// is itself. M is what Find returned for s; it may be nil.
func Expand(template, s string, m []int) string {
	if strings.IndexByte(template, '$') < 0 && strings.IndexByte(template, '\\') < 0 {
		return template
	}
	var b strings.Builder
	b.Grow(len(template) + len(s))
	for i := 0; i < len(template); i++ {
		c := template[i]
		if i+1 < len(template) {
			next := template[i+1]
			if c == '$' && next >= '0' && next <= '9' {
				b.WriteString(Group(s, m, int(next-'0')))
				i++
				continue
			}
			if c == '\\' {
				c = next
				i++
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Expand is the function Expand, for a match of r.
func (r *Regex) Expand(template, s string, m []int) string { return Expand(template, s, m) }

// Group returns the text of group n of a match in s, or "" when there is no
// such group or it took no part.
func Group(s string, m []int, n int) string {
	if 2*n+1 >= len(m) || m[2*n] < 0 {
		return ""
	}
	return s[m[2*n]:m[2*n+1]]
}
