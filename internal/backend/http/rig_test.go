package http

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/pool"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/front/h1"
	"sallyport/internal/message"
	"sallyport/internal/watch"
)

// rig is the shortest proxy that can be made of the front and the transport:
// no configuration, every request goes to one backend as it came.
type rig struct {
	addr  string
	work  *backend.Worker
	srv   *exchange.Server
	trans Transport
}

func (r *rig) Admit(c *exchange.Client) exchange.Visit { return rigVisit{r} }

type rigVisit struct{ *rig }

func (v rigVisit) Enter() *exchange.ServerSettings                  { return v.srv.Core }
func (v rigVisit) TLS() *tls.Config                                 { return nil }
func (v rigVisit) Secured(tls.ConnectionState, error) *exchange.TLS { return nil }
func (v rigVisit) Leave() bool                                      { return true }
func (v rigVisit) Bye()                                             {}
func (v rigVisit) Refuse(x *exchange.Exchange, status int, why string) {
	x.Server, x.Place = v.srv, v.srv.Base
	x.Out.Status = status
	x.Begin()
	x.Down.End(nil)
}

func (v rigVisit) Serve(x *exchange.Exchange) {
	x.Server, x.Place = v.srv, v.srv.Base
	req := backend.Request{Method: x.Request.Method, Path: x.RawPath, Query: x.Query, HasQuery: x.HasQuery,
		Host: v.work.Target.Addr, Body: &x.Request.Body, Replay: x.Request.Method == "GET",
		ClientExpects: x.Request.Header.Has(message.Expect)}
	for _, f := range x.Request.Header.Fields {
		switch f.Known {
		case message.Host, message.Connection, message.ContentLength, message.TransferEncoding, message.Expect, message.Upgrade:
		default:
			req.Header.Fields = append(req.Header.Fields, f)
		}
	}
	req.Upgrade, _ = x.Request.Header.Known(message.Upgrade)
	reply, f := v.trans.Start(x, v.work, &req)
	if f != nil {
		if f.Code() == 0 {
			x.Aborted = true
			return
		}
		x.Restart()
		x.Out.Status = f.Code()
		x.Begin()
		x.Down.End(nil)
		return
	}
	if x.Begin() == nil {
		if x.Out.Status == 101 {
			reply.Tunnel(x, time.Minute, true)
			return
		}
		reply.Deliver(x)
	}
	x.Down.End(nil)
}

// newRig starts a proxy in front of a backend address.
func newRig(t testing.TB, to string, options ...func(*rig)) *rig {
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	set := &exchange.ServerSettings{Timeout: 10 * time.Second, KeepAlive: true, KeepAliveTimeout: 5 * time.Second,
		LimitRequestLine: 8190, LimitRequestFields: 100, LimitFieldSize: 8190, MergeSlashes: true}
	srv := &exchange.Server{Name: "rig.test", Core: set}
	srv.Base = &exchange.Place{Server: srv}
	reg := pool.NewRegistry(w)
	target := backend.Target{Scheme: "http", Network: "tcp", Addr: to}
	r := &rig{srv: srv, work: &backend.Worker{Target: target, Pool: reg.For(target), Timeout: 10 * time.Second, ConnectTimeout: time.Second}}
	for _, o := range options {
		o(r)
	}
	front := &h1.Front{House: r, Watch: w}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			front.Serve(nc, netip.AddrPort{})
		}
	}()
	t.Cleanup(func() { l.Close(); front.Drain(); front.Close(); reg.Close(); w.Close() })
	return r
}

func TestRoundTrips(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/small", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello "+r.Header.Get("X-Token")) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "3000000")
		w.Write(make([]byte, 3000000))
	})
	mux.HandleFunc("/chunks", func(w http.ResponseWriter, r *http.Request) {
		for i := range 50 {
			fmt.Fprintf(w, "%d\n", i)
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		io.Copy(w, r.Body)
	})
	back := &http.Server{Handler: mux}
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	go back.Serve(l)
	defer back.Close()
	r := newRig(t, l.Addr().String())
	get := func(method, path string, body io.Reader, n int) string {
		t.Helper()
		req, _ := http.NewRequest(method, "http://"+r.addr+path, body)
		req.Header.Set("X-Token", "tok")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(method, path, err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(method, path, res.StatusCode, err)
		}
		if n >= 0 && len(b) != n {
			t.Fatalf("%s %s: %d bytes, want %d", method, path, len(b), n)
		}
		return string(b)
	}
	for range 3 {
		if s := get("GET", "/small", nil, -1); s != "hello tok" {
			t.Fatal(s)
		}
		get("HEAD", "/small", nil, 0)
		get("GET", "/large", nil, 3000000)
		get("GET", "/chunks", nil, -1)
		get("POST", "/echo", strings.NewReader(strings.Repeat("x", 100)), 100)
		get("POST", "/echo", strings.NewReader(strings.Repeat("x", 16<<10)), 16<<10)
		get("POST", "/echo", strings.NewReader(strings.Repeat("x", 5<<20)), 5<<20)
		get("POST", "/echo", struct{ io.Reader }{strings.NewReader(strings.Repeat("x", 300<<10))}, 300<<10)
	}
}

// TestHold keeps a rig running for measuring by hand: RIG_TO names the backend.
func TestHold(t *testing.T) {
	to := os.Getenv("RIG_TO")
	if to == "" {
		t.Skip("set RIG_TO=host:port to hold a rig open for measuring")
	}
	r := newRig(t, to)
	fmt.Println("rig at", r.addr, "pid", os.Getpid())
	time.Sleep(60 * time.Second)
}

func (v rigVisit) Stream(*exchange.Client) exchange.Visit { return v }
func (v rigVisit) Logger() *errorlog.Logger               { return nil }
