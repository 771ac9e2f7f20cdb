package pool

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/resolve"
)

// TestMoved: with addressttl= a name is looked up that often, though what it
// said holds longer, and connections to addresses it has lost are not used
// again; without it they are.
func TestMoved(t *testing.T) {
	r, _, l := rig(t)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	hosts := filepath.Join(t.TempDir(), "hosts")
	point := func(addr string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(hosts, []byte(addr+" app.test\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(hosts, at, at) // read again only if it looks changed
	}
	now := time.Now()
	point("127.0.0.1", now)
	r.Names.Close()
	r.Names = resolve.NewFrom(filepath.Join(t.TempDir(), "none"), hosts)
	p := r.For(backend.Target{Scheme: "http", Network: "tcp", Addr: "app.test:" + port})

	follows, stays := &backend.Worker{AddressTTL: time.Second}, &backend.Worker{}
	c := get(t, p, follows)
	p.Put(c, follows)
	point("127.0.0.2", now.Add(time.Hour))
	there := netip.MustParseAddrPort("127.0.0.1:" + port)
	for end := time.Now().Add(20 * time.Second); r.Names.Has("app.test:"+port, there); {
		if time.Now().After(end) {
			t.Fatal("the name was not looked up again")
		}
		time.Sleep(10 * time.Millisecond)
		r.Tend()
	}
	again, f := p.Get(stays, Want{Hint: 1})
	if f != nil || !again.Reused {
		t.Fatalf("without addressttl: reused %v, %v", again != nil && again.Reused, f)
	}
	p.Put(again, stays)
	if again, f = p.Get(follows, Want{Hint: 1}); f == nil && again.Reused {
		t.Error("with addressttl the connection was used again")
	}
	if n := p.Idle(); n != 0 {
		t.Errorf("%d connections are left idle", n)
	}
}
