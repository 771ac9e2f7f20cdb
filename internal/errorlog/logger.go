package errorlog

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/logfile"
)

// Facts are what an exchange adds to a line.
type Facts struct {
	Client  netip.AddrPort
	Referer string
	// Err is the system's error behind the message (%E); may be nil.
	Err error
	// Request answers for the rarer items; nil where no request is at hand.
	Request Request
}

// Request is an exchange as ErrorLogFormat sees it.
type Request interface {
	// LogItem gives the text of an item about the request or its connection:
	// the letter after "%" and what stood in braces. "" when there is none.
	LogItem(letter byte, arg string) string
	// FirstLine reports whether the line about to be written is the first of
	// its connection, and the first of its request; true once each.
	FirstLine() (connection, request bool)
}

// Options make a Logger.
type Options struct {
	// Sink takes the lines; nil: standard error.
	Sink   *logfile.Sink
	Levels Levels
	// Format of the line; nil: httpd's default. Connection and Requests are
	// written in front of the first line of a connection or request.
	Format     *Format
	Connection []*Format
	Requests   []*Format
	// Server is the ServerName, for %v.
	Server string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Logger writes the error log of one server. A nil Logger discards. Safe for
// use by many goroutines.
type Logger struct {
	o         Options
	syslog    bool
	low, high Level // of all thresholds: decides most lines without a look at modules
}

// maxMessage is where a message is cut, in bytes before escaping.
const maxMessage = 8 << 10

// New makes a Logger.
func New(o Options) *Logger {
	l := &Logger{o: o}
	l.syslog = o.Sink != nil && o.Sink.Target().Kind == logfile.Syslog
	if l.o.Format == nil {
		l.o.Format = DefaultFormat
		if l.syslog {
			l.o.Format = syslogFormat
		}
	}
	if l.o.Now == nil {
		l.o.Now = time.Now
	}
	l.low, l.high = l.o.Levels.bounds()
	return l
}

// With gives a Logger with other thresholds (LogLevel in a section) that
// writes to the same place.
func (l *Logger) With(levels Levels) *Logger {
	if l == nil {
		return nil
	}
	c := *l
	c.o.Levels = levels
	c.low, c.high = levels.bounds()
	return &c
}

// Levels gives the Logger's thresholds.
func (l *Logger) Levels() Levels {
	if l == nil {
		return DefaultLevels
	}
	return l.o.Levels
}

// Enabled reports whether a line of this module and level would be written.
// As in httpd a notice always is, except to syslog.
func (l *Logger) Enabled(module string, lv Level) bool {
	if l == nil {
		return false
	}
	if lv > l.high {
		return lv == Notice && !l.syslog
	}
	return lv <= l.low || lv <= l.o.Levels.Of(module) || lv == Notice && !l.syslog
}

// Logf formats and writes one line, if Enabled, e.g. Logf(Error, "proxy", f,
// "AH00898: %s returned by %s", …). The module is a room's name. What is not
// printable in the message is escaped.
func (l *Logger) Logf(lv Level, module string, f Facts, format string, args ...any) {
	if !l.Enabled(module, lv) {
		return
	}
	line := logfile.NewLine()
	defer line.Free()
	e := entry{l: l, level: lv, module: module, facts: &f, now: l.o.Now()}
	e.message = fmt.Appendf(nil, format, args...)
	if len(e.message) > maxMessage {
		e.message = append(e.message[:maxMessage-3], "..."...)
	}
	if f.Request != nil {
		connection, request := f.Request.FirstLine()
		if connection {
			e.putAll(line, l.o.Connection)
		}
		if request {
			e.putAll(line, l.o.Requests)
		}
	}
	e.put(line, l.o.Format)
}

// NewID makes a log ID (%L): 11 characters, unique for practical purposes.
func NewID() string {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], rand.Uint64())
	return base64.RawStdEncoding.EncodeToString(b[:])
}

// seed makes the IDs of connections differ from process to process.
var seed = rand.Uint64()

// ConnectionID is the log ID of a connection with this number (%{c}L).
func ConnectionID(n uint64) string {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], seed^n*0x9e3779b97f4a7c15)
	return base64.RawStdEncoding.EncodeToString(b[:])
}

// entry is one message on its way into lines.
type entry struct {
	l       *Logger
	level   Level
	module  string
	facts   *Facts
	now     time.Time
	message []byte
}

func (e *entry) putAll(line *logfile.Line, formats []*Format) {
	for _, f := range formats {
		e.put(line, f)
	}
}

