package headers_test

import (
	"regexp"
	"strings"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/message"
	"sallyport/internal/module"
	"sallyport/internal/modules/headers"
	"sallyport/internal/modules/roomtest"
)

// handler answers as the test says.
func handler(answer func(x *exchange.Exchange) exchange.Verdict) *module.Room {
	return &module.Room{
		Name: "handler", Static: true,
		Compile: func(*module.Build) func(*module.Plan) {
			return func(p *module.Plan) { p.Hook(exchange.Handle, module.Middle, answer) }
		},
	}
}

// backend answers like a proxied backend: the fields are in the header.
func backend(status int, fields ...string) *module.Room {
	return handler(func(x *exchange.Exchange) exchange.Verdict {
		x.Out.Status = status
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			x.Out.Header.Add(name, value)
		}
		x.Begin()
		return exchange.Done
	})
}

// Each case is a configuration, what the backend sends and what the client
// gets; all were seen to be httpd's answers, but for the cases named "unlike".
func TestResponse(t *testing.T) {
	for _, c := range []struct {
		name, conf string
		sent       string // fields, ";" between them
		want       string
	}{
		{"set", `Header set X-A "a b"`, "X-B: 1", "X-B: 1;X-A: a b"},
		{"set keeps place and spelling", `Header set x-set new`, "X-Set: 1;B: 2;X-Set: 3;X-SET: 4", "X-Set: new;B: 2"},
		{"set empty", `Header set X ""`, "", "X: "},
		{"set with colon", `Header set X: y`, "", "X: y"},
		{"verbs in any case", `Header SET X y`, "", "X: y"},
		{"onsuccess", `Header onsuccess set X y`, "", "X: y"},
		{"add", "Header add X 1\nHeader add X 2", "X: 0", "X: 0;X: 1;X: 2"},
		{"append", "Header append X 1\nHeader append X 2", "", "X: 1, 2"},
		{"append to the first", "Header append X 3", "X: 1;X: 2", "X: 1, 3;X: 2"},
		{"merge", "Header merge X b\nHeader merge X c\nHeader merge X c", "X: a, b", "X: a, b, c"},
		{"merge looks at the first field only", "Header merge X 2", "X: 1;X: 2", "X: 1, 2;X: 2"},
		{"merge, quotes differ", `Header merge X "\"b\""`, "X: a, b", `X: a, b, "b"`},
		{"merge, comma in quotes", `Header merge X "b"`, `X: "a, b", c`, `X: "a, b", c, b`},
		{"merge, case differs", `Header merge X B`, `X: b`, `X: b, B`},
		{"setifempty", "Header setifempty X 1\nHeader setifempty Y 2", "X: 0", "X: 0;Y: 2"},
		{"unset", "Header unset x", "X: 1;Y: 2;X: 3", "Y: 2"},
		{"edit", `Header edit X f(o+) "[$1$0&\$1]"`, "X: foo foo;Y: foo", "Y: foo;X: [oofoo&$1] foo"},
		{"edit every field", `Header edit Set-Cookie ^ x`, "Set-Cookie: a;Y: z;Set-Cookie: b", "Y: z;Set-Cookie: xa;Set-Cookie: xb"},
		{"edit to nothing", `Header edit X foo ""`, "X: foo", "X: "},
		{"edit*", `Header edit* X o 0`, "X: foo foo", "X: f00 f00"},
		{"edit* begins anew behind a match", `Header edit* X ^f g`, "X: fffo f", "X: gggo f"},
		{"edit* unlike: a match of no length", `Header edit* X x* -`, "X: axb", "X: -a--b-"},
		{"edit* at the end", `Header edit* X $ -`, "X: ab", "X: ab-"},
		{"edit with a format", "Header edit X b %{V}e", "X: abc", "X: a(null)c"},
		{"echo", "Header echo ^X-Req", "", "X-Req-A: 1;X-Req-C: 3"},
		{"note", "Header note X n\nHeader unset X", "X: 1", ""},
		{"env", "Header set X 1 env=SET\nHeader set Y 1 env=!SET\nHeader set Z 1 env=UNSET\nHeader set W 1 env=!UNSET", "", "X: 1;W: 1"},
		{"env name in any case", "Header set X 1 ENV=set", "", "X: 1"},
		{"value of a variable", `Header set X "%{SET}e %{UNSET}e"`, "", "X: yes (null)"},
		{"a variable alone", `Header set X %{UNSET}e`, "", "X: (null)"},
		{"a variable with line breaks", `Header set X "a%{BREAK}eb"`, "", "X: a X: y  b"},
		{"TLS variable without TLS", `Header set X %{SSL_PROTOCOL}s`, "", "X: (null)"},
		{"percent", `Header set X "100%% 50%"`, "", "X: 100% 50%"},
		{"escapes", `Header set X "a\\tb \\q \\\\\\\\ z"`, "", "X: a\tb \\q \\\\ z"},
		{"always and onsuccess are two tables", "Header always set X a\nHeader set X b", "", "X: a;X: b"},
		{"always does not see the backend's", "Header always set X a", "X: 0", "X: a;X: 0"},
		{"always unset does not see the backend's", "Header always unset X", "X: 0", "X: 0"},
		{"always before, in any order of lines", "Header set Y 1\nHeader always set X 1", "", "X: 1;Y: 1"},
		{"type: set", "Header set Content-Type a/b", "Content-Type: x/y;Y: 1", "Content-Type: a/b;Y: 1"},
		{"type: always set", "Header always set Content-Type a/b", "Content-Type: x/y;Y: 1", "Content-Type: a/b;Y: 1"},
		{"type: append", "Header append Content-Type a/b", "Content-Type: x/y", "Content-Type: x/y"},
		{"type: add", "Header add Content-Type a/b", "Content-Type: x/y", "Content-Type: x/y"},
		{"type: add where none", "Header add Content-Type a/b", "", "Content-Type: a/b"},
		{"type: merge", "Header merge Content-Type a/b", "Content-Type: x/y", "Content-Type: x/y"},
		{"type: setifempty", "Header setifempty Content-Type a/b", "Content-Type: x/y", "Content-Type: x/y"},
		{"type: setifempty where none", "Header setifempty Content-Type a/b", "", "Content-Type: a/b"},
		{"type: unset", "Header unset Content-Type", "Content-Type: x/y", ""},
		{"type: always unset, then add", "Header always unset Content-Type\nHeader add Content-Type a/b", "Content-Type: x/y", "Content-Type: a/b"},
		{"type: edit", "Header edit Content-Type y z", "Content-Type: x/y", "Content-Type: x/z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := handler(func(x *exchange.Exchange) exchange.Verdict {
				x.Env.Set("SET", "yes")
				x.Env.Set("HTTPS", "on")
				x.Env.Set("BREAK", "\r\nX: y\r\n"[1:])
				return exchange.Declined
			})
			env.Name = "env"
			var sent []string
			if c.sent != "" {
				sent = strings.Split(c.sent, ";")
			}
			h := roomtest.New(t, c.conf, &headers.Room, env, backend(200, sent...))
			rec := h.Do("GET", "/", "X-Req-A: 1", "x-req-b: 2", "X-Req-C: 3")
			if got := line(&rec.Head.Header); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// line prints a header on one line.
func line(h *message.Header) string {
	return strings.ReplaceAll(strings.TrimSuffix(exchangetest.Lines(h), "\n"), "\n", ";")
}

func TestEveryStatusOfABackend(t *testing.T) {
	for _, status := range []int{200, 204, 302, 304, 404, 502} {
		h := roomtest.New(t, "Header set X 1\nHeader always set Y 1", &headers.Room, backend(status))
		if got := line(&h.Do("GET", "/").Head.Header); got != "Y: 1;X: 1" {
			t.Errorf("%d: %s", status, got)
		}
	}
}

// Our own error pages carry only what is set always, and what others put into
// that table before is out of its reach (httpd swaps the tables).
func TestOwnErrors(t *testing.T) {
	h := roomtest.New(t, `
Header set X 1
Header always set Y 1
Header always add WWW-Authenticate two
Header always edit Location http: https:
Header always unset Allow
Header append Content-Type text/x
`, &headers.Room, handler(func(x *exchange.Exchange) exchange.Verdict {
		x.Out.Header.Add("Z", "1")
		if x.Path == "/moved" {
			x.Out.Header.Add("Location", "http://h/")
			return exchange.Status(302)
		}
		x.Always.Add("WWW-Authenticate", "one")
		x.Always.Add("Allow", "GET")
		return exchange.Status(401)
	}))
	want := "Y: 1;WWW-Authenticate: two;WWW-Authenticate: one;Allow: GET;Content-Type: text/html; charset=iso-8859-1"
	if got := line(&h.Do("GET", "/").Head.Header); got != want {
		t.Errorf("401: got  %s\nwant %s", got, want)
	}
	want = "Y: 1;WWW-Authenticate: two;Location: http://h/;Content-Type: text/html; charset=iso-8859-1"
	if got := line(&h.Do("GET", "/moved").Head.Header); got != want {
		t.Errorf("302: got  %s\nwant %s", got, want)
	}
}

func TestAlwaysTypeOfOwnErrors(t *testing.T) {
	for conf, want := range map[string]string{
		"Header always set Content-Type a/b":        "Content-Type: a/b",
		"Header always unset Content-Type":          "",
		"Header set Content-Type a/b":               "Content-Type: text/html; charset=iso-8859-1",
		"Header always edit Content-Type html css":  "Content-Type: text/css; charset=iso-8859-1",
		"Header always setifempty Content-Type a/b": "Content-Type: text/html; charset=iso-8859-1",
	} {
		h := roomtest.New(t, conf, &headers.Room)
		if got := line(&h.Do("GET", "/").Head.Header); got != want {
			t.Errorf("%s: got %s, want %s", conf, got, want)
		}
	}
}

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		name, conf string
		sent       []string
		want       string
	}{
		{"set keeps the place", "RequestHeader set X a", []string{"X: 1", "Y: 2"}, "X: a;Y: 2;Host: example.test"},
		{"repeated fields are one", "RequestHeader append X 3", []string{"X: 1", "Y: 0", "X: 2"}, "X: 1, 2, 3;Y: 0;Host: example.test"},
		{"edit joins, then stands last", "RequestHeader edit Accept (.*) $1,x", []string{"Accept: 1", "Accept: 2"}, "Host: example.test;Accept: 1, 2,x"},
		{"merge in the joined value", "RequestHeader merge X 2", []string{"X: 1", "X: 2"}, "X: 1, 2;Host: example.test"},
		{"untouched fields stay apart", "RequestHeader set Z 1", []string{"X: 1", "X: 2"}, "X: 1;X: 2;Host: example.test;Z: 1"},
		{"unset", "RequestHeader unset User-Agent", []string{"User-Agent: x"}, "Host: example.test"},
		{"add", "RequestHeader add X 1\nRequestHeader add x 2", nil, "Host: example.test;X: 1;x: 2"},
		{"setifempty", "RequestHeader setifempty X 1\nRequestHeader setifempty Y 1", []string{"X: "}, "X: ;Host: example.test;Y: 1"},
		{"type is a field like others", "RequestHeader append Content-Type b", []string{"Content-Type: a"}, "Content-Type: a, b;Host: example.test"},
		{"order of lines", "RequestHeader append M a\nRequestHeader unset M\nRequestHeader append M b", nil, "Host: example.test;M: b"},
		{"env", "RequestHeader set X 1 env=NO\nRequestHeader set Y 1 env=!NO", nil, "Host: example.test;Y: 1"},
	} {
		var seen string
		h := roomtest.New(t, c.conf, &headers.Room, handler(func(x *exchange.Exchange) exchange.Verdict {
			seen = line(&x.Request.Header)
			return exchange.Status(404)
		}))
		h.Do("GET", "/", c.sent...)
		if seen != c.want {
			t.Errorf("%s: got %s, want %s", c.name, seen, c.want)
		}
	}
}

