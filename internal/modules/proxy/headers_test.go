package proxy

import (
	"strings"
	"testing"

	"sallyport/internal/backend"
	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/fault"
	"sallyport/internal/message"
)

// request sends one and returns the fields the backend got, Host first.
func (s *stage) request(p *exchange.Place, method string, headers ...string) string {
	s.t.Helper()
	s.remote.sent = nil
	s.run(p, method, "/x", headers...)
	if len(s.remote.sent) != 1 {
		s.t.Fatalf("%d requests", len(s.remote.sent))
	}
	_, fields, _ := strings.Cut(s.remote.sent[0], "\n")
	return fields
}

func TestRequestFields(t *testing.T) {
	const pass = "ProxyPass / http://back.test:81/\n"
	for _, c := range []struct {
		name, conf string
		in, out    []string
	}{
		{"usual", "",
			[]string{"Host: cl.test:8080", "User-Agent: s", "X-One: 1", "X-Two: 2", "x-one: 3", "Cookie: a=b", "Cookie: c=d"},
			[]string{"Host: back.test:81", "User-Agent: s", "X-One: 1, 3", "X-Two: 2", "Cookie: a=b, c=d",
				"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: cl.test:8080", "X-Forwarded-Server: www.test"}},
		{"appended", "",
			[]string{"X-Forwarded-For: 1.2.3.4", "Host: a", "X-Forwarded-Server: p", "X-Forwarded-Host: b"},
			[]string{"Host: back.test:81", "X-Forwarded-For: 1.2.3.4, 192.0.2.1", "X-Forwarded-Server: p, www.test", "X-Forwarded-Host: b, a"}},
		{"hop by hop", "ProxyAddHeaders Off",
			[]string{"Host: a", "Connection: Keep-Alive, X-Gone, x-forwarded-for", "X-Gone: 1", "X-Kept: 2", "X-Forwarded-For: 9", "Keep-Alive: 5",
				"Proxy-Connection: x", "TE: trailers", "Trailer: T", "Transfer-Encoding: chunked", "Upgrade: h2c", "Proxy-Authorization: z", "Proxy: p", "Expect: 100-continue"},
			[]string{"Host: back.test:81", "X-Kept: 2", "Proxy-Authorization: z", "Proxy: p"}},
		{"listed but ours", "",
			[]string{"Host: a", "Connection: X-Forwarded-For", "X-Forwarded-For: 9"},
			[]string{"Host: back.test:81", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: a", "X-Forwarded-Server: www.test"}},
		{"preserve host", "ProxyPreserveHost On\nProxyAddHeaders Off",
			[]string{"Host: cl.test:8080"}, []string{"Host: cl.test:8080"}},
		{"preserve no host", "ProxyPreserveHost On",
			nil, []string{"Host: www.test", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Server: www.test"}},
		{"via", "ProxyVia On\nProxyAddHeaders Off",
			[]string{"Host: a:99", "Via: 1.0 x", "Via: 1.1 y"}, []string{"Host: back.test:81", "Via: 1.0 x, 1.1 y, 1.1 www.test:99"}},
		{"via default port", "ProxyVia On\nProxyAddHeaders Off",
			[]string{"Host: a"}, []string{"Host: back.test:81", "Via: 1.1 www.test"}},
		{"via block", "ProxyVia Block\nProxyAddHeaders Off",
			[]string{"Host: a", "Via: 1.0 x"}, []string{"Host: back.test:81"}},
		{"max-forwards", "ProxyAddHeaders Off",
			[]string{"Host: a", "Max-Forwards: 7"}, []string{"Host: back.test:81", "Max-Forwards: 6"}},
		{"max-forwards added", "ProxyAddHeaders Off\nProxyMaxForwards 3",
			[]string{"Host: a"}, []string{"Host: back.test:81", "Max-Forwards: 3"}},
	} {
		s, _ := build(t, pass+c.conf)
		got := s.request(s.place(0), "GET", c.in...)
		if want := strings.Join(c.out, "\n") + "\n"; got != want {
			t.Errorf("%s:\n%swant:\n%s", c.name, got, want)
		}
	}
}

func TestUpgradeAndExpect(t *testing.T) {
	s, _ := build(t, `
ProxyPass /ws ws://b
ProxyPass /up http://b upgrade=websocket
ProxyPass /any http://b upgrade=ANY
ProxyPass /ping http://b ping=2
ProxyPass / http://plain/
<Location /local>
  Proxy100Continue Off
</Location>
`)
	for _, c := range []struct {
		target, upgrade string
		body            bool
		want            string
		expect          bool
	}{
		{"/ws", "websocket", false, "websocket", false},
		{"/ws", "h2c", false, "", false},
		{"/up", "WebSocket", false, "WebSocket", false},
		{"/up", "other", false, "", false},
		{"/any", "other", false, "other", false},
		{"/x", "websocket", false, "", false},
		{"/x", "", true, "", true},
		{"/x", "", false, "", false},
		{"/local", "", true, "", false},
	} {
		var r backend.Request
		s.remote.answer = func(_ *backend.Worker, q *backend.Request, _ *message.Response) *fault.Fault {
			r = *q
			return nil
		}
		p := s.place(0)
		if c.target == "/local" {
			p = s.place(0, s.b.Config.Main.Sections[0])
		}
		x, _ := exchangetest.NewExchange("POST", c.target, "Host: a", "Upgrade: "+c.upgrade, "Connection: Upgrade", "Expect: 100-continue")
		x.Server, x.Place = p.Server, p
		if c.body {
			x.Request.Body = message.Body{Reader: strings.NewReader("x"), Length: 1}
		}
		s.phases(x)
		if r.Upgrade != c.want || r.Expect != c.expect {
			t.Errorf("%s %s: upgrade %q expect %v, want %q %v", c.target, c.upgrade, r.Upgrade, r.Expect, c.want, c.expect)
		}
	}
	x, _ := exchangetest.NewExchange("POST", "/ping", "Host: a")
	p := s.place(0)
	x.Server, x.Place = p.Server, p
	x.Request.Body = message.Body{Reader: strings.NewReader("x"), Length: 1}
	var r backend.Request
	s.remote.answer = func(_ *backend.Worker, q *backend.Request, _ *message.Response) *fault.Fault { r = *q; return nil }
	s.phases(x)
	if !r.Expect || r.ClientExpects {
		t.Errorf("ping: expect %v, client expects %v", r.Expect, r.ClientExpects)
	}
}

func TestEnvironment(t *testing.T) {
	s, _ := build(t, "ProxyPass / http://b/")
	p := s.place(0)
	var r backend.Request
	s.remote.answer = func(_ *backend.Worker, q *backend.Request, _ *message.Response) *fault.Fault { r = *q; return nil }
	for name, is := range map[string]func() bool{
		"force-proxy-request-1.0":     func() bool { return r.HTTP10 },
		"proxy-nokeepalive":           func() bool { return r.Close },
		"proxy-initial-not-pooled":    func() bool { return r.Fresh },
		"proxy-sendcl":                func() bool { return r.SendLength },
		"proxy-sendchunked":           func() bool { return r.SendChunked },
		"proxy-sendchunks":            func() bool { return r.SendChunked },
		"proxy-sendextracrlf":         func() bool { return r.ExtraCRLF },
		"proxy-interim-response":      func() bool { return r.Interim == backend.InterimRFC },
		"path-that-means-nothing-now": func() bool { return !r.HTTP10 && !r.Close },
	} {
		x, _ := exchangetest.NewExchange("GET", "/", "Host: a")
		x.Server, x.Place = p.Server, p
		x.Env.Set(name, "RFC")
		s.phases(x)
		if !is() {
			t.Errorf("%s has no effect: %+v", name, r)
		}
	}
}

func TestMaxForwardsAndTrace(t *testing.T) {
	s, _ := build(t, "ProxyPass / http://b/")
	p := s.place(0)
	for _, c := range []struct {
		method, value string
		verdict       exchange.Verdict
		asked         int
	}{
		{"GET", "1", exchange.Done, 1},
		{"GET", "0", 400, 0},
		{"GET", "-1", 400, 0},
		{"GET", "x", 400, 0},
		{"GET", "99999999999999999999", 400, 0},
		{"OPTIONS", "0", exchange.Done, 0},
		{"TRACE", "0", exchange.Declined, 0},
		{"TRACE", "5", exchange.Done, 1},
	} {
		s.remote.sent = nil
		x, rec, v := s.run(p, c.method, "/", "Host: a", "Max-Forwards: "+c.value)
		if v != c.verdict || len(s.remote.sent) != c.asked {
			t.Errorf("%s %s: %d, %d asked; want %d, %d", c.method, c.value, v, len(s.remote.sent), c.verdict, c.asked)
		}
		if v == 400 && x.Out.Reason != "Proxy Error" {
			t.Errorf("%s %s: reason %q", c.method, c.value, x.Out.Reason)
		}
		if c.method == "OPTIONS" && rec.Head.Header.Get("Allow") != "TRACE" {
			t.Error("OPTIONS at the end of its way has no Allow")
		}
	}
}

// respond runs one exchange against a backend that sends these lines.
func (s *stage) respond(p *exchange.Place, status int, lines ...string) (*exchange.Exchange, *exchangetest.Recorder, exchange.Verdict) {
	s.remote.answer = func(_ *backend.Worker, _ *backend.Request, out *message.Response) *fault.Fault {
		out.Status, out.Reason = status, "Its Own"
		for _, l := range lines {
			name, value, _ := strings.Cut(l, ": ")
			out.Header.Add(name, value)
		}
		out.Body.Length = -1
		return nil
	}
	return s.run(p, "GET", "/x", "Host: cl.test:7777")
}

func TestResponseFields(t *testing.T) {
	s, _ := build(t, "ProxyPass / http://b/\nProxyVia On\nProxyPass /u http://b/ upgrade=websocket")
	x, rec, _ := s.respond(s.place(0), 200,
		"Server: S", "Connection: close, X-Gone", "X-Gone: 1", "Keep-Alive: 5", "Proxy-Connection: x", "Proxy-Authenticate: z",
		"TE: x", "Trailer: T", "Transfer-Encoding: chunked", "Content-Length: 3", "Upgrade: h2c", "Set-Cookie: a=1", "Set-Cookie: b=2",
		"Date: Sunday, 06-Nov-94 08:49:37 GMT", "Expires: 0", "Last-Modified: Sun Nov  6 08:49:37 1994", "Via: 1.1 back", "Content-Type: Text/X ;a=b")
	want := `Server: S
Set-Cookie: a=1
Set-Cookie: b=2
Date: Sun, 06 Nov 1994 08:49:37 GMT
Expires: 0
Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT
Via: 1.1 back
Content-Type: Text/X ;a=b
Via: 1.1 www.test:7777
`
	if got := exchangetest.Lines(&rec.Head.Header); got != want || rec.Head.Reason != "Its Own" {
		t.Errorf("%s %q, want:\n%s", got, rec.Head.Reason, want)
	}
	if v, _ := x.Notes.Get("proxy-status"); v != "200" {
		t.Errorf("proxy-status %q", v)
	}
	if v, _ := x.Notes.Get("proxy-source-port"); v != "4711" {
		t.Errorf("proxy-source-port %q", v)
	}
	_, rec, _ = s.respond(s.place(0), 304, "Content-Length: 3", "ETag: x")
	if got := exchangetest.Lines(&rec.Head.Header); got != "ETag: x\nVia: 1.1 www.test:7777\n" {
		t.Error(got)
	}
}

func TestErrorOverride(t *testing.T) {
	for _, c := range []struct {
		conf     string
		status   int
		override bool
	}{
		{"ProxyErrorOverride On", 404, true},
		{"ProxyErrorOverride On", 503, true},
		{"ProxyErrorOverride On", 302, false},
		{"ProxyErrorOverride On", 600, false},
		{"ProxyErrorOverride On 503 404", 404, true},
		{"ProxyErrorOverride On 503", 404, false},
		{"ProxyErrorOverride Off", 404, false},
		{"", 404, false},
	} {
		s, _ := build(t, "ProxyPass / http://b/\n"+c.conf)
		x, rec, v := s.respond(s.place(0), c.status)
		if rec.Begun == c.override || c.override != (v == exchange.Status(c.status)) {
			t.Errorf("%s, %d: verdict %d, begun %v", c.conf, c.status, v, rec.Begun)
		}
		if c.override && (x.Out.Status != c.status || x.Out.Reason != "Its Own") {
			t.Errorf("%s, %d: the page would be %d %q", c.conf, c.status, x.Out.Status, x.Out.Reason)
		}
	}
	s, _ := build(t, "ProxyPass / http://b/\nProxyErrorOverride On")
	x, _, _ := s.respond(s.place(0), 401, "WWW-Authenticate: Basic", "WWW-Authenticate: Other", "X: y")
	if got := exchangetest.Lines(&x.Always); got != "WWW-Authenticate: Basic\nWWW-Authenticate: Other\n" {
		t.Error(got)
	}
}

// The rows are those observed on httpd 2.4.71.
func TestReverse(t *testing.T) {
	for _, c := range []struct{ conf, in, out string }{
		{"ProxyPassReverse /f http://h/img", "http://h/img/y?q#z", "http://cl.test:7777/f/y?q#z"},
		{"ProxyPassReverse /f http://h/img", "http://h/imgx", "http://cl.test:7777/fx"},
		{"ProxyPassReverse /f http://h/img", "HTTP://H/IMG/y", "http://cl.test:7777/f/y"},
		{"ProxyPassReverse /f http://h/", "http://h", "http://h"},
		{"ProxyPassReverse /f http://h/", "http://h:80/x", "http://h:80/x"},
		{"ProxyPassReverse /f http://h/", "https://h/x", "https://h/x"},
		{"ProxyPassReverse /f http://h/", "//h/x", "//h/x"},
		{"ProxyPassReverse /f http://h/img", "/img/x", "/img/x"},
		{"ProxyPassReverse /f /img", "/img/x", "http://cl.test:7777/f/x"},
		{"ProxyPassReverse /f /img", "http://any.test:1/img/x", "http://cl.test:7777/f/x"},
		{"ProxyPassReverse / http://other/sub", "http://other/sub/z", "http://cl.test:7777//z"},
		{"ProxyPassReverse / http://other/sub/", "http://other/sub/z", "http://cl.test:7777/z"},
		{"ProxyPassReverse http://pub/ http://h/", "http://h/x", "http://pub/x"},
		{"ProxyPassReverse /a http://h/x\nProxyPassReverse /b http://h/", "http://h/y", "http://cl.test:7777/by"},
		{"ProxyPassReverse /b http://h/\nProxyPassReverse /a http://h/x", "http://h/x", "http://cl.test:7777/bx"},
		{"BalancerMember balancer://b http://h:1/mem\nProxyPassReverse / balancer://b", "http://h:1/memfoo", "http://cl.test:7777/foo"},
		{"BalancerMember balancer://b http://h:1/mem\nProxyPassReverse / balancer://b", "http://h:1/mem/foo", "http://cl.test:7777/foo"},
		{"BalancerMember balancer://b http://h:1/mem\nProxyPassReverse /f balancer://b", "http://h:1/mem/foo", "http://cl.test:7777/f/foo"},
		{"BalancerMember balancer://b http://h:1/mem/\nProxyPassReverse /f balancer://b", "http://h:1/mem", "http://h:1/mem"},
		{"BalancerMember balancer://b http://h:1\nBalancerMember balancer://b http://i:2\nProxyPassReverse /f balancer://b/sub", "http://i:2/sub/x", "http://cl.test:7777/f/x"},
		{"BalancerMember balancer://b http://h:1\nProxyPassReverse /f balancer://b/sub", "http://h:1/Sub/x", "http://h:1/Sub/x"},
		{"ProxyPassReverse /f balancer://none/", "balancer://none/x", "http://cl.test:7777/fx"},
	} {
		s, _ := build(t, "ProxyPass / http://b/\n"+c.conf)
		_, rec, _ := s.respond(s.place(0), 302, "Location: "+c.in, "Refresh: "+c.in)
		if got := rec.Head.Header.Get("Location"); got != c.out {
			t.Errorf("%s: %s becomes %s, want %s", c.conf, c.in, got, c.out)
		}
		if got := rec.Head.Header.Get("Refresh"); got != c.in {
			t.Errorf("%s: Refresh becomes %s", c.conf, got)
		}
	}
}

func TestReverseCookies(t *testing.T) {
	const rules = `
ProxyPassReverseCookiePath /app /front
ProxyPassReverseCookiePath / /other
ProxyPassReverseCookieDomain be.internal www.test
`
	for in, want := range map[string]string{
		"a=1; path=/app":                         "a=1; path=/front",
		"a=1; Path=/app/sub; Secure":             "a=1; Path=/front; Secure",
		"a=1; PATH=/apple":                       "a=1; PATH=/front",
		"a=1;path=/x":                            "a=1;path=/other",
		"a=1; path=x":                            "a=1; path=x",
		`a=1; path="/app"`:                       `a=1; path="/app"`,
		"a=1; domain=BE.internal; path=/app; x":  "a=1; domain=www.test; path=/front; x",
		"a=1; path=/app; Domain=be.internal.x":   "a=1; path=/front; Domain=www.test",
		"a=1; domain=.be.internal":               "a=1; domain=.be.internal",
		"a=path=/app":                            "a=path=/app",
		"path=/app":                              "path=/front",
		"path=/app; x; path=/app/2":              "path=/app; x; path=/front",
		"domain=be.internal; Domain=be.internal": "domain=be.internal; Domain=www.test",
		"a=1":                                    "a=1",
		"":                                       "",
		"a=1; expires=Thu, 01 Jan 1970; path=/app": "a=1; expires=Thu, 01 Jan 1970; path=/front",
	} {
		s, _ := build(t, "ProxyPass / http://b/"+rules)
		_, rec, _ := s.respond(s.place(0), 200, "Set-Cookie: "+in)
		if got := rec.Head.Header.Get("Set-Cookie"); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestSwitching(t *testing.T) {
	s, _ := build(t, "ProxyPass / ws://b/")
	p := s.place(0)
	s.remote.answer = func(_ *backend.Worker, _ *backend.Request, out *message.Response) *fault.Fault {
		out.Status, out.Reason = 101, "Switching Protocols"
		out.Header.Add("Upgrade", "WebSocket")
		out.Header.Add("Connection", "upgrade")
		out.Header.Add("Sec-WebSocket-Accept", "abc")
		return nil
	}
	_, rec, v := s.run(p, "GET", "/", "Host: a", "Upgrade: websocket", "Connection: Upgrade")
	if got := exchangetest.Lines(&rec.Head.Header); v != exchange.Done || got != "Sec-WebSocket-Accept: abc\nUpgrade: websocket\nConnection: Upgrade\n" {
		t.Errorf("%d %s", v, got)
	}
	x, rec, v := s.run(p, "GET", "/", "Host: a")
	if note, _ := x.Notes.Get("error-notes"); v != 502 || rec.Begun || !strings.Contains(note, "Unexpected Upgrade: WebSocket (expecting n/a)") {
		t.Errorf("not asked for: %d %q", v, note)
	}
}

// Every row of the fault table is answered with its status, once.
func TestFaults(t *testing.T) {
	s, _ := build(t, "ProxyPass / http://127.0.0.1:9/")
	p := s.place(0)
	for k := fault.ConnectFailed; k < fault.NoWorker; k++ {
		s.remote.answer = func(_ *backend.Worker, _ *backend.Request, out *message.Response) *fault.Fault {
			out.Header.Add("Left", "over")
			return &fault.Fault{Kind: k}
		}
		x, rec, v := s.run(p, "GET", "/")
		want := exchange.Status(k.Row().Status)
		if k == fault.ClientGone {
			want = exchange.Done
		}
		if v != want || rec.Begun || len(x.Out.Header.Fields) > 0 {
			t.Errorf("%s: %d begun %v %v, want %d", k, v, rec.Begun, x.Out.Header, want)
		}
		if page := k.Row().Page; (page != "") != (x.Out.Reason == "Proxy Error") {
			t.Errorf("%s: reason %q", k, x.Out.Reason)
		}
		if (k == fault.ClientGone) != x.Aborted {
			t.Errorf("%s: aborted %v", k, x.Aborted)
		}
	}
}

func TestBlock(t *testing.T) {
	s, _ := build(t, "ProxyPass /a http://bad.test/\nProxyPass /b http://127.0.0.1:9/\nProxyPass /c http://127.0.0.2:9/\nProxyBlock Bad 127.0.0.1")
	p := s.place(0)
	for target, want := range map[string]exchange.Verdict{"/a": 403, "/b": 403, "/c": exchange.Done} {
		if _, _, v := s.run(p, "GET", target); v != want {
			t.Errorf("%s: %d, want %d", target, v, want)
		}
	}
}

func TestSetHandler(t *testing.T) {
	s, _ := build(t, "ProxyRequests Off")
	p := s.place(0)
	x, _ := exchangetest.NewExchange("GET", "/f?q", "Host: a")
	x.Server, x.Place = p.Server, p
	x.Handler = "proxy:http://h:1/hand"
	x.Mapped = exchange.Mapping{Kind: exchange.File, Path: "/var/www/f"}
	if v := exchangetest.Run(x, exchange.Handle); v != exchange.Done || len(s.remote.sent) != 1 || !strings.HasPrefix(s.remote.sent[0], "GET /hand/var/www/f?q @proxy:reverse\nHost: h:1\n") {
		t.Errorf("%d %q", v, s.remote.sent)
	}
}

// The way of a plain request costs a known, small number of allocations: the
// target and the client's address are made once.
func TestAllocations(t *testing.T) {
	s, _ := build(t, "ProxyPass / http://b/")
	p := s.place(0)
	x, rec := exchangetest.NewExchange("GET", "/some/path?q=1", "Host: a", "User-Agent: x", "Accept: */*")
	x.Server, x.Place = p.Server, p
	fields := 0
	work := func() {
		x.Mapped = exchange.Mapping{}
		rec.Begun = false
		exchangetest.Run(x, exchange.Translate)
		exchangetest.Run(x, exchange.Fixup)
		r := x.Proxy.(*record)
		hd := &handler{site: r.site, addHeaders: true}
		l, _, _ := r.site.resolve(x, r)
		hd.prepare(x, r)
		hd.aim(x, r, l, false)
		fields += len(r.req.Header.Fields)
		r.Recycle()
	}
	if n := testing.AllocsPerRun(200, work); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
