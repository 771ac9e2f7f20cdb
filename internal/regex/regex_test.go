package regex

import (
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// find shows a match as "0-3 1-2 -", group by group; "no" without one.
func find(r *Regex, s string) string {
	m := r.Find(s)
	if (m != nil) != r.Match(s) {
		return "Find and Match disagree"
	}
	if m == nil {
		return "no"
	}
	var out []string
	for i := 0; i < len(m); i += 2 {
		if m[i] < 0 {
			out = append(out, "-")
		} else {
			out = append(out, fmt.Sprintf("%d-%d", m[i], m[i+1]))
		}
	}
	return strings.Join(out, " ")
}

// cases are patterns and texts; what they give is perl's word (see TestPerl),
// which is PCRE's, written down here.
var cases = []struct {
	pattern, text, want string
}{
	// Shapes without an engine.
	{`^/foo`, "/foo/bar", "0-4"},
	{`^/foo`, "x/foo", "no"},
	{`\.php$`, "/a.php", "2-6"},
	{`\.php$`, "/a.php\n", "no"},
	{`^/a$`, "/a", "0-2"},
	{`^/a$`, "/ab", "no"},
	{`b`, "abc", "1-2"},
	{`^/a(.*)$`, "/a/b", "0-4 2-4"},
	{`^/a(.*)`, "/a\n/b", "0-5 2-5"},
	{`^(.*)$`, "", "0-0 0-0"},
	{`^.*$`, "abc", "0-3"},
	{``, "abc", "0-0"},
	{`$`, "abc", "3-3"},
	// The dot and the ends.
	{`^/a.$`, "/a\n", "0-3"},
	{`(?-s)^/a.$`, "/a\n", "no"},
	{`a$`, "a\nb", "no"},
	{`(?m)a$`, "a\nb", "0-1"},
	{`(?m)^b`, "a\nb", "2-3"},
	{`a\Z`, "a\n", "0-1"},
	{`a\z`, "a\n", "no"},
	{`\Aa`, "ba", "no"},
	{`\N+`, "ab\nc", "0-2"},
	// Classes.
	{`\d+`, "ab12", "2-4"},
	{`\D+`, "12ab", "2-4"},
	{`[\d.]+`, "a1.2b", "1-4"},
	{`[\D]+`, "12ab", "2-4"},
	{`\h+`, "a \tb", "1-3"},
	{`\H+`, " ab", "1-3"},
	{`\v`, "a\nb", "1-2"},
	{`\s`, "a\vb", "1-2"},
	{`[]a]+`, "x]a]", "1-4"},
	{`[^]a]+`, "]xa", "1-2"},
	{`[a-c-e]+`, "b-e", "0-3"},
	{`[a\-z]+`, "-az-", "0-4"},
	{`[[:alpha:]_]+`, "1a_B2", "1-4"},
	{`[[:^digit:]]+`, "1a_B2", "1-4"},
	{`[\w-]+`, "a-b c", "0-3"},
	{`[\[\]]+`, "a[]b", "1-3"},
	{`[[]`, "a[b", "1-2"},
	{`[a[:digit:]b]+`, "xa1b", "1-4"},
	{`[$.^*(]+`, "a$.^*(", "1-6"},
	{`[\x41-\x43]+`, "xABC", "1-4"},
	{`[\Qa]b\E]+`, "xa]b", "1-4"},
	// Escapes.
	{`a\/b`, "a/b", "0-3"},
	{`\x2f`, "a/b", "1-2"},
	{`\x{2f}`, "a/b", "1-2"},
	{`\057`, "a/b", "1-2"},
	{`\Qa.b\E.`, "axba.bc", "3-7"},
	{`\Qa.b`, "axba.bc", "3-6"},
	{`\e\t\cA`, "\x1b\t\x01", "0-3"},
	{`\bfoo\b`, "a foo b", "2-5"},
	{`a\Bb`, "ab", "0-2"},
	// Bytes.
	{`^/u..$`, "/u\xc3\xa9", "0-4"},
	{`^/u.$`, "/u\xc3\xa9", "no"},
	{`^/u.$`, "/u\xe9", "0-3"},
	{"\xc3\xa9", "a\xc3\xa9b", "1-3"},
	{"(\xe9)x", "\xff\xe9x", "1-3 1-2"},
	{`[\x80-\xff]`, "ab\xfe", "2-3"},
	{`[^\x00-\x7f]+`, "a\xc3\xa9b", "1-3"},
	{`\w+`, "\xe9a", "1-2"},
	{`(?i)\xe9`, "\xc9", "no"},
	{`(\w+)\1`, "\xe9abab", "1-5 1-3"},
	{`\b\w`, "\xe9a", "1-2"},
	// Case.
	{`(?i)foo`, "xFoO", "1-4"},
	{`(?i)[a-c]+`, "xABc", "1-4"},
	{`(?i)[^a]`, "Ab", "1-2"},
	{`(?i:a)b`, "AB", "no"},
	{`a(?i)b|c`, "C", "0-1"},
	{`(?i)a(?-i)b`, "AB", "no"},
	{`(?i)k`, "\xe2\x84\xaa", "no"},
	{`(?i)[[:upper:]]`, "a", "0-1"},
	// Groups.
	{`(a)(b)?`, "a", "0-1 0-1 -"},
	{`(a)|(b)`, "b", "0-1 - 0-1"},
	{`(?<x>a)(b)(?P<y>c)(?'z'd)`, "abcd", "0-4 0-1 1-2 2-3 3-4"},
	{`(?:a|b)+`, "abc", "0-2"},
	{`(a|ab)(c|bcd)`, "abcd", "0-4 0-1 1-4"},
	{`a(?#comment)b`, "ab", "0-2"},
	{`(?x) a  b # c` + "\n" + `[ ] d`, "ab d", "0-4"},
	{`(?x)a +`, "aaa", "0-3"},
	{`(?x)#(`, "a", "0-0"},
	{`(?x)#( [` + "\n" + `(a)\1 # )`, "aa", "0-2 0-1"},
	// Quantifiers.
	{`a{2}`, "aaa", "0-2"},
	{`a{2,}`, "aaa", "0-3"},
	{`a{1,2}?`, "aaa", "0-1"},
	{`a{2}{2}`, "aaaaa", "0-4"},
	{`a+?b`, "aab", "0-3"},
	{`(?U)a+`, "aa", "0-1"},
	{`(?U)a+?`, "aa", "0-2"},
	{`x{1001}`, strings.Repeat("x", 1001), "0-1001"},
	{`a{x}`, "a{x}", "0-4"},
	{`{`, "a{", "1-2"},
	// What needs backtracking.
	{`(?=.*b)a`, "ab", "0-1"},
	{`^/(?!admin)`, "/admin", "no"},
	{`^/(?!admin)(.*)`, "/user", "0-5 1-5"},
	{`(?<=/)b`, "a/b", "2-3"},
	{`(?<!/)b`, "a/b", "no"},
	{`(.)\1`, "abb", "1-3 1-2"},
	{`(?<n>.)\k<n>`, "abb", "1-3 1-2"},
	{`(?P<n>.)(?P=n)`, "abb", "1-3 1-2"},
	{`(.)\g1`, "abb", "1-3 1-2"},
	{`(.)\g{1}`, "abb", "1-3 1-2"},
	{`(.)\g{-1}`, "abb", "1-3 1-2"},
	{`(?<a>x)(y)\2`, "xyy", "0-3 0-1 1-2"},
	{`(?i)(a)\1`, "aA", "0-2 0-1"},
	{`(.)\10`, "aa0", "no"},
	{`(?>a+)b`, "aab", "0-3"},
	{`a++a`, "aaa", "no"},
	{`a*+b`, "aab", "0-3"},
	{`[a-z]++\d`, "ab1", "0-3"},
	{`(a)?(?(1)b|c)`, "c", "0-1 -"},
	{`(a)?(?(1)b|c)`, "ab", "0-2 0-1"},
	{`a\R`, "a\r\n", "0-3"},
	{`^(?=(a+))\1b`, "aab", "0-3 0-2"},
	// From real configurations.
	{`^/(?<sitename>[^/]+)/(.*)$`, "/x/y/z", "0-6 1-2 3-6"},
	{`\.(gif|jpe?g|png)$`, "/a.jpeg", "2-7 3-7"},
	{`^([^.]+)\.example\.com(:\d+)?$`, "www.example.com:80", "0-18 0-3 15-18"},
	{`^/api/v(\d+)/(?:users|groups)(/.*)?$`, "/api/v2/users", "0-13 6-7 -"},
	{`^(?:(?!/(?:static|media)/).)*$`, "/app/x", "0-6"},
	{`^(?:(?!/(?:static|media)/).)*$`, "/app/static/x", "no"},
	{`(?i)^/(index\.(html?|php))?$`, "/INDEX.HTM", "0-10 1-10 7-10"},
}

func TestFind(t *testing.T) {
	for _, c := range cases {
		r, err := Compile(c.pattern, false)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := find(r, c.text); got != c.want {
			t.Errorf("%s on %q: %s, want %s", c.pattern, c.text, got, c.want)
		}
	}
}

// TestPerl asks perl, whose expressions PCRE follows, about the same cases.
func TestPerl(t *testing.T) {
	perl, err := exec.LookPath("perl")
	if err != nil {
		t.Skip("perl is not installed: the cases are not compared with it")
	}
	const program = `
use strict; use warnings; no warnings;
while (my $p = <STDIN>) {
	my $s = <STDIN>; chomp $p; chomp $s;
	$p = pack("H*", $p); $s = pack("H*", $s);
	if ($p eq "") { $p = "(?:)" }
	if ($s =~ /$p/s) { print join(" ", map { defined $-[$_] ? "$-[$_]-$+[$_]" : "-" } 0..$#+), "\n" } else { print "no\n" }
}`
	skip := map[string]bool{
		// Perl's "$" also matches before a last newline, (?U) and \N{…} differ.
		`\.php$`: true, `(?U)a+`: true, `(?U)a+?`: true,
		`a{2}{2}`: true, // an error there
		`(.)\10`:  true,
		`^/a.$`:   true,
		// Perl reads \Q where it reads variables, not here.
		`[\Qa]b\E]+`: true, `\Qa.b\E.`: true, `\Qa.b`: true,
	}
	var in strings.Builder
	var asked []int
	for i, c := range cases {
		if !skip[c.pattern] {
			fmt.Fprintf(&in, "%x\n%x\n", c.pattern, c.text)
			asked = append(asked, i)
		}
	}
	cmd := exec.Command(perl, "-e", program)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(asked) {
		t.Fatalf("perl answered %d of %d cases", len(lines), len(asked))
	}
	for n, i := range asked {
		if c := cases[i]; lines[n] != c.want {
			t.Errorf("%s on %q: perl says %s, the table %s", c.pattern, c.text, lines[n], c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ pattern, want string }{
		{`(`, "missing closing parenthesis"},
		{`a)`, "unmatched closing parenthesis"},
		{`[a`, "missing terminating ] for character class"},
		{`*a`, "quantifier does not follow a repeatable item"},
		{`a**`, "quantifier does not follow a repeatable item"},
		{`(?:+)`, "quantifier does not follow a repeatable item"},
		{`a\`, `\ at the end of the pattern`},
		{`[b-a]`, "range out of order in character class"},
		{`\1`, "reference to non-existent group 1"},
		{`(?<n>a)(?<n>b)`, "two named groups have the same name: n"},
		{`(?<1>a)`, "group name expected, closed by its bracket"},
		{`\y`, `unrecognized character follows \: y`},
		{`(?z)`, "unrecognized character after (? or (?-"},
		{`(?R)`, "recursion is not supported"},
		{`a\Kb`, `\K is not supported`},
		{`[[:nope:]]`, "unknown POSIX class name nope"},
		{`\x{100}`, `character value above 255 in \x`},
		{`(*UTF8)a`, "(*UTF8) is not supported"},
	} {
		_, err := Compile(c.pattern, false)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.pattern, err, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	r, err := Compile(`(?<a>x)(y)(?P<b_1>z)(?:w)[(?<n>](?#(?<c>)\(`, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"", "a", "", "b_1"}; !reflect.DeepEqual(r.Names(), want) || r.Groups() != 3 {
		t.Errorf("%q, want %q", r.Names(), want)
	}
}

func TestExpand(t *testing.T) {
	r, _ := Compile(`^/a(.)(x)?`, false)
	const s = "/ac"
	m := r.Find(s)
	for _, c := range [][2]string{
		{`plain`, `plain`},
		{`$0|$1|$2|$9`, `/ac|c||`},
		{`&-\&-\$1-$$1-$A-$12-\\x\y\`, `&-&-$1-$c-$A-c2-\xy\`},
		{`$`, `$`},
		{`${1}`, `${1}`},
	} {
		if got := r.Expand(c[0], s, m); got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
		}
	}
	if got := Expand("a$1", "", nil); got != "a" {
		t.Errorf("without a match: %q", got)
	}
}

func TestEngines(t *testing.T) {
	for pattern, want := range map[string]string{
		`^/foo`: "none", `^(.*)$`: "none", `a|b`: "go", `\h`: "go", `(?<n>.)x`: "go", `(?i)a`: "go",
		`a++`: "back", `(?=a)`: "back", `(.)\1`: "back", `x{1001}`: "back", `(?i)^/A`: "go",
	} {
		r, err := Compile(pattern, false)
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if r.re != nil {
			got = "go"
		} else if r.back != nil {
			got = "back"
		}
		if got != want || r.Linear() == (got == "back") {
			t.Errorf("%s: engine %s, want %s", pattern, got, want)
		}
	}
}

func TestTimeLimit(t *testing.T) {
	r, err := Compile(`^(?=(a|aa)+$)(a|aa)+$`, false)
	if err != nil {
		t.Fatal(err)
	}
	if r.Match(strings.Repeat("a", 200) + "b") {
		t.Error("a match that can't be")
	}
}

// FuzzCompile looks for panics and for Find and Match that disagree, in
// patterns that need no backtracking (the others may take their time).
func FuzzCompile(f *testing.F) {
	for _, c := range cases {
		f.Add(c.pattern, c.text)
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		r, err := Compile(pattern, len(text)%2 == 1)
		if err != nil || !r.Linear() || len(pattern) > 200 || len(text) > 200 {
			return
		}
		m := r.Find(text)
		if (m != nil) != r.Match(text) {
			t.Fatalf("%q on %q: Find and Match disagree", pattern, text)
		}
		if m == nil {
			return
		}
		if len(m) != 2*len(r.Names()) {
			t.Fatalf("%q: %d offsets for %d groups", pattern, len(m), r.Groups())
		}
		for i := 0; i < len(m); i += 2 {
			if m[i] > m[i+1] || m[i+1] > len(text) || m[i] < -1 {
				t.Fatalf("%q on %q: offsets %v", pattern, text, m)
			}
		}
	})
}
