//go:build linux

package h1

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/watch"
)

// house is a server that does what a test says, and writes down what it saw.
type house struct {
	set   exchange.ServerSettings
	srv   exchange.Server
	serve func(x *exchange.Exchange) // nil: echo
	seen  []string
	calls []served
	leave func() bool // nil: stay
}

// served is one request as the house saw it.
type served struct {
	method, target string
	body           string
	bytes          int64 // BytesIn
	err            error // of reading the body
}

func newHouse() *house {
	h := &house{set: exchange.ServerSettings{
		Timeout: time.Minute, KeepAlive: true, KeepAliveTimeout: time.Minute,
		LimitRequestLine: 8190, LimitRequestFields: 100, LimitFieldSize: 8190, MergeSlashes: true,
	}}
	h.srv = exchange.Server{Name: "front.test", Core: &h.set}
	h.srv.Base = &exchange.Place{Server: &h.srv}
	return h
}

func (h *house) Admit(*exchange.Client) exchange.Visit            { return h }
func (h *house) Enter() *exchange.ServerSettings                  { return &h.set }
func (h *house) TLS() *tls.Config                                 { return nil }
func (h *house) Secured(tls.ConnectionState, error) *exchange.TLS { return nil }
func (h *house) Leave() bool                                      { return h.leave == nil || h.leave() }
func (h *house) Bye()                                             {}

func (h *house) Serve(x *exchange.Exchange) {
	x.Server, x.Place = &h.srv, h.srv.Base
	if h.serve != nil {
		h.serve(x)
	} else {
		h.echo(x)
	}
	x.Down.End(nil)
}

// echo reads the body and answers with the request line and what it read.
func (h *house) echo(x *exchange.Exchange) {
	var body []byte
	var err error
	if !x.Request.Body.None() {
		body, err = io.ReadAll(x.Request.Body)
	}
	r := &x.Request
	h.calls = append(h.calls, served{r.Method, r.Target, string(body), x.BytesIn, err})
	line := fmt.Sprintf("%s %s %s host=%q", r.Method, r.Target, r.Version, r.Authority)
	for _, f := range r.Header.Fields {
		line += fmt.Sprintf(" %s=%q", f.Name, f.Value)
	}
	line += fmt.Sprintf(" body=%q", body)
	if err != nil {
		line += " broken"
	}
	h.seen = append(h.seen, line)
	if err != nil {
		x.Aborted = true
		return
	}
	answer(x, 200, string(body))
}

func (h *house) Refuse(x *exchange.Exchange, status int, why string) {
	h.seen = append(h.seen, "refused")
	x.Server, x.Place = &h.srv, h.srv.Base
	answer(x, status, "")
	x.Down.End(nil)
}

// answer sends a counted response with a Date that does not change.
func answer(x *exchange.Exchange, status int, body string) {
	x.Out.Status = status
	x.Out.Header.Set("Date", "now")
	x.Out.Body.Length = int64(len(body))
	if x.Begin() == nil {
		x.Write([]byte(body))
	}
}

// pair is a client connection made of a socket pair. Its bytes come in pieces:
// each time the front finds nothing to read it gets the next, and after the
// last the end. Everything runs on the test's goroutine, so a piece is a piece.
type pair struct {
	front, client int
	pieces        [][]byte
	got           bytes.Buffer // what the front wrote
	ended         bool
	closed        bool
}

func newPair(t testing.TB, pieces ...string) *pair {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{front: fds[0], client: fds[1]}
	for _, s := range pieces {
		p.pieces = append(p.pieces, []byte(s))
	}
	return p
}

// feed gives the front its next piece.
func (p *pair) feed() {
	p.drain()
	for len(p.pieces) > 0 && len(p.pieces[0]) == 0 {
		p.pieces = p.pieces[1:]
	}
	if len(p.pieces) == 0 {
		if p.ended {
			panic("the front waits for more behind the end of the stream")
		}
		p.ended = true
		syscall.Shutdown(p.client, syscall.SHUT_WR)
		return
	}
	n, err := syscall.Write(p.client, p.pieces[0])
	if err != nil {
		panic(err)
	}
	p.pieces[0] = p.pieces[0][n:]
}

func (p *pair) drain() {
	var b [64 << 10]byte
	for {
		n, err := syscall.Read(p.client, b[:])
		if n <= 0 || err != nil {
			return
		}
		p.got.Write(b[:n])
	}
}

// The pair as syscall.RawConn.

func (p *pair) Control(f func(uintptr)) error { f(uintptr(p.front)); return nil }

func (p *pair) Read(f func(uintptr) bool) error {
	for !f(uintptr(p.front)) {
		p.feed()
	}
	return nil
}

func (p *pair) Write(f func(uintptr) bool) error {
	for !f(uintptr(p.front)) {
		p.drain()
	}
	return nil
}

// socket is the pair as net.Conn.
type socket struct{ p *pair }

func (s socket) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(s.p.front, b)
		switch {
		case err == syscall.EAGAIN:
			s.p.feed()
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (s socket) Write(b []byte) (int, error) {
	total := 0
	for len(b) > 0 {
		n, err := syscall.Write(s.p.front, b)
		switch {
		case err == syscall.EAGAIN:
			s.p.drain()
		case err != nil:
			return total, os.NewSyscallError("write", err)
		default:
			total += n
			b = b[n:]
		}
	}
	return total, nil
}

func (s socket) CloseWrite() error { return syscall.Shutdown(s.p.front, syscall.SHUT_WR) }

func (s socket) Close() error {
	if s.p.closed {
		return net.ErrClosed
	}
	s.p.closed = true
	syscall.Close(s.p.front)
	s.p.drain()
	return syscall.Close(s.p.client)
}

func (s socket) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
func (s socket) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 999} }
func (s socket) SetDeadline(time.Time) error      { return nil }
func (s socket) SetReadDeadline(time.Time) error  { return nil }
func (s socket) SetWriteDeadline(time.Time) error { return nil }

// run serves the pair to its end and returns what the front wrote.
func (p *pair) run(h *house, w *watch.Watcher, direct bool) string {
	f := &Front{House: h, Watch: w}
	c := &conn{front: f, nc: socket{p}, fd: -1}
	if direct {
		// As a TCP connection: the loop inside of RawConn.Read.
		c.raw, c.fd = p, p.front
	}
	c.client.ID = 1
	c.settle()
	c.run()
	if !p.closed {
		panic("the connection ended and is still open")
	}
	return p.got.String()
}

func newWatch(t testing.TB) *watch.Watcher {
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// play serves one client that sends the pieces and returns what it is sent.
// Both ways of reading must come to the same.
func play(t *testing.T, make func() *house, pieces ...string) (*house, string) {
	t.Helper()
	w := newWatch(t)
	h := make()
	got := newPair(t, pieces...).run(h, w, true)
	plain := make()
	if other := newPair(t, pieces...).run(plain, w, false); other != got {
		t.Errorf("as plain net.Conn the client is sent\n%s\ninstead of\n%s", other, got)
	}
	if a, b := strings.Join(h.seen, "\n"), strings.Join(plain.seen, "\n"); a != b {
		t.Errorf("as plain net.Conn the house sees\n%s\ninstead of\n%s", b, a)
	}
	return h, got
}

// plainly drops what every response says alike.
func plainly(s string) string {
	s = strings.ReplaceAll(s, "Date: now\r\n", "")
	return strings.ReplaceAll(s, "\r\n", "|")
}

func (h *house) Stream(*exchange.Client) exchange.Visit { return h }
func (h *house) Logger() *errorlog.Logger               { return nil }
