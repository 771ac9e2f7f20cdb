package conf

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"sallyport/internal/diag"
)

// TestOracle reads every case of testdata/reading.txtar with httpd and with
// Load. Of what httpd says about the first error, place and text must be the
// same here; Load may find more. The texts stand in the same file, so that
// they are tested where there is no httpd, too.
func TestOracle(t *testing.T) {
	httpd, err := exec.LookPath("apache2")
	if err != nil {
		t.Log("apache2 is not installed: the expected messages are not compared with httpd's")
	}
	cases := readCases(t)
	for i := range cases {
		c := &cases[i]
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for _, f := range c.files {
				path := filepath.Join(root, f.Name)
				os.MkdirAll(filepath.Dir(path), 0o755)
				if err := os.WriteFile(path, f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			clean := func(s string) string { return strings.ReplaceAll(s, root, "ROOT") }
			got := clean(ours(root))
			if *update {
				c.want = got
			}
			if got != c.want {
				t.Errorf("Load says\n%s\nthe case\n%s", got, c.want)
			}
			if httpd == "" || c.differs {
				return
			}
			if theirs := clean(ask(t, httpd, root)); theirs != first(c.want) {
				t.Errorf("httpd says\n%s\nthe case\n%s", theirs, first(c.want))
			}
		})
	}
	if *update {
		writeCases(t, cases)
	}
	if httpd == "" {
		t.Skip("apache2 is not installed: expected texts checked, httpd not asked")
	}
}

type oracleCase struct {
	name    string
	files   []txtar.File
	want    string
	differs bool
}

