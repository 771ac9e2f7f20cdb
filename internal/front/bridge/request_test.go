package bridge

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h1"
)

var settings = &exchange.ServerSettings{LimitRequestLine: 8190, LimitRequestFields: 100, LimitFieldSize: 8190}

// ask runs fields, written "name: value|…", through a Head.
func ask(fields string, connect, end bool) (*exchange.Exchange, error) {
	x := exchange.Get()
	x.Request.Version = message.HTTP2
	var h Head
	for _, f := range strings.Split(fields, "|") {
		i := strings.Index(f[1:], ":") + 1
		h.Add(&x.Request, f[:i], f[i+1:], Limit(settings))
	}
	_, err := h.Request(x, settings, connect, end)
	return x, err
}

// TestRequests: what a request in fields becomes. The outcome is the text of
// the HTTP/1.1 request it stands for, "malformed", or a status.
func TestRequests(t *testing.T) {
	const get = ":method:GET|:scheme:http|:path:/|:authority:a.test|"
	long := strings.Repeat("x", 8200)
	for _, c := range []struct{ in, want string }{
		{":method:GET|:scheme:http|:path:/a?b|:authority:a.test|x-foo-bar:1|x-foo-bar:2|accept:*/*", "GET /a?b Host=a.test X-Foo-Bar=1, 2 Accept=*/*"},
		{":method:GET|:scheme:https|:path:/|host:b.test", "GET / Host=b.test"},
		{get + "cookie:a=1|x:y|cookie:b=2", "GET / Host=a.test Cookie=a=1; b=2 X=y"},
		{get + "te:trailers", "GET / Host=a.test TE=trailers"},
		{get + "host:a.test", "GET / Host=a.test"},
		{":method:OPTIONS|:scheme:http|:path:*|:authority:a.test", "OPTIONS * Host=a.test"},
		{":method:CONNECT|:authority:a.test:443", "CONNECT a.test:443 Host=a.test:443"},
		{get + "x: a\t", "GET / Host=a.test X=a"},
		{get + "x: ", "GET / Host=a.test X="},
		{get + "expect:100-continue", "GET / Host=a.test Expect=100-continue"},

		// What RFC 9113 §8.2 and §8.3 forbid.
		{get + "X-Foo:1", "malformed"},
		{get + "x foo:1", "malformed"},
		{get + "x\x00:1", "malformed"},
		{get + "x\r\ny:1", "malformed"},
		{get + "x\x80:1", "malformed"},
		{get + "x:a\r\nb: c", "malformed"},
		{get + "x:a\nb", "malformed"},
		{get + "x:a\x00b", "malformed"},
		{get + "connection:close", "malformed"},
		{get + "proxy-connection:close", "malformed"},
		{get + "keep-alive:1", "malformed"},
		{get + "transfer-encoding:chunked", "malformed"},
		{get + "upgrade:websocket", "malformed"},
		{get + "te:gzip", "malformed"},
		{get + "te:trailers, gzip", "malformed"},
		{get + "host:b.test", "malformed"},
		{":method:GET|:scheme:http|:path:/|host:a.test|host:a.test", "malformed"},
		{get + "a:b|:path:/x", "malformed"},
		{get + ":path:/x", "malformed"},
		{get + ":status:200", "malformed"},
		{get + ":protocol:websocket", "malformed"},
		{":method:GET|:scheme:http|:authority:a.test", "malformed"},
		{":method:GET|:path:/|:authority:a.test", "malformed"},
		{":scheme:http|:path:/|:authority:a.test", "malformed"},
		{":method:GET|:scheme:http|:path:|:authority:a.test", "malformed"},
		{":method:CONNECT|:authority:a.test:443|:path:/", "malformed"},
		{":method:CONNECT|:scheme:http", "malformed"},
		{get + "content-length:5", "malformed"}, // and the stream has ended

		// What HTTP/1.1 could not carry, or an origin must not take.
		{get + "x:a\x01b", "400"},
		{":method:GE T|:scheme:http|:path:/|:authority:a.test", "400"},
		{":method:GET\r\nX: y|:scheme:http|:path:/|:authority:a.test", "400"},
		{":method:|:scheme:http|:path:/|:authority:a.test", "400"},
		{":method:GET|:scheme:http|:path:/a b|:authority:a.test", "400"},
		{":method:GET|:scheme:http|:path:/a\r\nX: y|:authority:a.test", "400"},
		{":method:GET|:scheme:http|:path:/a\x00|:authority:a.test", "400"},
		{":method:GET|:scheme:http|:path:/a#b|:authority:a.test", "400"},
		{":method:GET|:scheme:http|:path:a|:authority:a.test", "400"},
		{":method:GET|:scheme:http|:path:http://b.test/|:authority:a.test", "400"},
		{":method:GET|:scheme:http|:path:*|:authority:a.test", "400"},
		{":method:GET|:scheme:ftp|:path:/|:authority:a.test", "400"},
		{":method:GET|:scheme:http\r\nx|:path:/|:authority:a.test", "400"},
		{":method:GET|:scheme:http|:path:/|:authority:a.test\r\nX: y", "400"},
		{":method:GET|:scheme:http|:path:/|:authority:u@a.test", "400"},
		{":method:GET|:scheme:http|:path:/|:authority:a.test/x", "400"},
		{":method:GET|:scheme:http|:path:/|:authority:a.test:x", "400"},
		{":method:GET|:scheme:http|:path:/", "400"},
		{get + "content-length:x", "400"},
		{get + "content-length:0|content-length:0", "400"},
		{get + "expect:more", "417"},
		{":method:GET|:scheme:http|:path:/" + long + "|:authority:a.test", "414"},
		{get + "x:" + long, "431"},
		{get + strings.Repeat("x:1|", 101) + "y:1", "431"},
		{get + strings.Repeat("x:"+long[:8000]+"|", 40) + "y:1", "431"},
	} {
		x, err := ask(c.in, false, true)
		got := outcome(x, err)
		if got != c.want {
			t.Errorf("%.120q:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func outcome(x *exchange.Exchange, err error) string {
	var m Malformed
	var p *wire.Problem
	switch {
	case errors.As(err, &m):
		return "malformed"
	case errors.As(err, &p):
		return fmt.Sprint(p.Status)
	}
	s := x.Request.Method + " " + x.Request.Target
	for _, f := range x.Request.Header.Fields {
		s += " " + f.Name + "=" + f.Value
	}
	return s
}

func TestLengths(t *testing.T) {
	const post = ":method:POST|:scheme:http|:path:/|:authority:a.test|"
	for _, c := range []struct {
		in   string
		end  bool
		want int64
	}{
		{post + "a:b", true, 0}, {post + "a:b", false, -1}, {post + "content-length:7", false, 7}, {post + "content-length:0", true, 0},
	} {
		x, err := ask(c.in, false, c.end)
		if err != nil || x.Request.Body.Length != c.want {
			t.Errorf("%s: %d %v", c.in, x.Request.Body.Length, err)
		}
	}
}

// TestWebSocket: an extended CONNECT becomes the upgrade of HTTP/1.1, with a key
// of our own.
func TestWebSocket(t *testing.T) {
	const connect = ":method:CONNECT|:protocol:websocket|:scheme:https|:path:/chat|:authority:a.test|sec-websocket-version:13|sec-websocket-key:theirs"
	x, err := ask(connect, true, false)
	if err != nil {
		t.Fatal(err)
	}
	h := &x.Request.Header
	key := h.Get("Sec-WebSocket-Key")
	if x.Request.Method != "GET" || x.RawPath != "/chat" || h.Get("Upgrade") != "websocket" || h.Get("Connection") != "Upgrade" ||
		len(h.Values("Sec-WebSocket-Key")) != 1 || len(key) != 24 || h.Get("Sec-WebSocket-Version") != "13" || !x.Request.Body.None() {
		t.Errorf("%+v", x.Request)
	}
	if x, _ := ask(connect, true, false); x.Request.Header.Get("Sec-WebSocket-Key") == key {
		t.Error("the same key twice")
	}
	for in, want := range map[string]string{
		strings.Replace(connect, "websocket", "connect-udp", 1):                "501",
		strings.Replace(connect, ":scheme:https|", "", 1):                      "malformed",
		strings.Replace(connect, ":method:CONNECT", ":method:GET", 1):          "malformed",
		strings.Replace(connect, ":authority:a.test", ":authority:a.test/", 1): "400",
	} {
		x, err := ask(in, true, false)
		if got := outcome(x, err); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestTrailer(t *testing.T) {
	for in, ok := range map[string]bool{"x-sum:1": true, ":path:/": false, "X-Sum:1": false, "x: 1": true, "x:\x00": false, "connection:close": false, "x:" + strings.Repeat("a", 300): false} {
		var tr Trailer
		i := strings.Index(in[1:], ":") + 1
		if err := tr.Add(in[:i], in[i+1:], 256); (err == nil) != ok {
			t.Errorf("%.30q: %v", in, err)
		}
	}
}

// FuzzRequest: whatever comes, what is taken can be written as HTTP/1.1 and
// read back as the same request.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "http", "a.test", "/", "x-a", "b", "content-length", "5")
	f.Add("CONNECT", "https", "a.test:443", "*", "host", "a.test", "te", "trailers")
	f.Fuzz(func(t *testing.T, method, scheme, authority, path, n1, v1, n2, v2 string) {
		x := exchange.Get()
		x.Request.Version = message.HTTP2
		var h Head
		for _, p := range [][2]string{{":method", method}, {":scheme", scheme}, {":authority", authority}, {":path", path}, {n1, v1}, {n2, v2}} {
			h.Add(&x.Request, p[0], p[1], Limit(settings))
		}
		if _, err := h.Request(x, settings, false, false); err != nil {
			return
		}
		text := wire.AppendRequestLine(nil, x.Request.Method, x.Request.Target, message.HTTP11)
		text = wire.AppendBlank(wire.AppendFields(text, &x.Request.Header))
		var r message.Request
		lim := wire.Limits{Line: 9000, Fields: 200, FieldSize: 9000}
		if p := wire.ParseRequest(string(text), &r, &lim, wire.Options{}); p != nil {
			t.Fatalf("%q: %v", text, p)
		}
		if r.Method != x.Request.Method || r.Target != x.Request.Target || len(r.Header.Fields) != len(x.Request.Header.Fields) {
			t.Fatalf("%q is another request", text)
		}
	})
}
