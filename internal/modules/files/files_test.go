package files_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/message"
	"sallyport/internal/module"
	"sallyport/internal/modules/alias"
	"sallyport/internal/modules/files"
	"sallyport/internal/modules/headers"
	"sallyport/internal/modules/mime"
	"sallyport/internal/modules/roomtest"
)

// old is the time of every file: 2020-01-02 03:04:05.123456.
var old = time.Date(2020, 1, 2, 3, 4, 5, 123456000, time.UTC)

// house serves a tree of files, all of them old.
func house(t testing.TB, conf string, tree ...string) (*roomtest.House, string) {
	t.Helper()
	root := roomtest.Files(t, tree...)
	for _, line := range tree {
		if name, _, ok := strings.Cut(line, ": "); ok {
			if err := os.Chtimes(root+"/"+name, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	text := "DocumentRoot " + root + "\n" + strings.ReplaceAll(conf, "ROOT", root)
	return roomtest.New(t, text, &alias.Room, &headers.Room, &mime.Room, &files.Room), root
}

// short prints status, the fields that are not the same for every answer, and
// the body.
func short(rec *exchangetest.Recorder) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(rec.Head.Status))
	for _, f := range rec.Head.Header.Fields {
		switch f.Known {
		case message.LastModified, message.ETag, message.AcceptRanges:
			continue
		}
		b.WriteString(" " + f.Name + ": " + f.Value + ";")
	}
	if rec.Head.Status < 300 || rec.Head.Status == 412 {
		fmt.Fprintf(&b, " %d[%s]", rec.Head.Body.Length, rec.Body.String())
	}
	return b.String()
}

func TestWholeAnswer(t *testing.T) {
	h, _ := house(t, "", "r.txt: 0123456789")
	rec := h.Do("GET", "/r.txt")
	want := `200
Last-Modified: Thu, 02 Jan 2020 03:04:05 GMT
ETag: "a-59b1f7228d580"
Accept-Ranges: bytes
Content-Type: text/plain

0123456789`
	if got := roomtest.Answer(rec); got != want || rec.Head.Body.Length != 10 || rec.Writes != 1 {
		t.Errorf("length %d, %d writes, got\n%s", rec.Head.Body.Length, rec.Writes, got)
	}
}

const page404 = "404 Content-Type: text/html; charset=iso-8859-1;"

func TestMethodsAndPaths(t *testing.T) {
	const allow = "Allow: GET,POST,OPTIONS,HEAD,TRACE; Content-Type: text/html; charset=iso-8859-1;"
	h, root := house(t, `
Alias /api ROOT
Alias /noapi ROOT
<Location /api>
    AcceptPathInfo On
</Location>
<Location /noapi>
    AcceptPathInfo Off
</Location>
<Location /cgi>
    SetHandler cgi-script
</Location>
Alias /cgi ROOT
<Location /other>
    SetHandler unheard-of
</Location>
Alias /other ROOT
<Directory ROOT/idx>
    Options Indexes
</Directory>
`, "r.txt: R", "d/x.txt: x", "sp ace/q?.txt: q", "idx/", "big: "+strings.Repeat("0123456789abcdef", 5000))
	if err := syscall.Mkfifo(root+"/fifo", 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, target, want string }{
		{"GET", "/r.txt", "200 Content-Type: text/plain; 1[R]"},
		{"HEAD", "/r.txt", "200 Content-Type: text/plain; 1[]"},
		{"POST", "/r.txt", "200 Content-Type: text/plain; 1[R]"},
		{"OPTIONS", "/r.txt", "200 Allow: GET,POST,OPTIONS,HEAD,TRACE; Content-Type: text/plain; 0[]"},
		{"OPTIONS", "/none", "200 Allow: GET,POST,OPTIONS,HEAD,TRACE; 0[]"},
		{"DELETE", "/r.txt", "405 " + allow},
		{"PUT", "/none", "405 " + allow},
		{"FOO", "/r.txt", "501 " + allow},
		{"GET", "/none", page404},
		{"POST", "/none", page404},
		{"GET", "/r.txt/", page404},
		{"GET", "/r.txt/a/b", page404},
		{"GET", "/noapi/r.txt/a", page404},
		{"GET", "/api/r.txt/a", "200 Content-Type: text/plain; 1[R]"},
		{"GET", "/api/d/a", page404},
		{"GET", "/d", page404}, // the slash is mod_dir's
		{"GET", "/d/", page404},
		{"GET", "/idx/", "403 Content-Type: text/html; charset=iso-8859-1;"},
		{"GET", "/sp%20ace/q%3f.txt", "200 Content-Type: text/plain; 1[q]"},
		{"GET", "/d/../r.txt", "200 Content-Type: text/plain; 1[R]"},
		{"GET", "/d/%2e%2e/r.txt", "200 Content-Type: text/plain; 1[R]"},
		{"GET", "/d/..%2fr.txt", page404},
		{"GET", "/d%5c..%5cr.txt", page404},
		{"GET", "/r.txt%00", page404},
		{"GET", "/../r.txt", "400 Content-Type: text/html; charset=iso-8859-1;"},
		{"GET", "/%2e%2e/%2e%2e/etc/passwd", "400 Content-Type: text/html; charset=iso-8859-1;"},
		{"GET", "/..%5c..%5cetc/passwd", page404},
		{"GET", "//d//x.txt", "200 Content-Type: text/plain; 1[x]"},
		{"GET", "/fifo", "403 Content-Type: text/html; charset=iso-8859-1;"},
		{"GET", "/" + strings.Repeat("a", 300), "403 Content-Type: text/html; charset=iso-8859-1;"},
		{"GET", "/cgi/r.txt", "500 Content-Type: text/html; charset=iso-8859-1;"},
		{"GET", "/cgi/none", page404},
		{"GET", "/other/r.txt", "200 Content-Type: text/plain; 1[R]"},
	} {
		if got := short(h.Do(c.method, c.target)); got != c.want {
			t.Errorf("%s %.50s\ngot  %s\nwant %s", c.method, c.target, got, c.want)
		}
	}
	if rec := h.Do("GET", "/big"); rec.Body.Len() != 80000 || rec.Head.Body.Length != 80000 {
		t.Errorf("big: %d of %d bytes", rec.Body.Len(), rec.Head.Body.Length)
	}
	off, _ := house(t, "TraceEnable off", "r.txt: R")
	if got := off.Do("OPTIONS", "/r.txt").Head.Header.Get("Allow"); got != "GET,POST,OPTIONS,HEAD" {
		t.Error(got)
	}
	// Without a DocumentRoot there are no files.
	bare := roomtest.New(t, "", &files.Room)
	if got := short(bare.Do("GET", "/etc/passwd")); got != page404 {
		t.Error(got)
	}
}

func TestETag(t *testing.T) {
	h, root := house(t, `
<Location /none>
    FileETag None
</Location>
<Location /all>
    FileETag All
</Location>
<Location /ino>
    FileETag INode
</Location>
<Location /size>
    FileETag Size
</Location>
<Location /dig>
    FileETag Digest
</Location>
AliasMatch "^/(none|all|ino|size|dig)/(.*)" ROOT/$2
`, "r.txt: 0123456789")
	fi, err := os.Stat(root + "/r.txt")
	if err != nil {
		t.Fatal(err)
	}
	ino := strconv.FormatUint(uint64(fi.Sys().(*syscall.Stat_t).Ino), 16)
	for path, want := range map[string]string{
		"/r.txt":      `"a-59b1f7228d580"`,
		"/none/r.txt": "",
		"/all/r.txt":  `"` + ino + `-a-59b1f7228d580"`,
		"/ino/r.txt":  `"` + ino + `"`,
		"/size/r.txt": `"a"`,
		"/dig/r.txt":  `"h6zsF82dzSCnFsws9nQXtxyKcBY="`,
	} {
		if got := h.Do("GET", path).Head.Header.Get("ETag"); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	// A file of this very second is not sure to stay as it is; one of the
	// future is shown as of now.
	for _, c := range []struct {
		age  time.Duration
		weak bool
		date string
	}{
		{0, true, "Mon, 06 May 2024 07:08:09 GMT"},
		{time.Second, true, "Mon, 06 May 2024 07:08:08 GMT"},
		{1001 * time.Millisecond, false, "Mon, 06 May 2024 07:08:07 GMT"},
		{-time.Hour, true, "Mon, 06 May 2024 07:08:09 GMT"},
	} {
		x, rec := h.Exchange("GET", "/r.txt")
		at := x.Received.Add(-c.age)
		if err := os.Chtimes(root+"/r.txt", at, at); err != nil {
			t.Fatal(err)
		}
		h.Serve(x)
		tag, date := rec.Head.Header.Get("ETag"), rec.Head.Header.Get("Last-Modified")
		if strings.HasPrefix(tag, "W/") != c.weak || date != c.date {
			t.Errorf("age %v: %s, %s", c.age, tag, date)
		}
	}
}

// Seen on httpd, but for the lines marked.
func TestConditions(t *testing.T) {
	h, root := house(t, `
ErrorDocument 404 /r.txt
AliasMatch ^/none/(.*) ROOT/$1
<Location /none>
    FileETag None
</Location>
`, "r.txt: R")
	const tag = `"1-59b1f7228d580"`
	for _, c := range []struct {
		method, path, fields string
		want                 int
	}{
		{"GET", "/r.txt", "If-None-Match: " + tag, 304},
		{"HEAD", "/r.txt", "If-None-Match: " + tag, 304},
		{"GET", "/r.txt", "If-None-Match: W/" + tag, 304},
		{"GET", "/r.txt", `If-None-Match: "x", W/"y,z", ` + tag, 304},
		{"GET", "/r.txt", `If-None-Match: "x"|If-None-Match: ` + tag, 304},
		{"GET", "/r.txt", `If-None-Match: "x", "` + tag, 200},
		{"GET", "/r.txt", `If-None-Match: 1-59b1f7228d580`, 200},
		{"GET", "/r.txt", "If-None-Match: *", 304},
		{"GET", "/none/r.txt", "If-None-Match: *", 304},
		{"GET", "/none/r.txt", "If-None-Match: " + tag, 200},
		{"GET", "/missing", "If-None-Match: *", 404},
		{"POST", "/r.txt", "If-None-Match: *", 412},
		{"GET", "/r.txt", "If-Modified-Since: Thu, 02 Jan 2020 03:04:05 GMT", 304},
		{"GET", "/r.txt", "If-Modified-Since: Thu, 02 Jan 2020 03:04:04 GMT", 200},
		{"GET", "/r.txt", "If-Modified-Since: Thu, 02 Jan 2020 03:04:06 GMT", 304},
		{"GET", "/r.txt", "If-Modified-Since: Thursday, 02-Jan-20 03:04:06 GMT", 304},
		{"GET", "/r.txt", "If-Modified-Since: garbage", 200},
		{"GET", "/r.txt", "If-Modified-Since: Fri, 02 Jan 2037 03:04:06 GMT", 200},
		{"POST", "/r.txt", "If-Modified-Since: Thu, 02 Jan 2020 03:04:06 GMT", 200},
		{"GET", "/r.txt", "If-Unmodified-Since: Thu, 02 Jan 2020 03:04:04 GMT", 412},
		{"GET", "/r.txt", "If-Unmodified-Since: Thu, 02 Jan 2020 03:04:05 GMT", 200},
		{"GET", "/r.txt", "If-Unmodified-Since: garbage", 200},
		{"GET", "/r.txt", `If-Match: "x"`, 412},
		{"GET", "/r.txt", "If-Match: " + tag, 200},
		{"GET", "/r.txt", "If-Match: W/" + tag, 412},
		{"GET", "/r.txt", "If-Match: *", 200},
		{"GET", "/none/r.txt", "If-Match: " + tag, 412},
		// Unlike httpd: the order of RFC 9110 §13.2.2.
		{"GET", "/r.txt", "If-Match: " + tag + "|If-Unmodified-Since: Thu, 02 Jan 2020 03:04:04 GMT", 200},
		{"GET", "/r.txt", "If-None-Match: " + tag + "|If-Modified-Since: Thu, 02 Jan 2020 03:04:04 GMT", 304},
		{"GET", "/r.txt", `If-None-Match: "x"|If-Modified-Since: Thu, 02 Jan 2020 03:04:05 GMT`, 200},
	} {
		rec := h.Do(c.method, c.path, strings.Split(c.fields, "|")...)
		if rec.Head.Status != c.want {
			t.Errorf("%s %s %s: got %d, want %d", c.method, c.path, c.fields, rec.Head.Status, c.want)
		}
		switch {
		case c.want == 304:
			if rec.Body.Len() > 0 || rec.Head.Header.Has(message.ContentType) || !rec.Head.Header.Has(message.LastModified) {
				t.Errorf("304 with\n%s", roomtest.Answer(rec))
			}
		case c.want == 412:
			if got := short(rec); got != "412 Content-Type: text/plain; 0[]" {
				t.Error(got)
			}
		}
	}
	// A young file's tag is weak: good for If-None-Match alone.
	x, _ := h.Exchange("GET", "/r.txt")
	if err := os.Chtimes(root+"/r.txt", x.Received, x.Received); err != nil {
		t.Fatal(err)
	}
	weak := h.Do("GET", "/r.txt").Head.Header.Get("ETag")
	for field, want := range map[string]int{"If-None-Match": 304, "If-Match": 412} {
		if got := h.Do("GET", "/r.txt", field+": "+weak).Head.Status; got != want {
			t.Errorf("%s with a weak tag: got %d, want %d", field, got, want)
		}
	}
}

var boundary = regexp.MustCompile(`[0-9a-f]{16}`)

// Seen on httpd, but for the lines marked.
func TestRanges(t *testing.T) {
	h, _ := house(t, `
AliasMatch ^/[a-z0-9]+/(.*) ROOT/$1
<Location /no>
    MaxRanges none
</Location>
<Location /two>
    MaxRanges 2
</Location>
<Location /lap>
    MaxRangeOverlaps 1
</Location>
<Location /rev>
    MaxRangeReversals none
</Location>
ErrorDocument 404 /r.txt
`, "r.txt: 0123456789", "e.txt: ")
	const (
		whole = "200 Content-Type: text/plain; 10[0123456789]"
		none  = "416 Content-Range: bytes */10; Content-Type: text/html; charset=iso-8859-1;" // unlike: the size is told
	)
	part := func(s, body string) string {
		return "206 Content-Range: bytes " + s + "/10; Content-Type: text/plain; " + strconv.Itoa(len(body)) + "[" + body + "]"
	}
	parts := func(spans ...string) string {
		body := ""
		for _, s := range spans {
			from, to, _ := strings.Cut(s, "-")
			i, _ := strconv.Atoi(from)
			j, _ := strconv.Atoi(to)
			body += "\r\n--B\r\nContent-type: text/plain\r\nContent-range: bytes " + s + "/10\r\n\r\n" + "0123456789"[i:j+1]
		}
		body += "\r\n--B--\r\n"
		return "206 Content-Type: multipart/byteranges; boundary=B; " + strconv.Itoa(len(body)+15*(len(spans)+1)) + "[" + body + "]"
	}
	for _, c := range []struct{ method, path, fields, want string }{
		{"GET", "/r.txt", "Range: bytes=0-3", part("0-3", "0123")},
		{"GET", "/r.txt", "Range: BYTES=0-3", part("0-3", "0123")},
		{"GET", "/r.txt", "Range: bytes=-3", part("7-9", "789")},
		{"GET", "/r.txt", "Range: bytes=5-", part("5-9", "56789")},
		{"GET", "/r.txt", "Range: bytes=-20", part("0-9", "0123456789")},
		{"GET", "/r.txt", "Range: bytes=0-99", part("0-9", "0123456789")},
		{"GET", "/r.txt", "Range: bytes=9-99999999999999999999", part("9-9", "9")},
		{"GET", "/r.txt", "Range: bytes=0-9", part("0-9", "0123456789")},
		{"GET", "/r.txt", "Range: bytes=20-", none},
		{"GET", "/r.txt", "Range: bytes=99999999999999999999-", none},
		{"GET", "/r.txt", "Range: bytes=20-,30-", none},
		{"GET", "/r.txt", "Range: bytes=5-3", whole},
		{"GET", "/r.txt", "Range: bytes=-0", whole},
		{"GET", "/r.txt", "Range: lines=0-3", whole},
		{"GET", "/r.txt", "Range: bytes=0-3,x", whole},
		{"GET", "/r.txt", "Range: bytes=a-3", whole},
		{"GET", "/r.txt", "Range: bytes=+1-3", whole},
		{"GET", "/r.txt", "Range: bytes=", whole},
		{"GET", "/r.txt", "Range: 0-3", whole},
		{"GET", "/r.txt", "Range: bytes=0-3|Range: bytes=4-5", whole},
		{"GET", "/r.txt", "Request-Range: bytes=0-3", whole},
		{"GET", "/r.txt", "Range: bytes=0-3,6-7", parts("0-3", "6-7")},
		{"GET", "/r.txt", "Range: bytes=6-7,0-1", parts("6-7", "0-1")},
		{"GET", "/r.txt", "Range: bytes=0-3,20-,-2", parts("0-3", "8-9")},
		{"GET", "/r.txt", "Range: bytes=0-3,4-6", part("0-6", "0123456")},
		{"GET", "/r.txt", "Range: bytes=4-6,0-3", part("0-6", "0123456")},
		{"GET", "/r.txt", "Range: bytes=0-5,2-3", part("0-5", "012345")},
		{"GET", "/r.txt", "Range: bytes=0-3,", part("0-3", "0123")},
		{"GET", "/r.txt", "Range: bytes=0-8,9-9,0-8", part("0-9", "0123456789")},
		{"GET", "/r.txt", "Range: bytes=0-4,6-9,0-4", whole}, // more than there is
		// Unlike httpd: lists may hold blanks and empty members.
		{"GET", "/r.txt", "Range: bytes=0-3, 6-7", parts("0-3", "6-7")},
		{"GET", "/r.txt", "Range: bytes=,0-3", part("0-3", "0123")},
		{"GET", "/r.txt", "Range: bytes= 0-3", part("0-3", "0123")},
		{"GET", "/no/r.txt", "Range: bytes=0-3", whole},
		{"GET", "/two/r.txt", "Range: bytes=0-0,2-2", parts("0-0", "2-2")},
		{"GET", "/two/r.txt", "Range: bytes=0-0,2-2,4-4", whole},
		{"GET", "/lap/r.txt", "Range: bytes=0-3,2-4", part("0-4", "01234")},
		{"GET", "/lap/r.txt", "Range: bytes=0-3,2-4,3-5", whole},
		{"GET", "/rev/r.txt", "Range: bytes=2-4,1-3", whole},
		{"GET", "/rev/r.txt", "Range: bytes=2-4,3-5", part("2-5", "2345")},
		{"GET", "/e.txt", "Range: bytes=0-3", "200 Content-Type: text/plain; 0[]"},
		{"GET", "/e.txt", "Range: bytes=-1", "200 Content-Type: text/plain; 0[]"},
		{"HEAD", "/r.txt", "Range: bytes=0-3", "206 Content-Range: bytes 0-3/10; Content-Type: text/plain; 4[]"},
		{"POST", "/r.txt", "Range: bytes=0-3", whole}, // unlike: RFC 9110 §14.2
		{"GET", "/r.txt", "Range: bytes=0-3|If-Range: Thu, 02 Jan 2020 03:04:05 GMT", part("0-3", "0123")},
		{"GET", "/r.txt", "Range: bytes=0-3|If-Range: Thu, 02 Jan 2020 03:04:04 GMT", whole},
		{"GET", "/r.txt", "Range: bytes=0-3|If-Range: Thu, 02 Jan 2020 03:04:06 GMT", whole},
		{"GET", "/r.txt", `Range: bytes=0-3|If-Range: "a-59b1f7228d580"`, part("0-3", "0123")},
		{"GET", "/r.txt", `Range: bytes=0-3|If-Range: W/"a-59b1f7228d580"`, whole},
		{"GET", "/r.txt", `Range: bytes=0-3|If-Range: "x"`, whole},
		{"GET", "/r.txt", `Range: bytes=20-|If-Range: "x"`, whole},
		{"GET", "/r.txt", `Range: bytes=0-3|If-None-Match: *`, "304"},
		{"GET", "/none", "Range: bytes=0-3|If-None-Match: *", "404 Content-Type: text/plain;"},
	} {
		rec := h.Do(c.method, c.path, strings.Split(c.fields, "|")...)
		got := short(rec)
		if b := boundary.FindString(rec.Head.Header.Get("Content-Type")); b != "" {
			if int64(rec.Body.Len()) != rec.Head.Body.Length {
				t.Errorf("%s: length %d, %d bytes sent", c.fields, rec.Head.Body.Length, rec.Body.Len())
			}
			got = strings.ReplaceAll(got, b, "B")
		}
		if got != c.want {
			t.Errorf("%s %s %s\ngot  %q\nwant %q", c.method, c.path, c.fields, got, c.want)
		}
		if c.path == "/none" && rec.Body.String() != "0123456789" {
			t.Errorf("an error page of %d bytes", rec.Body.Len())
		}
	}
	if got := h.Do("GET", "/no/r.txt").Head.Header.Get("Accept-Ranges"); got != "none" {
		t.Errorf("Accept-Ranges: %s", got)
	}
}

// backend answers what is mapped to no file.
func backend(fields ...string) *module.Room {
	return &module.Room{Name: "backend", Static: true, Compile: func(*module.Build) func(*module.Plan) {
		return func(p *module.Plan) {
			p.Hook(exchange.Translate, module.First, func(x *exchange.Exchange) exchange.Verdict {
				x.Mapped = exchange.Mapping{Kind: exchange.Proxied, Path: "http://b" + x.Path}
				return exchange.OK
			})
			p.Hook(exchange.Handle, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
				x.Out.Status = 404
				if x.Path == "/304" {
					x.Out.Status = 304
				}
				for _, f := range fields {
					name, value, _ := strings.Cut(f, ": ")
					x.Out.Header.Add(name, value)
				}
				x.Begin()
				return exchange.Done
			})
		}
	}}
}

// What the type checker finds is sent with proxied responses too, and the
// default charset is added to theirs (as httpd does).
func TestProxiedTypes(t *testing.T) {
	const conf = `
AddDefaultCharset utf-8
AddLanguage de .de
AddLanguage fr fr
AddEncoding x-gzip .gz
<Location /off>
    AddDefaultCharset Off
</Location>
<Location /set>
    Header set Content-Type text/html
</Location>
<Location /always>
    Header always set Content-Type text/html
</Location>
<Location /unset>
    Header unset Content-Type
</Location>
<Location /force>
    ForceType image/x
</Location>
`
	for _, c := range []struct{ path, sent, want string }{
		{"/x.html.gz", "Content-Type: text/html", "Content-Type: text/html; charset=utf-8;Content-Encoding: x-gzip;"},
		{"/x.html", "", "Content-Type: text/html; charset=utf-8;"},
		{"/x", "", ""},
		{"/x.css", "Content-Type: text/plain; format=flowed", "Content-Type: text/plain; format=flowed; charset=utf-8;"},
		{"/x", "Content-Type: TEXT/HTML ; CharSet=x", "Content-Type: TEXT/HTML ; CharSet=x;"},
		{"/x", "Content-Type: text/html5", "Content-Type: text/html5;"},
		{"/x.de.fr", "Content-Language: en, de", "Content-Language: de,fr,en;"},
		{"/x.de", "", "Content-Language: de;"},
		{"/off", "Content-Type: text/html", "Content-Type: text/html;"},
		{"/set/x.css", "Content-Type: a/b", "Content-Type: text/html; charset=utf-8;"},
		{"/always/x.css", "Content-Type: a/b", "Content-Type: text/html; charset=utf-8;"},
		{"/unset/x.css", "Content-Type: a/b", ""},
		{"/force/x.css", "", "Content-Type: image/x;"},
		{"/force/x.css", "Content-Type: a/b", "Content-Type: a/b;"},
		{"/304", "ETag: x", "ETag: x;"},
	} {
		var sent []string
		if c.sent != "" {
			sent = []string{c.sent}
		}
		h := roomtest.New(t, conf, &headers.Room, &mime.Room, backend(sent...), &files.Room)
		got := strings.ReplaceAll(exchangetest.Lines(&h.Do("GET", c.path).Head.Header), "\n", ";")
		if got != c.want {
			t.Errorf("%s, %s\ngot  %s\nwant %s", c.path, c.sent, got, c.want)
		}
	}
}

func TestLocalTypes(t *testing.T) {
	h, _ := house(t, `
AddDefaultCharset utf-8
DefaultLanguage en
AliasMatch ^/[a-z0-9]+/(.*) ROOT/$1
<Location /force>
    ForceType image/x
</Location>
<Location /h1>
    Header append Content-Type foo
    Header unset Content-Language
</Location>
<Location /h2>
    Header setifempty Content-Type text/plain
</Location>
<Location /h3>
    Header edit Content-Type html xml
</Location>
<Location /h4>
    Header unset Content-Type
</Location>
<Location /ad>
    AddDefaultCharset On
</Location>
`, "a.html: a", "README: r")
	for _, c := range []struct{ path, want string }{
		{"/a.html", "text/html; charset=utf-8"},
		{"/README", ""},
		{"/force/a.html", "image/x"},
		{"/h1/a.html", "text/html; charset=utf-8"},
		{"/h2/a.html", "text/plain; charset=utf-8"},
		{"/h2/README", "text/plain; charset=utf-8"},
		{"/h3/a.html", "text/xml"},
		{"/h4/a.html", ""},
		{"/ad/a.html", "text/html; charset=iso-8859-1"},
	} {
		head := &h.Do("GET", c.path).Head.Header
		if got := head.Get("Content-Type"); got != c.want {
			t.Errorf("%s: got %s, want %s", c.path, got, c.want)
		}
		if len(head.Values("Content-Type")) > 1 || head.Get("Content-Language") != "en" {
			t.Errorf("%s:\n%s", c.path, exchangetest.Lines(head))
		}
	}
}

// A <Directory> decides about the links in it; a <Location> does not.
func TestLinks(t *testing.T) {
	h, _ := house(t, `
<Directory ROOT>
    Options None
</Directory>
<Directory ROOT/open>
    Options FollowSymLinks
</Directory>
<Location /shut>
    Options FollowSymLinks
</Location>
Alias /x ROOT/open
<Location /x>
    Options None
</Location>
`, "secret/f.txt: f", "open/in -> ../secret/f.txt", "open/dir -> ../secret", "shut/in -> ../secret/f.txt",
		"shut/dir -> ../secret", "shut/none -> nowhere")
	for path, want := range map[string]int{
		"/secret/f.txt":   200,
		"/open/in":        200,
		"/open/dir/f.txt": 200,
		"/x/in":           200,
		"/shut/in":        403,
		"/shut/dir":       403,
		"/shut/dir/":      403,
		"/shut/dir/f.txt": 403,
		"/shut/dir/nope":  404,
		"/shut/none":      403,
	} {
		if got := h.Do("GET", path).Head.Status; got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
}

// A file that shrinks while it is sent breaks the response off.
func TestShrinkingFile(t *testing.T) {
	for _, size := range []int{1000, 100000} {
		root := roomtest.Files(t, "f: "+strings.Repeat("x", size))
		shrink := &module.Room{Name: "shrink", Static: true, Compile: func(*module.Build) func(*module.Plan) {
			return func(p *module.Plan) {
				p.Hook(exchange.Respond, module.Middle, func(*exchange.Exchange) exchange.Verdict {
					os.Truncate(root+"/f", 10)
					return exchange.Declined
				})
			}
		}}
		h := roomtest.New(t, "DocumentRoot "+root, shrink, &files.Room)
		x, rec := h.Exchange("GET", "/f")
		h.Serve(x)
		if !x.Aborted || rec.Body.Len() > 10 {
			t.Errorf("%d: aborted %v, %d bytes", size, x.Aborted, rec.Body.Len())
		}
	}
}

// FuzzRange compares the joined ranges with the plain reading of the list: no
// byte outside of what was asked is sent, and every length is right.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"0-3", "0-1,3-4", "-1,0-0", "5-,2-9,0-0", "9-9,8-8,7-7", "0-,0-", "3-2", "-0"} {
		f.Add(s)
	}
	root := roomtest.Files(f, "r.txt: 0123456789")
	h := roomtest.New(f, "DocumentRoot "+root, &files.Room)
	f.Fuzz(func(t *testing.T, set string) {
		if strings.ContainsAny(set, "\r\n\x00:") {
			t.Skip()
		}
		rec := h.Do("GET", "/r.txt", "Range: bytes="+set)
		if int64(rec.Body.Len()) != rec.Head.Body.Length {
			t.Fatalf("%q: length %d, %d bytes", set, rec.Head.Body.Length, rec.Body.Len())
		}
		switch rec.Head.Status {
		case 200, 416:
		case 206:
			if s, ok := strings.CutPrefix(rec.Head.Header.Get("Content-Range"), "bytes "); ok {
				s, _, _ = strings.Cut(s, "/")
				from, to, _ := strings.Cut(s, "-")
				i, _ := strconv.Atoi(from)
				j, _ := strconv.Atoi(to)
				if rec.Body.String() != "0123456789"[i:j+1] {
					t.Fatalf("%q: %s is %q", set, s, rec.Body.String())
				}
			}
		default:
			t.Fatalf("%q: status %d", set, rec.Head.Status)
		}
	})
}
