package authz_core

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/internal/authz"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/modules/authz_groupfile"
	"sallyport/internal/modules/authz_host"
	"sallyport/internal/modules/authz_user"
	"sallyport/internal/modules/roomtest"
)

var rooms = []*module.Room{&Room, &authz_host.Room, &authz_user.Room, &authz_groupfile.Room}

func house(t testing.TB, text string) *roomtest.House { return roomtest.New(t, text, rooms...) }

// statuses serves a request with no variable, A, B and both; 404 stands for
// "let in": there is nothing to serve.
func statuses(h *roomtest.House, method, path string) string {
	var out []string
	for _, env := range [][]string{{}, {"A"}, {"B"}, {"A", "B"}} {
		x, rec := h.Exchange(method, path)
		for _, e := range env {
			x.Env.Set(e, "1")
		}
		h.Serve(x)
		out = append(out, fmt.Sprint(rec.Head.Status))
	}
	return strings.Join(out, " ")
}

// The answers are those of httpd 2.4.71 to the same configuration.
func TestRules(t *testing.T) {
	h := house(t, `
<Location /l1>
<RequireAll>
<Limit GET>
Require env A
</Limit>
</RequireAll>
</Location>
<Location /l2>
<Limit GET>
Require env A
</Limit>
Require env B
</Location>
<Location /l3>
<Limit GET>
<RequireAll>
Require env A
</RequireAll>
</Limit>
</Location>
<Location /l4>
<RequireAll>
<Limit GET>
Require env A
</Limit>
Require env B
</RequireAll>
</Location>
<Location /m>
Require env A
</Location>
<Location /m/off>
AuthMerging Off
</Location>
<Location /m/forb>
AuthzSendForbiddenOnFailure On
</Location>
<Location /m/and>
AuthMerging And
Require env B
</Location>
<Location /m/and/x>
SetHandler none
</Location>
<Location /m/or>
AuthMerging Or
Require env B
</Location>
<Location /m/bare>
AuthMerging And
</Location>
<Location /m/plain>
Require env B
</Location>
<Location /n1>
<RequireAll>
Require all granted
<RequireNone>
Require env A
Require env B
</RequireNone>
</RequireAll>
</Location>
<Location /u1>
<RequireAny>
Require valid-user
Require env A
</RequireAny>
</Location>
<Location /u2>
<RequireAll>
Require user joe
Require env A
</RequireAll>
</Location>
<Location /u3>
<RequireAll>
Require not user joe
Require env A
</RequireAll>
</Location>
<Location /meth>
Require method POST HEAD
</Location>
<Location /envs>
Require env A B
</Location>
<Location /none>
Require env
</Location>
<Location /granted>
Require all granted
</Location>
<Location /denied>
Require all denied
</Location>
`)
	for _, c := range [][3]string{
		{"GET", "/l1", "403 404 403 404"}, {"POST", "/l1", "404 404 404 404"}, {"HEAD", "/l1", "403 404 403 404"},
		{"GET", "/l2", "403 404 404 404"}, {"POST", "/l2", "403 403 404 404"},
		{"GET", "/l3", "403 404 403 404"}, {"POST", "/l3", "404 404 404 404"},
		{"GET", "/l4", "403 403 403 404"}, {"POST", "/l4", "403 403 404 404"},
		{"GET", "/m/", "403 404 403 404"},
		{"GET", "/m/off", "404 404 404 404"},
		{"GET", "/m/forb", "403 404 403 404"},
		{"GET", "/m/and", "403 403 403 404"}, {"GET", "/m/and/x", "403 403 403 404"},
		{"GET", "/m/or", "403 404 404 404"},
		{"GET", "/m/bare", "403 404 403 404"},
		{"GET", "/m/plain", "403 403 404 404"},
		{"GET", "/n1", "404 403 403 403"},
		{"GET", "/u1", "500 404 500 404"},
		{"GET", "/u2", "403 500 403 500"},
		{"GET", "/u3", "403 404 403 404"},
		{"GET", "/meth", "404 404 404 404"}, {"POST", "/meth", "404 404 404 404"}, {"PUT", "/meth", "403 403 403 403"},
		{"GET", "/envs", "403 404 404 404"},
		{"GET", "/none", "403 403 403 403"},
		{"GET", "/granted", "404 404 404 404"},
		{"GET", "/denied", "403 403 403 403"},
		{"GET", "/nothing", "404 404 404 404"},
	} {
		if got := statuses(h, c[0], c[1]); got != c[2] {
			t.Errorf("%s %s: %s, want %s", c[0], c[1], got, c[2])
		}
	}
	if got := h.Warnings(); got != "34: AuthMerging Off without a Require lifts the access rules of all outer sections here" {
		t.Errorf("warnings: %s", got)
	}
}

