package proxy_test

import (
	"strings"
	"testing"

	"sallyport/internal/module"
	"sallyport/internal/modules/lbmethod_byrequests"
	"sallyport/internal/modules/proxy"
	"sallyport/internal/modules/proxy_balancer"
	"sallyport/internal/modules/proxy_http"
	"sallyport/internal/modules/roomtest"
)

var rooms = []*module.Room{&proxy.Room, &proxy_http.Room, &proxy_balancer.Room, &lbmethod_byrequests.Room}

func TestWarnings(t *testing.T) {
	const manager = "<Location /manager>\nSetHandler balancer-manager\n</Location>\n"
	for _, c := range []struct{ conf, want string }{
		{"ProxyPass / http://h/\n" + manager, "ProxyPass / (line 1) takes the path"},
		{manager + "ProxyPass / http://h/", "ProxyPass / (line 4) takes the path"},
		{"ProxyPass /manager !\nProxyPass / http://h/\n" + manager, ""},
		{"ProxyPass / http://h/\nProxyPass /manager !\n" + manager, "ProxyPass / (line 1) takes the path"},
		{"ProxyPass / http://h/\n<Location /manager>\nProxyPass !\nSetHandler balancer-manager\n</Location>", ""},
		{"ProxyPass /app http://h/\n" + manager, ""},
		{"ProxyPass / gopher://h/", "no protocol handler for gopher://h/"},
		{"ProxyPass / https://h/", "SSLProxyEngine is Off"},
		{"BalancerMember balancer://b http://h\nBalancerMember balancer://b http://H:80 route=a", "is a member already (line 1)"},
		{"ProxyPass / balancer://b/ lbmethod=bytraffic", "E unknown lbmethod"},
		{"ProxyRequests Off\nNoProxy .x.test", "NoProxy has no effect"},
		{"BalancerPersist On", ""},
		{"BalancerPersist On\nBalancerPersistFile /run/x/edits.conf", "/run/x/edits.conf is lost"},
	} {
		house, diags := roomtest.Compile(t, "/", c.conf, rooms...)
		got := ""
		for _, d := range diags {
			got += d.Text + "\n"
		}
		want, isError := strings.CutPrefix(c.want, "E ")
		if want == "" && got != "" || !strings.Contains(got, want) || isError != (house == nil) {
			t.Errorf("%q: %q, want %q", c.conf, got, c.want)
		}
	}
}

func TestMissingModules(t *testing.T) {
	for _, c := range []struct {
		conf, want string
		rooms      []*module.Room
	}{
		{"ProxyPass / http://h/", "LoadModule proxy_http_module is missing", rooms[:1]},
		{"BalancerMember balancer://b http://h", "LoadModule proxy_balancer_module is missing", []*module.Room{rooms[0], rooms[1], rooms[3]}},
		{"BalancerMember balancer://b http://h", "LoadModule lbmethod_byrequests_module is missing", rooms[:3]},
	} {
		_, diags := roomtest.Compile(t, "/", c.conf, c.rooms...)
		got := ""
		for _, d := range diags {
			got += d.Hint + "\n"
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%q: %q, want %q", c.conf, got, c.want)
		}
	}
	h := roomtest.New(t, "ProxyPass / http://h/", rooms[:1]...)
	if rec := h.Do("GET", "/"); rec.Head.Status != 500 {
		t.Errorf("without a handler: %d", rec.Head.Status)
	}
}
