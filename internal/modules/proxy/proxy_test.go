package proxy

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	"sallyport/internal/module"
)

// stage is a compiled configuration with a transport that only pretends.
type stage struct {
	t      testing.TB
	b      *module.Build
	plan   func(*module.Plan)
	remote *remote
	house  *house
}

// remote is the far side of every worker: it keeps what it was sent and
// answers as told.
type remote struct {
	sent   []string // one text per request: "name: METHOD target" and the fields
	answer func(w *backend.Worker, r *backend.Request, out *message.Response) *fault.Fault
	body   string
	mute   bool // keep nothing, for benchmarks
}

func (r *remote) Start(x *exchange.Exchange, w *backend.Worker, q *backend.Request) (backend.Reply, *fault.Fault) {
	if r.mute {
		x.Out.Status, x.Out.Version = 200, message.HTTP11
		x.Out.Header.Reset()
		return &mute, nil
	}
	var b strings.Builder
	b.WriteString(q.Method + " " + q.Prefix + q.Path)
	if q.HasQuery {
		b.WriteString("?" + q.Query)
	}
	b.WriteString(" @" + w.Name + "\nHost: " + q.Host + "\n")
	b.WriteString(exchangetest.Lines(&q.Header))
	r.sent = append(r.sent, b.String())
	x.Out.Status, x.Out.Version = 200, message.HTTP11
	x.Out.Header.Reset()
	if r.answer != nil {
		if f := r.answer(w, q, &x.Out); f != nil {
			return nil, f
		}
	}
	return &reply{r, x}, nil
}

var mute = reply{remote: &remote{}}

type reply struct {
	*remote
	x *exchange.Exchange
}

func (r *reply) Deliver(x *exchange.Exchange) *fault.Fault {
	if r.body != "" {
		io.WriteString(x, r.body)
	}
	return nil
}
func (r *reply) Discard() {}
func (r *reply) Tunnel(*exchange.Exchange, time.Duration, bool) *fault.Fault {
	return nil
}
func (r *reply) LocalPort() string     { return "4711" }
func (r *reply) Bytes() (int64, int64) { return 10, 20 }

// build compiles a text; errors end the test unless they are wanted.
func build(t testing.TB, text string) (*stage, diag.List) {
	t.Helper()
	return buildOn(t, text, func(*house) {})
}

// buildOn is build in a house that the test furnishes.
func buildOn(t testing.TB, text string, furnish func(*house)) (*stage, diag.List) {
	t.Helper()
	cfg, diags := load(text)
	if p := problems(diags, diag.Error); len(p) > 0 {
		t.Fatalf("load: %q", p)
	}
	var list diag.List
	b := &module.Build{Config: cfg, Diags: &list, Methods: allMethods()}
	cfg.Modules = append(cfg.Modules, "proxy_http_module", "proxy_balancer_module")
	for i, src := range append([]*conf.Server{cfg.Main}, cfg.Hosts...) {
		sb := &module.ServerBuild{Source: src, Conf: src.Conf, Dir: src.Dir}
		if i > 0 {
			sb.Conf, sb.Dir = conf.Merge(cfg.Main.Conf, src.Conf), conf.Merge(cfg.Main.Dir, src.Dir)
		}
		sb.Server = &exchange.Server{Name: "www.test", Index: i, Core: &exchange.ServerSettings{Timeout: time.Minute}}
		b.Servers = append(b.Servers, sb)
	}
	s := &stage{t: t, b: b, remote: &remote{body: "hello"}}
	h := newHouse(b)
	h.schemes = map[string]scheme{"http": {"proxy_http_module", "http", s.remote, false}, "ws": {"proxy_http_module", "http", s.remote, false}}
	furnish(h)
	s.house = h
	s.plan = compileFor(b, h)
	return s, list
}

// place furnishes the Place of a server with the sections named.
func (s *stage) place(server int, sections ...*conf.Section) *exchange.Place {
	sb := s.b.Servers[server]
	dir := sb.Dir
	for _, sec := range sections {
		dir = conf.Merge(dir, sec.Dir)
	}
	p := &module.Plan{Server: sb, Conf: sb.Conf, Dir: dir, Place: &exchange.Place{Server: sb.Server}}
	s.plan(p)
	p.Close()
	return p.Place
}

