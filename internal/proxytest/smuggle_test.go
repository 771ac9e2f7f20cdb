package proxytest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestForbiddenBytes sends requests over HTTP/2 and HTTP/3 that no text of
// HTTP/1.1 may hold, or that mean different things to different readers. Each is
// refused, and nothing of it reaches a backend.
func TestForbiddenBytes(t *testing.T) {
	p := sallyport(t)
	for _, way := range []struct {
		name string
		via  Via
		dial func(port string) (odd, error)
	}{
		{"h2", newH2C(), dialOdd2},
		{"h3", newH3(), dialOdd3},
	} {
		t.Run(way.name, func(t *testing.T) {
			back := newTaker(t)
			s, err := ParseScript("forbidden", fmt.Appendf(nil, "What no HTTP/1.1 may hold.\n-- httpd.conf --\nProxyPass / http://%s/\n-- script --\ncheck\n", back.addr))
			if err != nil {
				t.Fatal(err)
			}
			stop, port := standing(t, p, s, way.via)
			defer stop()
			var c odd
			redial := func() {
				if c != nil {
					c.close()
				}
				if c, err = way.dial(port); err != nil {
					t.Fatal(err)
				}
			}
			defer func() { c.close() }()
			scheme := "http"
			if way.via.Secure() {
				scheme = "https"
			}
			rows := forbidden(scheme)
			for i, r := range rows {
				if way.name == "h2" || i%200 == 0 {
					redial()
				}
				got := c.ask(r)
				if !slices.Contains(refusals, got) && !(r.begun && got == "200") {
					t.Errorf("%s: %q", r, got)
				}
				if seen := back.take(); seen != "" && (!r.begun || strings.Contains(seen, "smuggled")) {
					t.Errorf("%s: the backend got %q", r, seen)
				}
				if got == "closed" {
					redial()
				}
			}
			redial()
			if got := c.ask(oddRequest{fields: good(scheme)}); got != "200" {
				t.Errorf("a sound request: %q", got)
			}
			if seen := back.take(); !strings.HasPrefix(seen, "GET /smuggled HTTP/1.1\r\n") {
				t.Errorf("a sound request: the backend got %q", seen)
			}
			t.Logf("%d requests", len(rows))
		})
	}
}

// refusals are the ways to say no.
var refusals = []string{"400", "405", "414", "417", "431", "501", "reset", "closed"}

// pair is one field.
type pair [2]string

// oddRequest is a request as fields. Where begun is set, what is wrong comes
// behind a head that is sound.
type oddRequest struct {
	fields  []pair
	body    []string // DATA frames; nil: the head ends the stream
	trailer []pair
	begun   bool
}

func (r oddRequest) String() string {
	s := ""
	for _, f := range r.fields {
		s += fmt.Sprintf("%.60q: %.60q, ", f[0], f[1])
	}
	return fmt.Sprintf("%s %.60q %q", s, r.body, r.trailer)
}

// good is a request that may pass.
func good(scheme string) []pair {
	return []pair{{":method", "GET"}, {":scheme", scheme}, {":path", "/smuggled"}, {":authority", "cl.test"}}
}

