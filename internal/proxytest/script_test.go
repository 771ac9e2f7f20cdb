package proxytest

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

func TestParseScriptRefuses(t *testing.T) {
	const head = "A title.\n-- httpd.conf --\n-- script --\nbackend b1\n"
	for name, c := range map[string]struct{ text, want string }{
		"no title":         {"-- script --\nGET /\n", "no title"},
		"no script":        {"T.\n-- httpd.conf --\n", "no section named script"},
		"no steps":         {head, "no steps"},
		"unknown step":     {head + "GETT\n> 200\n", "METHOD TARGET"},
		"unknown verb":     {head + "jump high\n", "unknown step"},
		"unknown backend":  {head + "GET /\nb2> GET / HTTP/1.1\n", `no backend "b2"`},
		"bad answer":       {head + "GET /\nb1< jump\n", `answer "jump"`},
		"bad header":       {head + "GET /\n\tno colon\n", "header line"},
		"bad quoting":      {head + "raw \"GET /\n", "bad quoting"},
		"missing file":     {head + "raw @none\n", "no file none"},
		"lone expectation": {head + "> 200\n", "expectation"},
		"lone server line": {head + "GET /\nhttpd: > 200\n", "without a differs line"},
		"bad differs":      {head + "differs because\nGET /\n", "ID: REASON"},
		"reserved name":    {"T.\n-- script --\nbackend access\nGET /\n", "backend wants"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseScript("x", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseScript: %v, want %q", err, c.want)
			}
		})
	}
}

func TestParseBytes(t *testing.T) {
	s := &Script{}
	s.Files = append(s.Files, txtar.File{Name: "f", Data: []byte("a\nb\n")})
	for text, want := range map[string]string{
		`"a\r\n" "b"`:          "a\r\nb",
		`repeat 3 "ab" "c"`:    "abababc",
		`@f "x"`:               "a\r\nb\r\nx",
		`"with blank" "\x00"`:  "with blank\x00",
		`"a\"b"`:               `a"b`,
		``:                     "",
		`"x" repeat 0 "y" "z"`: "xz",
	} {
		got, err := parseBytes(text, s)
		if err != nil || string(got) != want {
			t.Errorf("parseBytes(%s) = %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{`bare`, `"open`, `repeat x "a"`, `@none`} {
		if got, err := parseBytes(text, s); err == nil {
			t.Errorf("parseBytes(%s) = %q, want an error", text, got)
		}
	}
}

func TestExpand(t *testing.T) {
	vars := map[string]string{"B1": "9", "PORT": "8"}
	const in = "$PORT http://h:$B1/$1 ${PORT} $B12 $ROOT $"
	if got, want := expand(in, vars), "8 http://h:9/$1 ${PORT} $B12 $ROOT $"; got != want {
		t.Errorf("expand = %q, want %q", got, want)
	}
}

func TestRequestBytes(t *testing.T) {
	const text = "T.\n-- script --\nPOST /x HTTP/1.0\n\tX-A: b\n\tbody \"hi\"\nGET /y\n\t-Host\nPUT /z\n\tHost: h\n\tchunked \"ab\" \"c\"\n"
	s, err := ParseScript("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := s.Steps(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"POST /x HTTP/1.0\r\nHost: cl.test\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi",
		"GET /y HTTP/1.1\r\n\r\n",
		"PUT /z HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
	} {
		if got := string(steps[i].bytes()); got != want {
			t.Errorf("request %d = %q, want %q", i, got, want)
		}
	}
}

// recorder is a Reporter that keeps what is said.
type recorder struct{ said []string }

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...) }

// TestWrongScriptsFail: a harness that cannot fail proves nothing. Each line
// is one wrong expectation about a plain proxied request, and must be the
// only thing complained about.
func TestWrongScriptsFail(t *testing.T) {
	p := oracle(t)
	const head = "T.\n-- httpd.conf --\nKeepAliveTimeout 60\nProxyPass /a http://127.0.0.1:$B1/t\nProxyPass /c http://127.0.0.1:$B3/\n-- script --\nbackend b1\nbackend b2\nbackend b3 refused\n"
	for _, c := range []struct{ lines, want string }{
		{"GET /a/x => 404", "status 200, want 404"},
		{"GET /a/x => 200", "backend b1 was asked"},
		{"GET /a/x => 200 b2", "was asked"},
		{"GET /a/x => 200 b1 /y", `was asked for "/t/x"`},
		{"GET /b => 404 b1", "saw 0 requests"},
		{"GET /a/x\n> 201", `status "200", want "201"`},
		{"GET /a/x\n> 200 Fine", `status "200 OK", want "200 Fine"`},
		{"GET /a/x\n> X-Backend: b2", "X-Backend is"},
		{"GET /a/x\n> !X-Backend", "X-Backend is there"},
		{"GET /a/x\n> X-None: 1", "X-None is"},
		{"GET /a/x\n> X-Backend ~ ^c", "want one that matches"},
		{"GET /a/x\n> body \"no\"", "want \"no\""},
		{"GET /a/x\n> body contains \"nothing like it\"", "contains"},
		{"GET /a/x\n> body lacks \"b1\"", "lacks"},
		{"GET /a/x\n> body length 3", "body length"},
		{"GET /a/x\n> body empty", "body"},
		{"GET /a/x\n> framing chunked", "framing"},
		{"GET /a/x\n> closed", "stays open"},
		{"GET /a/x\n\tConnection: close\n> kept", "the connection ended"},
		{"GET /a/x\n> truncated", "the body is whole"},
		{"GET /a/x\n> nothing", "want no response"},
		{"GET /a/x\n> interim 103", "no interim response"},
		{"GET /a/x\n> trailer X: 1", "trailer X"},
		{"GET /a/x\nb1> GET /x HTTP/1.1", "request line"},
		{"GET /a/x\nb1> X-None: 1", "X-None is"},
		{"GET /a/x\nb1> headers Host", "header names"},
		{"GET /a/x\nb1> not reached", "was reached"},
		{"GET /a/x\nb1> requests 2", "requests"},
		{"GET /a/x\nb1> connection 2", "backend connection"},
		{"GET /a/x\nb1#2> GET /x HTTP/1.1", "saw 1 requests"},
		{"GET /a/x\nb2> GET /x HTTP/1.1", "saw 0 requests"},
		{"GET /a/x\nb2< 200 OK", "never asked for"},
		{"GET /c\nerror> AH99999", "no line"},
		{"GET /c\nerror> !AH00957", "is in the error log"},
		{"GET /a/x\naccess> x", "no line"},
		{"pick 2 GET /a/x => b2b2", "picked b1b1"},
		{"refused \"x\"", "is accepted"},
	} {
		t.Run(c.lines, func(t *testing.T) {
			t.Parallel()
			s, err := ParseScript("wrong", []byte(head+c.lines+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			var r recorder
			Run(&r, p, s)
			if len(r.said) != 1 || !strings.Contains(r.said[0], c.want) {
				t.Errorf("said %q, want %q", r.said, c.want)
			}
		})
	}
}
