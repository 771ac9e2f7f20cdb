package log_config

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/internal/clock"
	"sallyport/internal/exchange"
)

// entry is one line in the making. Entries are pooled.
type entry struct {
	b   []byte
	x   *exchange.Exchange
	now time.Time // the end of the exchange
	// first is what an ErrorDocument has covered: the request as the client
	// meant it; nil where x is still that request. An index file found by
	// DirectoryIndex covers nothing, as in httpd.
	first *exchange.Prev
}

var entries = sync.Pool{New: func() any { return &entry{b: make([]byte, 0, 512)} }}

func newEntry(x *exchange.Exchange) *entry {
	e := entries.Get().(*entry)
	e.b, e.x, e.now, e.first = e.b[:0], x, clock.Now(), nil
	for p := x.Prev; p != nil; p = p.Prev {
		if p.Failing != 0 {
			e.first = p
		}
	}
	return e
}

func (e *entry) free() {
	e.x, e.first = nil, nil
	if cap(e.b) <= 64<<10 {
		entries.Put(e)
	}
}

// appender appends what one item of a format says, to e.b.
type appender func(e *entry)

// format is a compiled log format. Immutable.
type format struct {
	items []appender
	plain bool // no item in it: may be meant as a nickname
}

func (f *format) append(e *entry) {
	for _, item := range f.items {
		item(e)
	}
}

// item is what stands between "%" and the letter.
type item struct {
	arg      string
	statuses []int
	not      bool // of statuses
	original bool // look at the request before an internal redirect
	chosen   bool // "<" or ">" was given
}

// parseFormat compiles a format, with a newline at its end. Errors are in
// httpd's words.
func parseFormat(s string) (*format, error) {
	f := &format{plain: true}
	for s != "" {
		var a appender
		var err error
		if s[0] == '%' {
			f.plain = false
			a, s, err = parseItem(s[1:])
		} else {
			var text string
			text, s = parseText(s)
			a = literal(text)
		}
		if err != nil {
			return nil, err
		}
		f.items = append(f.items, a)
	}
	f.items = append(f.items, literal("\n"))
	return f, nil
}

// parseText takes a literal up to the next "%".
func parseText(s string) (text, rest string) {
	end := strings.IndexByte(s, '%')
	if end < 0 {
		end = len(s)
	}
	text, rest = s[:end], s[end:]
	return unescape.Replace(text), rest
}

// unescape does what httpd does in the text of a format: \n, \t and \r are
// control characters, other backslashes stay.
var unescape = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r")

func literal(text string) appender {
	if len(text) == 1 {
		c := text[0]
		return func(e *entry) { e.b = append(e.b, c) }
	}
	return func(e *entry) { e.b = append(e.b, text...) }
}

func parseItem(s string) (a appender, rest string, err error) {
	if strings.HasPrefix(s, "%") {
		return literal("%"), s[1:], nil
	}
	var it item
	for s != "" {
		switch c := s[0]; {
		case c == '!':
			it.not = !it.not
			s = s[1:]
		case c == '<':
			it.original, it.chosen = true, true
			s = s[1:]
		case c == '>':
			it.original, it.chosen = false, true
			s = s[1:]
		case c == ',':
			s = s[1:]
		case c == '{':
			it.arg, s, _ = strings.Cut(s[1:], "}")
		case '0' <= c && c <= '9':
			n := 0
			for ; s != "" && '0' <= s[0] && s[0] <= '9'; s = s[1:] {
				n = min(n*10+int(s[0]-'0'), 99999)
			}
			it.statuses = append(it.statuses, n)
		default:
			name := s[:1]
			if c == '^' && len(s) >= 3 && kinds[s[:3]].make != nil {
				name = s[:3]
			}
			k := kinds[name]
			if k.make == nil {
				return nil, "", errors.New("Unrecognized LogFormat directive %" + name)
			}
			if !it.chosen {
				it.original = k.original
			}
			return it.guard(k.make(it.arg, it.original)), s[len(name):], nil
		}
	}
	return nil, "", errors.New("Ran off end of LogFormat parsing args to some directive")
}

// guard prints "-" in place of the item for the statuses it is not for.
func (it *item) guard(a appender) appender {
	if len(it.statuses) == 0 {
		return a
	}
	statuses, not := it.statuses, it.not
	return func(e *entry) {
		if slices.Contains(statuses, e.x.Out.Status) == not {
			e.b = append(e.b, '-')
			return
		}
		a(e)
	}
}