// With rooms that authenticate: 401 for who may not, 403 where asked for.
func TestUsers(t *testing.T) {
	basic := &module.Room{Name: "auth_test", Compile: func(*module.Build) func(*module.Plan) {
		return func(p *module.Plan) {
			p.Hook(exchange.Auth, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
				if x.NeedUser != x.Place {
					return exchange.Declined
				}
				if x.User = x.Request.Header.Get("X-User"); x.User == "" {
					return exchange.Status(401)
				}
				return exchange.OK
			})
		}
	}}
	h := roomtest.New(t, `
<Location /a>
Require user joe "jane doe"
</Location>
<Location /forbidden>
AuthzSendForbiddenOnFailure On
Require user joe
</Location>
<Location /valid>
Require valid-user
</Location>
<Location /free>
Require all granted
Require valid-user
</Location>
<Location /group>
Require group x
</Location>
`, append([]*module.Room{basic}, rooms...)...)
	for _, c := range []struct{ path, want string }{ // nobody, joe, jane doe, eve
		{"/a", "401 404 404 401"},
		{"/forbidden", "401 404 403 403"},
		{"/valid", "401 404 404 404"},
		{"/free", "404 404 404 404"},
		{"/group", "401 401 401 401"},
	} {
		var got []string
		for _, user := range []string{"", "joe", "jane doe", "eve"} {
			got = append(got, fmt.Sprint(h.Do("GET", c.path, "X-User: "+user).Head.Status))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.path, s, c.want)
		}
	}
}

func TestHosts(t *testing.T) {
	h := house(t, `
<AuthzProviderAlias ip friends "10.1 2001:db8::/32">
</AuthzProviderAlias>
<Location /ip>
Require ip 10.1 192.168.0.0/255.255.0.0
Require ip 2001:db8::/32
</Location>
<Location /notip>
<RequireAll>
Require all granted
Require not ip 10.1
Require not ip 10.2.0.0/16
</RequireAll>
</Location>
<Location /both>
<RequireAll>
Require ip 10.1
Require ip 10.1.1
</RequireAll>
</Location>
<Location /local>
Require local
</Location>
<Location /host>
Require host .test example.org
</Location>
<Location /forward>
Require forward-dns 10.1.1.1 other.invalid
</Location>
<Location /alias>
Require friends
</Location>
`)
	for _, c := range []struct{ path, want string }{
		{"/ip", "404 403 404 404 403 403"},
		{"/notip", "403 403 404 404 404 404"},
		{"/both", "404 403 403 403 403 403"},
		{"/local", "403 403 403 403 404 404"},
		{"/forward", "404 403 403 403 403 403"},
		{"/alias", "404 403 403 404 403 403"},
	} {
		var got []string
		for _, a := range []string{"::ffff:10.1.1.1", "10.2.1.1", "192.168.9.9", "2001:db8::1", "127.9.9.9", "192.0.2.2"} {
			x, rec := h.Exchange("GET", c.path)
			x.Client.Addr = netip.AddrPortFrom(netip.MustParseAddr(a), 1) // 192.0.2.2 is our own
			h.Serve(x)
			got = append(got, fmt.Sprint(rec.Head.Status))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.path, s, c.want)
		}
	}
	for name, want := range map[string]int{"a.test": 404, "www.example.org": 404, "notexample.org": 403, "": 403} {
		x, rec := h.Exchange("GET", "/host")
		x.Client.Name.Store(&exchange.Hostname{Addr: x.Client.Addr.Addr(), Name: name, Verified: name != "", Double: true})
		h.Serve(x)
		if rec.Head.Status != want {
			t.Errorf("host %q: %d, want %d", name, rec.Head.Status, want)
		}
	}
}

