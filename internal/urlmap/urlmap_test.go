package urlmap

import (
	"fmt"
	"strings"
	"testing"

	"sallyport/internal/regex"
	"sallyport/internal/wire/h1"
)

func TestMatchPrefix(t *testing.T) {
	for _, c := range []struct {
		prefix, path string
		n            int
	}{
		{"/images", "/images", 7},
		{"/images", "/images/", 7},
		{"/images", "/images/x", 7},
		{"/images", "/imagesfoo", 0},
		{"/images", "/IMAGES", 0},
		{"/images", "/image", 0},
		{"/sl/", "/sl/", 4},
		{"/sl/", "/sl/x", 4},
		{"/sl/", "/sl//x", 5},
		{"/sl/", "/sl", 0},
		{"/", "/", 1},
		{"/", "/x", 1},
		{"/", "//x", 2},
		{"//a///b", "/a/b/c", 4},
		{"/a/b", "//a///b//c", 7},
		{"/a//", "/a/", 3},
		{"a", "/a", 0},
		{"", "/a", 0},
		{"/a", "", 0},
	} {
		if n := MatchPrefix(c.path, c.prefix); n != c.n {
			t.Errorf("prefix %q on %q took %d bytes, want %d", c.prefix, c.path, n, c.n)
		}
		hit := New([]Pattern{{Prefix: c.prefix}}).First(c.path, 0)
		if (hit.Index == 0) != (c.n > 0) || hit.Len != c.n {
			t.Errorf("map of %q on %q: %+v, want %d bytes", c.prefix, c.path, hit, c.n)
		}
	}
}

func TestFirstMatchWins(t *testing.T) {
	re := func(p string) *regex.Regex {
		r, err := regex.Compile(p, false)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	m := New([]Pattern{
		{Prefix: "/o/sub/deep"},   // 0
		{Prefix: "/o"},            // 1
		{Prefix: "/o/sub"},        // 2: hidden by 1
		{Regex: re(`\.gif$`)},     // 3
		{Prefix: "/img"},          // 4
		{Regex: re(`^/img/(.+)`)}, // 5
		{Ask: true},               // 6
		{Prefix: "/"},             // 7
		{Prefix: "/img"},          // 8: the same again
	})
	for _, c := range []struct {
		path string
		from int
		want int
	}{
		{"/o", 0, 1},
		{"/o/sub/x", 0, 1},
		{"/o/sub/deep/x", 0, 0},
		{"/o/sub/deeper", 0, 1},
		{"/o/sub/x", 2, 2},
		{"/img/a.gif", 0, 3},
		{"/img/a.png", 0, 4},
		{"/img/a.png", 5, 5},
		{"/img/a.png", 6, 6},
		{"/img/a.png", 7, 7},
		{"/img/a.png", 8, 8},
		{"/img/a.png", 9, -1},
		{"/none", 0, 6},
		{"/none", 7, 7},
		{"/none", 8, -1},
	} {
		if hit := m.First(c.path, c.from); hit.Index != c.want {
			t.Errorf("%s from %d: pattern %d, want %d", c.path, c.from, hit.Index, c.want)
		}
	}
}

// linear is httpd's way: the list from the top.
func linear(list []Pattern, path string, from int) Hit {
	for i := from; i < len(list); i++ {
		p := list[i]
		if p.Ask {
			return Hit{Index: i}
		}
		if p.Regex != nil {
			if g := p.Regex.Find(path); g != nil {
				return Hit{Index: i, Groups: g}
			}
			continue
		}
		if n := MatchPrefix(path, p.Prefix); n > 0 {
			return Hit{Index: i, Len: n}
		}
	}
	return Hit{Index: -1}
}

func FuzzMap(f *testing.F) {
	f.Add("/a\n/a/b\n~^/x\n/\n", "/a//b", 0)
	f.Add("/a/\n//a//b/\n?\n/ab\n/abc", "/abc/d", 1)
	f.Fuzz(func(t *testing.T, lines, path string, from int) {
		var list []Pattern
		for _, l := range strings.Split(lines, "\n") {
			switch {
			case l == "?":
				list = append(list, Pattern{Ask: true})
			case strings.HasPrefix(l, "~"):
				if re, err := regex.Compile(l[1:], false); err == nil {
					list = append(list, Pattern{Regex: re})
				}
			default:
				list = append(list, Pattern{Prefix: l})
			}
		}
		if from < 0 || from > len(list) {
			from = 0
		}
		got, want := New(list).First(path, from), linear(list, path, from)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q on %q from %d: %+v, line by line %+v", lines, path, from, got, want)
		}
	})
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		decoded, wire string
		keep          bool
	}{
		{"/plain/a-b_c.d~e", "/plain/a-b_c.d~e", false},
		{"/~$-_.+!*'(),;:@&=", "/~$-_.+!*'(),;:@&=", false},
		{"/a b", "/a%20b", false},
		{"/\xe4", "/%E4", false},
		{"/ä", "/%C3%A4", false},
		{"/a?b", "/a%3Fb", false},
		{"/a%b", "/a%25b", false},
		{"/[x]|^\"\\<>`{}#", "/%5Bx%5D%7C%5E%22%5C%3C%3E%60%7B%7D%23", false},
		{"/a\r\nb\x00\x7f", "/a%0D%0Ab%00%7F", false},
		{"/a%2Fb%2fc", "/a%252Fb%252fc", false},
		{"/a%2Fb%2fc%41", "/a%2Fb%2fc%2541", true},
		{"/a%252Fb%25252fc%25%252", "/a%252Fb%25252fc%2525%25252", true},
		{"/a%", "/a%25", true},
		{"/a%4", "/a%254", true},
		{"/a%zz", "/a%25zz", true},
	} {
		out := Encode(nil, c.decoded, c.keep)
		if string(out) != c.wire {
			t.Errorf("%q (keep %v): %q, want %q", c.decoded, c.keep, out, c.wire)
		}
		if Plain(c.decoded) != (c.decoded == c.wire && !strings.Contains(c.decoded, "%")) {
			t.Errorf("Plain(%q) is wrong", c.decoded)
		}
	}
}

