package checker

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/pool"
	"sallyport/internal/health"
	"sallyport/internal/message"
	"sallyport/internal/watch"
)

// enough is a time-out that never strikes.
const enough = 30 * time.Second

func registry(t *testing.T) *pool.Registry {
	t.Helper()
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	r := pool.NewRegistry(w)
	t.Cleanup(func() { r.Close(); w.Close() })
	return r
}

func planFor(t *testing.T, network, addr string, m health.Method) *Plan {
	pools := registry(t)
	target := backend.Target{Network: network, Addr: addr}
	return &Plan{
		Request: health.Request{Method: m, Host: "h.test:80", Path: "/up"}, Expect: &health.Expect{}, Timeout: enough,
		Dial: func(ctx context.Context, d time.Time) (net.Conn, error) { return pools.Open(ctx, &target, d) },
	}
}

// serve answers each connection by f, after the head of a request.
func serve(t *testing.T, f func(c net.Conn, head string)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				head, r := "", bufio.NewReader(c)
				for !strings.HasSuffix(head, "\r\n\r\n") {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					head += line
				}
				f(c, head)
			}()
		}
	}()
	return ln.Addr().String()
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	for _, c := range []struct {
		name   string
		method health.Method
		answer string
		want   string // the beginning of the reason
		passed bool
		body   string
	}{
		{"counted", health.Get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", "status 200", true, "ok"},
		{"until close", health.Get, "HTTP/1.0 200 OK\r\n\r\nok", "status 200", true, "ok"},
		{"chunked", health.Get11, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nok\r\n0\r\nA: b\r\n\r\n", "status 200", true, "ok"},
		{"after a 100 and a 103", health.Get11, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "status 204", true, ""},
		{"a switch of protocols", health.Get11, "HTTP/1.1 101 Switch\r\n\r\n", "status 101", false, ""},
		{"HEAD has no body", health.Head, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", "status 200", true, ""},
		{"nothing", health.Get, "", "it closed the connection before the answer was whole", false, ""},
		{"half a head", health.Get, "HTTP/1.1 200 OK\r\nA: b", "it closed the connection before the answer was whole", false, ""},
		{"half a body", health.Get, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "it closed the connection before the answer was whole", false, "ok"},
		{"half a chunk", health.Get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok", "it closed the connection before the answer was whole", false, "ok"},
		{"bad chunks", health.Get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n", "the answer's chunks: ", false, ""},
		{"another protocol", health.Get, "SSH-2.0-OpenSSH_9.7\r\n", `the answer is not HTTP: "SSH-2.0-OpenSSH_9.7\r\n"`, false, ""},
		{"bytes", health.Get, "\x15\x03\x01\x00\x02\x02\x46", `the answer is not HTTP: "\x15\x03\x01`, false, ""},
		{"no version", health.Get, "HTTP/2.0 200 OK\r\n\r\n", "the answer is not HTTP: ", false, ""},
		{"no colon", health.Get, "HTTP/1.1 200 OK\r\nwhat is this\r\n\r\n", "the answer is not HTTP: ", false, ""},
		{"two lengths", health.Get, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", "the answer's length: ", false, ""},
		{"a long head", health.Get, "HTTP/1.1 200 OK\r\nA: " + long + long, "the head of the answer is longer than 65536 bytes", false, ""},
		{"a head of some size", health.Get, "HTTP/1.1 200 OK\r\nA: " + long[:20000] + "\r\nContent-Length: 2\r\n\r\nok", "status 200", true, "ok"},
		{"500", health.Get, "HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\n\r\n", "status 500", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := serve(t, func(conn net.Conn, head string) { io.WriteString(conn, c.answer) })
			p := planFor(t, "tcp", addr, c.method)
			p.Agent = true // so that bodies are kept
			r := p.Check(t.Context())
			if r.Passed != c.passed || !strings.HasPrefix(r.Reason, c.want) {
				t.Errorf("passed %v: %s, want %q", r.Passed, r.Reason, c.want)
			}
			if r.Answer != nil && r.Answer.Body != c.body {
				t.Errorf("body %q, want %q", r.Answer.Body, c.body)
			}
		})
	}
}

// TestNeverStuck: an answer without end, and one byte by byte, end as failures
// in bounded time and memory; so does a check that nobody waits for any more.
func TestNeverStuck(t *testing.T) {
	endless := serve(t, func(c net.Conn, _ string) {
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for piece := make([]byte, 1<<16); err == nil; {
			_, err = c.Write(piece)
		}
	})
	p := planFor(t, "tcp", endless, health.Get)
	p.Agent = true
	r := p.Check(t.Context())
	if r.Passed || r.Reason != fmt.Sprintf("the body does not end within %d bytes", maxBody) || len(r.Answer.Body) != maxKept {
		t.Errorf("endless: %v %s", r.Passed, r.Reason)
	}

	drip := serve(t, func(c net.Conn, _ string) {
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nA: ")
		for err == nil {
			time.Sleep(5 * time.Millisecond)
			_, err = io.WriteString(c, "x")
		}
	})
	p = planFor(t, "tcp", drip, health.Get)
	p.Timeout = 150 * time.Millisecond
	if r := p.Check(t.Context()); r.Passed || r.Reason != "no answer within 150ms" {
		t.Errorf("drip: %v %s", r.Passed, r.Reason)
	}

	for _, m := range []health.Method{health.Get, health.CPing, health.Get2} {
		ln, err := net.Listen("tcp", "127.0.0.1:0") // never accepts
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		p = planFor(t, "tcp", ln.Addr().String(), m)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if r := p.Check(ctx); r.Passed || r.Took > enough/2 {
			t.Errorf("%v, given up: %v after %v", m, r.Passed, r.Took)
		}
	}
}

func TestPlaces(t *testing.T) {
	// a port that refuses
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	if r := planFor(t, "tcp", addr, health.TCP).Check(t.Context()); r.Passed || r.Reason != "connection refused" {
		t.Errorf("refused: %+v", r)
	}
	if r := planFor(t, "tcp", "nowhere.invalid:80", health.TCP).Check(t.Context()); r.Passed || r.Reason == "" {
		t.Errorf("no such name: %+v", r)
	}
	path := filepath.Join(t.TempDir(), "s")
	if r := planFor(t, "unix", path, health.Get).Check(t.Context()); r.Passed {
		t.Errorf("no such socket: %+v", r)
	}
	u, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: u, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})}}
	s.Start()
	defer s.Close()
	if r := planFor(t, "unix", path, health.Get).Check(t.Context()); !r.Passed {
		t.Errorf("unix: %+v", r)
	}
	six, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	defer six.Close()
	if r := planFor(t, "tcp", six.Addr().String(), health.TCP).Check(t.Context()); !r.Passed {
		t.Errorf("IPv6: %+v", r)
	}
}

