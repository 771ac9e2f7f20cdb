package alias

import (
	"strings"

	"sallyport/internal/exchange"
)

// spell makes a URL fit for a Location field: the path is escaped, the query
// and the fragment are left as they are but for bytes that cannot stand in a
// field, and a port that the scheme implies goes.
//
// Unlike httpd: it escapes the brackets of an IPv6 address and sends spaces in
// a query as they are, which no client understands; and it hides a password.
func spell(url string) string {
	rest := ""
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		url, rest = url[:i], printable(url[i:])
	}
	authority := ""
	if isURL(url) {
		if i := strings.Index(url, "://"); i >= 0 {
			end := len(url)
			if j := strings.IndexByte(url[i+3:], '/'); j >= 0 {
				end = i + 3 + j
			}
			authority, url = printable(withoutPort(url[:end])), url[end:]
		}
	}
	return authority + exchange.EscapePath(url) + rest
}

var impliedPorts = map[string]string{
	"http": "80", "https": "443", "ftp": "21", "ws": "80", "wss": "443",
}

// withoutPort cuts the port off scheme://authority when the scheme implies it.
func withoutPort(s string) string {
	scheme, host, _ := strings.Cut(s, "://")
	i := strings.LastIndexByte(host, ':')
	if i < 0 || i < strings.LastIndexByte(host, ']') {
		return s
	}
	if port := host[i+1:]; port == "" || port == impliedPorts[strings.ToLower(scheme)] {
		return scheme + "://" + host[:i]
	}
	return s
}

// printable escapes blanks, control characters and what is not ASCII.
func printable(s string) string {
	const hex = "0123456789abcdef"
	var b []byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c > ' ' && c < 0x7f {
			if b != nil {
				b = append(b, c)
			}
			continue
		}
		if b == nil {
			b = append(make([]byte, 0, len(s)+8), s[:i]...)
		}
		b = append(b, '%', hex[c>>4], hex[c&15])
	}
	if b == nil {
		return s
	}
	return string(b)
}