// FuzzEncode also goes the way of a request: what is decoded and spelt again
// means the same.
func FuzzEncode(f *testing.F) {
	f.Add("/a b%2F\xff", true)
	f.Fuzz(func(t *testing.T, path string, keep bool) {
		out := string(Encode(nil, path, keep))
		if !Sendable(out) {
			t.Fatalf("%q became %q", path, out)
		}
		slashes := h1.SlashesDecoded
		if keep {
			slashes = h1.SlashesKept
		}
		back, p := h1.Unescape("x"+out, slashes, false)
		if p == nil && back != "x"+path {
			t.Fatalf("%q became %q, which is %q", path, out, back)
		}
	})
}

func TestSendable(t *testing.T) {
	for s, want := range map[string]bool{"/a?b": true, "": true, "/\xe4": true, "/a b": false, "/\t": false, "/\x7f": false, "/\x00": false} {
		if Sendable(s) != want {
			t.Errorf("Sendable(%q) is not %v", s, want)
		}
	}
}

// The rows were observed on httpd 2.4.71: alias, path, what the target got
// appended.
func TestMatchServlet(t *testing.T) {
	for _, c := range []struct{ prefix, path, rest, seen string }{
		{"/srv", "/srv", "", "/srv"},
		{"/srv", "/srv/", "/", "/srv/"},
		{"/srv", "/srv;x=1", "", "/srv"},
		{"/srv", "/srv;x=1/", "/", "/srv/"},
		{"/srv", "/srv;x=1/a", ";x=1/a", "/srv/a"},
		{"/srv", "/srv;x=1;y/a;z=2/b", ";x=1;y/a;z=2/b", "/srv/a/b"},
		{"/srv", "/srv/a/..;b/c", "/c", "/srv/c"},
		{"/srv", "/srv/a/..;b", "", "/srv/"},
		{"/srv", "/srv/a/..;b/", "/", "/srv/"},
		{"/srv", "/srv/..;b/srv", "", "/srv"},
		{"/srv", "/srv/..;b/srv/q", "/q", "/srv/q"},
		{"/srv", "/srv/..;b/srv;k/q", ";k/q", "/srv/q"},
		{"/srv", "/srv/..;b", "-", ""},
		{"/srv", "/..;b/srv", "-", ""},
		{"/srv", "/srvx", "-", ""},
		{"/srv", "/srv/.;k/a", "/.;k/a", "/srv/a"},
		{"/srv", "/srv/;k/a", "/;k/a", "/srv/a"},
		{"/srv", "/srv/.;j", "", "/srv/"},
		{"/srv", "/srv/.;j/", "/", "/srv/"},
		{"/srv", "/srv/;j", "", "/srv/"},
		{"/srv", "/srv;x=1/.;j", "", "/srv/"},
		{"/srv", "/srv;x=1/.;j/", "/", "/srv/"},
		{"/srv", "/srv;x=1/.;j/a", ";x=1/.;j/a", "/srv/a"},
		{"/srv", "/x/..;/srv/a", "/a", "/srv/a"},
		{"/srv", "/.;j/srv/a", "/a", "/srv/a"},
		{"/srv", "/;j/srv;k/a", ";k/a", "/srv/a"},
		{"/srv", "/srv;x=1/q/..;/a", ";x=1/q/..;/a", "/srv/a"},
		{"/srv", "/srv;x=1/q/..;/", "/", "/srv/"},
		{"/srv", "/srv;x=1/q/..;", "", "/srv/"},
		{"/srv", "/srv/q/r/..;/a", "/q/r/..;/a", "/srv/q/a"},
		{"/srv", "/srv/q/..;/a;k/b", "/a;k/b", "/srv/a/b"},
		{"/srv", "/srv/q/..;/.;j/a", "/a", "/srv/a"},
		{"/srv", "/srv/.;j/q/..;/a", "/a", "/srv/a"},
		{"/srv", "/srv/;a;b/c/..;/d/..;/e", "/e", "/srv/e"},
		{"/srv/app", "/srv;x=1/app/y", "/y", "/srv/app/y"},
		{"/srv/app", "/srv;x=1/app;z=1/y", ";z=1/y", "/srv/app/y"},
		{"/srv/app", "/srv/app;z=1", "", "/srv/app"},
		{"/srv/app", "/srv/q/..;/app/y", "/y", "/srv/app/y"},
		{"/srv/app", "/srv/app/q/..;/..;/app/z", "/z", "/srv/app/z"},
		{"/srv/app", "/srv;a/.;k/app/y", "/y", "/srv/app/y"},
		{"/srv/app", "/srv/app/.;k/y", "/.;k/y", "/srv/app/y"},
		{"/srv/app", "/srv/q/..;/app;m/y", ";m/y", "/srv/app/y"},
		{"/srv/app", "/srv", "-", ""},
		{"/t/", "/t", "-", ""},
		{"/t/", "/t/", "", "/t/"},
		{"/t/", "/t;x=1", "-", ""},
		{"/t/", "/t;x=1/", "", "/t/"},
		{"/t/", "/t;x=1/a", "a", "/t/a"},
		{"/t/", "/t/a;b/c", "a;b/c", "/t/a/c"},
		{"/t/", "/t/..;/t/c", "c", "/t/c"},
		{"/t/", "/t/;x/a", ";x/a", "/t/a"},
		{"/t/", "/t/.;j/a", ".;j/a", "/t/a"},
		{"/t/", "/t/;j", "", "/t/"},
		{"/t/", "/t/q/..;", "", "/t/"},
		{"/t/", "/t/q/..;/.;j/a", "a", "/t/a"},
		{"/t/", "/t//a", "a", "/t/a"},
		{"/", "/", "", "/"},
		{"/", "/a", "a", "/a"},
		{"/", "a", "-", ""},
	} {
		n, seen := MatchServlet(c.path, c.prefix)
		rest := "-"
		if n > 0 {
			rest = c.path[n:]
		}
		if rest != c.rest || seen != c.seen {
			t.Errorf("%s on %s: rest %q seen %q, want %q %q", c.prefix, c.path, rest, seen, c.rest, c.seen)
		}
	}
}

