package remoteip

import (
	"net/netip"
	"strings"
	"testing"

	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/modules/roomtest"
)

// peel's verdicts beyond those that scripts compare with httpd.
func TestPeel(t *testing.T) {
	for _, c := range []struct{ value, addr, rest, via string }{
		{"localhost", "invalid IP", "localhost", ""},
		{"localhost, 198.51.100.7", "198.51.100.7", "localhost", "192.0.2.1"},
		{"fe80::1%lo", "invalid IP", "fe80::1%lo", ""},
		{"0x7f.1", "invalid IP", "0x7f.1", ""},
		{"198.51.100.07", "invalid IP", "198.51.100.07", ""},
		{"::", "invalid IP", "::", ""},
		{"3fff::1", "3fff::1", "", "192.0.2.1"},
		{"4000::1", "invalid IP", "4000::1", ""},
		{"::ffff:10.0.0.1", "invalid IP", "::ffff:10.0.0.1", ""},
		{"172.16.0.1", "invalid IP", "172.16.0.1", ""},
		{"172.32.0.1", "172.32.0.1", "", "192.0.2.1"},
		{",,", "invalid IP", ",,", ""},
		{"", "invalid IP", "", ""},
	} {
		x, _ := exchangetest.NewExchange("GET", "/")
		x.Client.Addr = netip.MustParseAddrPort("192.0.2.1:5")
		addr, rest, via := new(peeler).peel(x, c.value)
		if addr.String() != c.addr || rest != c.rest || via != c.via {
			t.Errorf("%q: %v, left %q, via %q", c.value, addr, rest, via)
		}
	}
}

// The connection's own client is not touched: the next exchange finds it as it
// was.
func TestClientOfOneExchange(t *testing.T) {
	h := roomtest.New(t, "RemoteIPHeader X-Client", &Room)
	x, _ := h.Exchange("GET", "/", "X-Client: 198.51.100.7")
	own := x.Client
	before := own.Addr
	h.Serve(x)
	if own.Addr != before || x.Client == own || x.Client.Text() != "198.51.100.7" || x.Client.Remote != own.Remote {
		t.Errorf("own %v, the exchange's %v", own.Addr, x.Client.Addr)
	}
}

func TestFieldNames(t *testing.T) {
	for _, name := range []string{`"X Y"`, "X:", "Ü"} {
		_, diags := roomtest.Compile(t, "/", "RemoteIPHeader "+name, &Room)
		if len(diags) != 1 || !strings.Contains(diags[0].Text, "header field") {
			t.Errorf("%s: %v", name, diags)
		}
	}
}

func FuzzPeel(f *testing.F) {
	f.Add("203.0.113.4, 10.0.0.1 ,198.51.100.7")
	f.Add(", ,::1")
	f.Fuzz(func(t *testing.T, value string) {
		x, _ := exchangetest.NewExchange("GET", "/")
		addr, rest, _ := new(peeler).peel(x, value)
		if !addr.IsValid() && rest != value {
			t.Errorf("%q: nothing taken, %q left", value, rest)
		}
		if addr.IsValid() && (!public(addr) || len(rest) >= len(value)) {
			t.Errorf("%q: %v taken, %q left", value, addr, rest)
		}
	})
}
