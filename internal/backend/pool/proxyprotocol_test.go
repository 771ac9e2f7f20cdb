package pool

import (
	"net"
	"net/netip"
	"testing"

	proxyproto "github.com/pires/go-proxyproto"

	"sallyport/internal/backend"
	"sallyport/internal/watch"
)

// TestProxyProtocol: each connection begins with its client's address, and
// serves that client only.
func TestProxyProtocol(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &proxyproto.Listener{Listener: inner, ConnPolicy: func(proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
		return proxyproto.REQUIRE, nil
	}}
	seen := make(chan [2]string, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h := c.(*proxyproto.Conn).ProxyHeader()
			if h == nil || h.Command == proxyproto.LOCAL {
				seen <- [2]string{"local", ""}
				continue
			}
			seen <- [2]string{h.SourceAddr.String(), h.DestinationAddr.String()}
		}
	}()
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	r := NewRegistry(w)
	t.Cleanup(func() { l.Close(); r.Close(); w.Close() })
	a, b := netip.MustParseAddrPort("192.0.2.1:1000"), netip.MustParseAddrPort("[2001:db8::1]:2000")
	to := netip.MustParseAddrPort("192.0.2.9:80")
	for _, version := range []int{1, 2} {
		target := backend.Target{Scheme: "http", Network: "tcp", Addr: inner.Addr().String(), ProxyProtocol: version}
		p, work := r.For(target), &backend.Worker{Target: target}
		want := func(n Want, reused bool, src, dst string) *Conn {
			t.Helper()
			c, f := p.Get(work, n)
			if f != nil {
				t.Fatal(f)
			}
			if c.Reused != reused {
				t.Fatalf("v%d: reused %t, want %t", version, c.Reused, reused)
			}
			if !reused {
				if got := <-seen; got != [2]string{src, dst} {
					t.Errorf("v%d: the backend was told %v, want %s to %s", version, got, src, dst)
				}
			}
			return c
		}
		c := want(Want{From: a, To: to}, false, "192.0.2.1:1000", "192.0.2.9:80")
		p.Put(c, work)
		d := want(Want{From: b, To: to}, false, "[2001:db8::1]:2000", "[::]:80")
		e := want(Want{From: a, To: to}, true, "", "")
		p.Put(d, work)
		p.Put(e, work)
		if f := p.Probe(work, ""); f != nil {
			t.Fatal(f)
		}
		if got := <-seen; got[0] != "local" {
			t.Errorf("v%d: a probe says %v, want that it is nobody's", version, got)
		}
	}
}

// TestOthers: clients that choose the names don't choose how many connections
// are kept.
func TestOthers(t *testing.T) {
	r, _, l := rig(t)
	target := backend.Target{Scheme: "http", Network: "tcp", Addr: l.Addr().String(), ProxyProtocol: 1}
	p, work := r.For(target), &backend.Worker{Target: target}
	for port := range uint16(200) {
		c, f := p.Get(work, Want{From: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port+1), To: netip.MustParseAddrPort("192.0.2.9:80")})
		if f != nil {
			t.Fatal(f)
		}
		p.Put(c, work)
	}
	if n := p.Idle(); n == 0 || n > nshards*(maxOthers+1) {
		t.Errorf("%d idle connections after 200 clients", n)
	}
}