// What needs no asking has no hook.
func TestNoWork(t *testing.T) {
	h := house(t, `
<Location /a>
Require all granted
</Location>
<Location /b>
<RequireAll>
Require all granted
<RequireAny>
Require all denied
Require all granted
</RequireAny>
</RequireAll>
</Location>
<Location /c>
Require env A
</Location>
<Location /d>
<Limit GET>
Require all granted
</Limit>
</Location>`)
	for path, want := range map[string]int{"/": 0, "/a": 0, "/b": 0, "/c": 1, "/d": 1} {
		x, _ := h.Exchange("GET", path)
		h.Serve(x)
		if got := len(x.Place.Hooks[exchange.Access]); got != want {
			t.Errorf("%s: %d hooks, want %d", path, got, want)
		}
	}
}

// The lines of the log at debug are httpd's.
func TestLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	h := house(t, "ErrorLog "+file+`
ErrorLogFormat %M
LogLevel warn authz_core:debug
<Location /a>
<RequireAll>
Require not ip 10
<RequireAny>
Require valid-user
Require env A
</RequireAny>
<Limit POST>
Require env X
</Limit>
</RequireAll>
</Location>
<Location /b>
Require all denied
</Location>`)
	if err := h.Snap.Open(); err != nil {
		t.Fatal(err)
	}
	h.Do("GET", "/a")
	h.Do("GET", "/b")
	h.Snap.Close()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := `AH01626: authorization result of Require not ip 10: neutral
AH01626: authorization result of Require valid-user : denied (no authenticated user yet)
AH01626: authorization result of Require env A: denied
AH01626: authorization result of <RequireAny>: denied (no authenticated user yet)
AH01625: authorization result of Require env X: granted (directive limited to other methods)
AH01626: authorization result of <RequireAll>: denied (no authenticated user yet)
AH01626: authorization result of <RequireAny>: denied (no authenticated user yet)
AH00027: No authentication done but request not allowed without authentication for /a. Authentication not configured?
AH01626: authorization result of Require all denied: denied
AH01626: authorization result of <RequireAny>: denied
AH01630: client denied by server configuration: uri /b
`
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
}

