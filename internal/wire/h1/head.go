package h1

import "bytes"

// Limits bound the head of a request. They count as httpd's do: bytes of a
// line without its line end, of which one more than the limit still passes,
// and number of fields.
type Limits struct {
	Line      int // LimitRequestLine
	Fields    int // LimitRequestFields; 0: no limit
	FieldSize int // LimitRequestFieldSize: name, colon and value
}

// HeadEnd returns the length of the head in buf, through its blank line; 0
// while it is incomplete. from says how many bytes of buf an earlier call has
// already searched. Empty lines in front of a request are not a head: skip
// them first (LeadingBlank).
func HeadEnd(buf []byte, from int) int {
	// The blank line may have begun up to two bytes before the new ones.
	i := max(from-2, 0)
	for {
		n := bytes.IndexByte(buf[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		if i < len(buf) && buf[i] == '\n' {
			return i + 1
		}
		if i+1 < len(buf) && buf[i] == '\r' && buf[i+1] == '\n' {
			return i + 2
		}
	}
}

// LeadingBlank returns the number of bytes of empty lines at the start of buf,
// which a server skips in front of a request line (RFC 9112 §2.2): ten at
// most, as httpd. An eleventh then makes ParseRequest refuse.
func LeadingBlank(buf []byte) int {
	i := 0
	for i+1 < len(buf) && i < 20 && buf[i] == '\r' && buf[i+1] == '\n' {
		i += 2
	}
	return i
}

// Check looks at the beginning of a request head that HeadEnd calls
// incomplete: it returns the Problem that no further byte can mend (a line or
// a number of lines over its limit, a first line that is not HTTP), or nil to
// read on.
func Check(buf []byte, lim *Limits) *Problem {
	for i := 0; i < len(buf); i++ {
		if c := buf[i]; c == '\n' || c == '\r' {
			break
		} else if class[c]&cCtl != 0 {
			return problemLineCtl
		}
	}
	line, fields, first := 0, 0, true
	for {
		n := bytes.IndexByte(buf[line:], '\n')
		size := n
		if n < 0 {
			size = len(buf) - line
		}
		switch {
		case first && size > lim.Line+2: // the CR is counted here
			return problemLineLong
		case !first && size > lim.FieldSize+2:
			return problemFieldLong
		case !first && lim.Fields > 0 && fields > lim.Fields:
			return problemFieldsMany
		case n < 0:
			return nil
		}
		if !first {
			fields++
		}
		first = false
		line += n + 1
	}
}
