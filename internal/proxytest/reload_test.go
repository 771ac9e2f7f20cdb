package proxytest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// TestReloadAndStop: connections of HTTP/2 and HTTP/3 outlive a reload, and what
// is under way finishes at a reload and at a graceful stop.
func TestReloadAndStop(t *testing.T) {
	p := sallyport(t)
	release := make(chan struct{})
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first")
		if r.URL.Path == "/hold" {
			w.(http.Flusher).Flush()
			<-release
		}
		io.WriteString(w, " last")
	}))
	defer back.Close()
	text := "Reload.\n-- httpd.conf --\nProxyPass / " + back.URL + "/\n-- script --\ncheck\n"
	for _, front := range []string{"h2c", "h2", "h3"} {
		t.Run(front, func(t *testing.T) {
			s, err := ParseScript("reload", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			via := newVia(front).(*library)
			r := stand(t, p, s, via)
			defer r.close()
			var dials atomic.Int64
			tr := via.client()
			if h3, ok := tr.(*http3.Transport); ok {
				h3.Dial = func(ctx context.Context, addr string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
					dials.Add(1)
					return quic.DialAddr(ctx, addr, t, q)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), 2*stepTimeout)
			defer cancel()
			ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
				if !i.Reused && front != "h3" {
					dials.Add(1)
				}
			}})
			get := func(path string) *http.Response {
				t.Helper()
				q, err := http.NewRequestWithContext(ctx, "GET", via.scheme+"://127.0.0.1:"+r.port+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := tr.RoundTrip(q)
				if err != nil {
					t.Fatal(err)
				}
				return resp
			}
			hold := func() *http.Response {
				t.Helper()
				resp := get("/hold")
				b := make([]byte, 5)
				if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != "first" {
					t.Fatalf("%q %v", b, err)
				}
				return resp
			}
			rest := func(resp *http.Response, want string) {
				t.Helper()
				b, err := io.ReadAll(resp.Body)
				if string(b) != want || err != nil {
					t.Errorf("%q %v, want %q", b, err, want)
				}
			}
			if front == "h3" {
				announced(t, r.port)
			}
			held := hold()
			if err := r.proc.reload(syscall.SIGUSR1); err != nil {
				t.Fatal(err)
			}
			rest(get("/quick"), "first last")
			release <- struct{}{}
			rest(held, " last")
			if n := dials.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
			held = hold()
			if err := r.proc.cmd.Process.Signal(syscall.SIGWINCH); err != nil {
				t.Fatal(err)
			}
			release <- struct{}{}
			rest(held, " last")
			if err := r.proc.wait(stepTimeout); err != nil {
				t.Errorf("%v\n%s", err, fmt.Sprint(r.proc.output))
			}
		})
	}
}

// announced: a client over TCP is told of HTTP/3 at the port that it knows.
func announced(t *testing.T, port string) {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get("https://127.0.0.1:" + port + "/quick")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got, want := resp.Header.Get("Alt-Svc"), `h3=":`+port+`"; ma=86400`; got != want {
		t.Errorf("Alt-Svc %q, want %q", got, want)
	}
}
