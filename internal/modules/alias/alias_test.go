package alias_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/modules/alias"
	"sallyport/internal/modules/roomtest"
)

// show is a handler that answers with the file a request was mapped to.
func show(root string) *module.Room {
	return &module.Room{Name: "show", Static: true, Compile: func(*module.Build) func(*module.Plan) {
		return func(p *module.Plan) {
			p.Hook(exchange.Translate, module.Last, func(x *exchange.Exchange) exchange.Verdict {
				x.Mapped = exchange.Mapping{Kind: exchange.Nowhere, Path: "-"}
				return exchange.OK
			})
			p.Hook(exchange.Handle, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
				x.Out.Status = 200
				x.Begin()
				fmt.Fprintf(x, "%s", strings.TrimPrefix(x.Mapped.Path, root))
				if x.PathInfo != "" {
					fmt.Fprintf(x, " info %s", x.PathInfo)
				}
				if x.Handler != "" {
					fmt.Fprintf(x, " by %s", x.Handler)
				}
				return exchange.Done
			})
		}
	}}
}

// ask returns what a request is answered with: the file, or status and
// Location.
func ask(h *roomtest.House, target string) string {
	rec := h.Do("GET", target)
	if rec.Head.Status == 200 {
		return rec.Body.String()
	}
	return strings.TrimSpace(strconv.Itoa(rec.Head.Status) + " " + rec.Head.Header.Get("Location"))
}

type story []struct{ target, want string }

func (s story) run(t *testing.T, h *roomtest.House) {
	t.Helper()
	for _, c := range s {
		if got := ask(h, c.target); got != c.want {
			t.Errorf("%.60s\ngot  %s\nwant %s", c.target, got, c.want)
		}
	}
}

func TestAlias(t *testing.T) {
	root := roomtest.Files(t, "files/f.txt: f", "files/sub/s.txt: s", "other/o: o", "a.html: a")
	h := roomtest.NewAt(t, root, strings.ReplaceAll(`
Alias /files/sub/ ROOT/other/
Alias /files ROOT/files
Alias /ff ROOT/a.html
Alias /slash/ ROOT/files/
Alias /mis/ ROOT/fil
Alias //dbl ROOT/files
Alias /rel files
Alias /up/ ROOT/other/../files/
Alias noslash ROOT/files
AliasMatch "^/am/([^/]+)/(.*)" "ROOT/$1/$2"
AliasMatch ^/an files/f.txt
AliasMatch (?i)^/case(.*)$ ROOT/files$1
AliasMatch ^/climb/([^x]*)x(.*)$ ROOT/files/$1.$2
ScriptAlias /cgi ROOT/files
ScriptAliasMatch ^/c2/(.*) ROOT/files/$1
`, "ROOT", root), &alias.Room, show(root))
	story{
		{"/", "-"},
		{"/files", "/files"},
		{"/files/", "/files/"},
		{"/files/f.txt", "/files/f.txt"},
		{"/files/f.txt/more", "/files/f.txt info /more"},
		{"/filesx", "-"},
		{"/FILES", "-"},
		{"/files/sub/o", "/other/o"},
		{"/files/sub", "/files/sub"},
		{"//files//sub//o", "/other/o"},
		{"/ff", "/a.html"},
		{"/ff/x", "/a.html info /x"},
		{"/slash", "-"},
		{"/slash/f.txt", "/files/f.txt"},
		{"/mis/es/f.txt", "/files/f.txt"},
		{"/dbl/f.txt", "/files/f.txt"},
		{"/rel/f.txt", "/files/f.txt"},
		{"/up/f.txt", "/files/f.txt"},
		{"/noslash", "-"},
		{"/am/files/f.txt", "/files/f.txt"},
		{"/an/x", "/files/f.txt"},
		{"/CASE/f.txt", "/files/f.txt"},
		{"/climb/.x", "403"}, // would be files/..
		{"/climb/fxtxt", "/files/f.txt"},
		{"/cgi/f.txt", "/files/f.txt by cgi-script"},
		{"/c2/f.txt", "/files/f.txt by cgi-script"},
		{"/files/f%00", "404"},
		{"/files/%66.txt", "/files/f.txt"},
	}.run(t, h)
	if w := h.Warnings(); strings.Count(w, "CGI programs are not run") != 2 {
		t.Error(w)
	}
}

