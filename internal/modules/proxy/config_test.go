package proxy

import (
	"fmt"
	"strings"
	"testing"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/modules/proxy_hcheck"
)

// load reads a configuration made of this room's directives and of containers.
func load(text string) (*conf.Config, diag.List) {
	hcheck := "proxy_hcheck"
	if !strings.Contains(text, "hcmethod") {
		hcheck = "no_hcheck" // then httpd knows no hc… parameters
	}
	return conf.Load(conf.Options{File: "test.conf", Text: text + "\n", Root: "/", Modules: []conf.ModuleInfo{
		{Name: hcheck, Static: true, Directives: proxy_hcheck.Room.Directives},
		{Name: "proxy_rooms", Static: true, Directives: directives},
		{Name: "lbmethod_byhash", Static: true},
		{Name: "so", Static: true, Directives: conf.SoDirectives()},
		{Name: "version", Static: true, Directives: conf.VersionDirectives()},
		{Name: "macro", Static: true, Directives: conf.MacroDirectives()},
	}})
}

func problems(l diag.List, s diag.Severity) []string {
	var out []string
	for _, d := range l {
		if d.Severity == s {
			out = append(out, fmt.Sprintf("%d: %s", d.Pos.Line, d.Text))
		}
	}
	return out
}

// The messages are those of httpd 2.4.71; "" means the line is accepted.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"ProxyPass /x http://h:99999/", "ProxyPass Unable to parse URL: http://h:99999/"}, // httpd: at the first request
		{"ProxyPass /x http://h:abc/", "ProxyPass Unable to parse URL: http://h:abc/"},
		{"ProxyPass /x http://h:/", ""},
		{"ProxyPass /x http://[::1/", "ProxyPass Unable to parse URL: http://[::1/"},
		{"ProxyPass /x http://[::1]:81/x", ""},
		{"ProxyPass /x http:/x", "ProxyPass URL must be absolute!: http:/x"},
		{"ProxyPass /x http:", "ProxyPass URL must be absolute!: http:"},
		{"ProxyPass /x //h/x", "ProxyPass URL must be absolute!: //h/x"},
		{"ProxyPass /x /y", "ProxyPass URL must be absolute!: /y"},
		{"ProxyPass /x http://", "ProxyPass URL must be absolute!: http://"},
		{"ProxyPass /x unix:/x|http:", ""},
		{"ProxyPass /x unix:/x|http://", ""},
		{"ProxyPass /x unix:|http://h", ""},
		{"ProxyPass /x unix:/x|", `ProxyPass|ProxyPassMatch uses an invalid "unix:" URL`},
		{"ProxyPass /x unix:x.sock|foo", `ProxyPass|ProxyPassMatch uses an invalid "unix:" URL`},
		{"ProxyPass /x unix:/tmp/s", "ProxyPass URL must be absolute!: unix:/tmp/s"},
		{"ProxyPass /x balancer://", "ProxyPass Bad syntax for a balancer name (balancer://)"},
		{"ProxyPass /x balancer:/x", "ProxyPass Bad syntax for a balancer name (balancer:/x)"},
		{"ProxyPass /x balancer:///x", ""},
		{"ProxyPass /x balancer://a_b/", ""},
		{"ProxyPass /x http://user:pw@h/", ""},
		{"ProxyPass /x foo://h/", ""},
		{"ProxyPass /x http://h/ mapping=foo", "unknown mapping"},
		{"ProxyPass ~ (x http://h/", "Regular expression could not be compiled."},
		{"ProxyPassMatch ~ x http://h/", "ProxyPassMatch invalid syntax ('~' usage)."},
		{"ProxyPass /x ! nocanon", ""},
		{"ProxyPass /x ! foo=1", ""},
		{"ProxyPass /x http://h/ =1", "ProxyPass unknown Worker parameter"},
		{"ProxyPass /x http://h/ foo", "Invalid ProxyPass|ProxyPassMatch parameter. Parameter must be in the form 'key=value'."},
		{"ProxyPass /x balancer://b/ route=a", "ProxyPass unknown Balancer parameter"},
		{"ProxyPassMatch ^/x(.*) http://h:80$1/", ""},
		{"ProxyPassMatch ^/x(.*) http://$1:8$2/", ""},
		{"ProxyPassMatch ^/x(.*) http://$1", ""},
		{"ProxyPassMatch ^/x(.*) $1", "ProxyPass URL must be absolute!: $1"},
		{"ProxyPassMatch ^/x(.*) balancer://$1/", ""},
		{"ProxyPass x http://h/", ""},
		{"ProxyPass http://h/", "ProxyPass|ProxyPassMatch needs a path when not defined in a location"},
		{"<Location />\nProxyPass\n</Location>", "ProxyPass|ProxyPassMatch needs a path when not defined in a location"},
		{"<Location />\nProxyPass http://h/ nocanon timeout=3\n</Location>", ""},
		{"<Location />\nProxyPass /y http://h/\n</Location>", "ProxyPass|ProxyPassMatch can not have a path when defined in a location."},
		{"<Location />\nProxyPass ~ http://h/\n</Location>", "Invalid ProxyPass|ProxyPassMatch parameter. Parameter must be in the form 'key=value'."},
		{"<Directory />\nProxyPass /x http://h/\n</Directory>", "ProxyPass cannot occur within <Directory> section"},
		{"<Files x>\nProxyPass /x http://h/\n</Files>", "ProxyPass cannot occur within <Files> section"},
		{"<Files x>\nProxyPassReverse /x\n</Files>", "ProxyPassReverse cannot occur within <Files> section"},
		{"<Proxy *>\nProxyPass http://h/\n</Proxy>", "Regular expression could not be compiled."},
		{"<Proxy *>\nProxyPassReverse /\n</Proxy>", ""},
		{"<Proxy *>\nBalancerMember http://h/\n</Proxy>", "BalancerMember Bad syntax for a balancer name (*)"},
		{"<Location /x>\nBalancerMember http://h/\n</Location>", "BalancerMember Bad syntax for a balancer name (/x)"},
		{"<Location /x>\nProxySet http://h/ timeout=3\n</Location>", "ProxySet can not find 'http://h/' Worker."},
		{"<Proxy http://h/ foo=1>\n</Proxy>", "<Proxy unknown Worker parameter foo=1; http://h/"},
		{"<Proxy http://h/ foo>\n</Proxy>", "Invalid Proxy parameter. Parameter must be in the form 'key=value'"},
		{"<Proxy balancer://h/ foo=1>\n</Proxy>", "<Proxy unknown Balancer parameter foo=1; balancer://h/"},
		{"<Proxy * foo=1>\n</Proxy>", "<Proxy> arguments are not supported for wildchar url."},
		{"<Proxy foo foo=1>\n</Proxy>", "<Proxy> arguments are not supported for non url."},
		{"<Proxy foo:>\n</Proxy>", ""},
		{"<ProxyMatch foo foo=1>\n</ProxyMatch>", "Multiple <ProxyMatch> arguments not (yet) supported."},
		{"<ProxyMatch (x>\n</ProxyMatch>", "Regex could not be compiled"},
		{"<Proxy http://h>\nProxySet foo=1\n</Proxy>", "ProxySet: unknown Worker parameter foo=1; http://h"},
		{"<Proxy http://h>\nProxySet timeout=1\n</Proxy>", ""},
		{"<Proxy foo>\nProxySet timeout=1\n</Proxy>", "ProxySet URL must be absolute!: foo"},
		{"<Proxy *>\nProxySet timeout=1\n</Proxy>", "ProxySet URL must be absolute!: *"},
		{"<ProxyMatch x>\nProxySet timeout=1\n</ProxyMatch>", "ProxySet URL must be absolute!: x"},
		{"ProxySet", "ProxySet can not find '' Worker."},
		{"ProxySet balancer://x timeout=1", "ProxySet can not find 'balancer://x' Balancer."},
		{"ProxySet http://h/", "ProxySet can not find 'http://h/' Worker."},
		{"ProxyPass /x http://h/\nProxySet http://h/ timeout=1", ""},
		{"ProxyPass /x http://h/\nProxySet http://h/y timeout=1", ""},
		{"ProxyPass /x http://h/\nProxySet http://h timeout=1", "ProxySet can not find 'http://h' Worker."},
		{"ProxyPass /x http://h/\n<VirtualHost *:90>\nProxySet http://h/ timeout=1\n</VirtualHost>", "ProxySet can not find 'http://h/' Worker."},
		{"<Proxy balancer://x>\nProxySet foo\n</Proxy>", "Invalid ProxySet parameter. Parameter must be in the form 'key=value'"},
		{"BalancerMember", "BalancerMember must define balancer name when outside <Proxy > section"},
		{"BalancerMember balancer://x", "BalancerMember must define remote proxy server"},
		{"BalancerMember foo http://h", "BalancerMember Bad syntax for a balancer name (foo)"},
		{"BalancerMember balancer://x http://h http://i", "Invalid BalancerMember parameter. Parameter must be in the form 'key=value'"},
		{"BalancerMember BALANCER://X/y http://h route=a", ""},
		{"BalancerMember balancer://x unix:/a|", `BalancerMember uses an invalid "unix:" URL`},
		{"BalancerMember balancer://x http://h a=", "BalancerMember unknown Worker parameter"},
		{"BalancerMember balancer://x foo", "BalancerMember URL must be absolute!: foo"},
		{"BalancerMember balancer://x http://h route=a route=b timeout=x", "BalancerMember Timeout must be at least one second"},
		{"<Proxy balancer://x>\nBalancerMember balancer://x http://h\n</Proxy>", "BalancerMember can not have a balancer name when defined in a location"},

		{"ProxyRequests Off", ""},
		{"ProxyRequests On", "ProxyRequests On: forward proxying is not there, Sallyport is a reverse proxy"},
		{"ProxyRequests maybe", "ProxyRequests must be On or Off"},
		{"ProxyRemote * foo", "ProxyRemote: Bad syntax for a remote proxy server"},
		{"ProxyRemote * http:/foo", "ProxyRemote: Bad syntax for a remote proxy server"},
		{"ProxyRemote * http://h:99999", "ProxyRemote: Bad syntax for a remote proxy server (bad port number)"},
		{"ProxyRemote * http://h:80", "ProxyRemote: sending requests through another proxy is not there"},
		{"ProxyRemoteMatch ( http://h", "Regular expression for ProxyRemoteMatch could not be compiled."},
		{"NoProxy", "NoProxy requires at least one argument, A list of domains, hosts, or subnets to which the proxy will connect directly"},
		{"ProxyDomain foo", "ProxyDomain: domain name must start with a dot."},
		{"ProxyVia On Off", "ProxyVia takes one argument, Configure Via: proxy header header to one of: on | off | block | full"},
		{"ProxyVia bLock", ""},
		{"ProxyVia maybe", "ProxyVia must be one of: off | on | full | block"},
		{"ProxyErrorOverride", "ProxyErrorOverride requires at least one argument, use our error handling pages instead of the servers' we are proxying"},
		{"ProxyErrorOverride Off 404", "ProxyErrorOverride: status codes must follow a value of 'on'"},
		{"ProxyErrorOverride foo", "ProxyErrorOverride first parameter must be one of: off | on"},
		{"ProxyErrorOverride 404", "ProxyErrorOverride first parameter must be one of: off | on"},
		{"ProxyErrorOverride On 404 503", ""},
		{"ProxyErrorOverride On 404x", ""},
		{"ProxyErrorOverride On 399", "ProxyErrorOverride: status codes to intercept must be valid HTTP Status Codes >=400 && <600"},
		{"ProxyErrorOverride On x", "ProxyErrorOverride: status codes to intercept must be numeric"},
		{"ProxyErrorOverride On Off", ""},
		{"ProxyTimeout -1", "Proxy Timeout must be at least 1 second."},
		{"ProxyTimeout 0", "Proxy Timeout must be at least 1 second."},
		{"ProxyTimeout 5ms", ""},
		{"ProxyIOBufferSize 5", "ProxyIOBufferSize must be >= 512 bytes, or 0 for system default."},
		{"ProxyIOBufferSize x", ""},
		{"ProxyReceiveBufferSize 5", "ProxyReceiveBufferSize must be >= 512 bytes, or 0 for system default."},
		{"ProxyMaxForwards -5", ""},
		{"ProxyBadHeader foo", "ProxyBadHeader must be one of: IsError | Ignore | StartBody"},
		{"ProxySourceAddress 1.2.3.4.5", "ProxySourceAddress invalid value"},
		{"ProxySourceAddress ::1", ""},
		{"ProxyBlock", "ProxyBlock requires at least one argument, A list of names, hosts or domains to which the proxy will not connect"},
		{"ProxyStatus foo", "ProxyStatus must be one of: off | on | full"},
		{"BalancerGrowth 1001", "BalancerGrowth must be between 0 and 1000"},
		{"BalancerGrowth x", ""},
		{"BalancerPersist x", "BalancerPersist must be On or Off"},
		{"ProxyPassReverse / http://h/ foo", ""},
		{"ProxyPassReverse /", "ProxyPassReverse needs a path when not defined in a location"},
		{"ProxyPassReverse / interpolate", "ProxyPassReverse needs a path when not defined in a location"},
		{"<Location />\nProxyPassReverse / http://h/ interpolate\n</Location>", "ProxyPassReverse can not have a path when defined in a location"},
		{"<Location />\nProxyPassReverse http://h/ interpolate\n</Location>", ""},
		{"ProxyPassReverseCookiePath a", "ProxyPassReverseCookiePath takes two or three arguments, Path rewrite rule for proxying cookies"},
		{"<Location />\nProxyTimeout 5\n</Location>", "ProxyTimeout not allowed in <Location> context"},
		{"<Location />\n<Proxy *>\n</Proxy>\n</Location>", "<Proxy not allowed in <Location> context"},
		{"<Directory />\nProxyPreserveHost On\n</Directory>", ""},
	} {
		_, diags := load(c.text)
		got := problems(diags, diag.Error)
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%q: %v", c.text, got)
		case c.want != "" && (len(got) == 0 || !strings.HasSuffix(got[0], ": "+c.want)):
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		url        string
		regex      bool
		name, addr string
		host       string
	}{
		{"http://127.0.0.1:8080/app", false, "http://127.0.0.1:8080/app", "127.0.0.1:8080", "127.0.0.1:8080"},
		{"HTTP://Host.Test:80/Path?x", false, "http://host.test/Path?x", "host.test:80", "host.test"},
		{"http://h:/", false, "http://h/", "h:80", "h"},
		{"https://h:443", false, "https://h", "h:443", "h"},
		{"https://h:80/", false, "https://h:80/", "h:80", "h"},
		{"ws://h:80/w", false, "ws://h/w", "h:80", "h"},
		{"http://[::1]:81/x", false, "http://[::1]:81/x", "[::1]:81", "[::1]:81"},
		{"http://u:p@h/x", false, "http://h/x", "h:80", "h"},
		{"unix:/tmp/s|http:", false, "unix:/tmp/s|http://localhost", "localhost:80", "localhost"},
		{"unix:/tmp/s|http://back.test/t", false, "unix:/tmp/s|http://back.test/t", "back.test:80", "back.test"},
		{"http://h:8080$1", true, "http://h:8080$1", "h:8080", "h:8080"},
		{"http://h/$1", true, "http://h/$1", "h:80", "h"},
	} {
		x, err := parseTarget(c.url, c.regex)
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if x.name() != c.name || x.addr() != c.addr || hostField(&x) != c.host || x.Open {
			t.Errorf("%s: name %s addr %s host %s open %v, want %s %s %s", c.url, x.name(), x.addr(), hostField(&x), x.Open, c.name, c.addr, c.host)
		}
	}
	for _, url := range []string{"http://$1/", "http://$1:8$2/x", "http://${A}:80/", "http://h$1.test/"} {
		if x, err := parseTarget(url, true); err != nil || !x.Open {
			t.Errorf("%s: open %v, %v", url, x.Open, err)
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("unix:/a|http://[::1]:80/x$1", true)
	f.Fuzz(func(t *testing.T, url string, regex bool) {
		x, err := parseTarget(url, regex)
		if err != nil || x.Open {
			return
		}
		again, err := parseTarget(x.name(), regex)
		if err != nil || again.name() != x.name() {
			t.Fatalf("%q is %q, then %q (%v)", url, x.name(), again.name(), err)
		}
	})
}
