package errorlog

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/logfile"
)

// request answers every item with its own name, but "none" with nothing.
type request struct{ lines int }

func (r *request) LogItem(letter byte, arg string) string {
	if arg == "none" {
		return ""
	}
	return "<" + string(letter) + arg + ">"
}

func (r *request) FirstLine() (bool, bool) {
	r.lines++
	return r.lines == 1, r.lines <= 2
}

// write runs f with a Logger to a file and gives what came out, with process
// and thread replaced by P and T.
func write(t *testing.T, o Options, f func(*Logger)) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "log")
	set := &logfile.Set{Ordered: true}
	o.Sink = set.Sink(logfile.Target{Name: file})
	if o.Now == nil {
		o.Now = func() time.Time { return time.Date(2026, 11, 2, 19, 31, 2, 763261999, time.UTC) }
	}
	if !o.Levels.Set {
		o.Levels = Levels{Base: Debug, Set: true}
	}
	if err := set.Open(); err != nil {
		t.Fatal(err)
	}
	f(New(o))
	set.Close()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := strings.ReplaceAll(string(b), fmt.Sprint(os.Getpid()), "P")
	return regexp.MustCompile(`tid \d+|tid P`).ReplaceAllString(s, "tid T")
}

var client = netip.MustParseAddrPort("127.0.0.1:5000")