// forbidden is the table. What could be taken for a request behind the request
// holds the word "smuggled".
func forbidden(scheme string) (rows []oddRequest) {
	base := good(scheme)
	fields := func(more ...pair) { rows = append(rows, oddRequest{fields: append(base[:4:4], more...)}) }
	// with changes pseudo-fields; an empty name takes one away.
	with := func(name, value string) {
		var f []pair
		for _, p := range base {
			if p[0] == name {
				p[1] = value
			}
			f = append(f, p)
		}
		rows = append(rows, oddRequest{fields: f})
	}
	without := func(name string, more ...pair) {
		var f []pair
		for _, p := range base {
			if p[0] != name {
				f = append(f, p)
			}
		}
		rows = append(rows, oddRequest{fields: append(f, more...)})
	}

	// Names.
	for b := range 256 {
		c := byte(b)
		if c > ' ' && c < 0x7f && !strings.ContainsRune("\"(),/:;<=>?@[\\]{}ABCDEFGHIJKLMNOPQRSTUVWXYZ", rune(c)) {
			continue
		}
		fields(pair{"x" + string([]byte{c}) + "y", "smuggled"})
		if c <= ' ' || c == ':' || c == 0x7f {
			fields(pair{string([]byte{c}) + "x", "smuggled"})
			fields(pair{"x" + string([]byte{c}), "smuggled"})
		}
	}
	for _, n := range []string{"", "X", "Host", "Content-Length", "x: smuggled\r\ny", "x\r\n\r\nGET /smuggled HTTP/1.1\r\nhost", "host:smuggled", "transfer-encoding: chunked\r\nx", "content-length:0\r\n\r\n", " host", "host ", "content-length ", "transfer-encoding\t", ":", ":x", ":status", ":protocol", ":Path", ": path"} {
		fields(pair{n, "smuggled"})
	}
	// Values.
	for b := range 256 {
		if c := string([]byte{byte(b)}); b < ' ' && b != '\t' || b == 0x7f {
			fields(pair{"x", "a" + c + "smuggled"})
			fields(pair{"x", c + "smuggled"})
			fields(pair{"x", "smuggled" + c})
			fields(pair{"cookie", "a=b"}, pair{"cookie", c + "smuggled"})
			fields(pair{"user-agent", c})
		}
	}
	for _, v := range []string{"a\r\nsmuggled: b", "a\r\n smuggled", "a\nsmuggled: b", "a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", "a\rsmuggled"} {
		fields(pair{"x", v})
	}
	// Pseudo-fields.
	for _, name := range []string{":method", ":scheme", ":path", ":authority"} {
		for b := range 256 {
			if b > ' ' && b != 0x7f && (name != ":authority" || b < 0x80) && (name != ":scheme" || b < 0x80) {
				continue
			}
			for _, p := range base {
				if p[0] == name {
					with(name, p[1]+string([]byte{byte(b)})+"smuggled")
					with(name, string([]byte{byte(b)})+p[1])
				}
			}
		}
		with(name, "")
		for _, p := range base {
			if p[0] == name {
				fields(p)                               // twice
				without(name, pair{"x", "smuggled"}, p) // behind a field
				with(name, p[1]+" HTTP/1.1\r\nsmuggled: x\r\ny: ")
				with(name, p[1]+"\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
			}
		}
		if name != ":authority" {
			without(name)
		}
	}
	for _, m := range []string{"GE T", "GET /smuggled HTTP/1.1\r\n", "GET:", "(GET)", "\"GET\"", "GET,POST"} {
		with(":method", m)
	}
	for _, s := range []string{"ftp", "HTTP:", "http://smuggled", "http ", "javascript", "h", scheme + ":"} {
		with(":scheme", s)
	}
	for _, p := range []string{"*", "smuggled", "http://smuggled/", "https://cl.test/smuggled", "?smuggled", "#smuggled", "/smuggled#", "/a#smuggled", "/smuggled HTTP/1.1", "cl.test:80", "\\smuggled", ":", "/%smuggled", "/%0", "/%zz"} {
		with(":path", p)
	}
	for _, a := range []string{"a b", "user@cl.test", "user:smuggled@cl.test", "cl.test/smuggled", "/smuggled", "cl.test:smuggled", "cl.test:80:80", "cl.test:999999", "cl.test?x", "cl.test#x", "[::1", "::1]", "cl.test\\smuggled", "cl.test,smuggled", "http://cl.test", "cl.test\"", "<cl.test>"} {
		with(":authority", a)
		without(":authority", pair{"host", a})
	}
	// Who is meant.
	without(":authority")
	without(":authority", pair{"host", ""})
	without(":authority", pair{"host", "cl.test"}, pair{"host", "cl.test"})
	without(":authority", pair{"host", "cl.test"}, pair{"host", "smuggled"})
	fields(pair{"host", "smuggled"})
	fields(pair{"host", ""})
	fields(pair{"host", "cl.test:80"})
	fields(pair{"host", "cl.test"}, pair{"host", "smuggled"})
	// Fields of a connection.
	for _, n := range []string{"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"} {
		for _, v := range []string{"", "close", "keep-alive", "chunked", "identity", "websocket", "smuggled", "x", "te"} {
			fields(pair{n, v})
		}
	}
	for _, v := range []string{"", "gzip", "trailers, gzip", "trailers;q=1", "Trailers ", "chunked"} {
		fields(pair{"te", v})
	}
	// Content that is not as long as it says.
	for _, v := range []string{"", "x", "-1", "+1", "0x1", "1 1", "1,2", "1, 1", "1.0", "1e0", "99999999999999999999", "18446744073709551616", "5"} {
		fields(pair{"content-length", v})
	}
	post := append([]pair{{":method", "POST"}}, base[1:]...)
	content := func(begun bool, body []string, trailer []pair, more ...pair) {
		rows = append(rows, oddRequest{append(post[:4:4], more...), body, trailer, begun})
	}
	fields(pair{"content-length", "0"}, pair{"content-length", "0"})
	content(false, []string{"x"}, nil, pair{"content-length", "1"}, pair{"content-length", "1"})
	content(false, []string{"x"}, nil, pair{"content-length", "1"}, pair{"content-length", "2"})
	content(false, []string{"x"}, nil, pair{"content-length", "1, 1"})
	content(false, []string{"x"}, nil, pair{"content-length", "x"})
	content(false, []string{"0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n"}, nil, pair{"content-length", "5"}, pair{"transfer-encoding", "chunked"})
	content(false, []string{"a"}, nil, pair{"expect", "200-maybe"})
	// The word stands behind what was announced.
	head := []pair{{":method", "POST"}, {":scheme", scheme}, {":path", "/"}, {":authority", "cl.test"}}
	later := func(body []string, trailer []pair, more ...pair) {
		rows = append(rows, oddRequest{append(head[:4:4], more...), body, trailer, true})
	}
	later([]string{"12345smuggled"}, nil, pair{"content-length", "5"})
	later([]string{"12345", "smuggled"}, nil, pair{"content-length", "20"})
	later([]string{""}, nil, pair{"content-length", "20"})
	for _, tr := range []pair{{":path", "/smuggled"}, {"X-smuggled", "a"}, {"x-smuggled ", "a"}, {"x-smuggled:", "a"}, {"x", "a\r\nsmuggled: b"}, {"x", "a\n\nsmuggled"}, {"x", "a\x00smuggled"}, {"connection", "smuggled"}, {"transfer-encoding", "smuggled"}, {"upgrade", "smuggled"}, {"", "smuggled"}} {
		later([]string{"12345"}, []pair{tr})
	}
	// CONNECT has a shape of its own. A sound one is a request for / with that
	// method, as over HTTP/1.1.
	rows = append(rows,
		oddRequest{fields: []pair{{":method", "CONNECT"}, {":authority", "smuggled"}}},
		oddRequest{fields: []pair{{":method", "CONNECT"}}},
		oddRequest{fields: []pair{{":method", "CONNECT"}, {":authority", "cl.test:443"}, {":path", "/smuggled"}}},
		oddRequest{fields: []pair{{":method", "CONNECT"}, {":authority", "cl.test:443"}, {":scheme", scheme}}},
		oddRequest{fields: []pair{{":method", "CONNECT"}, {":protocol", "websocket"}, {":authority", "cl.test"}}},
		oddRequest{fields: append(base[:4:4], pair{":protocol", "websocket"})},
	)
	return rows
}

// taker is a backend that answers every request and keeps what it was sent.
type taker struct {
	addr string
	mu   sync.Mutex
	seen strings.Builder
}

func newTaker(t *testing.T) *taker {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &taker{addr: l.Addr().String()}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go k.serve(c)
		}
	}()
	return k
}

