//go:build linux

package h3

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"

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
	full   atomic.Bool
	front  *Front
	ln     *Listener
	tls    *tls.Config
	busy   atomic.Int64
	most   atomic.Int64
	served atomic.Int64
	visits atomic.Int64

	refused atomic.Int64
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, h2: exchange.HTTP2{MaxStreams: 100, Window: 65535, MaxErrors: 8}}
	h.set = exchange.ServerSettings{
		Timeout: time.Minute, KeepAlive: true, KeepAliveTimeout: time.Minute,
		LimitRequestLine: 8190, LimitRequestFields: 100, LimitFieldSize: 8190, MergeSlashes: true,
	}
	h.set.Versions.HTTP2 = &h.h2
	h.srv = exchange.Server{Name: "front.test", Core: &h.set}
	h.srv.Base = &exchange.Place{Server: &h.srv}
	h.tls = &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h3"}}
	return h
}

// open lets connections in, once the test has set all.
func (h *house) open() {
	h.t.Helper()
	w, err := watch.New()
	if err != nil {
		h.t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	var id atomic.Uint64
	h.front = &Front{
		House: h, Watch: w, ID: func() uint64 { return id.Add(1) },
		Settings: func(netip.AddrPort) *exchange.ServerSettings { return &h.set },
		Secure:   func(netip.AddrPort, *tls.ClientHelloInfo) (*tls.Config, error) { return h.tls, nil },
		Room:     func() bool { return !h.full.Load() },
	}
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	if h.ln, err = h.front.Listen(pc); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		h.ln.Close()
		h.front.Close()
		eventually(h.t, "visits end", func() bool { return h.visits.Load() == 0 && h.front.Running() == 0 })
		h.ln.Release()
		eventually(h.t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
		w.Close()
	})
}

func certificate(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a.test"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
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

// Admit implements exchange.House.
func (h *house) Admit(c *exchange.Client) exchange.Visit {
	h.visits.Add(1)
	return visit{h}
}

type visit struct{ *house }

func (v visit) Enter() *exchange.ServerSettings { return &v.set }
func (v visit) TLS() *tls.Config                { return nil }
func (v visit) Secured(s tls.ConnectionState, err error) *exchange.TLS {
	return &exchange.TLS{State: s}
}
func (v visit) Logger() *errorlog.Logger { return nil }
func (v visit) Leave() bool              { return true }
func (v visit) Bye()                     { v.visits.Add(-1) }
func (v visit) Stream(*exchange.Client) exchange.Visit {
	v.visits.Add(1)
	return v
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
	v.refused.Add(1)
}

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
	t       *testing.T
	qc      *quic.Conn
	tr      *quic.Transport
	control *quic.SendStream
}

// dial connects without a word of HTTP/3.
func (h *house) dial(conf *quic.Config) (*client, error) {
	h.t.Helper()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	tr := &quic.Transport{Conn: pc}
	c := &client{t: h.t, tr: tr}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.qc, err = tr.Dial(ctx, net.UDPAddrFromAddrPort(h.ln.local), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h3"}, ServerName: "a.test"}, conf)
	closed := func() {
		if c.qc != nil {
			c.qc.CloseWithError(0, "")
		}
		tr.Close()
		pc.Close()
	}
	if err != nil {
		closed()
		return nil, err
	}
	h.t.Cleanup(closed)
	return c, nil
}

// connect is dial with our control stream opened.
func (h *house) connect() *client {
	h.t.Helper()
	c, err := h.dial(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if c.control, err = c.qc.OpenUniStream(); err != nil {
		h.t.Fatal(err)
	}
	c.control.Write(frame([]byte{streamControl}, frameSettings, nil))
	return c
}

func frame(b []byte, typ uint64, p []byte) []byte { return append(appendHead(b, typ, len(p)), p...) }

// block encodes fields, written "name: value".
func block(fields ...string) []byte {
	var b bytes.Buffer
	e := qpack.NewEncoder(&b)
	for _, f := range fields {
		i := strings.Index(f[1:], ": ") + 1
		e.WriteField(qpack.HeaderField{Name: f[:i], Value: f[i+2:]})
	}
	return b.Bytes()
}

var get = []string{":method: GET", ":scheme: https", ":path: /", ":authority: a.test"}
var post = []string{":method: POST", ":scheme: https", ":path: /", ":authority: a.test"}

// send opens a stream and writes; end ends our half.
func (c *client) send(end bool, parts ...[]byte) *quic.Stream {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := c.qc.OpenStreamSync(ctx)
	if err != nil {
		return nil
	}
	for _, p := range parts {
		s.Write(p)
	}
	if end {
		s.Close()
	}
	return s
}

func headers(fields ...string) []byte { return frame(nil, frameHeaders, block(fields...)) }

// result is the outcome of a stream, as in front/h2's tests: "200 body", or the
// number of the error behind what has come.
func result(s *quic.Stream) string {
	if s == nil {
		return "no stream"
	}
	s.SetReadDeadline(time.Now().Add(patience))
	var b strings.Builder
	r := quicvarint.NewReader(s)
	for {
		typ, err := quicvarint.Read(r)
		if err != nil {
			var se *quic.StreamError
			var ae *quic.ApplicationError
			switch {
			case errors.As(err, &se):
				fmt.Fprintf(&b, " %#x", uint64(se.ErrorCode))
			case errors.As(err, &ae):
				fmt.Fprintf(&b, " connection %#x", uint64(ae.ErrorCode))
			case err != io.EOF:
				fmt.Fprintf(&b, " %v", err)
			}
			return strings.Trim(b.String(), " ")
		}
		n, _ := quicvarint.Read(r)
		p := make([]byte, n)
		io.ReadFull(r, p)
		switch typ {
		case frameHeaders:
			next := qpack.NewDecoder().Decode(p)
			for f, err := next(); err == nil; f, err = next() {
				switch f.Name {
				case ":status":
					b.WriteString(f.Value)
				case "date", "server", "content-length":
				default:
					fmt.Fprintf(&b, " %s=%s", f.Name, f.Value)
				}
			}
		case frameData:
			b.WriteString(" " + string(p))
		}
	}
}

// end waits for the connection to end and gives the error's number.
func (c *client) end() string {
	c.t.Helper()
	select {
	case <-c.qc.Context().Done():
	case <-time.After(patience):
		c.t.Fatal("the connection stays")
	}
	var ae *quic.ApplicationError
	if errors.As(context.Cause(c.qc.Context()), &ae) {
		return fmt.Sprintf("%#x", uint64(ae.ErrorCode))
	}
	return fmt.Sprint(context.Cause(c.qc.Context()))
}

// works checks that another client is served.
func (h *house) works() {
	h.t.Helper()
	c := h.connect()
	if got := result(c.send(true, headers(get...))); got != "200 GET /" {
		h.t.Errorf("another client gets %q", got)
	}
	c.qc.CloseWithError(0, "")
}