func (e *entry) put(line *logfile.Line, f *Format) {
	line.B = e.append(line.B[:0], f)
	if len(line.B) == 0 {
		return
	}
	line.B = append(line.B, '\n')
	if e.l.o.Sink == nil {
		os.Stderr.Write(line.B)
		return
	}
	e.l.o.Sink.Put(0, uint8(min(e.level, Debug)), line.B)
}

// append lays the line out; it gives back an empty one when a required item
// has nothing to say. A field in which an item has nothing to say goes as a
// whole (do_errorlog_format).
func (e *entry) append(b []byte, f *Format) []byte {
	field, skipping := 0, false
	for i := range f.items {
		it := &f.items[i]
		if it.sep {
			if !skipping {
				field = len(b)
			}
			skipping = false
		}
		switch {
		case it.kind == 'M':
			b = logfile.AppendMessage(b, string(e.message))
			// Unlike httpd: the message stays, even if something in its field
			// has nothing to say, because losing it helps nobody.
			field = len(b)
			continue
		case skipping:
			continue
		// Unlike httpd's manual, but like httpd: a number asks for messages of
		// that level or less grave ones.
		case it.from > e.level && !f.once:
			b, skipping = b[:field], true
			continue
		}
		at := len(b)
		b = e.item(b, it)
		switch {
		case len(b) > at:
		case it.required:
			return b[:0]
		case it.hyphen:
			b = append(b, '-')
		default:
			b, skipping = b[:field], true
		}
	}
	return b
}

func (e *entry) item(b []byte, it *item) []byte {
	switch it.kind {
	case 0:
		return append(b, it.arg...)
	case 'a':
		if e.facts.Client.IsValid() && it.arg != "c" {
			return AppendAddr(b, e.facts.Client)
		}
	case 'i':
		if strings.EqualFold(it.arg, "Referer") && e.facts.Request == nil {
			return logfile.AppendMessage(b, e.facts.Referer)
		}
	case 'E':
		if e.facts.Err != nil {
			b = appendErrno(b, e.facts.Err)
		}
		return b
	case 'F':
		return appendCaller(b)
	case 'l':
		return append(b, e.level.String()...)
	case 'm':
		return append(b, e.module...)
	case 'P':
		return strconv.AppendInt(b, int64(os.Getpid()), 10)
	case 'T':
		return strconv.AppendInt(b, int64(ThreadID()), 10)
	case 't':
		return appendClock(b, it.arg, e.now)
	case 'v':
		return logfile.AppendMessage(b, e.l.o.Server)
	}
	if e.facts.Request == nil {
		return b
	}
	return logfile.AppendMessage(b, e.facts.Request.LogItem(it.kind, it.arg))
}

// AppendAddr appends an address as the error log shows it: "127.0.0.1:5000",
// "::1:5000".
func AppendAddr(b []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		return b
	}
	b = a.Addr().Unmap().AppendTo(b)
	return strconv.AppendUint(append(b, ':'), uint64(a.Port()), 10)
}

// appendClock appends the time in the form that the argument of %t names: u
// and m add micro- or milliseconds, c is the compact ISO form, z its zone; "%"
// begins a strftime format.
func appendClock(b []byte, form string, t time.Time) []byte {
	if strings.HasPrefix(form, "%") {
		return logfile.AppendTime(b, form, t)
	}
	compact := strings.Contains(form, "c")
	layout := "Mon Jan 02 15:04:05"
	if compact {
		layout = "2006-01-02 15:04:05"
	}
	b = t.AppendFormat(b, layout)
	switch {
	case strings.Contains(form, "u"):
		b = t.AppendFormat(b, ".000000")
	case strings.Contains(form, "m"):
		b = t.AppendFormat(b, ".000")
	}
	if !compact {
		b = t.AppendFormat(b, " 2006")
	}
	if strings.Contains(form, "z") {
		b = t.AppendFormat(b, " -0700")
	}
	return b
}

// appendCaller appends "file.go(line)" of the code that logs.
func appendCaller(b []byte) []byte {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if f.PC == 0 {
			return b
		}
		_, name, _ := strings.Cut(f.Function, "/internal/")
		switch {
		case strings.HasPrefix(name, "errorlog.(*"), name == "errorlog.appendCaller",
			name == "exchange.(*Exchange).Logf", name == "exchange.(*Exchange).LogErr":
		default:
			b = append(b, filepath.Base(f.File)...)
			b = append(b, '(')
			b = strconv.AppendInt(b, int64(f.Line), 10)
			return append(b, ')')
		}
		if !more {
			return b
		}
	}
}
