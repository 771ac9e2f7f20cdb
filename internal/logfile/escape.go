package logfile

const hexDigits = "0123456789abcdef"

// plain[c] says that c stands for itself in a log: printable ASCII but for the
// quote and the backslash.
var plain = func() (t [256]bool) {
	for c := ' '; c <= '~'; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// AppendEscaped appends s so that it can neither end a line nor a quoted field
// of an access log: quotes and backslashes get a backslash, control characters
// their C notation, all other bytes outside of printable ASCII become \xhh
// (httpd's ap_escape_logitem).
func AppendEscaped(dst []byte, s string) []byte { return escape(dst, s, true) }

// AppendMessage appends s for an error log: as AppendEscaped, but quotes stay
// as they are (ap_escape_errorlog_item).
func AppendMessage(dst []byte, s string) []byte { return escape(dst, s, false) }

func escape(dst []byte, s string, quotes bool) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if plain[c] || c == '"' && !quotes {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\v':
			dst = append(dst, '\\', 'v')
		default:
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(dst, s[from:]...)
}
