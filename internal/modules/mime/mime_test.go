package mime_test

import (
	"os"
	"strings"
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/modules/mime"
	"sallyport/internal/modules/roomtest"
)

// kinds maps every request to a file, or below /p/ to a backend, and notes
// what the type checker found.
func kinds(seen *string) *module.Room {
	return &module.Room{Name: "kinds", Static: true, Compile: func(*module.Build) func(*module.Plan) {
		return func(p *module.Plan) {
			p.Hook(exchange.Translate, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
				x.Mapped = exchange.Mapping{Kind: exchange.File, What: exchange.Regular, Path: "/srv.d/x.d" + x.Path}
				if info, ok := strings.CutPrefix(x.Path, "/info/"); ok {
					x.Mapped.Path, x.PathInfo = "/srv/index.php", "/"+info
				}
				if strings.HasPrefix(x.Path, "/p/") {
					x.Mapped = exchange.Mapping{Kind: exchange.Proxied, Path: "http://h.html:1" + x.Path + "?q=a.css"}
				}
				if strings.HasSuffix(x.Path, "/") {
					x.Mapped.What = exchange.Directory
				}
				return exchange.OK
			})
			p.Hook(exchange.Handle, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
				*seen = strings.Join([]string{x.Type.Media, x.Type.Encoding, strings.Join(x.Type.Languages, "+"), x.Handler}, "|")
				return exchange.Status(404)
			})
		}
	}}
}

func root(t testing.TB) string {
	return roomtest.Files(t, "conf/mime.types: "+`# types
text/html	html htm
text/css css
text/plain txt
application/gzip gz
Text/CASE cc CD
 app/lead dd
"quo ted" ee
app/none
text/html late
app/late late
`)
}

// Seen on httpd.
func TestTypes(t *testing.T) {
	var seen string
	h := roomtest.NewAt(t, root(t), `
AddLanguage de .de
AddLanguage FR fr
AddEncoding x-gzip .gz
AddEncoding br br
AddCharset UTF-8 .utf8
AddHandler Foo-Handler .imap
AddHandler proxy:fcgi://H/P .php
DefaultLanguage en
AddType "Text/Foo; A=B ; c=\"d e\"" xx
AddType foo vv
AddType "a/b;charset=zz" uu
AddType "a/b;charset=zz; x=y" tt
AddType "a/b; bad" ss
AddType "a/b;q=1;bad" sss
AddType text/own CC
<Location /rt>
    RemoveType cc xx
    RemoveLanguage de
    RemoveEncoding .GZ
    RemoveHandler imap
    AddType text/two cc
    AddLanguage da de
</Location>
<Location /rt/in>
    AddType text/three cc
    AddLanguage nl de
</Location>
<Location /set>
    SetHandler set
</Location>
<Location /info>
    ModMimeUsePathInfo On
</Location>
`, &mime.Room, kinds(&seen))
	for _, c := range []struct{ path, want string }{
		{"/a.html", "text/html||en|"},
		{"/a.HTML", "text/html||en|"},
		{"/README", "||en|"},
		{"/.html", "||en|"},
		{"/.a.html", "text/html||en|"},
		{"/k..html.", "text/html||en|"},
		{"/m.txt.html", "text/html||en|"},
		{"/html.unknown", "||en|"},
		{"/x.html.gz", "application/gzip|x-gzip|en|"},
		{"/x.gz.html", "text/html|x-gzip|en|"},
		{"/x.html.gz.br", "application/gzip|x-gzip, br|en|"},
		{"/x.de.html.utf8", "text/html; charset=utf-8||de|"},
		{"/x.utf8", "||en|"},
		{"/x.de.fr.html", "text/html||de+fr|"},
		{"/i.imap.html", "text/html||en|foo-handler"},
		{"/i.php", "||en|proxy:fcgi://H/P"},
		{"/a.xx", `text/foo; a=b; c="d e"||en|`},
		{"/a.vv", "foo||en|"},
		{"/a.vv.utf8", "foo||en|"},
		{"/a.uu", "a/b; charset=zz||en|"},
		{"/a.uu.utf8", "a/b; charset=utf-8||en|"},
		{"/a.tt.utf8", "a/b; charset=utf-8; x=y||en|"},
		{"/a.ss", "a/b||en|"},
		{"/a.sss", "a/b; q=1||en|"},
		{"/a.ss.utf8", "a/b; charset=utf-8||en|"},
		{"/a.cc", "text/own||en|"},
		{"/a.cd", "Text/CASE||en|"},
		{"/a.dd", "app/lead||en|"},
		{"/a.ee", "quo ted||en|"},
		{"/a.late", "app/late||en|"},
		{"/d.html/", "|||"},
		{"/rt/a.cc", "text/two||en|"},
		{"/rt/a.de.html.gz", "application/gzip||en|"},
		{"/rt/a.imap", "||en|"},
		{"/rt/in/a.cc", "text/three||en|"},
		{"/rt/in/a.de", "||nl|"},
		{"/set/a.imap", "||en|set"},
		{"/info/a.de.css", "text/css||de|"},
		{"/p/x.html.gz", "application/gzip|x-gzip|en|"},
		{"/p/x.imap.de", "||de|"},
		{"/p/x", "||en|"},
	} {
		h.Do("GET", c.path)
		if seen != c.want {
			t.Errorf("%s: got %s, want %s", c.path, seen, c.want)
		}
	}
}

