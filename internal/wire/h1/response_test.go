package h1

import (
	"fmt"
	"strings"
	"testing"

	"sallyport/internal/message"
)

// TestResponse: what httpd 2.4.71 was seen to make of these, and the few it is
// not followed in (docs/differences.md).
func TestResponse(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		head string
		opt  ResponseOptions
		want string // or "!status" for a Problem
	}{
		{head: ok + "Content-Length: 2\r\n\r\n", want: `200 "OK" 1.1; Content-Length="2"`},
		{head: "\r\n" + ok + "\r\n", want: `200 "OK" 1.1`},
		{head: "\n" + ok + "\r\n", want: `200 "OK" 1.1`},
		{head: "\r\n\r\n", want: "!502"},
		{head: "HTTP/1.0 404 Not Found\nX: y\n\n", want: `404 "Not Found" 1.0; X="y"`},
		{head: "HTTP/1.2 200 OK\r\n\r\n", want: `200 "OK" 1.1`},
		{head: "HTTP/1.1 200\r\n\r\n", want: `200 "" 1.1`},
		{head: "HTTP/1.1 200 \r\n\r\n", want: `200 "" 1.1`},
		{head: "HTTP/1.1 200OK\r\n\r\n", want: `200 "OK" 1.1`},
		{head: "HTTP/1.1 200  two  \r\n\r\n", want: `200 " two  " 1.1`},
		{head: "HTTP/1.1 999 \xe4\r\n\r\n", want: `999 "\xe4" 1.1`},
		{head: "HTTP/1.1 2000 OK\r\n\r\n", want: "!502"},
		{head: "HTTP/1.1 20 OK\r\n\r\n", want: "!502"},
		{head: "HTTP/1.1 099 OK\r\n\r\n", want: "!502"},
		{head: "HTTP/1.1  200 OK\r\n\r\n", want: "!502"},
		{head: "HTTP/1.1\t200 OK\r\n\r\n", want: "!502"},
		{head: "HTTP/1.1 200 a\x01b\r\n\r\n", want: "!502"},
		{head: "HTTP/1.1 200 a\rb\r\n\r\n", want: "!502"},
		{head: "HTTP/2.0 200 OK\r\n\r\n", want: "!502"},
		{head: "HTTP/0.9 200 OK\r\n\r\n", want: "!502"},
		{head: "http/1.1 200 OK\r\n\r\n", want: "!502"},
		{head: "HTTP/1.10 200 OK\r\n\r\n", want: "!502"},
		{head: "ICY 200 OK\r\n\r\n", want: "!502"},
		{head: "", want: "!502"},
		{head: "HTTP/1.1 200 OK", want: "!502"},
		{head: ok + "X: y", want: "!502"},
		{head: ok + "X: a\r\n  b\r\nY: c\r\n\r\n", want: `200 "OK" 1.1; X="a  b"; Y="c"`},
		{head: ok + "X: a  \r\n\t b \r\n\r\n", want: `200 "OK" 1.1; X="a  \t b"`},
		{head: ok + "X:\r\n b\r\n\r\n", want: `200 "OK" 1.1; X="b"`},
		{head: ok + "X: a\r\n \r\n b\r\n\r\n", want: `200 "OK" 1.1; X="a  b"`},
		{head: ok + " X: a\r\n\r\n", want: "!500"},
		{head: ok + ok + "X: a\r\n\r\n", want: `200 "OK" 1.1; X="a"`},
		{head: ok + "bogus\r\nX: a\r\n\r\n", want: "!502"},
		{head: ok + "bogus\r\nX: a\r\n\r\n", opt: ResponseOptions{BadHeader: Ignore}, want: `200 "OK" 1.1; X="a"`},
		{head: ok + "X: a\r\n", opt: ResponseOptions{BadHeader: StartBody}, want: `200 "OK" 1.1; X="a"`},
		{head: ok + "X : a\r\n\r\n", want: "!500"},
		{head: ok + "X y: a\r\n\r\n", want: "!500"},
		{head: ok + "X(: a\r\n\r\n", want: "!500"},
		{head: ok + "X\xff: a\r\n\r\n", want: "!500"},
		{head: ok + ": a\r\n\r\n", want: "!500"},
		{head: ok + "X: a\x01\r\n\r\n", want: "!500"},
		{head: ok + "X: a\x7f\r\n\r\n", want: "!500"},
		{head: ok + "X: a\rb\r\n\r\n", want: "!500"},
		{head: ok + "X: a\x00\r\n\r\n", want: "!502"},
		{head: ok + "X: \xff\t:\r\n\r\n", want: "200 \"OK\" 1.1; X=\"\\xff\\t:\""},
		{head: ok + "X: " + strings.Repeat("y", 8188) + "\r\n\r\n", want: `200 "OK" 1.1; X="` + strings.Repeat("y", 8188) + `"`},
		{head: ok + "X: " + strings.Repeat("y", 8189) + "\r\n\r\n", want: "!502"},
		{head: ok + "X: a\r\n " + strings.Repeat("y", 8189) + "\r\n\r\n", want: "!502"},
		{head: ok + "X: 67\r\n\r\n", opt: ResponseOptions{FieldSize: 5}, want: "!502"},
	} {
		var r message.Response
		p := ParseResponse(c.head, &r, c.opt)
		got := ""
		if p != nil {
			got = fmt.Sprintf("!%d", p.Status)
		} else {
			got = fmt.Sprintf("%d %q %s", r.Status, r.Reason, strings.TrimPrefix(r.Version.String(), "HTTP/"))
			for _, f := range r.Header.Fields {
				got += fmt.Sprintf("; %s=%q", f.Name, f.Value)
			}
		}
		if got != c.want {
			t.Errorf("%.100q:\n got %.200s\nwant %.200s", c.head, got, c.want)
		}
	}
}

