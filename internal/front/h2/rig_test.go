//go:build linux

package h2

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/watch"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// house is a server that does what a test says.
type house struct {
	t      *testing.T
	set    exchange.ServerSettings
	h2     exchange.HTTP2
	srv    exchange.Server
	serve  func(x *exchange.Exchange) // nil: echo
	wrap   func(net.Conn) net.Conn    // puts TLS around a connection; nil: none
	front  *Front
	ln     net.Listener
	start  sync.Once
	accept func()
	busy   atomic.Int64
	most   atomic.Int64 // exchanges at a time
	served atomic.Int64
	visits atomic.Int64
	conns  sync.WaitGroup
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, h2: exchange.HTTP2{Direct: true, MaxStreams: 100, Window: 65535, MaxErrors: 8}}
	h.set = exchange.ServerSettings{
		Timeout: time.Minute, KeepAlive: true, KeepAliveTimeout: time.Minute,
		LimitRequestLine: 8190, LimitRequestFields: 100, LimitFieldSize: 8190, MergeSlashes: true,
	}
	h.set.Versions.HTTP2 = &h.h2
	h.srv = exchange.Server{Name: "front.test", Core: &h.set}
	h.srv.Base = &exchange.Place{Server: &h.srv}
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	h.front = &Front{Watch: w}
	if h.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	done := make(chan struct{})
	h.accept = func() {
		defer close(done)
		for id := uint64(1); ; id++ {
			nc, err := h.ln.Accept()
			if err != nil {
				return
			}
			h.conns.Add(1)
			go func() {
				defer h.conns.Done()
				c := &exchange.Client{ID: id}
				h.visits.Add(1)
				if h.wrap != nil {
					nc = h.wrap(nc)
				}
				h.front.Serve(&exchange.Handoff{Conn: nc, Client: c, Visit: visit{h, c}})
			}()
		}
	}
	t.Cleanup(func() {
		h.ln.Close()
		h.begin()
		<-done
		h.front.Close()
		h.conns.Wait()
		eventually(t, "visits end", func() bool { return h.visits.Load() == 0 })
		eventually(t, "nothing is running", func() bool { return h.front.Running() == 0 })
		eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before+1 })
		w.Close()
	})
	return h
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%s: not in time\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

type visit struct {
	*house
	c *exchange.Client
}

func (v visit) Enter() *exchange.ServerSettings                  { return &v.set }
func (v visit) TLS() *tls.Config                                 { return nil }
func (v visit) Secured(tls.ConnectionState, error) *exchange.TLS { return nil }
func (v visit) Logger() *errorlog.Logger                         { return nil }
func (v visit) Leave() bool                                      { return true }
func (v visit) Bye()                                             { v.visits.Add(-1) }
func (v visit) Stream(c *exchange.Client) exchange.Visit {
	v.visits.Add(1)
	return visit{v.house, c}
}

func (v visit) Serve(x *exchange.Exchange) {
	n := v.busy.Add(1)
	for m := v.most.Load(); n > m && !v.most.CompareAndSwap(m, n); m = v.most.Load() {
	}
	x.Server, x.Place = &v.srv, v.srv.Base
	if v.serve != nil {
		v.serve(x)
	} else {
		echo(x)
	}
	if !x.Begun && !x.Aborted {
		answer(x, 500, "")
	}
	x.Down.End(nil)
	v.busy.Add(-1)
	v.served.Add(1)
}

func (v visit) Refuse(x *exchange.Exchange, status int, why string) {
	x.Server, x.Place = &v.srv, v.srv.Base
	answer(x, status, "")
	x.Down.End(nil)
}

// echo answers with the request line and the content.
func echo(x *exchange.Exchange) {
	var body []byte
	var err error
	if !x.Request.Body.None() {
		body, err = io.ReadAll(x.Request.Body)
	}
	if err != nil {
		x.Aborted = true
		return
	}
	answer(x, 200, x.Request.Method+" "+x.Request.Target+" "+string(body))
}

