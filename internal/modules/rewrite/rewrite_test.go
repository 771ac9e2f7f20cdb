package rewrite_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/modules/rewrite"
	"sallyport/internal/modules/roomtest"
)

// What rules do is held against httpd in proxytest's scripts; here is what only
// we can see.

// A pattern that backtracks for ever is no match after the time limit.
func TestCatastrophe(t *testing.T) {
	h := roomtest.New(t, "RewriteEngine On\nRewriteRule ^/(a+)+\\1x$ - [F]", &rewrite.Room)
	begin := time.Now()
	rec := h.Do("GET", "/"+strings.Repeat("a", 60)+"!")
	if rec.Head.Status == 403 {
		t.Error("the pattern matched")
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}

// A program that is a map answers line by line and is started once.
func TestProgramMap(t *testing.T) {
	dir := t.TempDir()
	prog := filepath.Join(dir, "map.sh")
	if err := os.WriteFile(prog, []byte("#!/bin/sh\nn=0\nwhile read k; do n=$((n+1)); case $k in no) echo NULL;; *) echo $k-$n;; esac; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	h := roomtest.New(t, "RewriteMap p prg:"+prog+"\nRewriteEngine On\nRewriteRule ^/(.*) http://o.test/${p:$1|default} [R]", &rewrite.Room)
	for _, c := range []string{"/a http://o.test/a-1", "/b http://o.test/b-2", "/no http://o.test/default"} {
		path, want, _ := strings.Cut(c, " ")
		rec := h.Do("GET", path)
		if got := rec.Head.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %s, want %s", path, got, want)
		}
	}
	if err := h.Snap.Open(); err != nil {
		t.Fatal(err)
	}
	h.Snap.Close()
}

func TestMapTypes(t *testing.T) {
	got := roomtest.Errors(t, "RewriteMap m dbm:/x\nRewriteMap m dbm=ndbm:/x\nRewriteMap m dbd:x\nRewriteMap m what:x", &rewrite.Room)
	want := "1: RewriteMap: file for map m not found:/x.pag\n2: RewriteMap: dbm type ndbm is invalid\n3: RewriteMap: Sallyport has no maps of type dbd\n4: RewriteMap: unknown map type 'what'"
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

// Variables and maps that are not there are told at load.
func TestWarnings(t *testing.T) {
	h := roomtest.New(t, "RewriteEngine On\nRewriteCond %{NOPE} a\nRewriteRule a ${nomap:$1}", &rewrite.Room)
	got := strings.Split(h.Warnings(), "\n")
	want := []string{
		"2: RewriteCond: there is no variable %{NOPE}: it is always empty",
		"3: RewriteRule: no RewriteMap nomap in this server: the look-up is always empty",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// No line makes the reader or the engine stumble.
func FuzzRule(f *testing.F) {
	for _, s := range []string{
		`^/(.*)$ /x/$1?%{QUERY_STRING} [R=301,L,E=A:$1,CO=a:b:c]`, `"a b" '${m:${n:$1|%2}|x}' [P,NE,B]`,
		`!x - [F]`, `. %{LA-U:REQUEST_FILENAME}%{ENV:A}%{HTTP:B}\$1 [N=3,S=2,C]`,
	} {
		f.Add(s, "/a/b?c")
	}
	f.Fuzz(func(t *testing.T, line, target string) {
		if strings.ContainsAny(line, "\n\r\x00\\") || strings.Contains(line, "prg") || !strings.HasPrefix(target, "/") {
			t.Skip()
		}
		h, _ := roomtest.Compile(t, "/", "RewriteEngine On\nRewriteRule "+line, &rewrite.Room)
		if h != nil {
			h.Do("GET", target)
		}
	})
}