func TestResponseFraming(t *testing.T) {
	for _, c := range []struct {
		method, head, want string // kind/length, "+" when to be closed
	}{
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "1/2"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "1/0"},
		{"GET", "HTTP/1.1 200 OK\r\n\r\n", "3/-1+"},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "0/0"},
		{"GET", "HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n", "0/0"},
		{"GET", "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", "0/0"},
		{"GET", "HTTP/1.1 103 Early\r\n\r\n", "0/0"},
		{"CONNECT", "HTTP/1.1 200 OK\r\n\r\n", "0/0"},
		{"CONNECT", "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n", "1/2"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "2/-1"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n", "2/-1"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", "2/-1"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n", "2/-1+"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n", "2/-1+"},
		{"GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "2/-1+"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "3/-1+"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "3/-1+"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n", "3/-1+"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\nContent-Length: 2\r\n\r\n", "3/-1+"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n", "1/2"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", "!502"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n", "!502"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n", "!502"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "!502"},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", "!502"},
	} {
		var r message.Response
		if p := ParseResponse(c.head, &r, ResponseOptions{}); p != nil {
			t.Fatalf("%q: %v", c.head, p)
		}
		f, p := ResponseFraming(&r, c.method)
		got := fmt.Sprintf("%d/%d", f.Kind, f.Length)
		if f.Close {
			got += "+"
		}
		if p != nil {
			got = fmt.Sprintf("!%d", p.Status)
		}
		if got != c.want {
			t.Errorf("%s %q: got %s, want %s", c.method, c.head, got, c.want)
		}
	}
}

func TestBodyStart(t *testing.T) {
	for in, want := range map[string]int{
		"HTTP/1.1 200 OK\r\nX: y\r\n\r\nbody":             25,
		"HTTP/1.1 200 OK\r\nX: y\r\n<html>\r\nA: b\r\n":   23,
		"\r\nHTTP/1.1 200 OK\nX: y\n\nbody":               24,
		"HTTP/1.1 200 OK\r\n<html>\r\n":                   17,
		"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n<html>\r\n":     27,
		"HTTP/1.1 200 OK\r\nHTTP/1.0 200 OK\r\nX: y\r\nb": 0,
		"HTTP/1.1 200 OK\r\nX: y\r\n<ht":                  0,
		"HTTP/1.1 200 OK":                                 0,
	} {
		if got := BodyStart([]byte(in)); got != want {
			t.Errorf("BodyStart(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestWrite(t *testing.T) {
	h := &message.Header{}
	h.Add("X", "y")
	h.Add("Empty", "")
	b := AppendRequestLine(nil, "GET", "/x?y", message.HTTP11)
	b = AppendFields(b, h)
	b = AppendBlank(b)
	b = AppendRequestLine(b, "GET", "/", message.HTTP10)
	b = AppendStatusLine(b, 200, "OK")
	b = AppendLength(b, 1234)
	b = AppendStatusLine(b, 599, "")
	b = AppendChunkHead(b, 255)
	b = AppendLastChunk(b, nil)
	b = AppendLastChunk(b, h)
	const want = "GET /x?y HTTP/1.1\r\nX: y\r\nEmpty: \r\n\r\nGET / HTTP/1.0\r\nHTTP/1.1 200 OK\r\nContent-Length: 1234\r\n" +
		"HTTP/1.1 599 \r\nff\r\n" + LastChunk + "0\r\nX: y\r\nEmpty: \r\n\r\n"
	if string(b) != want {
		t.Errorf("got %q\nwant %q", b, want)
	}
	for value, want := range map[string]int{"a\tb\xff": -1, "a\r\nEvil: b": 2, "a\x00": 2, "0123456789\x7f": 2} {
		h.Fields = append(h.Fields[:2], message.Field{Name: "Z", Value: value})
		if got := BadField(h); got != want {
			t.Errorf("BadField %q = %d, want %d", value, got, want)
		}
	}
	for _, name := range []string{"", "a b", "a:", "a\n"} {
		h.Fields = append(h.Fields[:0], message.Field{Name: name})
		if got := BadField(h); got != 0 {
			t.Errorf("BadField name %q = %d, want 0", name, got)
		}
	}
}
