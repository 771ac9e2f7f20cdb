package expr

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// fixed is a Vars with a few answers.
type fixed struct{ vars map[string]string }

func (f *fixed) Var(v Variable) string               { return f.vars[v.String()] }
func (f *fixed) Other(name string) string            { return "other:" + name }
func (f *fixed) Call(fn Function, arg string) string { return f.vars["req:"+arg] }
func (f *fixed) Test(t Test, arg string) bool        { return arg == string(t) }
func (f *fixed) ClientIn(n Net) bool                 { return n.Contains(netip.MustParseAddr("192.0.2.7")) }

var vars = &fixed{map[string]string{
	"REQUEST_URI": "/a/b.php", "HTTP_HOST": "www.example.test", "REQUEST_METHOD": "GET", "req:X": "v",
}}

// What httpd makes of an expression stands in proxytest's table; here is what
// only we can see.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{`%{REQUEST_URI} =~ m#^/(.*)/#`, true},
		{`%{HTTP_HOST} =~ /^www\.(.*)$/ && $1 == 'example.test'`, true},
		{`-f 'f' && -d 'd' && ! -f 'd' && -h 'L' && -A 'U'`, true},
		{`-R '192.0.2.0/24'`, true},
		{`-R '192.0.3.0/24'`, false},
		{`%{SSL_PROTOCOL} == 'other:SSL_PROTOCOL'`, true},
		{`hc('X') == 'v'`, true},
		{`'x' in {'a','b','c','d','e','f','g','h','i','x'}`, true},
		{`'y' in {'a','b','c','d','e','f','g','h','i','x'}`, false},
		{"true\n  &&\ttrue", true},
	} {
		e, err := Parse(c.text, Options{HealthCheck: true})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := e.Eval(vars, nil); got != c.want {
			t.Errorf("%s is %v", c.text, got)
		}
	}
}

// The groups of the last match are left for the caller.
func TestGroups(t *testing.T) {
	e, err := Parse(`%{REQUEST_URI} =~ m#^/(\w+)/(\w+)#`, Options{Groups: true})
	if err != nil {
		t.Fatal(err)
	}
	var m Match
	if !e.Eval(vars, &m) || len(m.Groups) != 6 || m.Source != "/a/b.php" {
		t.Errorf("match %+v", m)
	}
	s, err := ParseString("$2 of %{HTTP_HOST}", Options{Outer: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Value(vars, &m); got != "b of www.example.test" {
		t.Errorf("got %q", got)
	}
}

// Errors point at the place, marked here with ^.
func TestCarets(t *testing.T) {
	for _, c := range []struct{ marked, text, hint string }{
		{`^%{REQUEST_URL} == 'a'`, "Variable 'REQUEST_URL' does not exist", "did you mean REQUEST_URI?"},
		{`'a' == ^tolowr('A')`, "Function 'tolowr' does not exist", "did you mean tolower?"},
		{`'a' == ^REQUEST_URI`, "syntax error, unexpected 'REQUEST_URI'", "write %{REQUEST_URI}"},
		{`true && ^`, "syntax error, unexpected end of the expression", ""},
		{`(true^`, "syntax error, unexpected end of the expression", ""},
		{`true ^)`, "syntax error, unexpected ')'", ""},
		{`'a' ^-foo 'b'`, "Binary operator '-foo' does not exist", ""},
		{`^-q 'b'`, "Unary operator '-q' does not exist", ""},
		{`'a' == ^'b`, "Unterminated string", ""},
		{`'a' =~ /^(/`, "Failed to compile regular expression: ", ""},
		{`'a' =~ ^/b`, "Unterminated regular expression", ""},
		{`-R ^'foo'`, "'foo' is not a network", ""},
		{`'a' in {'a' ^'b'}`, "syntax error, unexpected '''", ""},
	} {
		text := strings.Replace(c.marked, "^", "", 1)
		at := strings.Index(c.marked, "^")
		if strings.HasPrefix(c.marked, "^%{") {
			at = 2 // the name is pointed at
		}
		_, err := Parse(text, Options{})
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error", text)
			continue
		}
		if e.Pos != at || !strings.HasPrefix(e.Text, c.text) || e.Hint != c.hint {
			t.Errorf("%s:\n%s^ %s (%s), want at %d: %s (%s)", text, strings.Repeat(" ", max(e.Pos, 0)), e.Text, e.Hint, at, c.text, c.hint)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		p, s string
		path bool
		want bool
	}{
		{"*a*b*", "xxaxxbxx", false, true},
		{"*a*b*", "xxbxxaxx", false, false},
		{"a[", "a[", false, true},
		{"[]a]", "]", false, true},
		{"a/*", "a/b/c", true, false},
		{"*", "", true, true},
		{strings.Repeat("*a", 40) + "b", strings.Repeat("a", 4000), false, false},
	} {
		if got := Glob(c.p, c.s, c.path); got != c.want {
			t.Errorf("Glob(%q, %q) = %v", c.p, c.s, got)
		}
	}
}

// A condition that builds no text costs no memory.
func TestAllocs(t *testing.T) {
	e, err := Parse(`%{REQUEST_METHOD} == 'GET' && %{HTTP_HOST} =~ /^www/ && req('X') in {'u','v'} && -R '192.0.2.0/24' && !(-z %{REQUEST_URI})`, Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := Vars(vars)
	if n := testing.AllocsPerRun(100, func() {
		if !e.Eval(v, nil) {
			t.Fatal("false")
		}
	}); n > 1 { // the key that the test's own Call joins
		t.Errorf("%v allocations", n)
	}
}

func TestDepth(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 10000) + "true", strings.Repeat("!", 10000) + "true",
		"'" + strings.Repeat("%{tolower:", 10000), strings.Repeat("tolower(", 10000),
	} {
		if _, err := Parse(text, Options{}); err == nil {
			t.Errorf("%.20s… was taken", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`%{HTTP_HOST} =~ /^www\.(.*)$/i && $1 == 'a'`, `-n req('X') || 'a' in {'b', "c%{REQUEST_URI}"}`,
		`! ( 10 -gt 9 )`, `'a\101' . tolower('B') != md5("x")`, `-R '10.0.0.0/8'`, `'x' -fnmatch '[a-z]*'`, `%{`, `'\`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, o := range []Options{{}, {Groups: true}} {
			if c, err := Parse(s, o); err == nil {
				var m Match
				c.Eval(vars, nil)
				c.Eval(vars, &m)
			} else if e := err.(*Error); e.Pos < 0 || e.Pos > len(s) || e.Text == "" {
				t.Fatalf("%q: error %+v", s, e)
			}
			if c, err := ParseString(s, o); err == nil {
				c.Value(vars, nil)
			} else if e := err.(*Error); e.Pos < 0 || e.Pos > len(s) || e.Text == "" {
				t.Fatalf("%q: error %+v", s, e)
			}
		}
	})
}
