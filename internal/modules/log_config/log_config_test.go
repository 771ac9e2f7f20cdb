package log_config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/logfile"
	"sallyport/internal/message"
	"sallyport/internal/modules/roomtest"
)

func TestMain(m *testing.M) {
	time.Local = time.FixedZone("XST", -(3*3600 + 1800))
	os.Exit(m.Run())
}

// proxied is an exchange that was served: what the items are asked about.
func proxied() *exchange.Exchange {
	x, _ := exchangetest.NewExchange("GET", "/px/a%22b?q=1&r=%20",
		"Host: WWW.Example.Test.:8080", "X-A: a\"b\\c\td", "X-A: \xc3\xa9", "Referer: ref",
		"Cookie: a=1; b = 2 ; c=\"x\"; d;A=3", "Cookie: d=5; x=")
	x.Server = &exchange.Server{Name: "main.test", Core: &exchange.ServerSettings{}}
	x.Received = time.Date(2026, 11, 22, 19, 31, 2, 7605432, time.UTC)
	x.Client.Remote = netip.MustParseAddrPort("[::ffff:203.0.113.9]:999")
	x.Client.Served = 3
	x.Mapped = exchange.Mapping{Kind: exchange.Proxied, Path: "http://127.0.0.1:9/a\"b"}
	x.Out.Status = 200
	x.Out.Header.Add("Content-Type", "text/html ; charset=x")
	x.Out.Header.Add("Set-Cookie", "a")
	x.Out.Header.Add("Set-Cookie", "b")
	x.Out.Header.Add("Vary", "first")
	x.Out.Header.Add("Vary", "second")
	x.BytesIn, x.BytesOut, x.BodyOut = 100, 2000, 1900
	x.Env.Set("EV", "ev\"x\\y")
	x.Notes.Set("nt", "note")
	x.LogID = "JPmGhCLjsb8"
	x.Request.Body.Trailer = func() *message.Header {
		return &message.Header{Fields: []message.Field{{Name: "Tr", Value: "x\ny"}}}
	}
	return x
}

// line formats x with a fixed end, 2.345678 s after it came.
func line(t *testing.T, text string, x *exchange.Exchange) string {
	t.Helper()
	f, err := parseFormat(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	e := newEntry(x)
	e.now = x.Received.Add(2345678 * time.Microsecond)
	f.append(e)
	return strings.TrimSuffix(string(e.b), "\n")
}

// What the items say was compared with httpd 2.4.71.
func TestItems(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{"%% a\\tb\\n\\x\\", "% a\tb\n\\x\\"},
		{"%a %{c}a %A %h %{c}h %l %u", "192.0.2.1 203.0.113.9 192.0.2.2 192.0.2.1 203.0.113.9 - -"},
		{"%B %b %I %O %S", "1900 1900 100 2000 2100"},
		{"%{a}C %{b}C %{c}C %{d}C %{x}C %{none}C", `1 2 \"x\" 5 - -`},
		{"%{EV}e %{none}e %{nt}n %{none}n", `ev\"x\\y - note -`},
		{"%f %R", `proxy:http://127.0.0.1:9/a\"b proxy-server`},
		{"%H %m %U %q", `HTTP/1.1 GET /px/a\"b ?q=1&r=%20`},
		{"%r", `GET /px/a%22b?q=1&r=%20 HTTP/1.1`},
		{"%{x-a}i %{Referer}i %{User-Agent}i %{none}i", `a\"b\\c\td, \xc3\xa9 ref - -`},
		{"%{content-type}o %{Set-Cookie}o %{vary}o %{Location}o", "text/html a, b first -"},
		{"%k %L %s %>s %<s %X", "3 JPmGhCLjsb8 200 200 200 +"},
		{"%p %{canonical}p %{local}p %{remote}p %{foo}p", "80 80 80 40000 foo"},
		{"%v %V", "main.test www.example.test"},
		{"%t|%{}t|%{begin}t|%{begin:}t", "[22/Nov/2026:16:01:02 -0330]|[22/Nov/2026:16:01:02 -0330]|[22/Nov/2026:16:01:02 -0330]|[22/Nov/2026:16:01:02 -0330]"},
		{"%{end}t|%{end:%H:%M:%S}t", "[22/Nov/2026:16:01:04 -0330]|16:01:04"},
		{"%{sec}t %{msec}t %{usec}t %{msec_frac}t %{usec_frac}t", "1795375862 1795375862007 1795375862007605 007 007605"},
		{"%{end:sec}t %{end:msec_frac}t %{end:usec_frac}t", "1795375864 353 353283"},
		{"%{beginx}t %{%d/%b/%Y %T %z %Q}t", "beginx 22/Nov/2026 16:01:02 -0330 %Q"},
		{"%D %T %{s}T %{ms}T %{US}T %{foo}T", "2345678 2 2 2345 2345678 foo"},
		{"%{Tr}^ti %{Tr}^to %^FB", `x\ny - -`},
		{"%200,304{Referer}i %!200,304{Referer}i %404s %!404s", "ref - - 200"},
		{"%{SSL_PROTOCOL}x", "-"},
	} {
		if got := line(t, c.format, proxied()); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.format, got, c.want)
		}
	}
	if got := line(t, "%P %{tid}P %{hextid}P", proxied()); !regexp.MustCompile(`^\d+ \d+ [0-9a-f]+$`).MatchString(got) {
		t.Errorf("process and thread: %s", got)
	}
}

