package http

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"sallyport/internal/backend/secure"
)

// TestAnswerByHeadAlone: a backend that has answered and closed before the
// request's first content could be sent has answered all the same. Its socket
// takes next to nothing, so that the content cannot be on its way before.
func TestAnswerByHeadAlone(t *testing.T) {
	own := httptest.NewUnstartedServer(nil)
	own.StartTLS()
	defer own.Close()
	small := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) })
	}}
	ln, err := small.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				c := tls.Server(nc, &tls.Config{Certificates: own.TLS.Certificates})
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 6\r\n\r\nenough")
				}
				c.Close()
			}()
		}
	}()
	r := newRig(t, ln.Addr().String(), overTLS(secure.Options{}))
	for range 5 {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 30000))
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(res.Body); res.StatusCode != 413 || string(b) != "enough" || err != nil {
			t.Errorf("%s %q %v", res.Status, b, err)
		}
		c.Close()
	}
}
