package dir_test

import (
	"strconv"
	"strings"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/module"
	"sallyport/internal/modules/alias"
	"sallyport/internal/modules/dir"
	"sallyport/internal/modules/env"
	"sallyport/internal/modules/files"
	"sallyport/internal/modules/headers"
	"sallyport/internal/modules/roomtest"
	"sallyport/internal/modules/setenvif"
)

// others are a backend for every path that ends in ".php", and an access
// control that lets nobody into paths with "denied" in them.
var others = &module.Room{Name: "others", Static: true, Compile: func(*module.Build) func(*module.Plan) {
	return func(p *module.Plan) {
		p.Hook(exchange.Translate, module.First, func(x *exchange.Exchange) exchange.Verdict {
			if strings.HasSuffix(x.Path, ".php") {
				x.Mapped = exchange.Mapping{Kind: exchange.Proxied, Path: "http://b" + x.Path}
				return exchange.OK
			}
			return exchange.Declined
		})
		p.Hook(exchange.Access, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
			if strings.Contains(x.Path, "denied") {
				return exchange.Status(403)
			}
			return exchange.OK
		})
		p.Hook(exchange.Handle, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
			if x.Mapped.Kind != exchange.Proxied {
				return exchange.Declined
			}
			x.Out.Status = 200
			x.Begin()
			x.Write([]byte(x.Mapped.Path + "?" + x.Query))
			return exchange.Done
		})
	}
}}

func house(t testing.TB, conf string, tree ...string) *roomtest.House {
	t.Helper()
	root := roomtest.Files(t, tree...)
	text := "DocumentRoot " + root + "\n" + strings.ReplaceAll(conf, "ROOT", root)
	return roomtest.New(t, text, others, &env.Room, &setenvif.Room, &headers.Room, &alias.Room, &dir.Room, &files.Room)
}

func answer(rec *exchangetest.Recorder) string {
	if rec.Head.Status == 200 {
		return rec.Body.String()
	}
	return strings.TrimSpace(strconv.Itoa(rec.Head.Status) + " " + rec.Head.Header.Get("Location"))
}

var tree = []string{
	"d/index.html: index", "d/two.html: two", "dx/x.txt: x", "sp ace/index.html: space", "r.txt: R",
	"php/a.txt: a", "denied/index.html: secret", "partly/denied.html: secret", "partly/ok.html: ok",
	"real/index.html: real", "link -> real", "shut/link -> ../real", "nested/index.html/x: x",
}

// Seen on httpd.
func TestDirectories(t *testing.T) {
	h := house(t, `
Alias /several ROOT/d
Alias /disabled ROOT/d
Alias /found ROOT/d
Alias /found7 ROOT/d
Alias /noslash ROOT
Alias /fb ROOT
Alias /fbn ROOT
Alias /fbphp ROOT
Alias /check ROOT
Alias /checked ROOT
Alias /away ROOT/d
Redirect /away/index.html http://h/
<Location /several>
    DirectoryIndex nope.html two.html
    DirectoryIndex /r.txt
</Location>
<Location /disabled>
    DirectoryIndex disabled
</Location>
<Location /found>
    DirectoryIndexRedirect on
</Location>
<Location /found7>
    DirectoryIndexRedirect 307
</Location>
<Location /noslash>
    DirectorySlash Off
</Location>
<Location /fb>
    FallbackResource /r.txt
</Location>
<Location /fb/off>
    FallbackResource disabled
</Location>
<Location /fb/handler>
    SetHandler some
</Location>
<Location /fbn>
    FallbackResource /nope.txt
</Location>
<Location /fbphp>
    FallbackResource /front.php
</Location>
<Location /check>
    DirectoryCheckHandler On
    SetHandler foo
</Location>
<Location /checked>
    SetHandler foo
</Location>
<Location /php>
    DirectoryIndex none.html index.php?a=b
</Location>
<Location /php/q>
    DirectoryIndex index.php
</Location>
<Location /partly>
    DirectoryIndex denied.html ok.html
</Location>
SetEnvIf X-Careful yes redirect-carefully
<Directory ROOT/shut>
    Options None
</Directory>
`, tree...)
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/d", "301 http://example.test/d/"},
		{"GET", "/d?a=b", "301 http://example.test/d/?a=b"},
		{"POST", "/d", "301 http://example.test/d/"},
		{"DELETE", "/d", "301 http://example.test/d/"},
		{"OPTIONS", "/d", "301 http://example.test/d/"},
		{"GET", "/d/", "index"},
		{"HEAD", "/d/", ""},
		{"POST", "/d/", "index"},
		{"PUT", "/d/", "405"},
		{"GET", "/dx/", "404"},
		{"GET", "/dx", "301 http://example.test/dx/"},
		{"GET", "/sp%20ace", "301 http://example.test/sp%20ace/"},
		{"GET", "/sp%20ace/", "space"},
		{"GET", "/nested/", "404"}, // index.html is a directory
		{"GET", "/several/", "two"},
		{"GET", "/several/../dx/", "404"},
		{"GET", "/disabled/", "404"},
		{"GET", "/found/?x=y", "302 http://example.test/found/index.html"},
		{"GET", "/found7/", "307 http://example.test/found7/index.html"},
		{"GET", "/noslash/d", "404"},
		{"GET", "/noslash/d/", "index"},
		{"GET", "/noslash", "404"},
		{"GET", "/fb/nope?x", "R"},
		{"GET", "/fb/nope/a/b", "R"},
		{"GET", "/fb/d", "301 http://example.test/fb/d/"},
		{"GET", "/fb/d/", "index"},
		{"GET", "/fb/dx/", "R"},
		{"GET", "/fb/dx/x.txt", "x"},
		{"GET", "/fb/off/x", "404"},
		{"GET", "/fb/handler/x", "404"},
		{"GET", "/fbn/nope", "404"},
		{"GET", "/fbphp/nope?q=1", "http://b/front.php?q=1"},
		{"GET", "/check/d", "301 http://example.test/check/d/"},
		{"GET", "/check/d/", "404"},
		{"GET", "/checked/d/", "index"},
		{"GET", "/away/", "302 http://h/"},
		{"GET", "/php/", "http://b/php/index.php?a=b"},
		{"GET", "/denied/", "403"},
		{"GET", "/partly/", "ok"},
		{"GET", "/link", "301 http://example.test/link/"},
		{"GET", "/link/", "real"},
		{"GET", "/shut/link", "403"},
		{"GET", "/shut/link/", "403"},
	} {
		if got := answer(h.Do(c.method, c.target)); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.method, c.target, got, c.want)
		}
	}
	if got := answer(h.Do("POST", "/d", "X-Careful: yes")); got != "404" {
		t.Errorf("a client that cannot follow: %s", got)
	}
	if got := answer(h.Do("GET", "/d", "X-Careful: yes")); got != "301 http://example.test/d/" {
		t.Errorf("a careful GET: %s", got)
	}
}