func TestItemsOfOddRequests(t *testing.T) {
	for _, c := range []struct {
		name         string
		change       func(*exchange.Exchange)
		format, want string
	}{
		{"refused head", func(x *exchange.Exchange) { x.Line = "FOO \x00\"" }, "%r", `FOO \x00\"`},
		{"refused heads", func(x *exchange.Exchange) {
			x.Request, x.Path, x.RawPath, x.Line = message.Request{}, "", "", "FOO"
		}, "%m %U", "FOO /"},
		{"refused absolute form", func(x *exchange.Exchange) {
			x.Request, x.Path, x.RawPath, x.Line = message.Request{}, "", "", "GET http://u:p@h/x?a HTTP/1.1"
		}, "%m %U %r", "GET /x GET http://u:XXXXXXXX@h/x?a HTTP/1.1"},
		{"nothing read", func(x *exchange.Exchange) {
			x.Request, x.Path, x.RawPath, x.HasQuery, x.Out.Status = message.Request{}, "", "", false, 0
			x.Mapped, x.BodyOut = exchange.Mapping{}, 0
		}, "%r %m %U%q %s %f %R %b %B", "- - - - - - - 0"},
		{"password", func(x *exchange.Exchange) { x.Request.Target = "http://u:p%40@h/x@y?a" }, "%r", "GET http://u:XXXXXXXX@h/x@y?a HTTP/1.1"},
		{"user only", func(x *exchange.Exchange) { x.Request.Target = "http://u@h/x:y" }, "%r", "GET http://u@h/x:y HTTP/1.1"},
		{"http/1.0", func(x *exchange.Exchange) { x.Request.Version = message.HTTP10 }, "%r|%H", "GET /px/a%22b?q=1&r=%20 HTTP/1.0|HTTP/1.0"},
		{"empty query", func(x *exchange.Exchange) { x.Query = "" }, "%q", "?"},
		{"aborted", func(x *exchange.Exchange) { x.Aborted = true }, "%X", "X"},
		{"closing", func(x *exchange.Exchange) { x.KeepAlive = false }, "%X", "-"},
		{"file", func(x *exchange.Exchange) { x.Mapped = exchange.Mapping{Kind: exchange.File, Path: "/srv/x"} }, "%f %R", "/srv/x -"},
		{"handler", func(x *exchange.Exchange) { x.Handler = "server-status" }, "%R", "server-status"},
		{"ports", func(x *exchange.Exchange) { x.Server.Port = 8443 }, "%p", "8443"},
		{"tls", func(x *exchange.Exchange) { x.Client.TLS = new(exchange.TLS) }, "%p", "443"},
		{"no host", func(x *exchange.Exchange) { x.Request.Authority = "" }, "%V", "main.test"},
		{"v6 host", func(x *exchange.Exchange) { x.Request.Authority = "[::1]:80" }, "%V", "::1"},
		{"canonical", func(x *exchange.Exchange) { x.Server.Core.UseCanonicalName = exchange.NameFromServer }, "%V", "main.test"},
		{"first byte", func(x *exchange.Exchange) { x.HeadAt = x.Received.Add(1500 * time.Microsecond) }, "%^FB", "1500"},
		{"user", func(x *exchange.Exchange) { x.User = "a\nb" }, "%u", `a\nb`},
		{"name known", func(x *exchange.Exchange) {
			x.Client.Name.Store(&exchange.Hostname{Addr: netip.MustParseAddr("192.0.2.1"), Name: "host.test"})
		}, "%h %{c}h", "host.test 203.0.113.9"},
		{"name not verified", func(x *exchange.Exchange) {
			x.Client.Name.Store(&exchange.Hostname{Addr: netip.MustParseAddr("192.0.2.1"), Name: "host.test", Double: true})
		}, "%h", "192.0.2.1"},
		{"name asked for", func(x *exchange.Exchange) {
			x.Place.Core.HostnameLookups = exchange.LookupsDouble
			x.Client.Name.Store(&exchange.Hostname{Addr: netip.MustParseAddr("192.0.2.1"), Name: "host.test", Double: true, Verified: true})
		}, "%h", "host.test"},
		{"error document", func(x *exchange.Exchange) {
			root := &exchange.Prev{Path: "/nope", Query: "z=1", Failing: 404}
			root.Env.Set("before", "1")
			root.Env.Set("REQUEST_METHOD", "POST")
			// The document is a directory whose index was found.
			x.Prev = &exchange.Prev{Path: "/errors/", Prev: root}
			x.Path, x.Query, x.HasQuery, x.Out.Status = "/errors/index.html", "", false, 404
		}, "%r %U %>U %<q.%q %s %>s %m %<m %{before}e %<{before}e", "POST /px/a%22b?q=1&r=%20 HTTP/1.1 /nope /errors/index.html ?z=1. 404 404 GET POST - 1"},
		{"index file", func(x *exchange.Exchange) {
			x.Prev = &exchange.Prev{Path: "/"}
			x.Path = "/index.html"
		}, "%U %s", "/index.html 200"},
	} {
		x := proxied()
		c.change(x)
		if got := line(t, c.format, x); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestFormatErrors(t *testing.T) {
	for format, want := range map[string]string{
		"%Z":         "Unrecognized LogFormat directive %Z",
		"%h %":       "Ran off end of LogFormat parsing args to some directive",
		"%{abc":      "Ran off end of LogFormat parsing args to some directive",
		"%404,!>":    "Ran off end of LogFormat parsing args to some directive",
		"%^xx":       "Unrecognized LogFormat directive %^",
		"%^":         "Unrecognized LogFormat directive %^",
		"%{a}^t":     "Unrecognized LogFormat directive %^",
		"%99999999 ": "Unrecognized LogFormat directive % ",
	} {
		if _, err := parseFormat(format); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", format, err, want)
		}
	}
}

// The promise of the package: a line costs no allocation.
func TestAllocations(t *testing.T) {
	dir := t.TempDir()
	set := &logfile.Set{}
	sink := set.Sink(logfile.Target{Name: filepath.Join(dir, "log")})
	if err := set.Open(); err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	combined, err := parseFormat(`%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i" %D %{ms}T %{BALANCER_WORKER_NAME}e %{%H:%M:%S}t.%{usec_frac}t %X %k %{a}C %{Content-Type}o %V`)
	if err != nil {
		t.Fatal(err)
	}
	h := hook([]writer{{sink: sink, format: combined}, {sink: sink, format: combined, env: "none", unless: true}})
	x := proxied()
	x.Request.Authority = "www.example.test:8080"
	h(x)
	if n := testing.AllocsPerRun(2000, func() { h(x) }); n >= 0.5 {
		t.Errorf("%v allocations per line", n)
	}
}

// house runs requests through a configuration and gives the logs they leave.
func house(t *testing.T, text string, do func(h *roomtest.House)) map[string]string {
	t.Helper()
	root := roomtest.Files(t, "logs/", "htdocs/index.html: hi", "htdocs/err.html: err")
	h := roomtest.NewAt(t, root, "DocumentRoot "+root+"/htdocs\n"+text, &Room)
	if err := h.Snap.Open(); err != nil {
		t.Fatal(err)
	}
	do(h)
	h.Snap.Close()
	out := map[string]string{}
	files, err := os.ReadDir(filepath.Join(root, "logs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(root, "logs", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = string(b)
	}
	return out
}

func expect(t *testing.T, got map[string]string, want ...string) {
	t.Helper()
	n := 0
	for _, w := range want {
		name, text, _ := strings.Cut(w, ": ")
		if got[name] != text {
			t.Errorf("%s holds %q, want %q", name, got[name], text)
		}
		n++
	}
	if len(got) != n {
		t.Errorf("the logs are %v", got)
	}
}

func TestServers(t *testing.T) {
	got := house(t, `
# A nickname may be defined behind its use.
CustomLog logs/main short
TransferLog logs/transfer
LogFormat "%v %U" short
LogFormat "main %U"
GlobalLog logs/global "%v %U"
CustomLog /dev/null "%U"
ServerName main.test
<VirtualHost 192.0.2.2:81>
    ServerName inherits.test
    LogFormat "inherits %U"
</VirtualHost>
<VirtualHost 192.0.2.2:82>
    ServerName own.test
    CustomLog logs/own short
    CustomLog logs/shared SHORT
</VirtualHost>
<VirtualHost 192.0.2.2:83>
    ServerName other.test
    CustomLog logs/shared short
    TransferLog logs/own2
</VirtualHost>`, func(h *roomtest.House) {
		for port := range 4 {
			x, _ := h.Exchange("GET", fmt.Sprintf("/%d", 80+port))
			x.Client.Local = netip.AddrPortFrom(x.Client.Local.Addr(), uint16(80+port))
			h.Serve(x)
		}
	})
	expect(t, got,
		"main: main.test /80\ninherits.test /81\n",
		"transfer: main /80\ninherits /81\n",
		"global: main.test /80\ninherits.test /81\nown.test /82\nother.test /83\n",
		"own: own.test /82\n",
		"shared: own.test /82\nother.test /83\n",
		"own2: main /83\n")
}

func TestConditions(t *testing.T) {
	set := func(name string) func(*exchange.Exchange) {
		return func(x *exchange.Exchange) { x.Env.Set(name, "1") }
	}
	got := house(t, `
CustomLog logs/img "%U" env=img
CustomLog logs/rest "%U" ENV=!img
CustomLog logs/common CLF env=none
`, func(h *roomtest.House) {
		for path, prepare := range map[string]func(*exchange.Exchange){"/a.gif": set("img"), "/b": set("other")} {
			x, _ := h.Exchange("GET", path)
			prepare(x)
			h.Serve(x)
		}
	})
	expect(t, got, "img: /a.gif\n", "rest: /b\n", "common: ")
}

func TestDefaultIsCLF(t *testing.T) {
	got := house(t, "TransferLog logs/a", func(h *roomtest.House) { h.Do("GET", "/none") })
	if want := "192.0.2.1 - - [06/May/2024:03:38:09 -0330] \"GET /none HTTP/1.1\" 404 -\n"; got["a"] != want {
		t.Errorf("a holds %q", got["a"])
	}
}

func TestPipedLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	house(t, `CustomLog "|/usr/bin/tee '`+file+`'" "%U"`, func(h *roomtest.House) { h.Do("GET", "/x") })
	if got, _ := os.ReadFile(file); string(got) != "/x\n" {
		t.Errorf("the program got %q", got)
	}
}

// The texts are those of apache2 -t.
func TestErrors(t *testing.T) {
	for _, c := range [][2]string{
		{`CustomLog /tmp/a "%Z"`, "1: Unrecognized LogFormat directive %Z"},
		{`CustomLog /tmp/a "%h" env=`, "1: missing environment variable name"},
		{`CustomLog /tmp/a "%h" env=!`, "1: missing environment variable name"},
		{`CustomLog /tmp/a "%h" foo`, "1: error in condition clause"},
		{`CustomLog /tmp/a "%h" expr=`, "1: missing condition"},
		{`CustomLog /tmp/a "%h" "expr=treu"`, "1: Can't parse condition: syntax error, unexpected 'treu'"},
		{`CustomLog a`, `1: CustomLog takes two or three arguments, a file name, a custom log format string or format name, and an optional "env=" or "expr=" clause (see docs)`},
		{`TransferLog a b`, "1: TransferLog takes one argument, the filename of the access log"},
		{`LogFormat "%Z" x`, "1: Unrecognized LogFormat directive %Z"},
		{`LogFormat`, "1: LogFormat takes 1-2 arguments, a log format string (see docs) and an optional format name"},
		{`BufferedLogs maybe`, "1: BufferedLogs must be On or Off"},
		{"<VirtualHost *:80>\nGlobalLog a \"%h\"\n</VirtualHost>", "2: GlobalLog cannot occur within <VirtualHost> section"},
		{"<Location />\nCustomLog a \"%h\"\n</Location>", "2: CustomLog not allowed in <Location> context"},
		{`CustomLog /nonexist/x "%h"`, "1: (2)No such file or directory: AH02297: Cannot access directory '/nonexist/' for log file '/nonexist/x' defined at test.conf:1"},
	} {
		if got := roomtest.Errors(t, c[0], &Room); got != c[1] {
			t.Errorf("%s:\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

func TestUnknownNickname(t *testing.T) {
	h := roomtest.New(t, "CustomLog /tmp/a combined\n<VirtualHost *:80>\nServerName a\n</VirtualHost>\n<VirtualHost *:81>\nServerName b\n</VirtualHost>", &Room)
	if got, want := h.Warnings(), "1: no LogFormat defines the nickname 'combined': every line of the log will be that word"; got != want {
		t.Errorf("warnings: %s", got)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	h := roomtest.New(t, "CustomLog "+dir+" CLF", &Room)
	if err := h.Snap.Open(); err == nil || err.Error() != "(21)Is a directory: AH00649: could not open transfer log file "+dir+"." {
		t.Errorf("Open: %v", err)
	}
}

func FuzzParseFormat(f *testing.F) {
	for _, s := range []string{clf, "%!200,304{Referer}i %<s %^FB %{%d %b}t", "%{end:msec_frac}t%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		format, err := parseFormat(s)
		if err != nil {
			return
		}
		e := newEntry(proxied())
		format.append(e)
		if len(e.b) == 0 || e.b[len(e.b)-1] != '\n' {
			t.Errorf("%q: the line %q has no end", s, e.b)
		}
	})
}

func BenchmarkCombined(b *testing.B) {
	f, err := parseFormat(`%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"`)
	if err != nil {
		b.Fatal(err)
	}
	set := &logfile.Set{}
	sink := set.Sink(logfile.Target{Name: filepath.Join(b.TempDir(), "log")})
	if err := set.Open(); err != nil {
		b.Fatal(err)
	}
	defer set.Close()
	h := hook([]writer{{sink: sink, format: f}})
	x := proxied()
	b.ReportAllocs()
	for b.Loop() {
		h(x)
	}
}