func (k *taker) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(io.TeeReader(c, k))
	for {
		q, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, q.Body); err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
}

// Write notes what came.
func (k *taker) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen.Write(p)
}

// take returns what came since the last time.
func (k *taker) take() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.seen.String()
	k.seen.Reset()
	return s
}

// odd is a client that sends whatever it is told. ask returns the status, or
// "reset" or "closed".
type odd interface {
	ask(r oddRequest) string
	close()
}

type odd2 struct {
	nc  net.Conn
	fr  *http2.Framer
	buf bytes.Buffer
	enc *hpack.Encoder
	id  uint32
}

func dialOdd2(port string) (odd, error) {
	nc, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, err
	}
	nc.SetDeadline(time.Now().Add(stepTimeout))
	c := &odd2{nc: nc, fr: http2.NewFramer(nc, nc), id: 1}
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.fr.AllowIllegalWrites = true
	c.enc = hpack.NewEncoder(&c.buf)
	io.WriteString(nc, http2.ClientPreface)
	return c, c.fr.WriteSettings()
}

func (c *odd2) close() { c.nc.Close() }

func (c *odd2) headers(f []pair, end bool) {
	c.buf.Reset()
	for _, p := range f {
		c.enc.WriteField(hpack.HeaderField{Name: p[0], Value: p[1]})
	}
	c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: c.id, BlockFragment: c.buf.Bytes(), EndHeaders: true, EndStream: end})
}

