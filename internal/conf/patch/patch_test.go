package patch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/internal/conf/syntax"
)

const layout = `# The shop. Ask Anna before touching it.
<Proxy "balancer://shop" lbmethod=byrequests>
	BalancerMember  http://a:81   loadfactor=2 "route=a b"  # no comment here
	# b is old
	BalancerMember http://b:82 \
		LoadFactor=3 \
		status=-D status=+H
	<Proxy x>
	</Proxy>
	ProxySet stickysession=SID
</Proxy>
Listen 80`

func TestPatch(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*Text)
		// Lines of the result that are new; "-" before those that are gone.
		want []string
	}{
		{"a value", func(t *Text) { t.Set(3, []string{"loadfactor"}, "5") },
			[]string{"-\tBalancerMember  http://a:81   loadfactor=2 \"route=a b\"  # no comment here", "\tBalancerMember  http://a:81   loadfactor=5 \"route=a b\"  # no comment here"}},
		{"quoted", func(t *Text) { t.Set(3, []string{"route"}, `x "y"`) },
			[]string{"-\tBalancerMember  http://a:81   loadfactor=2 \"route=a b\"  # no comment here", "\tBalancerMember  http://a:81   loadfactor=2 \"route=x \\\"y\\\"\"  # no comment here"}},
		{"a new word", func(t *Text) { t.Set(10, []string{"timeout"}, "5") },
			[]string{"-\tProxySet stickysession=SID", "\tProxySet stickysession=SID timeout=5"}},
		{"in a section's head", func(t *Text) {
			t.Set(2, []string{"lbmethod"}, "bytraffic")
			t.Set(2, []string{"timeout"}, "3")
		}, []string{"-<Proxy \"balancer://shop\" lbmethod=byrequests>", "<Proxy \"balancer://shop\" lbmethod=bytraffic timeout=3>"}},
		{"continued", func(t *Text) { t.Set(7, []string{"loadfactor"}, "4"); t.Set(7, []string{"route"}, "b") },
			[]string{"-\t\tLoadFactor=3 \\", "-\t\tstatus=-D status=+H", "\t\tLoadFactor=4 \\", "\t\tstatus=-D status=+H route=b"}},
		{"several become one", func(t *Text) { t.Set(7, []string{"status"}, "+D") },
			[]string{"-\t\tstatus=-D status=+H", "\t\tstatus=+D"}},
		{"another name", func(t *Text) { t.Set(10, []string{"x", "stickysession"}, "7") },
			[]string{"-\tProxySet stickysession=SID", "\tProxySet x=7"}},
		{"taken away", func(t *Text) { t.Set(7, []string{"loadfactor"}) },
			[]string{"-\t\tLoadFactor=3 \\", "\tBalancerMember http://b:82 \\"}},
		{"twice", func(t *Text) { t.Set(10, []string{"hcheader"}, "A: 1", "B: 2") },
			[]string{"-\tProxySet stickysession=SID", "\tProxySet stickysession=SID \"hcheader=A: 1\" \"hcheader=B: 2\""}},
		{"a line gone", func(t *Text) { t.Delete(7) },
			[]string{"-\tBalancerMember http://b:82 \\", "-\t\tLoadFactor=3 \\", "-\t\tstatus=-D status=+H"}},
		{"lines more", func(t *Text) {
			t.Insert(7, "BalancerMember http://c:83", false)
			t.Insert(7, "BalancerMember http://d:84", false)
			t.Insert(2, "ProxySet x=1", true)
			t.Insert(12, "Listen 81", false)
		},
			[]string{"\tBalancerMember http://c:83", "\tBalancerMember http://d:84", "\tProxySet x=1", "-Listen 80", "Listen 80", "Listen 81"}},
		{"nothing", func(t *Text) { t.Set(99, []string{"a"}, "b"); t.Set(10, []string{"no"}) }, nil},
	} {
		x := New(layout)
		c.do(x)
		old, now := map[string]bool{}, map[string]bool{}
		for l := range strings.Lines(layout) {
			old[l] = true
		}
		for l := range strings.Lines(x.String()) {
			now[l] = true
		}
		for _, w := range c.want {
			gone, is := strings.CutPrefix(w, "-")
			has := func(m map[string]bool, l string) bool { return m[l] || m[l+"\n"] }
			if w == "-Listen 80" { // had no line end before
				is = false
				w = "Listen 80"
			}
			if is && has(now, gone) || !is && !has(now, w) {
				t.Errorf("%s: %q is wrong in\n%s", c.name, w, x)
			}
		}
		if c.want == nil && x.String() != layout {
			t.Errorf("%s: changed:\n%s", c.name, x)
		}
		applies(t, c.name, layout, x)
	}
}