// TestMove: a name that gets another address is followed.
func TestMove(t *testing.T) {
	dir := t.TempDir()
	hosts, conf := filepath.Join(dir, "hosts"), filepath.Join(dir, "resolv.conf")
	os.WriteFile(conf, []byte("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n"), 0o644)
	point := func(at string) {
		if err := os.WriteFile(hosts, []byte(at+" moving.test\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	point("127.0.0.2")
	a, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(a.Addr().String())
	pools := registry(t)
	pools.Names.Close()
	pools.Names = newNames(conf, hosts)
	target := backend.Target{Network: "tcp", Addr: "moving.test:" + port}
	p := planFor(t, "tcp", "", health.TCP)
	p.Dial = func(ctx context.Context, d time.Time) (net.Conn, error) { return pools.Open(ctx, &target, d) }
	if r := p.Check(t.Context()); !r.Passed {
		t.Fatalf("at the first address: %+v", r)
	}
	b, err := net.Listen("tcp", "127.0.0.3:"+port)
	if err != nil {
		t.Skipf("skipped: 127.0.0.3 can't be listened at: %v", err)
	}
	defer b.Close()
	a.Close()
	point("127.0.0.3")
	for deadline := time.Now().Add(enough); ; time.Sleep(20 * time.Millisecond) {
		if r := p.Check(t.Context()); r.Passed {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("at the second address: %+v", r)
		}
	}
}

// echo2 is an HTTP/2 server's handler: what it was asked, in the body.
func echo2(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Agent-Check", r.Header.Get("X-Say"))
	if r.URL.Path == "/broken" {
		w.WriteHeader(503)
	}
	if r.URL.Path == "/reset" {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(w, "%s %s %s %s %q %d", r.Proto, r.Method, r.Host, r.URL, body, r.ContentLength)
	if r.URL.Path == "/large" {
		w.Write(make([]byte, 300_000)) // more than the windows hold at first
	}
}

func TestHTTP2(t *testing.T) {
	clear := httptest.NewUnstartedServer(http.HandlerFunc(echo2))
	clear.Config.DisableGeneralOptionsHandler = true
	clear.Config.Protocols = new(http.Protocols)
	clear.Config.Protocols.SetUnencryptedHTTP2(true)
	clear.Start()
	defer clear.Close()
	over := httptest.NewUnstartedServer(http.HandlerFunc(echo2))
	over.EnableHTTP2, over.Config.DisableGeneralOptionsHandler = true, true
	over.StartTLS()
	defer over.Close()
	for _, secure := range []bool{false, true} {
		plan := func(m health.Method) *Plan {
			s := clear
			if secure {
				s = over
			}
			p := planFor(t, "tcp", s.Listener.Addr().String(), m)
			p.Agent = true
			if dial := p.Dial; secure {
				p.Dial = func(ctx context.Context, d time.Time) (net.Conn, error) {
					c, err := dial(ctx, d)
					if err != nil {
						return nil, err
					}
					return tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}), nil
				}
			}
			return p
		}
		for _, c := range []struct {
			m    health.Method
			path string
			body string
			want string
		}{
			{health.Get2, "/up", "", `HTTP/2.0 GET h.test:80 /up "" 0`},
			{health.Post2, "/up?a=1", "ping", `HTTP/2.0 POST h.test:80 /up?a=1 "ping" 4`},
			{health.Options2, "/up", "", `HTTP/2.0 OPTIONS h.test:80 * "" 0`},
			{health.Head2, "/up", "", ""},
			{health.Get2, "/large", "", `HTTP/2.0 GET h.test:80 /large "" 0`},
		} {
			p := plan(c.m)
			p.Request.Path, p.Request.Body = c.path, c.body
			p.Request.Header = []message.Field{{Name: "X-Say", Value: "50%"}, {Name: "Connection", Value: "close"}}
			r := p.Check(t.Context())
			if !r.Passed || !strings.HasPrefix(r.Answer.Body, c.want) || c.path == "/large" && len(r.Answer.Body) < 300_000 {
				t.Errorf("TLS %v, %v: %v %s %+v", secure, c.m, r.Passed, r.Reason, r.Answer)
				continue
			}
			if a, ok := r.Answer.Agent(); !ok || a.Percent != 50 {
				t.Errorf("TLS %v, %v: fields %v", secure, c.m, r.Answer.Header.Fields)
			}
		}
		p := plan(health.Get2)
		p.Request.Path = "/broken"
		if r := p.Check(t.Context()); r.Passed || r.Reason != "status 503" || r.Status != 503 {
			t.Errorf("503: %+v", r)
		}
		p.Request.Path = "/reset"
		if r := p.Check(t.Context()); r.Passed || !strings.HasPrefix(r.Reason, "it reset the stream: ") {
			t.Errorf("reset: %+v", r)
		}
	}
	one := httptest.NewServer(http.HandlerFunc(echo2)) // HTTP/1.1 alone
	defer one.Close()
	if r := planFor(t, "tcp", one.Listener.Addr().String(), health.Get2).Check(t.Context()); r.Passed || r.Reason == "" {
		t.Errorf("HTTP/1.1: %+v", r)
	}
}