func (c *odd2) ask(r oddRequest) string {
	c.headers(r.fields, r.body == nil)
	for i, b := range r.body {
		c.fr.WriteData(c.id, i == len(r.body)-1 && r.trailer == nil, []byte(b))
	}
	if r.trailer != nil {
		c.headers(r.trailer, true)
	}
	for {
		f, err := c.fr.ReadFrame()
		if err != nil {
			return "closed"
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			return f.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return "reset"
		case *http2.GoAwayFrame:
			return "closed"
		}
	}
}

type odd3 struct{ qc *quic.Conn }

func dialOdd3(port string) (odd, error) {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	qc, err := quic.DialAddr(ctx, "127.0.0.1:"+port, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}, ServerName: "cl.test"}, nil)
	if err != nil {
		return nil, err
	}
	s, err := qc.OpenUniStream()
	if err == nil {
		_, err = s.Write([]byte{0, 4, 0}) // a control stream with SETTINGS
	}
	return &odd3{qc}, err
}

func (c *odd3) close() { c.qc.CloseWithError(0, "") }

func frame3(typ byte, p []byte) []byte {
	return append(quicvarint.Append([]byte{typ}, uint64(len(p))), p...)
}

func headers3(f []pair) []byte {
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for _, p := range f {
		e.WriteField(qpack.HeaderField{Name: p[0], Value: p[1]})
	}
	return frame3(1, b.Bytes())
}

func (c *odd3) ask(r oddRequest) string {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	s, err := c.qc.OpenStreamSync(ctx)
	if err != nil {
		return "closed"
	}
	s.SetDeadline(time.Now().Add(stepTimeout))
	s.Write(headers3(r.fields))
	for _, b := range r.body {
		s.Write(frame3(0, []byte(b)))
	}
	if r.trailer != nil {
		s.Write(headers3(r.trailer))
	}
	s.Close()
	in := quicvarint.NewReader(s)
	if _, err = quicvarint.Read(in); err == nil {
		var n uint64
		if n, err = quicvarint.Read(in); err == nil {
			p := make([]byte, n)
			if _, err = io.ReadFull(in, p); err == nil {
				f, err := qpack.NewDecoder().Decode(p)()
				if err != nil {
					return err.Error()
				}
				s.CancelRead(0x10c)
				return f.Value
			}
		}
	}
	if _, ok := errors.AsType[*quic.StreamError](err); ok {
		return "reset"
	}
	return "closed"
}
