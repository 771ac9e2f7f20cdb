package headers

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
)

// format is a compiled value: text with items like %t in between.
type format struct {
	parts []part
	// fixed is the whole value when there are no items.
	fixed  string
	expr   *expr.Text // the whole value, where it is an expression
	broken bool       // there was a line break in the text
}

// part is one item: its letter with the name from its braces, or 0 and text.
type part struct {
	item byte
	text string
}

// parseFormat compiles a value. When ok is false, bad is the letter that is
// not known ("" at the end of the text). A "%" at the very end is itself.
func parseFormat(s string) (f format, bad string, ok bool) {
	for s != "" {
		if s[0] != '%' {
			end := strings.IndexByte(s, '%')
			if end < 0 {
				end = len(s)
			}
			f.text(unescape(s[:end]))
			s = s[end:]
			continue
		}
		s = s[1:]
		if s == "" || s[0] == '%' {
			f.text("%")
			s = strings.TrimPrefix(s, "%")
			continue
		}
		p := part{}
		if s[0] == '{' {
			p.text, s, _ = strings.Cut(s[1:], "}")
		}
		if s == "" {
			return f, "", false
		}
		p.item = s[0]
		if strings.IndexByte("tDlibes", p.item) < 0 {
			return f, s[:1], false
		}
		f.parts = append(f.parts, p)
		s = s[1:]
	}
	switch {
	case len(f.parts) == 0:
		f.parts = nil
	case len(f.parts) == 1 && f.parts[0].item == 0:
		f.fixed, f.parts = f.parts[0].text, nil
	}
	return f, "", true
}

// text adds literal text, joined to the text before it.
func (f *format) text(s string) {
	if strings.ContainsAny(s, "\r\n") {
		f.broken = true
		s = oneLine(s)
	}
	if n := len(f.parts); n > 0 && f.parts[n-1].item == 0 {
		f.parts[n-1].text += s
		return
	}
	f.parts = append(f.parts, part{text: s})
}

// unescape reads \\, \r, \n and \t; any other backslash stands for itself.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if j := strings.IndexByte(`\rnt`, s[i+1]); j >= 0 {
				b.WriteByte("\\\r\n\t"[j])
				i++
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// oneLine turns the line breaks of a value into spaces, so that a variable
// cannot smuggle a field in.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if c == '\r' || c == '\n' {
			b[i] = ' '
		}
	}
	return string(b)
}

// null is what an item without a value prints.
const null = "(null)"

// value makes the text for x.
func (f *format) value(x *exchange.Exchange) string {
	if f.parts == nil {
		if f.expr != nil {
			return oneLine(f.expr.Value(exprvars.Of(x), nil))
		}
		return f.fixed
	}
	if len(f.parts) == 1 && f.parts[0].item == 'e' {
		return variable(x, f.parts[0].text)
	}
	b := make([]byte, 0, 64)
	for i := range f.parts {
		p := &f.parts[i]
		switch p.item {
		case 0:
			b = append(b, p.text...)
		case 't':
			b = append(b, "t="...)
			b = strconv.AppendInt(b, x.Received.UnixMicro(), 10)
		case 'D':
			b = append(b, "D="...)
			b = strconv.AppendInt(b, time.Since(x.Received).Microseconds(), 10)
		case 'e':
			b = append(b, variable(x, p.text)...)
		case 's':
			b = append(b, tlsVariable(x, p.text)...)
		case 'l':
			l := loadNow()
			b = fmt.Appendf(b, "l=%.2f/%.2f/%.2f", l.avg[0], l.avg[1], l.avg[2])
		case 'b':
			b = append(b, "b="...)
			b = strconv.AppendInt(b, int64(loadNow().busy()), 10)
		case 'i':
			b = append(b, "i="...)
			b = strconv.AppendInt(b, int64(100-loadNow().busy()), 10)
		}
	}
	return string(b)
}

func variable(x *exchange.Exchange, name string) string {
	if v, ok := x.Env.Get(name); ok {
		return oneLine(v)
	}
	return null
}

// tlsVariable is %{NAME}s: mod_ssl's look-up.
func tlsVariable(x *exchange.Exchange, name string) string {
	if v := exprvars.TLS(x, name); v != "" {
		return oneLine(v)
	}
	return null
}

// load is the machine's load averages over 1, 5 and 15 minutes, and when they
// were read.
type load struct {
	avg [3]float64
	at  time.Time
}

var lastLoad struct {
	sync.Mutex
	load
}

// loadNow reads the load averages at most once a second; they are zero where
// the system does not tell.
func loadNow() load {
	lastLoad.Lock()
	defer lastLoad.Unlock()
	if now := time.Now(); now.Sub(lastLoad.at) >= time.Second {
		lastLoad.load = load{at: now}
		if text, err := os.ReadFile("/proc/loadavg"); err == nil {
			for i, w := range strings.Fields(string(text)) {
				if i == len(lastLoad.avg) {
					break
				}
				lastLoad.avg[i], _ = strconv.ParseFloat(w, 64)
			}
		}
	}
	return lastLoad.load
}

// busy is the share of the processors in use, in percent.
//
// Unlike httpd: it counts busy workers of a fixed number. We have no such
// number; the one thing that runs out here is processors.
func (l load) busy() int {
	return min(100, int(100*l.avg[0]/float64(runtime.NumCPU())+0.5))
}