func TestAliasInLocation(t *testing.T) {
	root := roomtest.Files(t, "files/f.txt: f", "files/sub/s.txt: s", "a.html: a")
	h := roomtest.NewAt(t, root, strings.ReplaceAll(`
Alias / ROOT/none/
<Location /files>
    AliasPreservePath on
    Alias ROOT/files
</Location>
<Location /files/sub/one>
    AliasPreservePath off
</Location>
<Location /one>
    Alias ROOT/files/f.txt
</Location>
<LocationMatch ^/lm/>
    AliasPreservePath on
    Alias ROOT/files
</LocationMatch>
<Location /rel>
    Alias files/f.txt
</Location>
<Location /cgi>
    ScriptAlias ROOT/a.html
</Location>
`, "ROOT", root), &alias.Room, show(root))
	story{
		{"/files/f.txt", "/files/f.txt"},
		{"/files//sub/s.txt", "/files/sub/s.txt"},
		{"/files", "/files"},
		{"/files/sub/one/s", "/files"},
		{"/one", "/files/f.txt"},
		{"/one/zz", "/files/f.txt"},
		{"/lm/f.txt", "/files"},
		{"/rel/zz", "/files/f.txt"},
		{"/cgi/x", "/a.html by cgi-script"},
		{"/x", "/none info /x"},
	}.run(t, h)
}

// All answers but those of IPv6 and blanks in queries were seen on httpd.
func TestRedirect(t *testing.T) {
	h := roomtest.New(t, `
Redirect /r /new
Redirect permanent /perm http://b/p
Redirect seeother /see http://b/
Redirect temp /tmp http://b/
Redirect 307 /t7 http://b/
Redirect gone /gone
Redirect 404 /none
Redirect 451 /law
Redirect 418 /tea
Redirect 999 /s999
Redirect 101 /s101
Redirect 303 /q "http://x/y?z=1"
Redirect /q1 "http://h/p?x=1&u="
Redirect /q2/ http://h/
Redirect /nosl http://h
Redirect //dbl http://h/
RedirectPermanent /rp http://b/
RedirectTemp /rt http://b/
RedirectMatch ^/m/(.*)$ "http://h/$1 x?a=$1#f%20"
RedirectMatch ^/pp(.*)$ http://h:80/x$1
RedirectMatch ^/pq(.*)$ HTTP://u@H:8080/x/../y$1?z
RedirectMatch ^/pr(.*)$ /rel$1
RedirectMatch ^/ps(.*)$ foo$1
RedirectMatch ^/pt$ http://h/a\bc\$1&d$0
RedirectMatch ^/pu/?$ http://h/path%20x
RedirectMatch 404 \.git
RedirectMatch gone ^/g2
RedirectMatch 301 ^/v(.*) http://[::1]:443/x$1
RedirectMatch ^/inject/(.*) http://h/?u=$1
`, &alias.Room, show(""))
	story{
		{"/r", "302 http://example.test/new"},
		{"/r/a%20b%3fc%25?foo", "302 http://example.test/new/a%20b%3fc%25?foo"},
		{"/rx", "-"},
		{"/perm/x", "301 http://b/p/x"},
		{"/see", "303 http://b/"},
		{"/tmp", "302 http://b/"},
		{"/t7", "307 http://b/"},
		{"/gone/x", "410"},
		{"/none", "404"},
		{"/law", "451"},
		{"/tea", "500"},
		{"/s999", "500"},
		{"/s101", "500"},
		{"/q/sub%20dir?foo", "303 http://x/y?z=1/sub%20dir"},
		{"/q1/z?y", "302 http://h/p?x=1&u=/z"},
		{"/q2", "-"},
		{"/q2/%e4%C3%a4;a=b,c:d%22<>|", "302 http://h/%e4%c3%a4;a=b,c:d%22%3c%3e%7c"},
		{"/nosl/x", "302 http://h/x"},
		{"/nosl?", "302 http://h?"},
		{"/dbl/x", "302 http://h//x"},
		{"/rp/x", "301 http://b//x"},
		{"/rt", "302 http://b/"},
		{"/m/zz%20z", "302 http://h/zz%20z%20x?a=zz%20z#f%20"},
		{"/pp/a", "302 http://h/x/a"},
		{"/pq/a", "302 HTTP://u@H:8080/x/../y/a?z"},
		{"/pr/a?q", "302 http://example.test/rel/a?q"},
		{"/ps/a", "500"},
		{"/pt", "302 http://h/abc$1&d/pt"},
		{"/pu", "302 http://h/path%2520x"},
		{"/foo/.git/x", "404"},
		{"/g2", "410"},
		{"/v/a%20b", "301 http://[::1]:443/x/a%20b"},
		{"/inject/a%0d%0aX:%20y", "302 http://h/?u=a%0d%0aX:%20y"},
	}.run(t, h)
	if w := h.Warnings(); w != "10: AH01579: Invalid response status 418: such requests are answered with 500\n"+
		"11: AH01579: Invalid response status 999: such requests are answered with 500\n"+
		"12: AH01579: Invalid response status 101: such requests are answered with 500" {
		t.Error(w)
	}
}

