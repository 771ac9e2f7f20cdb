package access_compat_test

import (
	"fmt"
	"net/netip"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/modules/access_compat"
	"sallyport/internal/modules/authz_core"
	"sallyport/internal/modules/authz_host"
	"sallyport/internal/modules/authz_user"
	"sallyport/internal/modules/roomtest"
)

// status serves a request of a client at addr with the variables of env set;
// 404 stands for "let in": there is nothing to serve.
func status(h *roomtest.House, method, path, addr string, env ...string) int {
	x, rec := h.Exchange(method, path)
	x.Client.Addr = netip.AddrPortFrom(netip.MustParseAddr(addr), 40000)
	for _, e := range env {
		x.Env.Set(e, "1")
	}
	h.Serve(x)
	return rec.Head.Status
}

func house(t *testing.T, text string) *roomtest.House {
	return roomtest.New(t, text, &access_compat.Room, &authz_core.Room, &authz_host.Room, &authz_user.Room)
}

// The table of httpd's manual: neither, allowed, denied, both.
func TestOrder(t *testing.T) {
	const lines = "\nAllow from env=A\nDeny from env=D\n"
	for order, want := range map[string]string{
		"Order Deny,Allow":     "404 404 403 404",
		"Order allow,deny":     "403 404 403 403",
		"Order mutual-failure": "403 404 403 403",
		"":                     "404 404 403 404",
	} {
		h := house(t, "<Location />\n"+order+lines+"</Location>")
		got := fmt.Sprint(status(h, "GET", "/", "192.0.2.1"), status(h, "GET", "/", "192.0.2.1", "A"),
			status(h, "GET", "/", "192.0.2.1", "D"), status(h, "GET", "/", "192.0.2.1", "A", "D"))
		if got != want {
			t.Errorf("%q: %s, want %s", order, got, want)
		}
	}
}

func TestTests(t *testing.T) {
	for words, in := range map[string]map[string]bool{
		"all":                     {"192.0.2.1": true, "::1": true},
		"192.0.2":                 {"192.0.2.1": true, "192.0.20.1": false},
		"192.0.2.0/25 10":         {"192.0.2.1": true, "192.0.2.200": false, "10.9.9.9": true},
		"192.0.2.0/255.255.255.0": {"192.0.2.200": true, "192.0.3.1": false},
		"2001:db8::/32":           {"2001:db8::1": true, "2001:db9::1": false, "192.0.2.1": false},
		"env=!gone":               {"192.0.2.1": true},
		"env=gone":                {"192.0.2.1": false},
		"ALL":                     {"192.0.2.1": true},
	} {
		h := house(t, "<Location />\nOrder allow,deny\nAllow from "+words+"\n</Location>")
		for addr, want := range in {
			if got := status(h, "GET", "/", addr) == 404; got != want {
				t.Errorf("Allow from %s: %s let in: %v", words, addr, got)
			}
		}
	}
}

func TestHostNames(t *testing.T) {
	h := house(t, "<Location />\nOrder allow,deny\nAllow from example.org .net\n</Location>")
	for name, want := range map[string]int{"www.example.org": 404, "badexample.org": 403, "a.net": 404, "": 403} {
		x, rec := h.Exchange("GET", "/")
		x.Client.Name.Store(&exchange.Hostname{Addr: x.Client.Addr.Addr(), Name: name, Verified: name != "", Double: true})
		h.Serve(x)
		if rec.Head.Status != want {
			t.Errorf("%q: %d, want %d", name, rec.Head.Status, want)
		}
	}
	// A name that does not lead back to the address is none.
	x, rec := h.Exchange("GET", "/")
	x.Client.Name.Store(&exchange.Hostname{Addr: x.Client.Addr.Addr(), Name: "www.example.org", Double: true})
	if h.Serve(x); rec.Head.Status != 403 {
		t.Errorf("a name that is not verified: %d", rec.Head.Status)
	}
}

// Satisfy with Require, limits to methods, and sections: the answers of httpd
// 2.4.71 to requests with no variable, A, B, both.
func TestSatisfy(t *testing.T) {
	h := house(t, `
<Location /s1>
<Limit POST>
Deny from all
</Limit>
</Location>
<Location /s2>
Satisfy any
Require env A
Deny from all
Allow from env=B
</Location>
<Location /s3>
Satisfy all
Require env A
Order deny,allow
Deny from all
Allow from env=B
</Location>
<Location /s4>
Satisfy any
Require valid-user
Order deny,allow
Deny from all
Allow from env=B
</Location>
<Location /s5>
<Limit POST>
Satisfy any
</Limit>
Require env A
Order allow,deny
Allow from env=B
</Location>
<Location /s5/inner>
Satisfy all
</Location>
<Location /s6>
Deny from all
Satisfy any
</Location>
`)
	for _, c := range [][3]string{
		{"GET", "/s1", "404 404 404 404"},
		{"POST", "/s1", "403 403 403 403"},
		{"GET", "/s2", "403 404 404 404"},
		{"GET", "/s3", "403 403 403 404"},
		{"GET", "/s4", "500 500 404 404"},
		{"GET", "/s5", "403 403 403 404"},
		{"POST", "/s5", "403 404 404 404"},
		{"GET", "/s5/inner", "403 404 403 404"},
		{"GET", "/s6", "404 404 404 404"},
	} {
		got := fmt.Sprint(status(h, c[0], c[1], "192.0.2.1"), status(h, c[0], c[1], "192.0.2.1", "A"),
			status(h, c[0], c[1], "192.0.2.1", "B"), status(h, c[0], c[1], "192.0.2.1", "A", "B"))
		if got != c[2] {
			t.Errorf("%s %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// Rules that let everybody in leave nothing to do.
func TestNoWork(t *testing.T) {
	h := house(t, "<Location /a>\nOrder allow,deny\nAllow from all\n</Location>\n<Location /b>\nOrder deny,allow\n</Location>\n<Location /c>\nOrder allow,deny\n</Location>")
	for path, want := range map[string]int{"/a": 0, "/b": 0, "/c": 1} {
		x, _ := h.Exchange("GET", path)
		h.Serve(x)
		if got := len(x.Place.Hooks[exchange.Access]); got != want {
			t.Errorf("%s: %d hooks, want %d", path, got, want)
		}
	}
}

// The texts are those of apache2 -t.
func TestErrors(t *testing.T) {
	for _, c := range [][2]string{
		{"Order", "2: order takes one argument, 'allow,deny', 'deny,allow', or 'mutual-failure'"},
		{"Order Deny, Allow", "2: order takes one argument, 'allow,deny', 'deny,allow', or 'mutual-failure'"},
		{"Order foo", "2: unknown order"},
		{"Allow all", "2: allow requires at least two arguments, 'from' followed by hostnames or IP-address wildcards"},
		{"Allow to all", "2: allow and deny must be followed by 'from'"},
		{"Allow from 1.2.3.4/foo", "2: The specified network mask is invalid."},
		{"Allow from foo/8", "2: An IP address was expected"},
		{"Deny from a#b", "2: No comments are allowed here"},
		{"Deny from 256.1", "2: The specified IP address is invalid."},
		{"Satisfy foo", "2: Satisfy either 'any' or 'all'."},
	} {
		if got := roomtest.Errors(t, "<Location />\n"+c[0]+"\n</Location>", &access_compat.Room); got != c[1] {
			t.Errorf("%s:\n got %s\nwant %s", c[0], got, c[1])
		}
	}
	if got := roomtest.Errors(t, "Order deny,allow", &access_compat.Room); got != "1: order not allowed here" {
		t.Errorf("at the top: %s", got)
	}
}
