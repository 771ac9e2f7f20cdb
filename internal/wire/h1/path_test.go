package h1

import (
	"strings"
	"testing"
)

func TestNormalizePath(t *testing.T) {
	for _, c := range []struct {
		in    string
		merge bool
		want  string // "" for refused
	}{
		{"/", true, "/"},
		{"*", true, "*"},
		{"/a/b", true, "/a/b"},
		{"/a//b///c", true, "/a/b/c"},
		{"/a//b///c", false, "/a//b///c"},
		{"//", true, "/"},
		{"//", false, "//"},
		{"/./a/./b/.", true, "/a/b/"},
		{"/a/../b", true, "/b"},
		{"/a/..", true, "/"},
		{"/a/b/../..", true, "/"},
		{"/a/../..", true, ""},
		{"/..", true, ""},
		{"/../a", true, ""},
		{"//..", false, "/"},
		{"//..", true, ""},
		{"/a//../b", false, "/a/b"},
		{"/a//../b", true, "/b"},
		{"/a/.%2e/b", true, "/b"},
		{"/a/%2e./b", true, "/b"},
		{"/a/%2E%2e/b", true, "/b"},
		{"/%2e/a", true, "/a"},
		{"/a/...", true, "/a/..."},
		{"/a/.b", true, "/a/.b"},
		{"/a/..b/", true, "/a/..b/"},
		{"/%41%7a%30%2d%2E%5f%7e", true, "/Az0-._~"},
		{"/%20%2f%25%3f", true, "/%20%2f%25%3f"},
		{"/%2541", true, "/%2541"},
		{"/%", true, ""},
		{"/%4", true, ""},
		{"/%zz", true, ""},
		{"/%4g", true, ""},
		{"/a%00", true, "/a%00"},
		{"a", true, ""},
		{"", true, ""},
		{"/a;x=1/../b", true, "/b"},
		{"/\xff", true, "/\xff"},
	} {
		got, p := NormalizePath(c.in, c.merge)
		if p != nil {
			got = ""
			if p.Status != 400 {
				t.Errorf("%q: status %d, want 400", c.in, p.Status)
			}
		}
		if got != c.want {
			t.Errorf("NormalizePath(%q, %v) = %q, want %q", c.in, c.merge, got, c.want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for _, c := range []struct {
		in      string
		slashes Slashes
		want    string
		status  int
	}{
		{"/a b", SlashesRefused, "/a b", 0},
		{"/a%20b%25", SlashesRefused, "/a b%", 0},
		{"/%e4%C3", SlashesRefused, "/\xe4\xc3", 0},
		{"/a%2Fb", SlashesRefused, "", 404},
		{"/a%2fb", SlashesDecoded, "/a/b", 0},
		{"/a%2Fb%2f%20", SlashesKept, "/a%2Fb%2f ", 0},
		{"/a%2F%2Fb", SlashesDecoded, "/a/b", 0},
		{"/a%2F..%2Fb", SlashesDecoded, "/b", 0},
		{"/a%2F..%2F..", SlashesDecoded, "/", 0},
		{"/%2F..%2f../b", SlashesDecoded, "/b", 0},
		{"/a%2F%2541", SlashesDecoded, "/a/%41", 0},
		{"/a%252Fb", SlashesRefused, "/a%2Fb", 0},
		{"/a%252Fb", SlashesKept, "/a%252Fb", 0},
		{"/a%00", SlashesKept, "", 404},
		{"/a%00%zz", SlashesRefused, "", 400},
		{"/a%", SlashesRefused, "", 400},
	} {
		got, p := Unescape(c.in, c.slashes, true)
		status := 0
		if p != nil {
			got, status = "", p.Status
		}
		if got != c.want || status != c.status {
			t.Errorf("Unescape(%q, %d) = %q, %d; want %q, %d", c.in, c.slashes, got, status, c.want, c.status)
		}
	}
	if got, _ := Unescape("/a%2F%2Fb", SlashesDecoded, false); got != "/a//b" {
		t.Errorf("unmerged: %q", got)
	}
}

// FuzzNormalizePath: the result is normal, stays what it is, and never leaves
// the root.
func FuzzNormalizePath(f *testing.F) {
	f.Add("/a/./b//../%2e%2e/%41", true)
	f.Add("/a%2f..%2f%25", false)
	f.Fuzz(func(t *testing.T, in string, merge bool) {
		out, p := NormalizePath(in, merge)
		if p != nil {
			return
		}
		again, p := NormalizePath(out, merge)
		if p != nil || again != out {
			t.Fatalf("%q -> %q -> %q (%v)", in, out, again, p)
		}
		for _, mode := range []Slashes{SlashesRefused, SlashesDecoded, SlashesKept} {
			path, p := Unescape(out, mode, merge)
			if p != nil {
				continue
			}
			if path != "*" && path[0] != '/' {
				t.Fatalf("%q -> %q", in, path)
			}
			for rest := path; ; {
				i := strings.IndexByte(rest, '/')
				if i < 0 {
					break
				}
				rest = rest[i+1:]
				if rest == ".." || len(rest) > 2 && rest[:3] == "../" {
					t.Fatalf("%q -> %q climbs", in, path)
				}
			}
		}
	})
}