func TestRedirectInSections(t *testing.T) {
	denied := &module.Room{Name: "denied", Static: true, Compile: func(*module.Build) func(*module.Plan) {
		return func(p *module.Plan) {
			p.Hook(exchange.Access, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
				if strings.HasPrefix(x.Path, "/deny") {
					return exchange.Status(403)
				}
				return exchange.OK
			})
		}
	}}
	proxied := &module.Room{Name: "proxied", Static: true, Compile: func(*module.Build) func(*module.Plan) {
		return func(p *module.Plan) {
			p.Hook(exchange.Translate, module.First, func(x *exchange.Exchange) exchange.Verdict {
				if strings.HasPrefix(x.Path, "/p") {
					x.Mapped = exchange.Mapping{Kind: exchange.Proxied, Path: "http://b" + x.Path}
					return exchange.OK
				}
				return exchange.Declined
			})
		}
	}}
	h := roomtest.New(t, `
Redirect /one/two http://never/
Alias /one /never
<Location /one>
    Redirect permanent http://one/x
</Location>
<Location /one/gone>
    Redirect gone
</Location>
<Location /two>
    Redirect /two http://two
    Redirect /two/in http://never
</Location>
<Location /two/in>
    Redirect /two/in http://two.in
</Location>
<Location /two/re>
    RedirectMatch /re(.*) http://re$1
</Location>
<Location /rel>
    RedirectRelative On
    Redirect /rel/x /target
</Location>
<Location /rel/whole>
    Redirect /target?own
</Location>
<Location /esc>
    Redirect "http://z/$1/\"q\"/%41/[x]?a b#c d"
</Location>
<Location /px>
    Redirect permanent http://loc/
</Location>
<Location /py>
    Redirect /py/ http://loc2/
</Location>
<Location /elsewhere>
    Redirect /one http://never
</Location>
<Location /deny1>
    Redirect permanent http://one/
</Location>
<Location /deny2>
    Redirect /deny2 http://two/
</Location>
<Location /bad>
    Redirect nowhere
</Location>
`, denied, proxied, &alias.Room, show(""))
	story{
		{"/one/two?q", "301 http://one/x?q"},
		{"/one/gone/x", "410"},
		{"/two/a", "302 http://two/a"},
		{"/two/in/a", "302 http://two.in/a"},
		{"/two/re/a", "302 http://re/a"},
		{"/rel/x/y", "302 /target/y"},
		{"/rel/whole/y?q", "302 /target?own"},
		{"/esc/", "302 http://z//%22q%22/%2541/%5bx%5d?a%20b#c%20d"},
		{"/px/a", "301 http://loc/"},
		{"/py/a", "302 http://loc2/a"},
		{"/pz", "http://b/pz"},
		{"/elsewhere", "-"},
		{"/deny1", "301 http://one/"},
		{"/deny2", "403"},
		{"/bad", "500"},
	}.run(t, h)
}

