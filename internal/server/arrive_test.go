package server_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"sallyport/internal/server"
)

// TestStopWhileArriving: a connection whose PROXY header is not complete keeps
// no stop waiting, and leaves nothing.
func TestStopWhileArriving(t *testing.T) {
	none := goroutines()
	srv, err := server.New()
	if err != nil {
		t.Fatal(err)
	}
	text := "ServerName x\nErrorLog " + filepath.Join(t.TempDir(), "error.log") + "\nRemoteIPProxyProtocol On\nRequestReadTimeout header=100\n"
	if err := srv.Use(build(t, srv, text), []server.Listen{{Network: "tcp4", Addr: "127.0.0.1:0"}}, 0); err != nil {
		t.Fatal(err)
	}
	addr := srv.Addrs()[0].String()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	io.WriteString(nc, "PROXY TCP4 198.51.")
	whole, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	whole.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(whole, "PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if n, err := whole.Read(make([]byte, 1)); n != 1 {
		t.Fatal(err)
	}
	srv.Stop(context.Background())
	settles(t, "after the stop", none)
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	if n, err := nc.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}
