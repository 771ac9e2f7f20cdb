package hosts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"sallyport/internal/exchange"
)

// The verdicts on patterns are those of httpd 2.4.71's Require ip.
func TestParseNet(t *testing.T) {
	for _, c := range []struct {
		pattern string
		in, out []string
		err     error
	}{
		{pattern: "10.1.2.3", in: []string{"10.1.2.3", "::ffff:10.1.2.3"}, out: []string{"10.1.2.4", "::1"}},
		{pattern: "10", in: []string{"10.0.0.0", "10.255.255.255"}, out: []string{"11.0.0.0", "9.255.255.255"}},
		{pattern: "10.", in: []string{"10.9.9.9"}, out: []string{"100.1.1.1"}},
		{pattern: "10.1", in: []string{"10.1.9.9"}, out: []string{"10.10.1.1"}},
		{pattern: "10.1.2.", in: []string{"10.1.2.255"}, out: []string{"10.1.20.1"}},
		{pattern: "010.001", in: []string{"10.1.2.3"}, out: []string{"8.1.2.3"}},
		{pattern: "010.001.002.003", in: []string{"10.1.2.3"}, out: []string{"10.1.2.4"}},
		{pattern: "10.1.2.3/16", in: []string{"10.1.200.1"}, out: []string{"10.2.0.0"}},
		{pattern: "10.1.2.3/255.255.0.0", in: []string{"10.1.200.1"}, out: []string{"10.2.0.0"}},
		{pattern: "10.1.2.3/255.0.255.0", in: []string{"10.77.2.99"}, out: []string{"10.1.3.3", "::1"}},
		{pattern: "10.1.2.3/0.0.0.0", in: []string{"1.1.1.1"}, out: []string{"::1"}},
		{pattern: "::1", in: []string{"::1"}, out: []string{"::2", "0.0.0.1"}},
		{pattern: "2001:db8::/32", in: []string{"2001:db8:ffff::1"}, out: []string{"2001:db9::"}},
		{pattern: "::/1", in: []string{"::1"}, out: []string{"127.0.0.1", "::ffff:127.0.0.1"}},
		{pattern: "fe80::/10", in: []string{"fe80::1%lo"}},
		{pattern: "foo", err: ErrNotIP},
		{pattern: "foo/8", err: ErrNotIP},
		{pattern: "10.a", err: ErrNotIP},
		{pattern: "[::1]", err: ErrBadIP},
		{pattern: "1.2.3.4:80", err: ErrBadIP},
		{pattern: "10.1.2.3.4", err: ErrBadIP},
		{pattern: "256.1", err: ErrBadIP},
		{pattern: "10/8", err: ErrBadIP},
		{pattern: "10/a", err: ErrBadIP},
		{pattern: ".", err: ErrBadIP},
		{pattern: "10..1", err: ErrBadIP},
		{pattern: "", err: ErrBadIP},
		{pattern: "::ffff:1.2.3.4", err: ErrBadIP},
		{pattern: "fe80::1%lo", err: ErrBadIP},
		{pattern: "10.1.2.3/33", err: ErrMask},
		{pattern: "10.1.2.3/0", err: ErrMask},
		{pattern: "10.1.2.3/", err: ErrMask},
		{pattern: "1.2.3.4/foo", err: ErrMask},
		{pattern: "::1/0", err: ErrMask},
		{pattern: "::1/129", err: ErrMask},
		{pattern: "2001:db8::/ffff::", err: ErrMask},
		{pattern: "::1/255.0.0.0", err: ErrMask},
	} {
		n, err := ParseNet(c.pattern)
		if err != c.err {
			t.Errorf("%q: error %v, want %v", c.pattern, err, c.err)
			continue
		}
		set := MakeSet([]Net{n})
		for i, list := range [][]string{c.in, c.out} {
			for _, a := range list {
				addr := netip.MustParseAddr(a)
				if n.Contains(addr) != (i == 0) || set.Contains(addr) != (i == 0) {
					t.Errorf("%q and %s: %v, in a set %v", c.pattern, a, n.Contains(addr), set.Contains(addr))
				}
			}
		}
	}
}