// A virtual host's own lines come before the main server's, and redirects
// before aliases wherever they stand.
func TestOrder(t *testing.T) {
	h := roomtest.New(t, `
Alias /a /main-a
Alias /c /main-c
Redirect /b http://main/
Redirect /b/x http://never/
<VirtualHost *:80>
    Alias /a/x /host-ax
    Redirect /c http://host/
</VirtualHost>
`, &alias.Room, show(""))
	story{
		{"/a", "/main-a"},
		{"/a/x", "/host-ax"},
		{"/b/x", "302 http://main//x"},
		{"/c", "302 http://host/"},
	}.run(t, h)
	if h := roomtest.New(t, "Redirect gone", &alias.Room, show("")); ask(h, "/x") != "410" {
		t.Error("Redirect gone without a path")
	}
}

func TestErrors(t *testing.T) {
	const (
		one   = "Alias takes 1-2 arguments, a fakename and a realname, or a realname in a Location"
		three = "Redirect takes one, two or three arguments, an optional status, then document to be redirected and destination URL"
	)
	for _, c := range []struct{ conf, want string }{
		{"Alias", "1: " + one},
		{"Alias /a", "1: Alias must have two arguments when used globally"},
		{"ScriptAlias /a", "1: Alias must have two arguments when used globally"},
		{"Alias /a /b c", "1: " + one},
		{"<Location /x>\nAlias /a /b\n</Location>", "2: Alias cannot occur within directory context"},
		{"<Directory /x>\nAlias /a /b\n</Directory>", "2: Alias cannot occur within directory context"},
		{"<Directory /x>\nAlias /a\n</Directory>", "2: Alias cannot occur within <Directory> section"},
		{"<Files x>\nAlias /a\n</Files>", "2: Alias cannot occur within <Files> section"},
		{"<Location /x>\nAlias a%{b}\n</Location>", "2: Cannot parse alias expression 'a%{b}': Variable 'b' does not exist"},
		{"<Location /x>\nAliasMatch a b\n</Location>", "2: AliasMatch not allowed in <Location> context"},
		{"AliasMatch ( b", "1: Regular expression could not be compiled."},
		{"AliasMatch a", "1: AliasMatch takes two arguments, a regular expression and a filename"},
		{"Redirect", "1: " + three},
		{"Redirect permanent /a http://b/ c", "1: " + three},
		{"Redirect /a", "1: URL to redirect to is missing"},
		{"Redirect http://foo/", "1: URL to redirect to is missing"},
		{"Redirect 302 http://foo/", "1: URL to redirect to is missing"},
		{"Redirect 300 /x", "1: URL to redirect to is missing"},
		{"Redirect permanent /x", "1: URL to redirect to is missing"},
		{"Redirect gone /a http://x/", "1: Redirect URL not valid for this status"},
		{"Redirect 404 /x http://a/", "1: Redirect URL not valid for this status"},
		{"Redirect 30x /a http://b/", "1: Redirect URL not valid for this status"},
		{"Redirect /a b", "1: Redirect to non-URL"},
		{"Redirect permanent /a www.foo.com", "1: Redirect to non-URL"},
		{"Redirect foo /a http://b/", "1: Redirect: invalid first argument (of three)"},
		{"RedirectMatch a", "1: RedirectMatch takes two or three arguments, an optional status, then a regular expression and destination URL"},
		{"RedirectMatch ( b", "1: Regular expression could not be compiled."},
		{`RedirectMatch 301 \.git`, "1: URL to redirect to is missing"},
		{"RedirectPermanent /a", "1: RedirectPermanent takes two arguments, a document to be redirected, then the destination URL"},
		{"RedirectPermanent /a b", "1: Redirect to non-URL"},
		{"RedirectTemp 301 http://x/", "1: URL to redirect to is missing"},
		{"<Location /x>\nRedirect 301\n</Location>", "2: URL to redirect to is missing"},
		{"<Location /x>\nRedirect %{foo\n</Location>", "2: Cannot parse redirect expression '%{foo': Unterminated variable"},
		{"<Location /x>\nRedirectPermanent /x foo\n</Location>", "2: Redirect to non-URL"},
		{"AliasPreservePath foo", "1: AliasPreservePath must be On or Off"},
		{"RedirectRelative foo", "1: RedirectRelative must be On or Off"},
	} {
		if got := roomtest.Errors(t, c.conf, &alias.Room); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.conf, got, c.want)
		}
	}
	for _, conf := range []string{
		"Redirect gone", "Redirect 410", "Redirect 404", "Redirect 404 /x", "Redirect 999 /x", "Redirect a /b",
		"Redirect a http://b/", "Redirect PERMANENT /a http://b/", "RedirectMatch a b", "RedirectMatch 404 x",
		"<Location /x>\nRedirect foo\n</Location>", "<Location /x>\nRedirect permanent foo\n</Location>",
		"<Location /x>\nRedirect gone foo\n</Location>", "<Location /x>\nRedirect 404 foo\n</Location>",
		"<Location /x>\nRedirectMatch permanent foo\n</Location>", "<Directory /x>\nRedirect http://a/\n</Directory>",
		"<Files x>\nRedirect /a http://b/\n</Files>",
	} {
		if got := roomtest.Errors(t, conf, &alias.Room); got != "" {
			t.Errorf("%s: %s", conf, got)
		}
	}
}