// run takes a request through the room's hooks in a Place.
func (s *stage) run(p *exchange.Place, method, target string, headers ...string) (*exchange.Exchange, *exchangetest.Recorder, exchange.Verdict) {
	x, rec := exchangetest.NewExchange(method, target, headers...)
	x.Request.Header.Join() // as a front does
	x.Server, x.Place = p.Server, p
	return x, rec, s.phases(x)
}

func (s *stage) phases(x *exchange.Exchange) exchange.Verdict {
	path := x.Path
	x.Path = x.Encoded
	if exchangetest.Run(x, exchange.Encoded) == exchange.Declined {
		x.Path = path
		exchangetest.Run(x, exchange.Translate)
	}
	if v := exchangetest.Run(x, exchange.Fixup); v != exchange.Declined && v != exchange.OK {
		return v
	}
	return exchangetest.Run(x, exchange.Handle)
}

// asked is the request line that a target led to; "-" when nothing was asked.
func (s *stage) asked(p *exchange.Place, target string, headers ...string) string {
	s.remote.sent = nil
	s.run(p, "GET", target, headers...)
	if len(s.remote.sent) == 0 {
		return "-"
	}
	line, _, _ := strings.Cut(s.remote.sent[0], "\n")
	return strings.TrimPrefix(line, "GET ")
}

func TestMapping(t *testing.T) {
	s, _ := build(t, `
ProxyPass /x/static !
ProxyPass /x http://h:81/y
ProxyPass /sl/ http://h:82/t/
ProxyPass /bare http://h:83
ProxyPass /bare2/ http://h:84
ProxyPass "/a b" "http://h:85/c d"
ProxyPass /q http://h:86/t?x=1
ProxyPass /nc http://h:87/n nocanon
ProxyPass /me http://h:88/e mapping=encoded
ProxyPass /srv http://h:89/s mapping=servlet
ProxyPassMatch ^/m/(.*)\.gif$ http://h:90/i/$1.png
ProxyPassMatch ^/mm/.*\.gif$ http://h:91/p
ProxyPassMatch ^/host/([^/]*)/(.*) http://$1/$2
ProxyPassMatch ^/behind/(.*) http://h:92$1
ProxyPassMatch ^/mn/(.*) http://h:93/$1 nocanon
ProxyPass /last http://h:94/
ProxyPass /unix unix:/tmp/s|http://back.test/u
ProxyPass /upper HTTP://Upper.Test:80/P
`)
	p := s.place(0)
	for _, c := range []struct{ target, want string }{
		{"/x", "/y @http://h:81/y"},
		{"/x/a?b=c", "/y/a?b=c @http://h:81/y"},
		{"/x/?", "/y/? @http://h:81/y"},
		{"/xx", "-"},
		{"/x/static/a", "-"},
		{"/sl", "-"},
		{"/sl/a", "/t/a @http://h:82/t/"},
		{"/bare", "/ @http://h:83"},
		{"/bare?q", "/?q @http://h:83"},
		{"/bare/a", "/a @http://h:83"},
		{"/bare2/", "/ @http://h:84"},
		{"/bare2/%2E%2F", "-"}, // a host named "h:84./": refused, see TestBadAuthority
		{"/a%20b/x", "/c%20d/x @http://h:85/c d"},
		{"/q?y=2", "/t%3Fx=1?y=2 @http://h:86/t?x=1"},
		{"/x/%E4%20%3F[]|", "/y/%E4%20%3F%5B%5D%7C @http://h:81/y"},
		{"/nc/a%20b%7E%3B|?%zz", "/n/a%20b%7E%3B|?%zz @http://h:87/n"},
		{"/%6Ec/a%20b", "/n/a%20b @http://h:87/n"},
		{"/me/a%2Fb%20", "/e/a%2Fb%20 @http://h:88/e"},
		{"/srv;x=1/a;y=2", "/s;x=1/a;y=2 @http://h:89/s"},
		{"/m/a/b.gif?q", "/i/a/b.png?q @http://h:90/i/$1.png"},
		{"/mm/a.gif", "/p/mm/a.gif @http://h:91/p"},
		{"/host/other.test:99/z%20", "/z%20 @http://$1/$2"},
		{"/behind//z", "/z @http://h:92$1"},
		{"/mn/a%20b|", "/a%20b| @http://h:93/$1"},
		{"/unix/a", "/u/a @unix:/tmp/s|http://back.test/u"},
		{"/upper/a", "/P/a @http://upper.test/P"},
	} {
		if got := s.asked(p, c.target); got != c.want {
			t.Errorf("%s: asked %q, want %q", c.target, got, c.want)
		}
	}
}