// The shapes are those of httpd 2.4.71's log.
func TestDefaultFormat(t *testing.T) {
	got := write(t, Options{}, func(l *Logger) {
		l.Logf(Notice, "mpm_event", Facts{}, "AH00489: %s configured -- resuming normal operations", "Sallyport")
		l.Logf(Error, "proxy_http", Facts{Client: client, Referer: "http://a/\n\"x\""}, "AH01114: HTTP: failed to make connection to backend: %s", "127.0.0.1")
		l.Logf(Error, "proxy", Facts{Err: &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED}}, "AH00957: attempt to connect failed")
		l.Logf(Error, "core", Facts{Client: netip.MustParseAddrPort("[::1]:80"), Request: &request{}}, "AH10244: invalid URI path (/\"\\é\n)")
	})
	want := `[Mon Nov 02 19:31:02.763261 2026] [mpm_event:notice] [pid P:tid T] AH00489: Sallyport configured -- resuming normal operations
[Mon Nov 02 19:31:02.763261 2026] [proxy_http:error] [pid P:tid T] [client 127.0.0.1:5000] AH01114: HTTP: failed to make connection to backend: 127.0.0.1, referer: http://a/\n"x"
[Mon Nov 02 19:31:02.763261 2026] [proxy:error] [pid P:tid T] (111)Connection refused: AH00957: attempt to connect failed
[Mon Nov 02 19:31:02.763261 2026] [core:error] [pid P:tid T] [client ::1:80] AH10244: invalid URI path (/"\\\xc3\xa9\n), referer: <iReferer>
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got = write(t, Options{}, func(l *Logger) { l.Logf(Debug, "proxy", Facts{}, "x") })
	if want := regexp.MustCompile(`^\[.*\] \[proxy:debug\] \[pid P:tid T\] logger_test.go\(\d+\): x\n$`); !want.MatchString(got) {
		t.Errorf("debug: %s", got)
	}
}

func TestFormats(t *testing.T) {
	full := Facts{Client: client, Request: &request{lines: 9}}
	for _, c := range []struct {
		format string
		facts  Facts
		want   string
	}{
		{"%M", Facts{}, "msg"},
		{"%t|%{u}t|%{m}t|%{c}t|%{cu}t|%{cuz}t|%{%H:%M %y}t %M", Facts{},
			"Mon Nov 02 19:31:02 2026|Mon Nov 02 19:31:02.763261 2026|Mon Nov 02 19:31:02.763 2026|2026-11-02 19:31:02|2026-11-02 19:31:02.763261|2026-11-02 19:31:02.763261 +0000|19:31 26 msg"},
		{"%l %m %v %% %M", Facts{}, "error core main.test % msg"},
		{"[%l] [client %a] %M", Facts{}, "[error] [client msg"}, // the blank is not escaped: only "%a]" goes
		{`[%l] [client\ %a] %M`, Facts{}, "[error] msg"},
		{`[%l] [client\ %-a] %M`, Facts{}, "[error] [client -] msg"},
		{"%a %{c}a %A %k %L %{c}L %{n}n %{e}e %{i}i %V %M", full, "127.0.0.1:5000 <ac> <A> <k> <L> <Lc> <nn> <ee> <ii> <V> msg"},
		{"a%{none}eb c%-{none}ed %M%{none}i tail", full, " c-d msg tail"},
		{"x %7{a}i|y %3{a}i|%4l z %M", full, "x z msg"},
		{"x %2{a}i %M", full, "x <ia> msg"},
		{"pre%M% ,x%{none}e", full, "premsg"},
		{`\ta\n\\ b\q %M`, Facts{}, "\ta\n\\ bq msg"},
		{"%E: %M", Facts{}, " msg"},
		{"%E: %M", Facts{Err: io.EOF}, "(70014)End of file found: msg"},
		{"%E: %M", Facts{Err: os.ErrDeadlineExceeded}, "(70007)The timeout specified has expired: msg"},
		{"%E: %M", Facts{Err: errors.New("odd")}, "odd: msg"},
	} {
		f, err := ParseFormat(c.format)
		if err != nil {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		got := write(t, Options{Format: f, Server: "main.test"}, func(l *Logger) { l.Logf(Error, "core", c.facts, "msg") })
		if got != c.want+"\n" {
			t.Errorf("%s:\n got %q\nwant %q", c.format, got, c.want)
		}
	}
}

func TestOnceFormats(t *testing.T) {
	once := func(s string) *Format {
		f, err := ParseOnceFormat(s)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	main, _ := ParseFormat("%M")
	o := Options{
		Format:     main,
		Connection: []*Format{once("CONN %{c}L")},
		Requests:   []*Format{once("REQ %L"), once("UA %+{none}i"), once("X %+{x}i")},
	}
	got := write(t, o, func(l *Logger) {
		r := &request{}
		for range 3 {
			l.Logf(Error, "core", Facts{Request: r}, "msg")
		}
		l.Logf(Error, "core", Facts{}, "no request")
	})
	want := "CONN <Lc>\nREQ <L>\nX <ix>\nmsg\nREQ <L>\nX <ix>\nmsg\nmsg\nno request\n"
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestParseFormatErrors(t *testing.T) {
	for format, want := range map[string]string{
		"%Z %M":     "Unrecognized error log format directive %Z",
		"%t":        "main ErrorLogFormat must contain message format string '%M'",
		"":          "main ErrorLogFormat must contain message format string '%M'",
		"%M %{abc":  "Ran off end of error log format parsing args to some directive",
		"%M %":      "Ran off end of error log format parsing args to some directive",
		"%+t %M":    "The '+' flag cannot be used in the main error log format",
		"%16t %M":   "The specified loglevel modifier is out of range",
		"%999999t":  "The specified loglevel modifier is out of range",
		"once: %M":  "%M cannot be used in once-per-request or once-per-connection formats",
		"once: %4t": "The loglevel cannot be used as a condition in once-per-request or once-per-connection formats",
	} {
		parse := ParseFormat
		format, once := strings.CutPrefix(format, "once: ")
		if once {
			parse = ParseOnceFormat
		}
		if _, err := parse(format); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", format, err, want)
		}
	}
}

func TestLongMessage(t *testing.T) {
	f, _ := ParseFormat("%M")
	got := write(t, Options{Format: f}, func(l *Logger) { l.Logf(Error, "core", Facts{}, "%s", strings.Repeat("x", 100000)) })
	if len(got) != maxMessage+1 || !strings.HasSuffix(got, "x...\n") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-8:])
	}
}

func TestWith(t *testing.T) {
	f, _ := ParseFormat("%M")
	got := write(t, Options{Format: f, Levels: Levels{Base: Error, Set: true}}, func(l *Logger) {
		l.With(Levels{Base: Debug, Set: true}).Logf(Debug, "core", Facts{}, "in the section")
		l.Logf(Debug, "core", Facts{}, "outside")
	})
	if got != "in the section\n" {
		t.Errorf("got %q", got)
	}
}

func TestIDs(t *testing.T) {
	if a, b := NewID(), NewID(); len(a) != 11 || a == b {
		t.Errorf("IDs %s and %s", a, b)
	}
	if one := ConnectionID(1); one == ConnectionID(2) || one != ConnectionID(1) {
		t.Error("connection IDs must follow the number")
	}
}

func FuzzParseFormat(f *testing.F) {
	for _, s := range []string{"%M", "[%{u}t] %7F: %-{x}i% ,\\ %M", "%+ %{", "% "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		format, err := ParseFormat(s)
		if err != nil {
			return
		}
		l := New(Options{Format: format})
		e := entry{l: l, level: Error, module: "core", facts: &Facts{Client: client, Request: &request{}}, message: []byte("the message"), now: time.Unix(0, 0)}
		if !strings.Contains(string(e.append(nil, format)), "the message") {
			t.Errorf("%q loses the message", s)
		}
	})
}
