// Package page helps rooms that answer with pages of their own: text made safe
// for HTML and XML, and an answer sent in one piece. What is on a page is the
// room's business; error pages are package snapshot's.
package page

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

// Escape makes s fit for HTML and XML, in text and in quoted attributes. The
// result is ASCII, so that it means the same in every charset; what no XML
// may hold (control characters, broken UTF-8) becomes a question mark.
func Escape(s string) string {
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		c := s[i]
		clean = c >= ' ' && c < 0x7f && c != '&' && c != '<' && c != '>' && c != '"' && c != '\''
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"':
			b.WriteString("&quot;")
		case r == '\'':
			b.WriteString("&#39;")
		case r == '\t' || r >= ' ' && r < 0x7f:
			b.WriteByte(byte(r))
		case r < 0xa0 || r == utf8.RuneError || r == 0xfffe || r == 0xffff:
			b.WriteByte('?')
		default:
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		}
	}
	return b.String()
}

// QueryEscape spells a value for a query string, where "&" and the like would
// end it: what may stand bare in a URL as httpd writes it stays (":" and "/"
// among it), any other byte becomes %xx.
func QueryEscape(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~:/@!*(),$", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + hex[c>>4:c>>4+1] + hex[c&15:c&15+1])
		}
	}
	return b.String()
}

// Send answers with a whole body. Fields that were set in Out.Header before
// stay.
func Send(x *exchange.Exchange, status int, contentType string, body []byte) exchange.Verdict {
	x.Out.Status, x.Out.Reason = status, message.ReasonOf(status)
	x.Out.Header.Set("Content-Type", contentType)
	x.Out.Body.Length = int64(len(body))
	if x.Begin() == nil {
		x.Write(body)
	}
	return exchange.Done
}

// ShortSize prints bytes in four characters, as APR does: "197 ", "1.0K".
func ShortSize(n int64) string {
	if n < 973 {
		return fmt.Sprintf("%3d ", max(n, 0))
	}
	units := "KMGTPE"
	for i := 0; ; i++ {
		rest := n & 1023
		n >>= 10
		switch {
		case n >= 973 && i+1 < len(units):
			continue
		case n < 9 || n == 9 && rest < 973:
			rest = (rest*5 + 256) / 512
			if rest >= 10 {
				n, rest = n+1, 0
			}
			return fmt.Sprintf("%d.%d%c", n, rest, units[i])
		case rest >= 512:
			n++
		}
		return fmt.Sprintf("%3d%c", n, units[i])
	}
}