func TestBadAuthority(t *testing.T) {
	s, _ := build(t, "ProxyPass /b/ http://h:84\nProxyPassMatch ^/p/(.*) http://h:$1/\nProxyPass /bal/ balancer://b\nBalancerMember balancer://b http://m")
	p := s.place(0)
	for target, want := range map[string]int{
		"/b/x":     500,
		"/p/99999": 400,
		"/p/8x":    500,
		"/bal/x":   500,
	} {
		if _, _, v := s.run(p, "GET", target); int(v) != want {
			t.Errorf("%s: %d, want %d", target, v, want)
		}
	}
	if len(s.remote.sent) > 0 {
		t.Errorf("a backend was asked: %q", s.remote.sent)
	}
	if got := s.asked(p, "/bal/"); got != "/ @http://m" {
		t.Error(got)
	}
}

func TestForbidden(t *testing.T) {
	s, _ := build(t, "ProxyPass /e http://h/ mapping=encoded\nProxyPass /c http://h/\nProxyPass /n http://h/ nocanon")
	p := s.place(0)
	for target, want := range map[string]int{
		"/e/a\x01":   403,
		"/c/a?b\x7f": 403,
		"/n/a\x01b":  403,
		"/c/a\x01":   -2,
	} {
		if _, _, v := s.run(p, "GET", target); int(v) != want {
			t.Errorf("%q: %d, want %d", target, v, want)
		}
	}
}

func TestSectionsAndNoProxy(t *testing.T) {
	s, _ := build(t, `
ProxyPass / http://list/
<Location /a>
  ProxyPass http://section/s
</Location>
<Location /a/no>
  ProxyPass !
</Location>
<LocationMatch "^/lm/(\w+)/(.*)$">
  ProxyPassMatch http://lm/$2/$1
</LocationMatch>
`)
	sec := s.b.Config.Main.Sections
	for _, c := range []struct {
		target string
		in     []*conf.Section
		want   string
	}{
		{"/b", nil, "/b @http://list/"},
		{"/a/x", sec[:1], "/s/x @http://section/s"},
		{"/a/no/x", sec[:2], "-"},
		{"/lm/a/b/c", sec[2:], "/b/c/a @http://lm/$2/$1"},
		{"/other", sec[2:], "/other @http://list/"}, // the section's own does not match: the list
	} {
		if got := s.asked(s.place(0, c.in...), c.target); got != c.want {
			t.Errorf("%s: %q, want %q", c.target, got, c.want)
		}
	}
	x, _ := exchangetest.NewExchange("GET", "/b")
	x.Place = s.place(0)
	x.Server = x.Place.Server
	x.Env.Set("no-proxy", "1")
	if v := s.phases(x); v != exchange.Declined || x.Mapped.Kind != exchange.Unmapped {
		t.Errorf("no-proxy: %v, %+v", v, x.Mapped)
	}
}

