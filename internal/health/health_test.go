package health

import (
	"strings"
	"testing"

	"sallyport/internal/live"
	"sallyport/internal/message"
)

func TestMethods(t *testing.T) {
	for _, name := range Methods() {
		m, ok := MethodOf(strings.ToLower(name))
		if !ok || m.String() != name || m.Answers() != (m.Verb() != "") {
			t.Errorf("%s: %v %v", name, m, ok)
		}
	}
	if _, ok := MethodOf("PROVIDER"); ok {
		t.Error("PROVIDER is none")
	}
}

func TestJoin(t *testing.T) {
	for _, c := range [][3]string{
		{"", "", "/"}, {"/", "", "/"}, {"/app", "", "/app"}, {"/app/", "", "/app/"},
		{"", "/up", "/up"}, {"", "up", "/up"}, {"/", "/up", "/up"}, {"/", "up", "/up"},
		{"/app", "up", "/app/up"}, {"/app", "/up", "/app/up"}, {"/app/", "/up", "/app/up"}, {"/app/", "up", "/app/up"},
		{"", "/up?x=1", "/up?x=1"}, {"", "?x=1", "/?x=1"},
	} {
		if got := Join(c[0], c[1]); got != c[2] {
			t.Errorf("%q and %q: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestRequest(t *testing.T) {
	for _, c := range []struct {
		r    Request
		want string
	}{
		{Request{Method: Get, Host: "h:80", Path: "/"}, "GET / HTTP/1.0\r\nHost: h:80\r\n\r\n"},
		{Request{Method: Options11, Host: "h:80", Path: "/x"}, "OPTIONS * HTTP/1.1\r\nHost: h:80\r\n\r\n"},
		{Request{Method: Post11, Host: "h", Path: "/x", Header: []message.Field{{Name: "A", Value: "1"}, {Name: "B", Value: ""}}, Body: "ping"},
			"POST /x HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: \r\nContent-Length: 4\r\n\r\nping"},
		{Request{Method: Post, Host: "h", Path: "/"}, "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 0\r\n\r\n"},
	} {
		if got := string(c.r.Append(nil)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestParseHeader(t *testing.T) {
	got, err := ParseHeader("X-A: 1\nAuthorization:Bearer  x")
	if err != nil || len(got) != 2 || got[0] != (message.Field{Name: "X-A", Value: "1"}) || got[1].Value != "Bearer  x" {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"", "X", ": x", "X A: 1", "A: 1\rB: 2", "Host: x", "content-length: 3", "Transfer-Encoding: chunked", "A: \x00"} {
		if _, err := ParseHeader(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func answer(status int, body string, fields ...string) *Answer {
	a := &Answer{Status: status, Body: body}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		a.Header.Add(name, value)
	}
	return a
}

func TestExpect(t *testing.T) {
	for _, c := range []struct {
		expect, cond string
		a            *Answer
		reason       string // "": it is good
	}{
		{"", "", answer(200, ""), ""},
		{"", "", answer(399, ""), ""},
		{"", "", answer(400, ""), "status 400"},
		{"", "", answer(199, ""), "status 199"},
		{"", "", answer(999, ""), "status 999"},
		{"200-299,304", "", answer(304, ""), ""},
		{"200-299,304", "", answer(301, ""), "status 301 is not among those expected"},
		{"404", "", answer(404, ""), ""},
		{"body~^ok", "", answer(200, "ok then"), ""},
		{"body~^ok", "", answer(200, "not ok"), "the body does not match ^ok"},
		{"body~^ok", "", answer(500, "ok"), "status 500"},
		{"500\nbody~^ok", "", answer(500, "ok"), ""},
		{"header:X-Up", "", answer(200, "", "x-up: "), ""},
		{"header:X-Up", "", answer(200, ""), "the answer has no field X-Up"},
		{"header:X-Up~^yes$", "", answer(200, "", "X-Up: no"), `X-Up: "no" does not match ^yes$`},
		{"header:X-Up~^yes$\nheader:X-B", "", answer(200, "", "X-Up: yes", "X-B: 1"), ""},
		{"", "%{REQUEST_STATUS} == 404", answer(404, ""), ""},
		{"", "hc('body') =~ /up/", answer(500, "up"), ""},
		{"", "hc('body') =~ /up/", answer(200, "down"), "status 200, and the condition c does not hold"},
		{"", "%{HC_BODY} == 'x' && resp('A') == '1' && %{CONTENT_TYPE} == 'text/plain'", answer(200, "x", "A: 1", "Content-Type: text/plain"), ""},
		{"", "-z %{HTTP_HOST} && -z %{REMOTE_ADDR} && ! -f '/etc/passwd'", answer(200, ""), ""},
		{"200", "%{REQUEST_STATUS} == 404", answer(404, ""), "status 404 is not among those expected"},
	} {
		e := &Expect{Name: "c"}
		if c.expect != "" {
			var err error
			if e, err = ParseExpect(c.expect); err != nil {
				t.Fatal(err)
			}
			e.Name = "c"
		}
		if c.cond != "" {
			cond, err := ParseCond(c.cond)
			if err != nil {
				t.Fatal(err)
			}
			e.Cond = cond
		}
		good, reason := e.Judge(c.a)
		if good != (c.reason == "") || !good && reason != c.reason {
			t.Errorf("%q %q of %+v: %v %q, want %q", c.expect, c.cond, c.a, good, reason, c.reason)
		}
	}
	for _, bad := range []string{"", "2xx", "99", "600", "300-200", "200-", "200,,300", "body~", "body~(", "header:", "header:A B", "header:A~("} {
		if _, err := ParseExpect(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestAgent(t *testing.T) {
	for _, c := range []struct {
		text string
		want Agent
		ok   bool
	}{
		{"up", Agent{}, true},
		{"ready 75%", Agent{Advice: live.Advice{Percent: 75}}, true},
		{"75%,drain\nmore", Agent{Advice: live.Advice{Percent: 75, Drain: true}}, true},
		{"0%", Agent{Advice: live.Advice{Drain: true}}, true},
		{"MAINT", Agent{Down: true, Word: "maint"}, true},
		{"down # closing\n", Agent{}, false},
		{"", Agent{}, false},
		{"OK", Agent{}, false},
		{"-5%", Agent{}, false},
		{"75", Agent{}, false},
		{"1001%", Agent{}, false},
		{"<html><body>up</body>", Agent{}, false},
		{strings.Repeat("up ", 100), Agent{}, false},
	} {
		if got, ok := ParseAgent(c.text); ok != c.ok || got != c.want {
			t.Errorf("%q: %+v %v", c.text, got, ok)
		}
	}
	a := answer(200, "drain", "agent-check: 50%")
	if got, ok := a.Agent(); !ok || got.Percent != 50 || got.Drain {
		t.Errorf("the field comes first: %+v", got)
	}
}

// TestAdvice: a member's word scales its factor and drains it, an operator's
// draining and "no draining" win.
func TestAdvice(t *testing.T) {
	reg := live.NewRegistry()
	d := reg.Begin()
	key := live.WorkerKey{Balancer: live.BalancerKey{Name: "cl"}, URL: "http://a"}
	w := d.Worker(key, live.Configured{Factor: 400})
	d.Commit()
	advise := func(a live.Advice) {
		w.Balancer().Lock()
		w.Advise(a)
		w.Balancer().Unlock()
	}
	advise(live.Advice{Percent: 25, Drain: true})
	if w.Settings().Factor != 100 || w.Flags()&live.Draining == 0 {
		t.Errorf("factor %d, %v", w.Settings().Factor, w.Flags())
	}
	reg.Configure(key, live.Configured{Factor: 400, Off: live.Draining})
	if w.Flags()&live.Draining != 0 {
		t.Error("it drains against the operator's word")
	}
	advise(live.Advice{})
	if w.Settings().Factor != 400 {
		t.Errorf("factor %d", w.Settings().Factor)
	}
	advise(live.Advice{Percent: 1})
	if w.Settings().Factor != 4 {
		t.Errorf("factor %d", w.Settings().Factor)
	}
	reg.Configure(key, live.Configured{Factor: 100})
	if w.Settings().Factor != 1 {
		t.Errorf("after a reload: factor %d", w.Settings().Factor)
	}
}

func TestGRPC(t *testing.T) {
	if got := GRPCRequest(""); string(got) != "\x00\x00\x00\x00\x00" {
		t.Errorf("% x", got)
	}
	if got := GRPCRequest("shop"); string(got) != "\x00\x00\x00\x00\x06\x0a\x04shop" {
		t.Errorf("% x", got)
	}
	grpc := "Content-Type: application/grpc"
	ok := message.Header{}
	ok.Add("grpc-status", "0")
	for _, c := range []struct {
		a       *Answer
		trailer message.Header
		want    string
	}{
		{answer(200, "\x00\x00\x00\x00\x02\x08\x01", grpc), ok, ""},
		{answer(200, "\x00\x00\x00\x00\x02\x08\x02", grpc), ok, "it is NOT_SERVING"},
		{answer(200, "\x00\x00\x00\x00\x00", grpc), ok, "it is UNKNOWN"},
		{answer(200, "\x00\x00\x00\x00\x02\x08\x09", grpc), ok, "it is in state 9"},
		{answer(200, "\x00\x00\x00\x00\x07\x12\x03abc\x08\x01", grpc), ok, ""},
		{answer(200, "\x00\x00\x00\x00\x02\x08\x01", grpc), message.Header{}, "the answer has no grpc-status"},
		{answer(200, "", grpc, "grpc-status: 12", "grpc-message: unknown service"), message.Header{}, `grpc-status "12": "unknown service"`},
		{answer(200, "ok", "Content-Type: text/plain"), ok, `the answer is not gRPC: Content-Type "text/plain"`},
		{answer(503, "", grpc), ok, "status 503"},
		{answer(200, "\x01\x00\x00\x00\x02\x08\x01", grpc), ok, "the answer is no HealthCheckResponse"},
		{answer(200, "\x00\x00\x00\x00\x09\x08\x01", grpc), ok, "the answer is no HealthCheckResponse"},
		{answer(200, "\x00\x00\x00\x00\x02\x0a\x7f", grpc), ok, "the answer is no HealthCheckResponse"},
	} {
		if got := GRPCVerdict(c.a, c.trailer); got != c.want {
			t.Errorf("%+v: %q, want %q", c.a, got, c.want)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, "\x00\x00\x00\x00\x02\x08\x01", "75% drain")
	f.Add(503, "up", "body~x\n200-299")
	f.Fuzz(func(t *testing.T, status int, body, text string) {
		a := answer(status, body, "Content-Type: application/grpc", "grpc-status: 0", "agent-check: "+text)
		GRPCVerdict(a, message.Header{})
		if got, ok := ParseAgent(text); !ok && got != (Agent{}) {
			t.Errorf("%q: %+v", text, got)
		}
		if e, err := ParseExpect(text); err == nil {
			if good, reason := e.Judge(a); !good && reason == "" {
				t.Error("no reason")
			}
		}
		ParseHeader(text)
	})
}