// An index takes the request over from access control on: variables stay,
// request lines run once, the sections of the index count.
func TestTakeOver(t *testing.T) {
	h := house(t, `
SetEnvIf Request_URI (.*) SRV=$1
<Location /d/>
    SetEnvIf Request_URI (.*) LOC=$1
    RequestHeader add X-In 1
    SetEnv LATE 1
</Location>
<Location /d/index.html>
    SetEnvIf Request_URI . NOT=1
    Header set X-Index yes
</Location>
<Files index.html>
    Header set X-File yes
</Files>
Header echo X-In
Header set X-Env "%{SRV}e %{LOC}e %{NOT}e %{LATE}e %{REDIRECT_SRV}e"
`, tree...)
	x, rec := h.Exchange("GET", "/d/?q")
	h.Serve(x)
	var got strings.Builder
	for _, f := range rec.Head.Header.Fields {
		if strings.HasPrefix(f.Name, "X-") {
			got.WriteString(f.Name + ": " + f.Value + "\n")
		}
	}
	want := "X-In: 1\nX-Env: /d/ /d/ (null) 1 (null)\nX-File: yes\nX-Index: yes\n"
	if got.String() != want || x.Path != "/d/index.html" || x.Query != "q" || rec.Body.String() != "index" {
		t.Errorf("got %s%s?%s %s", got.String(), x.Path, x.Query, rec.Body.String())
	}
	// What was looked at in vain leaves no trace.
	x, _ = h.Exchange("GET", "/dx/?q")
	h.Serve(x)
	if x.Path != "/dx/" || x.Query != "q" || x.RawPath != "/dx/" || !strings.HasSuffix(x.Mapped.Path, "/dx/") {
		t.Errorf("left at %+v, %+v", x.Path, x.Mapped)
	}
}

func TestMerge(t *testing.T) {
	h := house(t, `
DirectoryIndex two.html
<Location /d>
    DirectoryIndex index.html
    DirectoryIndex disabled
    DirectoryIndex nope.html two.html
</Location>
<Location /dx>
    DirectoryIndex disabled disabled
</Location>
`, tree...)
	for target, want := range map[string]string{"/d/": "two", "/dx/": "404", "/real/": "404"} {
		if got := answer(h.Do("GET", target)); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for conf, want := range map[string]string{
		"DirectorySlash foo":         "DirectorySlash must be On or Off",
		"DirectoryCheckHandler":      "DirectoryCheckHandler must be On or Off",
		"FallbackResource":           "FallbackResource takes one argument, Set a default handler",
		"FallbackResource a b":       "FallbackResource takes one argument, Set a default handler",
		"DirectoryIndexRedirect":     "DirectoryIndexRedirect takes one argument, On, Off, or a 3xx status code.",
		"DirectoryIndexRedirect foo": "DirectoryIndexRedirect ON|OFF|permanent|temp|seeother|3xx",
		"DirectoryIndexRedirect 200": "DirectoryIndexRedirect only accepts values between 300 and 399",
	} {
		if got := roomtest.Errors(t, conf, &dir.Room); got != "1: "+want {
			t.Errorf("%s: %s", conf, got)
		}
	}
	if got := roomtest.Errors(t, "DirectoryIndex\nDirectoryIndexRedirect 399\nFallbackResource foo\nDirectoryIndexRedirect Seeother", &dir.Room); got != "" {
		t.Error(got)
	}
}