func TestTypesFile(t *testing.T) {
	dir := root(t)
	if err := os.WriteFile(dir+"/own", []byte("x/own html\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var seen string
	h := roomtest.NewAt(t, dir, "TypesConfig own\n<VirtualHost *:80>\nTypesConfig /nowhere\n</VirtualHost>", &mime.Room, kinds(&seen))
	if h.Do("GET", "/a.html"); seen != "x/own|||" {
		t.Errorf("got %s", seen)
	}
	if got := roomtest.Errors(t, "\nTypesConfig /nowhere", &mime.Room); got != "2: AH01597: could not open mime types config file /nowhere." {
		t.Error(got)
	}
	// Without a file the system's is read, or the list of our own.
	h = roomtest.NewAt(t, t.TempDir(), "", &mime.Room, kinds(&seen))
	if h.Do("GET", "/a.html"); seen != "text/html|||" {
		t.Errorf("got %s", seen)
	}
}

func TestErrors(t *testing.T) {
	for conf, want := range map[string]string{
		"AddType":                     "AddType requires at least two arguments, a mime type followed by one or more file extensions",
		"AddType a":                   "AddType requires at least two arguments, a mime type followed by one or more file extensions",
		"AddHandler a":                "AddHandler requires at least two arguments, a handler name followed by one or more file extensions",
		"AddCharset":                  "AddCharset requires at least two arguments, a charset (e.g., iso-2022-jp), followed by one or more file extensions",
		"AddLanguage en":              "AddLanguage requires at least two arguments, a language (e.g., fr), followed by one or more file extensions",
		"AddEncoding x":               "AddEncoding requires at least two arguments, an encoding (e.g., gzip), followed by one or more file extensions",
		"AddOutputFilter":             "AddOutputFilter requires at least two arguments, output filter name (or ; delimited names) followed by one or more file extensions",
		"RemoveType":                  "RemoveType requires at least one argument, one or more file extensions",
		"TypesConfig":                 "TypesConfig takes one argument, the MIME types config file",
		"TypesConfig a b":             "TypesConfig takes one argument, the MIME types config file",
		"DefaultLanguage en fr":       "DefaultLanguage takes one argument, language to use for documents with no other language file extension",
		"MultiviewsMatch":             "MultiviewsMatch requires at least one argument, NegotiatedOnly (default), Handlers and/or Filters, or Any",
		"MultiviewsMatch foo":         "Unrecognized option 'foo'",
		"MultiviewsMatch Any Filters": "Filters is incompatible with Any and NegotiatedOnly",
		"ModMimeUsePathInfo on":       "ModMimeUsePathInfo not allowed here",
	} {
		if got := roomtest.Errors(t, conf, &mime.Room); got != "1: "+want {
			t.Errorf("%s: %s", conf, got)
		}
	}
	h := roomtest.New(t, "AddType foo c\nRemoveType .html\nMultiviewsMatch Handlers Filters\nAddOutputFilter INCLUDES shtml\nRemoveOutputFilter shtml", &mime.Room)
	if w := h.Warnings(); w != "4: AddOutputFilter INCLUDES shtml has no effect: filters by extension are not there" {
		t.Error(w)
	}
}

func TestAllocations(t *testing.T) {
	h := roomtest.NewAt(t, root(t), "AddLanguage de .de\nDefaultLanguage en", &mime.Room)
	x, _ := h.Exchange("GET", "/")
	x.Place = h.Snap.Servers[0].Server.Base
	x.Mapped = exchange.Mapping{Kind: exchange.File, What: exchange.Regular, Path: "/srv/a.de.html"}
	hook := x.Place.Hooks[exchange.Fixup][0]
	if n := testing.AllocsPerRun(100, func() { x.Type = exchange.Type{}; hook(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzMedia(f *testing.F) {
	for _, s := range []string{"text/html", "a/b; charset=x; y=\"z\\\"\"", ";", "a/b;c=", "a/b ; =", "a/b;c=\"d\"e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := mime.Respell(s, "")
		if again := mime.Respell(m, ""); again != m {
			t.Errorf("%q becomes %q, then %q", s, m, again)
		}
		mime.Respell(s, "utf-8")
	})
}