func TestOverlapWarnings(t *testing.T) {
	h := roomtest.New(t, `
Alias /a /b
Alias /a/c /d
Alias /a /e
AliasMatch ^/x /b
Alias /x/c /d
ScriptAlias /cgi /b
ScriptAlias /cgi/x /b
Alias /ab /b
<VirtualHost *:80>
    Alias /a /b
</VirtualHost>
`, &alias.Room)
	var got []string
	for _, l := range strings.Split(h.Warnings(), "\n") {
		if strings.Contains(l, "AH00671") {
			got = append(got, l)
		}
	}
	want := `3: AH00671: The Alias directive in test.conf at line 3 will probably never match because it overlaps an earlier Alias.
4: AH00671: The Alias directive in test.conf at line 4 will probably never match because it overlaps an earlier Alias.
6: AH00671: The Alias directive in test.conf at line 6 will probably never match because it overlaps an earlier AliasMatch.
8: AH00671: The ScriptAlias directive in test.conf at line 8 will probably never match because it overlaps an earlier ScriptAlias.`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// Ten thousand lines cost no more than a few, and keep their order.
func BenchmarkManyRedirects(b *testing.B) {
	var text strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&text, "Redirect /some/old/path/%d http://new.test/%d\nAlias /files/%d /srv/%d\n", i, i, i, i)
	}
	h := roomtest.New(b, text.String(), &alias.Room)
	x, _ := h.Exchange("GET", "/")
	x.Server = h.Snap.Servers[0].Server
	hook := x.Server.Base.Hooks[exchange.Translate][0]
	x.Path = "/not/there/at/all"
	hook(x)
	b.ReportAllocs()
	for b.Loop() {
		if hook(x) != exchange.Declined {
			b.Fatal("a match")
		}
	}
}