// readCases reads testdata/reading.txtar: for each case files named
// CASE/httpd.conf and so on, and CASE/want (or CASE/differs, when we differ
// from httpd on purpose).
func readCases(t *testing.T) []oracleCase {
	data, err := os.ReadFile("testdata/reading.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var cases []oracleCase
	for _, f := range txtar.Parse(data).Files {
		name, file, _ := strings.Cut(f.Name, "/")
		if len(cases) == 0 || cases[len(cases)-1].name != name {
			cases = append(cases, oracleCase{name: name})
		}
		c := &cases[len(cases)-1]
		switch file {
		case "want", "differs":
			c.want = strings.TrimRight(string(f.Data), "\n")
			c.differs = file == "differs"
		default:
			c.files = append(c.files, txtar.File{Name: file, Data: bytes.ReplaceAll(f.Data, []byte(`\r`), []byte("\r"))})
		}
	}
	return cases
}

func writeCases(t *testing.T, cases []oracleCase) {
	a := &txtar.Archive{Comment: []byte(intro)}
	for _, c := range cases {
		for _, f := range c.files {
			a.Files = append(a.Files, txtar.File{Name: c.name + "/" + f.Name, Data: bytes.ReplaceAll(f.Data, []byte("\r"), []byte(`\r`))})
		}
		name := "/want"
		if c.differs {
			name = "/differs"
		}
		a.Files = append(a.Files, txtar.File{Name: c.name + name, Data: []byte(c.want + "\n")})
	}
	if err := os.WriteFile("testdata/reading.txtar", txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

const intro = `Cases of reading a configuration: CASE/httpd.conf and other files, and in
CASE/want what must be said about them (ROOT is ServerRoot, help texts are left
out). httpd is asked for the first error. CASE/differs in place of CASE/want:
httpd says something else, on purpose. "\r" is a carriage return.

`

var update = flag.Bool("update", false, "write what Load says into the cases of TestOracle")

var prelude = []string{
	"LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so",
	"LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so",
	"LoadModule macro_module /usr/lib/apache2/modules/mod_macro.so",
	"LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so",
	"ServerName x", "Listen 127.0.0.1:9",
}

// httpdRows are rows of httpd's core and of some modules, for their contexts.
func httpdRows() []ModuleInfo {
	nop := func(*Cmd, []string) error { return nil }
	body := func(c *Cmd, _ []string) error { c.RunBody(nil); return nil }
	return []ModuleInfo{
		{Name: "core", Directives: []Directive{
			{Name: "ServerName", In: Servers, Args: One, Help: "-", Set: nop},
			{Name: "ServerAdmin", In: Servers, Args: One, Help: "-", Set: nop},
			{Name: "ServerAlias", In: InVHost, Args: Each, Help: "-", Set: nop},
			{Name: "Listen", In: InServer, Args: Many, Set: nop},
			{Name: "KeepAlive", In: Servers, Args: Flag, Set: nop},
			{Name: "SetHandler", In: Anywhere, Args: One, Help: "-", Set: nop},
			{Name: "ErrorLog", In: Servers, Args: One, Help: "-", Set: nop},
			{Name: "PidFile", In: InServer, Args: One, Help: "-", Set: nop},
			{Name: "ErrorDocument", In: Anywhere, Args: Two, Help: "-", Set: nop},
			{Name: "ForceType", In: Sections, Args: One, Help: "-", Set: nop},
			{Name: "User", In: InServer, Args: One, Help: "-", Set: nop},
		}},
		{Name: "so", Static: true, Directives: SoDirectives()},
		{Name: "version", Static: true, Directives: VersionDirectives()},
		{Name: "macro", Directives: MacroDirectives()},
		{Name: "headers", Directives: []Directive{{Name: "Header", In: Anywhere, Args: Raw, Set: nop}}},
		{Name: "authz_core", Directives: []Directive{
			{Name: "Require", In: Sections, Args: Raw, Set: nop},
			{Name: "RequireAll", In: Sections, Args: None, Section: true, Set: body},
		}},
		{Name: "proxy", Directives: []Directive{
			{Name: "ProxyRequests", In: Servers, Args: Flag, Set: nop},
			{Name: "ProxyPass", In: Servers | InLocation, Args: Raw, Set: nop},
			{Name: "ProxyRemote", In: Servers, Args: TwoThree, Help: "-", Set: nop},
			{Name: "ProxyBlock", In: Servers, Args: Each, Help: "-", Set: nop},
			{Name: "Proxy", In: Servers, Args: Raw, Section: true, Opens: InProxy},
			{Name: "ProxyMatch", In: Servers, Args: Raw, Section: true, Opens: InProxy},
		}},
	}
}

// ours is what Load says, one line per error.
func ours(root string) string {
	_, diags := Load(Options{
		File: filepath.Join(root, "httpd.conf"), Root: root,
		Before:  append(prelude, "ErrorLog "+root+"/err", "PidFile "+root+"/pid"),
		Modules: httpdRows(),
		Env:     func(string) (string, bool) { return "", false },
	})
	var b bytes.Buffer
	for _, d := range diags.Errors() {
		d.Line, d.Expected, d.Hint = "", "", ""
		diag.List{d}.Print(&b, "apache2")
	}
	return short(b.String())
}

// ask is what httpd says.
func ask(t *testing.T, httpd, root string) string {
	args := []string{"-t", "-d", root, "-f", filepath.Join(root, "httpd.conf")}
	for _, p := range append(prelude, "ErrorLog "+root+"/err", "PidFile "+root+"/pid") {
		args = append(args, "-C", p)
	}
	cmd := exec.Command(httpd, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	out, _ := cmd.CombinedOutput()
	return short(string(out))
}

var (
	logLine = regexp.MustCompile(`(?m)^\[.*\n?`)
	help    = regexp.MustCompile(`(?m)((?:takes|requires) [^,\n]*arguments?), .*`)
)

// short leaves out what may differ: help texts and lines of the error log.
func short(s string) string {
	s = logLine.ReplaceAllString(s, "")
	s = help.ReplaceAllString(s, "$1")
	if s == "" {
		return "Syntax OK"
	}
	return strings.TrimRight(s, "\n")
}

// first is the first error of several: a reading error has one line, others
// two.
func first(s string) string {
	lines := strings.Split(s, "\n")
	n := 1
	if strings.HasPrefix(s, "AH00526") {
		n = 2
	}
	return strings.Join(lines[:min(n, len(lines))], "\n")
}