// The texts are those of apache2 -t.
func TestErrors(t *testing.T) {
	for _, c := range [][2]string{
		{"Require", "2: Unknown Authz provider: "},
		{"Require foo", "2: Unknown Authz provider: foo"},
		{"Require ALL granted", "2: Unknown Authz provider: ALL"},
		{"Require all", "2: Argument for 'Require all' must be 'granted' or 'denied'"},
		{"Require all granted denied", "2: Argument for 'Require all' must be 'granted' or 'denied'"},
		{"Require not all granted", "2: negative Require directive has no effect in <RequireAny> directive"},
		{"Require not", "2: Unknown Authz provider: "},
		{"<RequireNone>\nRequire all granted\n</RequireNone>", "2: <RequireNone> directive has no effect in <RequireAny> directive"},
		{"<RequireAll>\nRequire not all granted\n</RequireAll>", "2: AH01624: <RequireAll> directive contains only negative authorization directives"},
		{"<RequireAll>\n<RequireNone>\nRequire ip 1.2.3.4\n</RequireNone>\n</RequireAll>", "2: AH01624: <RequireAll> directive contains only negative authorization directives"},
		{"<RequireAll>\n</RequireAll>", "2: <RequireAll> directive contains no authorization directives"},
		{"<RequireAny>\nRequire all granted\nRequire not ip 1.2.3.4\n</RequireAny>", "4: negative Require directive has no effect in <RequireAny> directive"},
		{"<RequireAll x>\nRequire all granted\n</RequireAll>", "2: <RequireAll> directive doesn't take additional arguments"},
		{"<RequireAll>\nSetHandler None\nRequire all granted\n</RequireAll>", "3: SetHandler not allowed in <RequireAll> context"},
		{"AuthMerging foo", "2: AuthMerging must be one of: Off | And | Or"},
		{"AuthzSendForbiddenOnFailure Maybe", "2: AuthzSendForbiddenOnFailure must be On or Off"},
		{"Require ip", "2: 'require ip' requires an argument"},
		{"Require ip foo", "2: ip address 'foo' appears to be invalid"},
		{"Require ip 10/8", "2: ip address '10/8' appears to be invalid: The specified IP address is invalid."},
		{"Require ip 10.1.2.3/33", "2: ip address '10.1.2.3/33' appears to be invalid: The specified network mask is invalid."},
		{"Require ip 10.1.2.3 # foo", "2: ip address '#' appears to be invalid"},
		{"Require method FOO", "2: Invalid Method 'FOO'"},
		{"Require expr treu", "2: Cannot parse expression in require line: syntax error, unexpected 'treu'"},
		{"Require host %{HTTP_HOTS}", "2: Cannot parse expression in require line: Variable 'HTTP_HOTS' does not exist"},
	} {
		if got := roomtest.Errors(t, "<Location />\n"+c[0]+"\n</Location>", rooms...); got != c[1] {
			t.Errorf("%s:\n got %s\nwant %s", c[0], got, c[1])
		}
	}
	for _, c := range [][2]string{
		{"Require all granted", "1: Require not allowed here"},
		{"<VirtualHost *:80>\nRequire all granted\n</VirtualHost>", "2: Require not allowed in <VirtualHost> context"},
		{"<AuthzProviderAlias>\n</AuthzProviderAlias>", "1: <AuthzProviderAlias> directive requires additional arguments"},
		{"<AuthzProviderAlias foo x 1>\n</AuthzProviderAlias>", "1: Unknown Authz provider: foo"},
		{"<AuthzProviderAlias ip x foo>\n</AuthzProviderAlias>", "1: Can't parse 'Require ip foo': ip address 'foo' appears to be invalid"},
		{"<VirtualHost *:80>\n<AuthzProviderAlias ip x 10>\n</AuthzProviderAlias>\n</VirtualHost>", "2: <AuthzProviderAlias> cannot occur within <VirtualHost> section"},
	} {
		if got := roomtest.Errors(t, c[0], rooms...); got != c[1] {
			t.Errorf("%s:\n got %s\nwant %s", c[0], got, c[1])
		}
	}
	// Without mod_authz_host the word is unknown, as in httpd.
	if got := roomtest.Errors(t, "<Location />\nRequire ip 10\n</Location>", &Room); got != "2: Unknown Authz provider: ip" {
		t.Errorf("without authz_host: %s", got)
	}
}

// combine follows httpd's tables (Authorization Result States).
func TestCombine(t *testing.T) {
	n, g, d, u := authz.Neutral, authz.Granted, authz.Denied, authz.NoUser
	for _, c := range []struct {
		kids     []authz.Result
		all, any authz.Result
	}{
		{nil, n, n},
		{[]authz.Result{n, n}, n, n},
		{[]authz.Result{g, n}, g, g},
		{[]authz.Result{n, d}, d, d},
		{[]authz.Result{g, d}, d, g},
		{[]authz.Result{u, g}, u, g},
		{[]authz.Result{g, u}, u, g},
		{[]authz.Result{u, d}, d, u},
		{[]authz.Result{d, u}, d, u},
		{[]authz.Result{u, u, n}, u, u},
	} {
		for _, all := range []bool{true, false} {
			res, done := n, false
			for _, k := range c.kids {
				if res, done = combine(all, res, k); done {
					break
				}
			}
			if want := map[bool]authz.Result{true: c.all, false: c.any}[all]; res != want {
				t.Errorf("all=%v of %v: %v, want %v", all, c.kids, res, want)
			}
		}
	}
}

// A long list of lines is asked as one.
func BenchmarkBlocklist(b *testing.B) {
	var text strings.Builder
	text.WriteString("<Location />\n<RequireAll>\nRequire all granted\n")
	for i := range 5000 {
		fmt.Fprintf(&text, "Require not ip 10.%d.%d.7\n", i/250, i%250)
	}
	text.WriteString("</RequireAll>\n</Location>")
	h := house(b, text.String())
	x, _ := h.Exchange("GET", "/")
	h.Serve(x)
	b.ReportAllocs()
	for b.Loop() {
		x.Place.Hooks[exchange.Access][0](x)
	}
}