func FuzzServlet(f *testing.F) {
	f.Add("/a;x/../b", "/a")
	f.Fuzz(func(t *testing.T, path, prefix string) {
		n, seen := MatchServlet(path, prefix)
		if n < 0 || n > len(path) || n > 0 && (seen == "" || seen[0] != '/' || strings.Contains(seen, ";")) {
			t.Fatalf("%q %q: %d %q", path, prefix, n, seen)
		}
	})
}

func TestSubst(t *testing.T) {
	re, _ := regex.Compile(`^/(a)(x)?(.*)$`, false)
	s := "/abc"
	g := re.Find(s)
	for tmpl, want := range map[string]string{
		"http://h/$1-$3":   "http://h/a-bc",
		"$0$2$9":           "/abc",
		`a&b\c\\d\$1`:      `a&bc\d$1`,
		"$x$":              "$x$",
		"none":             "none",
		`trailing\`:        `trailing\`,
		"http://$1:80/$10": "http://a:80/a0",
	} {
		if got := string(Subst(nil, tmpl, s, g)); got != want {
			t.Errorf("%q: %q, want %q", tmpl, got, want)
		}
	}
}

func TestInterpolate(t *testing.T) {
	get := func(n string) string { return map[string]string{"a": "1", "b": "${a}"}[n] }
	for tmpl, want := range map[string]string{
		"plain": "plain", "x${a}y": "x1y", "${b}": "${a}", "${none}z": "z", "${a": "${a", "$a${}": "$a",
	} {
		if got := Interpolate(tmpl, get); got != want {
			t.Errorf("%q: %q, want %q", tmpl, got, want)
		}
	}
}

func many(n int) *Map {
	var list []Pattern
	for i := range n {
		list = append(list, Pattern{Prefix: fmt.Sprintf("/app%d/service", i)})
	}
	return New(append(list, Pattern{Prefix: "/"}))
}

func TestLookupAllocatesNothing(t *testing.T) {
	m := many(1000)
	if n := testing.AllocsPerRun(100, func() { m.First("/app500/service/x/y", 0) }); n != 0 {
		t.Errorf("a lookup allocates %v times", n)
	}
}

func BenchmarkFirst(b *testing.B) {
	for _, n := range []int{1, 100, 10000} {
		m := many(n)
		path := fmt.Sprintf("/app%d/service/x/y", n-1)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for range b.N {
				m.First(path, 0)
			}
		})
	}
}
