package urlmap

// Subst fills the groups of a match into a template: $0 … $9 become the text
// of the group ("" for one that took no part), a backslash takes the next byte
// literally (httpd's ap_pregsub). Offsets are those of regex.Regex.Find in s.
func Subst(dst []byte, template, s string, groups []int) []byte {
	for i := 0; i < len(template); i++ {
		c := template[i]
		switch {
		case c == '$' && i+1 < len(template) && '0' <= template[i+1] && template[i+1] <= '9':
			i++
			g := 2 * int(template[i]-'0')
			if g+1 < len(groups) && groups[g] >= 0 {
				dst = append(dst, s[groups[g]:groups[g+1]]...)
			}
		case c == '\\' && i+1 < len(template):
			i++
			dst = append(dst, template[i])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// Interpolate replaces each ${name} in a template by what get says, and by
// nothing where it says nothing (httpd's proxy_interpolate). A "${" without
// its brace stays.
func Interpolate(template string, get func(name string) string) string {
	var dst []byte
	for i := 0; i < len(template); i++ {
		if template[i] == '$' && i+1 < len(template) && template[i+1] == '{' {
			if end := indexFrom(template, '}', i+2); end >= 0 {
				if dst == nil {
					dst = append(make([]byte, 0, len(template)+32), template[:i]...)
				}
				dst = append(dst, get(template[i+2:end])...)
				i = end
				continue
			}
		}
		if dst != nil {
			dst = append(dst, template[i])
		}
	}
	if dst == nil {
		return template
	}
	return string(dst)
}

func indexFrom(s string, c byte, from int) int {
	for i := from; i < len(s); i++ {
		if s[i] == c {
			return i
		}
	}
	return -1
}
