package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/internal/server"
)

// answer is what the backend of these measurements sends to every request.
var answer = []byte("HTTP/1.1 200 OK\r\nServer: b\r\nDate: Sun, 01 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n0123456789")

// plainBackend is a backend that makes no garbage: whatever comes in one read is
// one request.
func plainBackend(t testing.TB) string {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				for buf := make([]byte, 4096); ; {
					if _, err := nc.Read(buf); err != nil {
						return
					}
					if _, err := nc.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// serveText runs a server on some port of loopback until the test ends.
func serveText(t testing.TB, text string) string {
	srv, err := server.New()
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Sprintf("ServerName a.test\nMaxKeepAliveRequests 0\nErrorLog %s\n%s", filepath.Join(t.TempDir(), "error.log"), text)
	if err := srv.Use(build(t, srv, text), []server.Listen{{Network: "tcp4", Addr: "127.0.0.1:0"}}, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Stop(context.Background()) })
	return srv.Addrs()[0].String()
}

// aClient is a connection that asks and reads without making garbage.
type aClient struct {
	net.Conn
	buf     [4096]byte
	request []byte
}

func dialClient(t testing.TB, addr string) *aClient {
	nc, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &aClient{Conn: nc, request: []byte("GET /app/page?x=1 HTTP/1.1\r\nHost: a.test\r\nUser-Agent: test\r\nAccept: */*\r\nCookie: a=b\r\n\r\n")}
}

// ask sends the request and reads the response, which comes in one piece.
func (c *aClient) ask() error {
	if _, err := c.Write(c.request); err != nil {
		return err
	}
	n, err := c.Read(c.buf[:])
	if err == nil && !strings.HasPrefix(string(c.buf[:min(n, 12)]), "HTTP/1.1 200") {
		err = fmt.Errorf("answered %q", c.buf[:n])
	}
	return err
}

// TestAllocations holds the promise of the data plane: in steady state a
// proxied GET makes two objects, the head of the request and that of the
// response, each one string; an access log and a balancer add none.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's pools drop what is put into them")
	}
	to := plainBackend(t)
	log := filepath.Join(t.TempDir(), "access.log")
	for name, text := range map[string]string{
		"plain":    "ProxyPass /app/ http://" + to + "/\nProxyPassReverse /app/ http://" + to + "/\n",
		"log":      "CustomLog " + log + " \"%h %l %u %t \\\"%r\\\" %>s %b \\\"%{Referer}i\\\" \\\"%{User-Agent}i\\\"\"\nProxyPass /app/ http://" + to + "/\n",
		"balancer": "<Proxy balancer://b>\nBalancerMember http://" + to + "\nBalancerMember http://" + to + "/x\n</Proxy>\nProxyPass /app/ balancer://b/\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dialClient(t, serveText(t, text))
			for range 100 {
				if err := c.ask(); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			n := testing.AllocsPerRun(2000, func() { err = errors.Join(err, c.ask()) })
			if err != nil {
				t.Fatal(err)
			}
			if n > 2 {
				t.Errorf("%v allocations per request, want at most 2", n)
			}
		})
	}
}

// BenchmarkGet is a proxied GET with clients on all cores. The time includes
// that of client and backend, which share the process; run it with -cpu 1,2 and
// -mutexprofile to see whether cores get into each other's way.
func BenchmarkGet(b *testing.B) {
	to := plainBackend(b)
	addr := serveText(b, "ProxyPass / http://"+to+"/\n")
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := dialClient(b, addr)
		for pb.Next() {
			if err := c.ask(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