func TestInterpolation(t *testing.T) {
	s, _ := build(t, `
ProxyPassInterpolateEnv On
ProxyPass /i http://h/${DIR}/t interpolate
ProxyPass ${UP} http://${WHO}/u interpolate
ProxyPass /k http://h/${DIR}/t
`)
	p := s.place(0)
	ask := func(target string) string {
		s.remote.sent = nil
		x, _ := exchangetest.NewExchange("GET", target)
		x.Server, x.Place = p.Server, p
		x.Env.Set("DIR", "red")
		x.Env.Set("UP", "/up")
		x.Env.Set("WHO", "who.test:99")
		s.phases(x)
		if len(s.remote.sent) == 0 {
			return "-"
		}
		return strings.Join(strings.SplitN(s.remote.sent[0], "\n", 3)[:2], " ")
	}
	for target, want := range map[string]string{
		"/i/x":  "GET /red/t/x @http://h/${DIR}/t Host: h",
		"/up/x": "GET /u/x @http://${who}/u Host: who.test:99",
		"/k/x":  "GET /$%7BDIR%7D/t/x @http://h/${DIR}/t Host: h",
	} {
		if got := ask(target); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}

func TestHosts(t *testing.T) {
	s, _ := build(t, `
ProxyPass /x http://main
ProxyTimeout 7
ProxyPass /late http://late
BalancerMember balancer://b http://m
<VirtualHost *:80>
  ProxyPass /x http://host
  ProxyPass /y http://host
  ProxyTimeout 9
  ProxyPass /b balancer://b nofailover=On
</VirtualHost>
<VirtualHost *:81>
  BalancerInherit Off
  ProxyPassInherit Off
  ProxyPass /b balancer://b
</VirtualHost>
`)
	main, host, alone := s.place(0), s.place(1), s.place(2)
	for _, c := range []struct {
		p            *exchange.Place
		target, want string
	}{
		{main, "/x/1", "/1 @http://main"},
		{host, "/x/1", "/1 @http://main"},
		{host, "/y/1", "/1 @http://host"},
		{host, "/b/1", "/1 @http://m"},
		{alone, "/x/1", "/1 @proxy:reverse"},
		{alone, "/b/1", "-"}, // its own balancer, without members
	} {
		if got := s.asked(c.p, c.target); got != c.want {
			t.Errorf("%s: %q, want %q", c.target, got, c.want)
		}
	}
	// A worker made before ProxyTimeout takes what the serving server says.
	for _, c := range []struct {
		p      *exchange.Place
		target string
		want   time.Duration
	}{
		{main, "/x", 7 * time.Second}, {host, "/x", 9 * time.Second},
		{main, "/late", 7 * time.Second}, {host, "/late", 7 * time.Second},
	} {
		var got time.Duration
		s.remote.answer = func(w *backend.Worker, _ *backend.Request, _ *message.Response) *fault.Fault {
			got = w.Timeout
			return nil
		}
		s.asked(c.p, c.target)
		if got != c.want {
			t.Errorf("%s: timeout %v, want %v", c.target, got, c.want)
		}
	}
}

func TestReopenedBalancer(t *testing.T) {
	const text = `
BalancerMember balancer://b http://m
<VirtualHost *:80>
  BalancerMember balancer://b http://n
</VirtualHost>
`
	_, diags := build(t, text)
	got := problems(diags, diag.Error)
	if len(got) != 1 || !strings.HasPrefix(got[0], "4: ") || !strings.Contains(got[0], "test.conf:2") {
		t.Errorf("%q", got)
	}
	_, diags = build(t, strings.Replace(text, "<VirtualHost *:80>", "<VirtualHost *:80>\nBalancerInherit Off\nProxyPassInherit Off", 1))
	if got := problems(diags, diag.Error); len(got) > 0 {
		t.Errorf("cut off from the main server: %q", got)
	}
}

// Each line's own parameters apply; without any, the earlier worker's do.
func TestWorkerSharing(t *testing.T) {
	s, diags := build(t, `
ProxyPass /a/ http://h/ timeout=5
ProxyPass /b http://h/x timeout=6
ProxyPass /c http://h/y
ProxyPass /d http://h/ disablereuse=On
<Proxy http://i/>
  ProxySet timeout=8 enablereuse=On
</Proxy>
ProxyPass /e http://i/app
ProxySet http://h/ connectiontimeout=2
ProxyPassMatch ^/f/(.*) http://h/$1
ProxyPassMatch ^/g/(.*) http://h/$1 enablereuse=On
`)
	p := s.place(0)
	for _, c := range []struct {
		target           string
		timeout, connect time.Duration
		noReuse          bool
	}{
		{"/a/", 5 * time.Second, 2 * time.Second, false},
		{"/b", 6 * time.Second, 6 * time.Second, false},
		{"/c", 5 * time.Second, 2 * time.Second, false},
		{"/d", 5 * time.Second, 5 * time.Second, true},
		{"/e", 8 * time.Second, 8 * time.Second, false},
		{"/f/1", time.Minute, time.Minute, true},
		{"/g/1", time.Minute, time.Minute, false},
	} {
		var w *backend.Worker
		s.remote.answer = func(got *backend.Worker, _ *backend.Request, _ *message.Response) *fault.Fault {
			w = got
			return nil
		}
		s.asked(p, c.target)
		if w == nil || w.Timeout != c.timeout || w.ConnectTimeout != c.connect || w.NoReuse != c.noReuse {
			t.Errorf("%s: %+v, want %+v", c.target, w, c)
		}
	}
	notes := problems(diags, diag.Note)
	if len(notes) != 2 || !strings.HasPrefix(notes[0], "3: timeout=6: ") || !strings.HasPrefix(notes[1], "5: disablereuse=On: ") {
		t.Errorf("notes: %q", notes)
	}
}

func TestFailover(t *testing.T) {
	s, _ := build(t, `
<Proxy balancer://b>
  BalancerMember http://one
  BalancerMember http://two/sub route=r2
  BalancerMember http://three status=+H
  ProxySet stickysession=SID
</Proxy>
ProxyPass / balancer://b/
`)
	p := s.place(0)
	down := map[string]fault.Kind{}
	s.remote.answer = func(w *backend.Worker, _ *backend.Request, out *message.Response) *fault.Fault {
		if k := down[w.Name]; k != fault.None {
			out.Header.Add("Left", "over")
			return &fault.Fault{Kind: k, Detail: "192.0.2.9:80"}
		}
		return nil
	}
	workers := func() []string {
		var out []string
		for _, t := range s.remote.sent {
			line, _, _ := strings.Cut(t, "\n")
			out = append(out, line[strings.Index(line, "@")+1:])
		}
		s.remote.sent = nil
		return out
	}
	x, rec, v := s.run(p, "GET", "/x?y", "Cookie: SID=abc.r2")
	if got := workers(); v != exchange.Done || !slices.Equal(got, []string{"http://two/sub"}) {
		t.Fatalf("%v %v", v, got)
	}
	if x.Getenv("BALANCER_WORKER_NAME") != "http://two/sub" || x.Getenv("BALANCER_SESSION_ROUTE") != "r2" || x.Env.Has("BALANCER_ROUTE_CHANGED") {
		t.Errorf("environment: %v", x.Env)
	}
	if rec.Body.String() != "hello" {
		t.Errorf("body %q", rec.Body.String())
	}

	down["http://one"] = fault.ConnectFailed
	x, rec, _ = s.run(p, "POST", "/")
	if got := workers(); !slices.Equal(got, []string{"http://one", "http://two/sub"}) || rec.Head.Status != 200 || rec.Head.Header.Get("Left") != "" {
		t.Errorf("failover: %v %v", got, rec.Head)
	}
	if x.Getenv("BALANCER_WORKER_NAME") != "http://two/sub" || x.Getenv("BALANCER_ROUTE_CHANGED") != "1" {
		t.Errorf("environment: %v", x.Env)
	}

	down["http://two/sub"] = fault.ConnectTimeout
	s.run(p, "GET", "/")
	if got := workers(); !slices.Equal(got, []string{"http://two/sub", "http://three"}) {
		t.Errorf("the standby: %v", got)
	}

	down["http://three"] = fault.ClosedEarly // sent: not tried elsewhere
	delete(down, "http://one")
	_, _, v = s.run(p, "GET", "/")
	if got := workers(); v != 502 || len(got) != 1 {
		t.Errorf("closed early: %v %v", v, got)
	}
	for k := range down {
		down[k] = fault.ConnectFailed
	}
	down["http://one"] = fault.ConnectFailed
	_, _, v = s.run(p, "GET", "/")
	if got := workers(); v != 503 {
		t.Errorf("all down: %v %v", v, got)
	}
}

func TestAwaitsAMember(t *testing.T) {
	s, _ := build(t, `
<Proxy balancer://b>
  BalancerMember http://one status=+D
  ProxySet timeout=40ms
</Proxy>
ProxyPass / balancer://b/
`)
	p := s.place(0)
	_, rec, v := s.run(p, "GET", "/")
	if v != 503 || len(s.remote.sent) != 0 {
		t.Errorf("%v, asked %v", v, s.remote.sent)
	}
	if rec.Blocked != nil {
		t.Error("still waiting on somebody's behalf")
	}
}