func TestSections(t *testing.T) {
	h := roomtest.New(t, `
Header append X main
<Location /a>
    Header append X a
    <Limit POST>
        Header set L 1
    </Limit>
</Location>
<VirtualHost *:80>
    Header append X host
</VirtualHost>
<Location /a/b>
    Header append X b
    Header unset Y
</Location>
Header set Y 1
`, &headers.Room, backend(200))
	for path, want := range map[string]string{
		"/":    "X: main, host;Y: 1",
		"/a":   "X: main, host, a;Y: 1;L: 1",
		"/a/b": "X: main, host, a, b;L: 1",
	} {
		if got := line(&h.Do("GET", path).Head.Header); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestEarly(t *testing.T) {
	mapper := &module.Room{Name: "mapper", Static: true, Compile: func(*module.Build) func(*module.Plan) {
		return func(p *module.Plan) {
			p.Hook(exchange.Translate, module.First, func(x *exchange.Exchange) exchange.Verdict {
				if x.Request.Header.Get("X-E") == "early" && x.Request.Header.Get("X-L") == "" {
					x.Env.Set("SEEN", "1")
				}
				return exchange.Declined
			})
		}
	}}
	h := roomtest.New(t, `
RequestHeader set X-E early early
RequestHeader set X-L late
Header set A 1 early
Header always set B 1 early
Header set C 1 env=SEEN
<Location />
    Header set D 1 early
</Location>
`, &headers.Room, mapper, backend(200))
	if got := line(&h.Do("GET", "/").Head.Header); got != "B: 1;A: 1;C: 1" {
		t.Error(got)
	}
	if got := h.Warnings(); got != "8: an early Header never takes effect inside a section" {
		t.Error(got)
	}
}

func TestTimesAndLoad(t *testing.T) {
	h := roomtest.New(t, `Header set X "%t %D %l %i %b"`, &headers.Room, backend(200))
	got := h.Do("GET", "/").Head.Header.Get("X")
	if !regexp.MustCompile(`^t=1714979289000000 D=\d+ l=\d+\.\d\d/\d+\.\d\d/\d+\.\d\d i=\d+ b=\d+$`).MatchString(got) {
		t.Error(got)
	}
}

func TestNote(t *testing.T) {
	var x *exchange.Exchange
	h := roomtest.New(t, "Header note X kept\nHeader unset X\nHeader note Y none", &headers.Room, backend(200, "X: 1"))
	x, _ = h.Exchange("GET", "/")
	h.Serve(x)
	if v, _ := x.Notes.Get("kept"); v != "1" || x.Notes.Has("none") {
		t.Errorf("notes: %q", v)
	}
}

// Nothing configured costs nothing, and a fixed value allocates nothing that
// is not kept.
func TestAllocations(t *testing.T) {
	h := roomtest.New(t, `
Header set X-Frame-Options DENY
Header always set Strict-Transport-Security "max-age=1"
Header unset X-Powered-By
RequestHeader set X-Forwarded-Proto https
<Location /off>
</Location>
`, &headers.Room)
	x, _ := h.Exchange("GET", "/")
	x.Server = h.Snap.Servers[0].Server
	x.Place = x.Server.Base
	x.Out.Header.Fields = make([]message.Field, 0, 16)
	x.Always.Fields = make([]message.Field, 0, 16)
	n := testing.AllocsPerRun(100, func() {
		x.Out.Header.Reset()
		x.Always.Reset()
		x.Out.Header.Add("X-Powered-By", "x")
		exchangetest.Run(x, exchange.Fixup)
		exchangetest.Run(x, exchange.Respond)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	bare := roomtest.New(t, "", &headers.Room)
	for ph, hooks := range bare.Snap.Servers[0].Server.Base.Hooks {
		if len(hooks) != 0 {
			t.Errorf("phase %d has a hook", ph)
		}
	}
}

func TestErrors(t *testing.T) {
	const verbs = "first argument must be 'add', 'set', 'setifempty', 'append', 'merge', 'unset', 'echo', 'note', 'edit', or 'edit*'."
	for _, c := range []struct{ conf, want string }{
		{`Header`, verbs},
		{`Header foo`, verbs},
		{`Header always`, verbs},
		{`Header set`, "Header requires three arguments"},
		{`Header set X`, "Header requires three arguments"},
		{`Header setifempty X`, "Header requires three arguments"},
		{`Header note X`, "Header requires three arguments"},
		{`Header set X a b`, "Unknown parameter: b"},
		{`Header set X a b c`, "Too many arguments to directive"},
		{`Header set X a early c`, "Too many arguments to directive"},
		{`Header set X a b c d`, "Header has too many arguments"},
		{`Header always set X a b c d`, "Header has too many arguments"},
		{`Header unset X a`, "Unknown parameter: a"},
		{`Header unset X a b`, "header unset takes two arguments"},
		{`Header echo X a b`, "Header echo takes two arguments"},
		{`Header echo X a`, "Unknown parameter: a"},
		{`Header echo (`, "Header echo regex could not be compiled"},
		{`Header echo X a b c`, "Too many arguments to directive"},
		{`Header edit X a`, "Header edit requires a match and a substitution"},
		{`Header edit* X a`, "Header edit requires a match and a substitution"},
		{`Header edit X ( b`, "Header edit regex could not be compiled"},
		{`Header edit X a b env=`, "error: missing environment variable name. envclause should be in the form env=envar"},
		{`Header set X a env=!`, "error: missing environment variable name. envclause should be in the form env=envar"},
		{`Header edit X a "b%q"`, "Unrecognized header format %q"},
		{`Header set X "%q"`, "Unrecognized header format %q"},
		{`Header set X "%{foo"`, "Unrecognized header format %"},
		{`Header set X "%{foo}"`, "Unrecognized header format %"},
		{`Header note X n z`, "Unknown parameter: z"},
		{`Header set X a expr=treu`, "Can't parse envclause/expression: syntax error, unexpected 'treu'"},
		{`Header set X expr=%{REMOTE_ADR}`, "Can't parse value expression : Variable 'REMOTE_ADR' does not exist"},
		{`RequestHeader note X n`, "RequestHeader does not support the 'note' action"},
		{`RequestHeader echo X`, "Header echo only valid on Header directives"},
		{`RequestHeader always set X 1`, verbs},
		{`Header set "X Y" z`, "'X Y' cannot be the name of a header field"},
		{`Header set "" z`, "'' cannot be the name of a header field"},
	} {
		if got := roomtest.Errors(t, c.conf, &headers.Room); got != "1: "+c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.conf, got, c.want)
		}
	}
	for _, conf := range []string{
		`Header set X "a%"`, `Header set X "%%%"`, `Header unset`, `Header unset X early`,
		`Header note X n env=FOO`, `Header SET X a EARLY`, `Header edit X a expr=b`,
	} {
		if got := roomtest.Errors(t, conf, &headers.Room); got != "" {
			t.Errorf("%s: %s", conf, got)
		}
	}
	h := roomtest.New(t, `Header set X "a\nb"`, &headers.Room, backend(200))
	if got := line(&h.Do("GET", "/").Head.Header); got != "X: a b" || !strings.Contains(h.Warnings(), "line breaks") {
		t.Errorf("%s, %s", got, h.Warnings())
	}
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"%t %D", "%{a}e%%", `a\\n\t`, "%{", "%", "%{x}s\r\n"} {
		f.Add(s, "v")
	}
	f.Fuzz(func(t *testing.T, value, env string) {
		if strings.ContainsAny(value, "\"\\\n\x00'") || strings.Contains(value, "${") || strings.HasPrefix(value, "expr=") {
			t.Skip()
		}
		house, _ := roomtest.Compile(t, "/", `Header set X "`+value+`"`, &headers.Room, backend(200))
		if house == nil {
			return
		}
		x, rec := house.Exchange("GET", "/")
		x.Env.Set("a", env)
		house.Serve(x)
		if v := rec.Head.Header.Get("X"); strings.ContainsAny(v, "\r\n") {
			t.Errorf("%q makes %q", value, v)
		}
	})
}
