package errorlog

import (
	"errors"
	"fmt"
	"strings"
)

// Format is one compiled ErrorLogFormat. Immutable.
type Format struct {
	items []item
	once  bool // a connection or request format: no message in it
}

// item is one part of a Format: a literal text, the message, or a fact.
type item struct {
	kind     byte   // 0: literal text in arg; 'M': the message; else the letter after "%"
	arg      string // in braces
	sep      bool   // a field begins here
	hyphen   bool   // "-" stands for nothing
	required bool   // no line without it (once-formats)
	from     Level  // said only in messages of this level or less grave
}

// DefaultFormat is the line that httpd writes without an ErrorLogFormat.
var DefaultFormat = must(`[%{u}t] [%-m:%l] [pid %P:tid %{g}T] %7F: %E: [client\ %a] %M% ,\ referer:\ %{Referer}i`)

// syslogFormat is the same without the time, which the daemon adds.
var syslogFormat = must(`[%-m:%l] [pid %P:tid %{g}T] %7F: %E: [client\ %a] %M% ,\ referer:\ %{Referer}i`)

func must(s string) *Format {
	f, err := ParseFormat(s)
	if err != nil {
		panic("errorlog: " + err.Error())
	}
	return f
}

// ParseFormat compiles the format of the main line, which must hold %M.
func ParseFormat(s string) (*Format, error) {
	f, err := parse(s)
	if err != nil {
		return nil, err
	}
	message := false
	for _, it := range f.items {
		message = message || it.kind == 'M'
		if it.required {
			return nil, errors.New("The '+' flag cannot be used in the main error log format")
		}
	}
	if !message {
		return nil, errors.New("main ErrorLogFormat must contain message format string '%M'")
	}
	return f, nil
}

// ParseOnceFormat compiles the format of a line that is written once per
// connection or request.
func ParseOnceFormat(s string) (*Format, error) {
	f, err := parse(s)
	if err != nil {
		return nil, err
	}
	for _, it := range f.items {
		if it.kind == 'M' {
			return nil, errors.New("%M cannot be used in once-per-request or once-per-connection formats")
		}
		if it.from > 0 {
			return nil, errors.New("The loglevel cannot be used as a condition in once-per-request or once-per-connection formats")
		}
	}
	f.once = true
	return f, nil
}

// letters are the items there are.
const letters = "aAeEFiklLmMnPTtvV"

func parse(s string) (*Format, error) {
	f := new(Format)
	for s != "" {
		var it item
		for strings.HasPrefix(s, "% ") {
			it.sep = true
			s = s[2:]
		}
		var err error
		switch {
		case s == "":
			// a field separator at the end separates nothing
			return f, nil
		case strings.HasPrefix(s, "%%"):
			it.arg, s = "%", s[2:]
		case s[0] == '%':
			s, err = parseItem(&it, s[1:])
		default:
			it.sep = it.sep || s[0] == ' '
			it.arg, s = parseText(s)
		}
		if err != nil {
			return nil, err
		}
		f.items = append(f.items, it)
	}
	return f, nil
}

func parseItem(it *item, s string) (rest string, err error) {
	for s != "" {
		c := s[0]
		s = s[1:]
		switch {
		case c == '{':
			it.arg, s, _ = strings.Cut(s, "}")
		case c == '+':
			it.required = true
		case c == '-':
			it.hyphen = true
		case '0' <= c && c <= '9':
			n := int(c - '0')
			for s != "" && '0' <= s[0] && s[0] <= '9' && n <= int(Trace8) {
				n = n*10 + int(s[0]-'0')
				s = s[1:]
			}
			if n > int(Trace8) {
				return "", errors.New("The specified loglevel modifier is out of range")
			}
			it.from = Level(n)
		case strings.IndexByte(letters, c) >= 0:
			it.kind = c
			return s, nil
		default:
			return "", fmt.Errorf("Unrecognized error log format directive %%%c", c)
		}
	}
	return "", errors.New("Ran off end of error log format parsing args to some directive")
}

// parseText takes a literal up to "%" or to the next blank that ends a word.
func parseText(s string) (text, rest string) {
	var b strings.Builder
	start := true
	i := 0
	for i < len(s) && s[i] != '%' && (s[i] != ' ' || start) {
		c := s[i]
		i++
		if c == '\\' {
			start = false
			if i == len(s) {
				break
			}
			c = s[i]
			i++
			switch c {
			case 'r':
				c = '\r'
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			}
		} else if c != ' ' {
			start = false
		}
		b.WriteByte(c)
	}
	return b.String(), s[i:]
}
