package h1

import (
	"fmt"
	"strings"
	"testing"

	"sallyport/internal/message"
)

// read runs a whole head through the codec as a server would and says what
// came of it in one line.
func read(head string, opt Options) (r *message.Request, t Target, f Framing, p *Problem) {
	r = new(message.Request)
	buf := []byte(head)
	buf = buf[LeadingBlank(buf):]
	n := HeadEnd(buf, 0)
	if n == 0 {
		if p = Check(buf, &httpdLimits); p == nil {
			p = problemHeadShort
		}
		return
	}
	if p = ParseRequest(string(buf[:n]), r, &httpdLimits, opt); p != nil {
		return
	}
	if t, p = ParseTarget(r, opt); p != nil {
		return
	}
	f, p = RequestFraming(r)
	return
}

// TestRefused lists what must not get through, with the status httpd 2.4.71
// was seen to answer, or ours where docs/differences.md says so.
func TestRefused(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: a\r\n"
	const post = "POST / HTTP/1.1\r\nHost: a\r\n"
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, c := range []struct {
		status int
		head   string
	}{
		// Request line.
		{400, "GET /x\r\nHost: a\r\n\r\n"}, // HTTP/0.9
		{400, "GET /x\r\n\r\n"},
		{400, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
		{505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
		{505, "PRI * HTTP/2.0\r\n\r\n"},
		{505, "GET / HTTP/3.0\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/11.1\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1\r\nHost: a\r\n\r\n"},
		{400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET / XTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1x\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1\t\r\nHost: a\r\n\r\n"},
		{400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "G\xc3T / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET\r\nHost: a\r\n\r\n"},
		{400, "GET \r\nHost: a\r\n\r\n"},
		{400, "GET  HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1\nHost: a\n\n"},
		{400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, strings.Repeat("\r\n", 11) + get + "\r\n"},
		{400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"}, // TLS on a plain port
		{414, "GET /" + long(8192-14) + " HTTP/1.1\r\nHost: a\r\n\r\n"},
		{414, "GET /" + long(9000)},
		// Targets.
		{400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET foo HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET ?x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http://u@b/x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http://b:x/x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http://b:99999/x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http://b:/x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http://a!b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET ftp://b/x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http:/b/x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http://b/ HTTP/1.1\r\n\r\n"},
		{400, "GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n"},
		{400, "GET http://b/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
		{400, "CONNECT b HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "CONNECT b: HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "CONNECT [::1] HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "OPTIONS *?x HTTP/1.1\r\nHost: a\r\n\r\n"},
		// Fields.
		{400, "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"},
		{400, get + "X: y\rz\r\n\r\n"},
		{400, get + "X: y\r\n z\r\n\r\n"},
		{400, get + "X: y\r\n\tz\r\n\r\n"},
		{400, get + "X : y\r\n\r\n"},
		{400, get + "X\t: y\r\n\r\n"},
		{400, get + "X y: z\r\n\r\n"},
		{400, get + ": z\r\n\r\n"},
		{400, get + "X\r\n\r\n"},
		{400, get + "X(: y\r\n\r\n"},
		{400, get + "X\xff: y\r\n\r\n"},
		{400, get + "X\x00: y\r\n\r\n"},
		{400, get + "X: \x00\r\n\r\n"},
		{400, get + "X: \x01\r\n\r\n"},
		{400, get + "X: \x7f\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
		{400, get + "\n"},
		{431, get + "X: " + long(8192-3) + "\r\n\r\n"},
		{431, get + "X: " + long(9000)},
		{431, get + strings.Repeat("X: y\r\n", 100) + "\r\n"},
		{431, get + strings.Repeat("X: y\r\n", 200)},
		// Host.
		{400, "GET / HTTP/1.1\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"},
		{400, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"},
		// Framing.
		{400, post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{400, post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"},
		{400, post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"},
		{400, post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n"},
		{400, post + "Content-Length: 3, 3\r\n\r\n"},
		{400, post + "Content-Length: +3\r\n\r\n"},
		{400, post + "Content-Length: -3\r\n\r\n"},
		{400, post + "Content-Length: 3x\r\n\r\n"},
		{400, post + "Content-Length: 3 3\r\n\r\n"},
		{400, post + "Content-Length: 0x3\r\n\r\n"},
		{400, post + "Content-Length: 1e1\r\n\r\n"},
		{400, post + "Content-Length:\r\n\r\n"},
		{400, post + "Content-Length: 9223372036854775808\r\n\r\n"},
		{400, post + "Content-Length: 99999999999999999999\r\n\r\n"},
		{501, post + "Transfer-Encoding: gzip, chunked\r\n\r\n"},
		{501, post + "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{501, post + "Transfer-Encoding: identity, chunked\r\n\r\n"},
		{400, post + "Transfer-Encoding: gzip\r\n\r\n"},
		{400, post + "Transfer-Encoding: identity\r\n\r\n"},
		{400, post + "Transfer-Encoding: chunked, gzip\r\n\r\n"},
		{400, post + "Transfer-Encoding: chunked, chunked\r\n\r\n"},
		{400, post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{400, post + "Transfer-Encoding: xchunked\r\n\r\n"},
		{400, post + "Transfer-Encoding: chunked;q=1\r\n\r\n"},
		{400, post + "Transfer-Encoding: \"chunked\"\r\n\r\n"},
		{400, post + "Transfer-Encoding: \x0bchunked\r\n\r\n"},
		{400, post + "Transfer-Encoding:\r\n\r\n"},
		{400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
	} {
		_, _, _, p := read(c.head, Options{})
		if p == nil || p.Status != c.status {
			t.Errorf("%.100q: got %+v, want %d", c.head, p, c.status)
		} else if !p.Close {
			t.Errorf("%.100q: connection is kept", c.head)
		}
	}
}

func TestHost(t *testing.T) {
	for host, want := range map[string]bool{
		"a": true, "A": true, "a_b": true, "a:80": true, "a:65535": true, "a.": true, "a.b.": true,
		".a": true, "-a": true, "a-": true, "_": true, "-": true, "1a": true, "1.a": true,
		"1.2.3.4": true, "1.2.3.4:80": true, "1.2.3.4.": true, "1.2.3.256": true, "0.0.0.0": true,
		"[::1]": true, "[::1]:80": true, "[2001:db8::1.2.3.4]": true,
		"a b": false, "a/b": false, "a:": false, "a:0": false, "a:99999": false, "a:65536": false,
		"a:x": false, ":80": false, "a:80:80": false, "a:+80": false, "a:000080": false,
		"[::1": false, "[zz]": false, "::1": false, "[::1]x": false, "[::1]x:80": false, "[]": false,
		"[fe80::1%25eth0]": false, "[fe80::1%eth0]": false, "[v1.x]": false, "[1.2.3.4]": false,
		"a..b": false, "a..": false, ".": false, "..": false, "a,b": false, "a@b": false, "a%41": false,
		"1.2.3": false, "1.2.3.4.5": false, "0x7f.1": false, "1": false, "1.": false, "a.1": false,
		"a.1b": false, "a._b": false, "a.-b": false, ".1": false, ".1.2.3": false, "1a.2": false,
		"1.2.3.04": false, "01.2.3.4": false, "\xff": false, "a~b": false, "a!b": false, "*": false,
		"a?b": false, "a#b": false, `a\b`: false, "a+b": false, "(a)": false,
	} {
		_, _, _, p := read("GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n", Options{})
		if (p == nil) != want {
			t.Errorf("Host %q: %v, want accepted=%v", host, p, want)
		}
	}
}

func TestAccepted(t *testing.T) {
	say := func(r *message.Request, t Target, f Framing) string {
		var s strings.Builder
		fmt.Fprintf(&s, "%s %q %s @%s form=%d path=%q", r.Method, r.Target, r.Version, r.Authority, t.Form, t.Path)
		if t.HasQuery {
			fmt.Fprintf(&s, " query=%q", t.Query)
		}
		if f.Kind != NoBody {
			fmt.Fprintf(&s, " body=%d/%d", f.Kind, f.Length)
		}
		for _, f := range r.Header.Fields {
			fmt.Fprintf(&s, "; %s=%q/%s", f.Name, f.Value, f.Known)
		}
		return s.String()
	}
	for _, c := range []struct {
		head string
		opt  Options
		want string
	}{
		{head: "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			want: `GET "/" HTTP/1.1 @a form=0 path="/"; Host="a"/Host`},
		{head: "\r\n\r\nGET /a/b?c=d?e HTTP/1.1\r\nhOST: \t a:81 \t\r\nX-Y:\tz\t \r\nEmpty:\r\n\r\n",
			want: `GET "/a/b?c=d?e" HTTP/1.1 @a:81 form=0 path="/a/b" query="c=d?e"; hOST="a:81"/Host; X-Y="z"/; Empty=""/`},
		{head: "get /? HTTP/1.0\r\n\r\n",
			want: `get "/?" HTTP/1.0 @ form=0 path="/" query=""`},
		{head: "GET / HTTP/1.0\r\nHost:\r\n\r\n",
			want: `GET "/" HTTP/1.0 @ form=0 path="/"; Host=""/Host`},
		{head: "GET / HTTP/1.9\r\nHost: a\r\n\r\n",
			want: `GET "/" HTTP/1.1 @a form=0 path="/"; Host="a"/Host`},
		{head: "GET /\xff\"<>\\^`{|} HTTP/1.1\r\nHost: a\r\nX: \xffa\tb\r\n\r\n",
			want: `GET "/\xff\"<>\\^` + "`" + `{|}" HTTP/1.1 @a form=0 path="/\xff\"<>\\^` + "`" + `{|}"; Host="a"/Host; X="\xffa\tb"/`},
		{head: "GET //x//y HTTP/1.1\r\nHost: a\r\n\r\n",
			want: `GET "//x//y" HTTP/1.1 @a form=0 path="//x//y"; Host="a"/Host`},
		{head: "GET http://b:8080/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
			want: `GET "http://b:8080/x?y" HTTP/1.1 @b:8080 form=1 path="/x" query="y"; Host="b:8080"/Host`},
		{head: "GET HTTPS://[::1]?y HTTP/1.1\r\nHost: a\r\n\r\n",
			want: `GET "HTTPS://[::1]?y" HTTP/1.1 @[::1] form=1 path="/" query="y"; Host="[::1]"/Host`},
		{head: "GET http://b HTTP/1.0\r\n\r\n",
			want: `GET "http://b" HTTP/1.0 @b form=1 path="/"`},
		{head: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
			want: `OPTIONS "*" HTTP/1.1 @a form=3 path="*"; Host="a"/Host`},
		{head: "OPTIONS http://b:81 HTTP/1.1\r\nHost: a\r\n\r\n",
			want: `OPTIONS "http://b:81" HTTP/1.1 @b:81 form=3 path="*"; Host="b:81"/Host`},
		{head: "CONNECT [::1]:443 HTTP/1.1\r\nHost: a\r\n\r\n",
			want: `CONNECT "[::1]:443" HTTP/1.1 @[::1]:443 form=2 path="/"; Host="[::1]:443"/Host`},
		{head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 03\r\n\r\n",
			want: `POST "/" HTTP/1.1 @a form=0 path="/" body=1/3; Host="a"/Host; Content-Length="03"/Content-Length`},
		{head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n",
			want: `POST "/" HTTP/1.1 @a form=0 path="/" body=1/9223372036854775807; Host="a"/Host; Content-Length="9223372036854775807"/Content-Length`},
		{head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n",
			want: `POST "/" HTTP/1.1 @a form=0 path="/" body=2/-1; Host="a"/Host; Transfer-Encoding="CHUNKED"/Transfer-Encoding`},
		{head: "GET  /   HTTP/1.1 \nHost: a\nX: b\n  c\r\n\t\nY: d\n\n", opt: Options{Unsafe: true},
			want: `GET "/" HTTP/1.1 @a form=0 path="/"; Host="a"/Host; X="b c"/; Y="d"/`},
		{head: "GET / HTTP/1.1\r\nHost: a~b\r\n\r\n", opt: Options{Unsafe: true},
			want: `GET "/" HTTP/1.1 @a~b form=0 path="/"; Host="a~b"/Host`},
		{head: "PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", opt: Options{Registered: true},
			want: `PATCH "/" HTTP/1.1 @a form=0 path="/"; Host="a"/Host`},
	} {
		r, target, f, p := read(c.head, c.opt)
		if p != nil {
			t.Errorf("%q: %v", c.head, p)
		} else if got := say(r, target, f); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.head, got, c.want)
		}
	}
	if _, _, _, p := read("FOO / HTTP/1.1\r\nHost: a\r\n\r\n", Options{Registered: true}); p == nil || p.Status != 501 {
		t.Errorf("unregistered method: %v, want 501", p)
	}
	if _, _, _, p := read("FOO / HTTP/1.1\r\nHost: a\r\n\r\n", Options{Registered: true, Methods: []string{"BAR", "FOO"}}); p != nil {
		t.Errorf("method registered by hand: %v", p)
	}
	// The tolerant mode is no licence to smuggle.
	for _, head := range []string{
		"GET / HTTP/1.1\nHost: a\nX : y\n\n",
		"GET / HTTP/1.1\nHost: a\nX: y\rz\n\n",
		"POST / HTTP/1.1\nHost: a\nContent-Length: 1\nTransfer-Encoding: chunked\n\n",
		"GET / HTTP/1.1\n Host: a\n\n",
		"GET / HTTP/1.1\nHost: a/b\n\n",
	} {
		if _, _, _, p := read(head, Options{Unsafe: true}); p == nil || p.Status != 400 {
			t.Errorf("unsafe %q: %v, want 400", head, p)
		}
	}
}

// TestHeadEnd feeds a head byte by byte and by any two pieces.
func TestHeadEnd(t *testing.T) {
	for _, c := range []struct{ head, tail string }{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /next"},
		{"HTTP/1.1 200 OK\nX: y\n\n", "\n\nbody"},
		{"HTTP/1.1 200 OK\r\n\r\n", "\r\n\r\n"},
		{"HTTP/1.1 200 OK\nX: y\r\n\n", ""},
	} {
		all := []byte(c.head + c.tail)
		from := 0
		for n := range len(all) + 1 {
			got, want := HeadEnd(all[:n], from), 0
			if n >= len(c.head) {
				want = len(c.head)
			}
			if got != want {
				t.Errorf("HeadEnd(%q, %d) = %d, want %d", all[:n], from, got, want)
			}
			if got == 0 {
				from = n
			}
			if n > 0 && n < len(c.head) {
				if p := Check(all[:n], &httpdLimits); p != nil {
					t.Errorf("Check(%q): %v", all[:n], p)
				}
			}
		}
	}
}
