package h2

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"sallyport/internal/backend"
)

// TestWebSocket: an upgrade becomes an extended CONNECT (RFC 8441), and bytes
// go both ways until both sides have ended.
func TestWebSocket(t *testing.T) {
	r := newRig(t)
	upgrade := func(q *backend.Request) { q.Upgrade = "websocket" }
	res, done := r.async(request{method: "GET", path: "/chat", change: upgrade, header: []string{
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"}})
	near, far := net.Pipe()
	res.Tunnel = far
	p := r.accept(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
	id, head := p.headers()
	for _, want := range []string{":method: CONNECT\n", ":protocol: websocket\n", ":path: /chat\n", ":scheme: http\n", "sec-websocket-version: 13\n"} {
		if !strings.Contains(head, want) {
			t.Errorf("no %q in %s", want, head)
		}
	}
	if strings.Contains(head, "sec-websocket-key") {
		t.Errorf("a key was sent: %s", head)
	}
	p.answer(id, false, ":status: 200")
	wait(t, done)
	if h := &res.x.Out.Header; res.f != nil || res.x.Out.Status != 101 || h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || h.Get("Upgrade") != "websocket" {
		t.Fatalf("%v %+v", res.f, res.x.Out)
	}
	over := make(chan struct{})
	go func() {
		res.reply.Tunnel(res.x, time.Minute, true)
		close(over)
	}()
	near.SetDeadline(time.Now().Add(patience))
	near.Write([]byte("from the client"))
	if d, ok := p.next().(*http2.DataFrame); !ok || string(d.Data()) != "from the client" {
		t.Fatalf("the backend got %v", d)
	}
	p.WriteData(id, false, []byte("from the backend"))
	b := make([]byte, 16)
	if n, err := near.Read(b); string(b[:n]) != "from the backend" {
		t.Fatalf("the client got %q, %v", b[:n], err)
	}
	p.WriteData(id, true, nil)
	near.Close()
	select {
	case <-over:
	case <-time.After(patience):
		t.Fatal("the tunnel does not end")
	}
	if g := r.group(); g.Busy() != 0 {
		t.Error("the stream is still there")
	}

	// A tunnel in which nothing moves ends.
	res, done = r.async(request{method: "GET", path: "/chat", change: upgrade})
	_, res.Tunnel = net.Pipe()
	id, _ = p.headers()
	p.answer(id, false, ":status: 200")
	wait(t, done)
	res.reply.Tunnel(res.x, 50*time.Millisecond, true)

	// Without the backend's word for it, it is a request like others.
	r = newRig(t)
	_, done = r.async(request{method: "GET", path: "/chat", change: upgrade})
	p = r.accept()
	id, head = p.headers()
	if !strings.Contains(head, ":method: GET\n") || strings.Contains(head, ":protocol") {
		t.Errorf("%s", head)
	}
	p.ok(id, "no tunnel here")
	if res := wait(t, done); res.Head.Status != 200 {
		t.Errorf("%+v", res.Head)
	}
}