func answer(x *exchange.Exchange, status int, body string) {
	x.Out.Status = status
	x.Out.Body.Length = int64(len(body))
	if x.Begin() == nil {
		x.Write([]byte(body))
	}
}

// client speaks frames.
type client struct {
	t   *testing.T
	nc  net.Conn
	fr  *http2.Framer
	enc *hpack.Encoder
	buf bytes.Buffer
}

// begin lets connections in, once the test has set all.
func (h *house) begin() { h.start.Do(func() { go h.accept() }) }

func (h *house) dial() *client {
	h.t.Helper()
	h.begin()
	nc, err := net.Dial("tcp", h.ln.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { nc.Close() })
	if h.wrap != nil {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	}
	c := &client{t: h.t, nc: nc, fr: http2.NewFramer(nc, nc)}
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.fr.AllowIllegalWrites = true
	c.enc = hpack.NewEncoder(&c.buf)
	nc.SetDeadline(time.Now().Add(patience))
	io.WriteString(nc, http2.ClientPreface)
	return c
}

// connect is dial with the greetings made; settings are the client's.
func (h *house) connect(settings ...http2.Setting) *client {
	c := h.dial()
	c.fr.WriteSettings(settings...)
	c.until(func(f http2.Frame) bool { s, ok := f.(*http2.SettingsFrame); return ok && s.IsAck() })
	c.fr.WriteSettingsAck()
	return c
}

// block encodes fields, written "name: value".
func (c *client) block(fields ...string) []byte {
	c.buf.Reset()
	for _, f := range fields {
		i := strings.Index(f[1:], ": ") + 1
		c.enc.WriteField(hpack.HeaderField{Name: f[:i], Value: f[i+2:]})
	}
	return c.buf.Bytes()
}

var get = []string{":method: GET", ":scheme: http", ":path: /", ":authority: a.test"}
var post = []string{":method: POST", ":scheme: http", ":path: /", ":authority: a.test"}

func (c *client) headers(id uint32, end bool, fields ...string) error {
	return c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.block(fields...), EndStream: end, EndHeaders: true})
}

// until reads frames until one is wanted; nil at the end of the connection.
func (c *client) until(want func(http2.Frame) bool) http2.Frame {
	c.t.Helper()
	for {
		f, err := c.fr.ReadFrame()
		if err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				c.t.Fatal("nothing comes")
			}
			return nil
		}
		if want(f) {
			return f
		}
	}
}

// end says how the connection ends: the code of its GOAWAY, or "closed".
func (c *client) end() string {
	c.t.Helper()
	f := c.until(func(f http2.Frame) bool { _, ok := f.(*http2.GoAwayFrame); return ok })
	if f == nil {
		return "closed"
	}
	return f.(*http2.GoAwayFrame).ErrCode.String()
}

// result is the outcome of a stream: "200 body", with trailers, or the code of
// its RST_STREAM.
func (c *client) result(id uint32) string {
	c.t.Helper()
	var b strings.Builder
	f := c.until(func(f http2.Frame) bool {
		if f.Header().StreamID != id {
			return false
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			for _, h := range f.Fields {
				switch h.Name {
				case ":status":
					b.WriteString(h.Value)
				case "date", "server", "content-length":
				default:
					fmt.Fprintf(&b, " %s=%s", h.Name, h.Value)
				}
			}
			return f.StreamEnded()
		case *http2.DataFrame:
			b.WriteString(" " + string(f.Data()))
			return f.StreamEnded()
		case *http2.RSTStreamFrame:
			b.WriteString(" " + f.ErrCode.String())
			return true
		}
		return false
	})
	if f == nil {
		b.WriteString(" closed")
	}
	return strings.Trim(b.String(), " ")
}

// works checks that another client is served.
func (h *house) works() {
	h.t.Helper()
	c := h.connect()
	c.headers(1, true, get...)
	if got := c.result(1); got != "200 GET /" {
		h.t.Errorf("another client gets %q", got)
	}
	c.nc.Close()
}

// pipe is both ends of a TCP connection.
func pipe(t *testing.T) (net.Conn, net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	b, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	a, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}