// A Set says what its patterns say one by one.
func TestSetAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	v4 := func() string { return fmt.Sprintf("10.%d.%d.%d", r.IntN(3), r.IntN(4), r.IntN(256)) }
	v6 := func() string { return fmt.Sprintf("2001:db8:%x::%x", r.IntN(4), r.IntN(256)) }
	for range 200 {
		var nets []Net
		for range 1 + r.IntN(20) {
			s := fmt.Sprintf("%s/%d", v4(), 14+r.IntN(19))
			switch r.IntN(4) {
			case 0:
				s = fmt.Sprintf("%s/%d", v6(), 30+r.IntN(99))
			case 1:
				s = v4() + "/255.0.255.0"
			}
			n, err := ParseNet(s)
			if err != nil {
				t.Fatal(s, err)
			}
			nets = append(nets, n)
		}
		set := MakeSet(nets)
		for range 100 {
			a := netip.MustParseAddr(v4())
			if r.IntN(3) == 0 {
				a = netip.MustParseAddr(v6())
			}
			want := false
			for i := range nets {
				want = want || nets[i].Contains(a)
			}
			if got := set.Contains(a); got != want {
				t.Fatalf("%v and %s: %v, one by one %v", nets, a, got, want)
			}
		}
	}
}

func FuzzParseNet(f *testing.F) {
	f.Add("10.1/255.0.255.0", "10.1.2.3")
	f.Add("::1/64", "::2")
	f.Fuzz(func(t *testing.T, pattern, addr string) {
		n, err := ParseNet(pattern)
		if err != nil {
			return
		}
		a, err := netip.ParseAddr(addr)
		if err != nil {
			return
		}
		s := MakeSet([]Net{n, n})
		if s.Contains(a) != n.Contains(a) {
			t.Errorf("%q and %s disagree", pattern, addr)
		}
	})
}

func TestInDomain(t *testing.T) {
	for _, c := range []struct {
		domain, host string
		want         bool
	}{
		{"example.org", "example.org", true},
		{"example.org", "foo.EXAMPLE.org", true},
		{"example.org", "fooexample.org", false},
		{".example.org", "foo.example.org", true},
		{".example.org", "example.org", false},
		{"org", "example.org", true},
		{"foo.example.org", "example.org", false},
		{"", "example.org", false},
	} {
		if got := InDomain(c.domain, c.host); got != c.want {
			t.Errorf("%q in %q: %v", c.host, c.domain, got)
		}
	}
}

// dns is a resolver that counts questions.
type dns struct {
	ptr, a map[string]string
	asked  int
}

func (d *dns) LookupAddr(_ context.Context, addr string) ([]string, error) {
	d.asked++
	if n := d.ptr[addr]; n != "" {
		return []string{n}, nil
	}
	return nil, errors.New("no such host")
}

func (d *dns) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	d.asked++
	if a := d.a[host]; a != "" {
		return []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr(a)}, nil
	}
	return nil, errors.New("no such host")
}

func TestName(t *testing.T) {
	d := &dns{
		ptr: map[string]string{"192.0.2.1": "Good.Test.", "192.0.2.2": "liar.test."},
		a:   map[string]string{"good.test": "::ffff:192.0.2.1", "liar.test": "192.0.2.77"},
	}
	at := func(a string) *exchange.Client {
		return &exchange.Client{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 1)}
	}
	for _, c := range []struct {
		addr, plain, double string
	}{
		{"192.0.2.1", "good.test", "good.test"},
		{"::ffff:192.0.2.1", "good.test", "good.test"},
		{"192.0.2.2", "liar.test", ""},
		{"192.0.2.3", "", ""},
	} {
		if got := name(d, at(c.addr), false); got != c.plain {
			t.Errorf("%s: %q", c.addr, got)
		}
		if got := name(d, at(c.addr), true); got != c.double {
			t.Errorf("%s, double: %q", c.addr, got)
		}
	}
	c := at("192.0.2.1")
	d.asked = 0
	name(d, c, true)
	name(d, c, false)
	name(d, c, true)
	if d.asked != 2 {
		t.Errorf("asked %d times for one connection", d.asked)
	}
	c.Addr = netip.MustParseAddrPort("192.0.2.2:1") // a nearer proxy told
	if got := name(d, c, false); got != "liar.test" {
		t.Errorf("after a change of address: %q", got)
	}
	if !LeadsTo("127.0.0.1", netip.MustParseAddr("127.0.0.1")) || LeadsTo("127.0.0.1", netip.MustParseAddr("127.0.0.2")) {
		t.Error("LeadsTo mistakes an address for another")
	}
}