// applies asks patch(1) whether the difference leads from one to the other.
func applies(t *testing.T, name, text string, x *Text) {
	t.Helper()
	tool, err := exec.LookPath("patch")
	if err != nil {
		t.Log("patch is not installed: differences are not applied")
		return
	}
	diff := x.Diff("a", "b")
	if diff == "" && x.String() == text {
		return
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "--binary", file)
	cmd.Stdin = strings.NewReader(diff)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s\n%s", name, err, out, diff)
	}
	if got, _ := os.ReadFile(file); string(got) != x.String() {
		t.Errorf("%s: patched it is\n%q, not\n%q", name, got, x)
	}
}

func TestDirective(t *testing.T) {
	x := New(strings.ReplaceAll(layout, "\n", "\r\n"))
	if name, words, ok := x.Directive(7); !ok || name != "BalancerMember" || strings.Join(words, "|") != "http://b:82|LoadFactor=3|status=-D|status=+H" {
		t.Errorf("%s %q", name, words)
	}
	if name, words, ok := x.Directive(2); !ok || name != "<Proxy" || len(words) != 2 || words[1] != "lbmethod=byrequests" {
		t.Errorf("%s %q", name, words)
	}
	for _, n := range []int{0, 1, 4, 5, 6, 13} {
		if name, _, ok := x.Directive(n); ok {
			t.Errorf("line %d is %s", n, name)
		}
	}
	if lines, ok := x.Inside(2); !ok || len(lines) != 6 || lines[5] != 10 {
		t.Errorf("inside: %v", lines)
	}
	x.Set(7, []string{"route"}, "b")
	if s := x.String(); !strings.Contains(s, "status=+H route=b\r\n") || strings.Count(s, "\n") != strings.Count(s, "\r\n") {
		t.Errorf("line ends: %q", s)
	}
	applies(t, "line ends", strings.ReplaceAll(layout, "\n", "\r\n"), x)
}

// FuzzSet: a parameter that was set is read back, and no other word changes.
func FuzzSet(f *testing.F) {
	f.Add(layout, 7, "status", "+D")
	f.Add("A b=1 \\\n  'b=2' c\n", 2, "b", "x y")
	f.Add("<A b=1>", 1, "b", ">")
	f.Add("A\\", 1, "b", "2")
	f.Add("A \"b=1", 1, "b", "2")
	f.Fuzz(func(t *testing.T, text string, n int, name, value string) {
		if name == "" || strings.ContainsAny(name+value, "=\n\r\\\"' \t\v\f<>#\x00") {
			return
		}
		x := New(text)
		if x.String() != text {
			t.Fatalf("%q is %q", text, x)
		}
		was, before, ok := x.Directive(n)
		if !ok || !x.Set(n, []string{name}, value) {
			return
		}
		rest := func(words []string) (out []string) {
			for _, w := range words {
				if key, _, pair := strings.Cut(w, "="); !pair || !strings.EqualFold(key, name) {
					out = append(out, syntax.Quote(w))
				}
			}
			return out
		}
		is, after, _ := x.Directive(n)
		if is != was || strings.Join(rest(before), " ") != strings.Join(rest(after), " ") || len(after) != len(rest(after))+1 {
			t.Errorf("%q: %q, was %q; the text %q", text, after, before, x)
		}
	})
}
