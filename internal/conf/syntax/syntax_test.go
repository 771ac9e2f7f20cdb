package syntax

import (
	"reflect"
	"strings"
	"testing"

	"sallyport/internal/diag"
)

func TestWords(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{``, nil},
		{`a b`, []string{"a", "b"}},
		{"\t a  \v b ", []string{"a", "b"}},
		{`"a b" 'c d'`, []string{"a b", "c d"}},
		{`a"b c"`, []string{`a"b`, `c"`}},
		{`"a\"b" 'c\'d' "e\'f"`, []string{`a"b`, `c'd`, `e\'f`}},
		{`"a\\b" c\\d e\f`, []string{`a\b`, `c\d`, `e\f`}},
		{`"open to the end`, []string{"open to the end"}},
		{`"a"b`, []string{"a", "b"}},
		{`"" x`, []string{"", "x"}},
		{`'a\`, []string{`a\`}},
		{`"`, []string{""}},
		{`a # b`, []string{"a", "#", "b"}},
		{`a\"b`, []string{`a\"b`}},
	} {
		if got := Words(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Words(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestOffset(t *testing.T) {
	const s = `  a "b c"  d`
	for n, want := range []int{2, 2, 4, 11, len(s), len(s)} {
		if got := Offset(s, n); got != want {
			t.Errorf("Offset(%q, %d) = %d, want %d", s, n, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	const text = "A 1\r\n  # c \\\n still a comment\n\n B \\\n\t2 \\\r\n3\nC \\\\\nD\nE \\"
	type line struct {
		text      string
		line, col int
	}
	want := []line{
		{"A 1", 1, 1}, {"# c  still a comment", 3, 3}, {"", 4, 1},
		{"B \t2 3", 7, 2}, {`C \D`, 9, 1}, {`E \`, 10, 1},
	}
	var got []line
	for l := NewLines("f", text); ; {
		n, ok := l.Next()
		if !ok {
			break
		}
		got = append(got, line{n.Text, n.Pos.Line, n.Pos.Col})
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	src := Source{Text: text}
	for _, w := range want {
		if got := strings.TrimSpace(src.Line(w.line)); got != w.text {
			t.Errorf("Line(%d) = %q, want %q", w.line, got, w.text)
		}
	}
	if src.Line(0) != "" || src.Line(11) != "" {
		t.Error("a line that is not there")
	}
}

func TestHead(t *testing.T) {
	for _, c := range []struct {
		in         string
		kind       Kind
		name, args string
		bare       bool
	}{
		{`ProxyPass / http://a/`, Directive, "ProxyPass", "/ http://a/", false},
		{`"ServerName" x`, Directive, "ServerName", "x", false},
		{`<Location /a>`, Open, "Location", "/a", false},
		{`<Location "/a b" >`, Open, "Location", `"/a b"`, false},
		{`<Location /a`, Open, "Location", "/a", true},
		{`<Location /a> tail`, Open, "Location", "/a", false},
		{`<Location /a>x>`, Open, "Location", "/a>x", false},
		{`<Location> /a>`, Open, "Location", "/a", false},
		{`<Location>`, Open, "Location", "", false},
		{`<RequireAll`, Open, "RequireAll", "", false},
		{`<`, Open, "", "", false},
		{`</Location>`, Close, "Location", "", false},
		{`</Location`, Close, "Location", "", true},
		{`</Location >`, Close, "Location", "", true},
		{`</>`, Close, "", "", false},
	} {
		kind, name, args, bare := Head(c.in)
		if kind == Close {
			args = ""
		}
		if kind != c.kind || name != c.name || args != c.args || bare != c.bare {
			t.Errorf("Head(%q) = %v %q %q %v", c.in, kind, name, args, bare)
		}
	}
}

func TestBalance(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string // "line: text"
	}{
		{"<A>\n<B>\n</b>\n</a>\n", nil},
		{"<A>\n", []string{"f:1: <A> was not closed."}},
		{"</A>\n", []string{"</A> without matching <A> section"}},
		{"</A\n", []string{"</A without matching <A section"}},
		{"<A>\n</A\nB\n", []string{"</A> directive missing closing '>'"}},
		{"<Location>\n</Locatio>\n", []string{"Expected </Location> but saw </Locatio>"}},
		{"<A>\n<B>\n</A>\nC\n", []string{"Expected </B> but saw </A>"}},
	} {
		_, errs := Parse("f", c.in)
		var got []string
		for _, d := range errs {
			got = append(got, d.Text)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

func TestPrint(t *testing.T) {
	const in = "Listen   80\n<VirtualHost *:80>\n# gone\n  ServerName \\\n a\n<Location /a\nX \\\n</Location>\n</VirtualHost>\n\"# x\" y\n"
	const want = "Listen 80\n<VirtualHost *:80>\n    ServerName a\n    <Location /a\n        X\n    </Location>\n</VirtualHost>\n\"# x\" y\n"
	nodes, _ := Parse("f", strings.Replace(in, "X \\\n", "X\n", 1))
	if got := Print(nodes); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"proxypas", "proxypass", 1}, {"porxypass", "proxypass", 1}, {"kitten", "sitting", 3}} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// FuzzPrint holds what Print promises: the text it writes is read back to the
// same tree, and printing that again changes nothing.
func FuzzPrint(f *testing.F) {
	for _, s := range []string{
		"Listen 80\n<VirtualHost *:80>\nServerName a\n</VirtualHost>\n",
		"<A\n</A\n", "<>\n</>", "<>>\n", "\"<A b\" c>\n", "'#' a \\ \n", "a\\\n b\\", "< x>\n</ >", "\"\\\" \\\\\"x\n",
		"<A> b> c\n", "\xff\x00\xef\xbb\xbf <", "a \\ \r\r\n", "<a>>> b", "\"a\\\\\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, _ := Parse("f", s)
		once := Print(first)
		second, errs := Parse("f", once)
		if len(errs) > 0 {
			t.Fatalf("%q printed as %q: %v", s, once, errs)
		}
		if !reflect.DeepEqual(strip(first), strip(second)) {
			t.Fatalf("%q printed as %q reads as another tree", s, once)
		}
		if twice := Print(second); twice != once {
			t.Fatalf("%q, then %q", once, twice)
		}
	})
}

// strip takes the positions off.
func strip(nodes []*Node) []*Node {
	var out []*Node
	for _, n := range nodes {
		m := *n
		m.Pos, m.End, m.Unclosed = diag.Position{}, diag.Position{}, false
		m.Children = strip(n.Children)
		out = append(out, &m)
	}
	return out
}
