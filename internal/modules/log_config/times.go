package log_config

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sallyport/internal/logfile"
)

// second is the text of one second in one form, shared by all lines of it.
type second struct {
	unix int64
	text []byte
}

// cachedTime makes an appender of a form that does not show parts of a second.
func cachedTime(at func(*entry) time.Time, form func([]byte, time.Time) []byte) appender {
	var last atomic.Pointer[second]
	return func(e *entry) {
		t := at(e)
		s := last.Load()
		if u := t.Unix(); s == nil || s.unix != u {
			s = &second{u, form(nil, t.Local())}
			last.Store(s)
		}
		e.b = append(e.b, s.text...)
	}
}

func begin(e *entry) time.Time { return e.x.Received }
func end(e *entry) time.Time   { return e.now }

func appendCLF(b []byte, t time.Time) []byte {
	return t.AppendFormat(b, "[02/Jan/2006:15:04:05 -0700]")
}

// requestTime is %t: the CLF form, one of httpd's own tokens, or strftime's.
func requestTime(arg string, _ bool) appender {
	at := begin
	switch {
	case arg == "begin" || strings.HasPrefix(arg, "begin:"):
		arg = strings.TrimPrefix(arg[5:], ":")
	case arg == "end" || strings.HasPrefix(arg, "end:"):
		at, arg = end, strings.TrimPrefix(arg[3:], ":")
	}
	switch arg {
	case "":
		return cachedTime(at, appendCLF)
	case "sec":
		return func(e *entry) { e.b = strconv.AppendInt(e.b, at(e).Unix(), 10) }
	case "msec":
		return func(e *entry) { e.b = strconv.AppendInt(e.b, at(e).UnixMilli(), 10) }
	case "usec":
		return func(e *entry) { e.b = strconv.AppendInt(e.b, at(e).UnixMicro(), 10) }
	case "msec_frac":
		return func(e *entry) { e.b = appendPadded(e.b, at(e).Nanosecond()/1e6, 100) }
	case "usec_frac":
		return func(e *entry) { e.b = appendPadded(e.b, at(e).Nanosecond()/1e3, 100000) }
	}
	return cachedTime(at, func(b []byte, t time.Time) []byte { return logfile.AppendTime(b, arg, t) })
}

// appendPadded appends n with zeros in front; least is the smallest number that
// needs none.
func appendPadded(b []byte, n, least int) []byte {
	for ; least > n && least > 1; least /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// duration makes the appender of the time the exchange took, in units.
func duration(unit time.Duration) appender {
	return func(e *entry) { e.b = strconv.AppendInt(e.b, int64(e.now.Sub(e.x.Received)/unit), 10) }
}

// scaled is %T, with a unit in its argument.
func scaled(arg string, _ bool) appender {
	switch strings.ToLower(arg) {
	case "", "s":
		return duration(time.Second)
	case "ms":
		return duration(time.Millisecond)
	case "us":
		return duration(time.Microsecond)
	}
	return literal(arg)
}
