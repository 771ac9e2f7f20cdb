package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sallyport/internal/diag"
)

// say loads a text with the rows of httpdRows and prints what there is to say.
func say(t *testing.T, text string) string {
	t.Helper()
	_, diags := Load(Options{File: "httpd.conf", Text: text, Root: "/", Modules: httpdRows(), Env: func(string) (string, bool) { return "", false }})
	return strings.TrimRight(diags.Error(), "\n")
}

func TestHints(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"misspelt", "ProxyPas / http://a/\n", `
AH00526: Syntax error on line 1 of httpd.conf:
Invalid command 'ProxyPas', perhaps misspelled or defined by a module not included in the server configuration
  ProxyPas / http://a/
  ^
  hint: did you mean ProxyPass?`},
		{"misspelt section", "<Locaton /a>\n</Locaton>\n", `
AH00526: Syntax error on line 1 of httpd.conf:
Invalid command '<Locaton', perhaps misspelled or defined by a module not included in the server configuration
  <Locaton /a>
  ^
  hint: did you mean <Location>?`},
		{"nothing near", "Xyzzy 1\n", `
AH00526: Syntax error on line 1 of httpd.conf:
Invalid command 'Xyzzy', perhaps misspelled or defined by a module not included in the server configuration
  Xyzzy 1
  ^`},
		{"section without brackets", "Location /a\n<Listen 80>\n</Listen>\n", `
AH00526: Syntax error on line 1 of httpd.conf:
Invalid command 'Location', perhaps misspelled or defined by a module not included in the server configuration
  Location /a
  ^
  hint: Location is a section: <Location …> … </Location>
AH00526: Syntax error on line 2 of httpd.conf:
Invalid command '<Listen', perhaps misspelled or defined by a module not included in the server configuration
  <Listen 80>
  ^
  hint: Listen is no section: write it without < and >`},
		{"lacking module", "SSLEngine on\n", `
AH00526: Syntax error on line 1 of httpd.conf:
Invalid command 'SSLEngine', perhaps misspelled or defined by a module not included in the server configuration
  SSLEngine on
  ^
  hint: it belongs to mod_ssl (TLS), which Sallyport does not have`},
		{"lacking directive", "CGIMapExtension a b\n", `
AH00526: Syntax error on line 1 of httpd.conf:
Invalid command 'CGIMapExtension', perhaps misspelled or defined by a module not included in the server configuration
  CGIMapExtension a b
  ^
  hint: a directive of httpd's core that Sallyport does not have`},
		{"not loaded", "LoadModule proxy_module x\nHeader set a b\n", `
AH00526: Syntax error on line 2 of httpd.conf:
Invalid command 'Header', perhaps misspelled or defined by a module not included in the server configuration
  Header set a b
  ^
  hint: LoadModule headers_module modules/mod_headers.so`},
		{"all loaded", "Header set a b\n<IfModule !headers_module>\nError x\n</IfModule>\n", ``},
		{"a mark", "\xef\xbb\xbfListen 80\n", `
AH00526: Syntax error on line 1 of httpd.conf:
Invalid command '` + "\xef\xbb\xbf" + `Listen', perhaps misspelled or defined by a module not included in the server configuration
  ` + "\xef\xbb\xbf" + `Listen 80
  ^
  hint: the file begins with a byte order mark: remove it`},
		{"word too many", "<VirtualHost *:80>\n\tServerName  a   \"b c\"\n</VirtualHost>\n", `
AH00526: Syntax error on line 2 of httpd.conf:
ServerName takes one argument, -
  ServerName  a   "b c"
                  ^`},
		{"word missing", "ServerName\n", `
AH00526: Syntax error on line 1 of httpd.conf:
ServerName takes one argument, -
  ServerName
            ^`},
		{"behind a variable", "Define LONG a-long-value\nServerName ${LONG} b\n", `
AH00526: Syntax error on line 2 of httpd.conf:
ServerName takes one argument, -
  ServerName ${LONG} b
                     ^`},
		{"continued", "ServerName a \\\n   b\n", `
AH00526: Syntax error on line 2 of httpd.conf:
ServerName takes one argument, -
  ServerName a    b
                  ^`},
		{"flag", "KeepAlive Maybe\n", `
AH00526: Syntax error on line 1 of httpd.conf:
KeepAlive must be On or Off
  KeepAlive Maybe
            ^
  expected: On or Off`},
		{"place", "<Location /a>\n  Listen 80\n</Location>\n", `
AH00526: Syntax error on line 2 of httpd.conf:
Listen not allowed in <Location> context
  Listen 80
  ^
  expected: Listen in server config`},
		{"pattern", "<LocationMatch \"a(b\">\n</LocationMatch>\n", `
AH00526: Syntax error on line 1 of httpd.conf:
Regex could not be compiled
  <LocationMatch "a(b">
                 ^
  expected: a regular expression; missing closing parenthesis`},
		{"balance", "<IfModule nope>\n<A>\n</B>\n</IfModule>\n", `
sallyport: Syntax error on line 1 of httpd.conf: Expected </A> but saw </B>
  <IfModule nope>
  ^
  hint: it stands in line 3 of "httpd.conf"`},
		{"not closed", "<Location /a>\n", `
sallyport: Syntax error on line 1 of httpd.conf: httpd.conf:1: <Location> was not closed.
  <Location /a>
  ^
  expected: </Location> before the end of the file`},
		{"macro", "<Macro m $x>\nServerName $x\n</Macro>\nUse m \"a b\"\nUse n\n", `
sallyport: Syntax error on line 5 of httpd.conf: macro 'n' undefined
  Use n
      ^
  hint: did you mean m?
AH00526: Syntax error on line 1 of macro 'm' (defined on line 1 of "httpd.conf") used on line 4 of "httpd.conf":
ServerName takes one argument, -
  ServerName a b
               ^`},
		{"warnings", "KeepAlive On # yes\nServerAdmin ${X}\n", `
warning: AH00111: Config variable ${X} is not defined (httpd.conf:2)
  ServerAdmin ${X}
              ^
warning: KeepAlive reads one word: "# yes" is ignored (httpd.conf:1)
  KeepAlive On # yes
  ^`},
		{"skipped", "LoadModule deflate_module b\nDeflateCompressionLevel 9\nIndexOptions x\n", `
warning: Sallyport has no mod_deflate; missing are: gzip compression; its directives are skipped (httpd.conf:1)
  LoadModule deflate_module b
  ^
AH00526: Syntax error on line 3 of httpd.conf:
Invalid command 'IndexOptions', perhaps misspelled or defined by a module not included in the server configuration
  IndexOptions x
  ^
  hint: it belongs to mod_autoindex (directory listings), which Sallyport does not have`},
		{"unknown modules", "LoadModule ssl_module a\nLoadModule deflate_module b\nLoadModule headres_module c\nLoadModule foo_module d\nLoadModule mpm_prefork_module e\nLoadModule proxy_module f\nLoadModule proxy_module f\nLoadModule asis_module g\nLoadFile /usr/lib/libxml2.so\n", `
warning: Sallyport has no mod_ssl; missing are: TLS; its directives SSLCACertificateFile, SSLCACertificatePath, SSLCADNRequestFile … (httpd.conf:1)
  LoadModule ssl_module a
  ^
warning: Sallyport has no mod_deflate; missing are: gzip compression; its directives are skipped (httpd.conf:2)
  LoadModule deflate_module b
  ^
warning: Sallyport has no module headres_module, nor has httpd 2.4: this line loads nothing (httpd.conf:3)
  LoadModule headres_module c
  ^
  hint: did you mean headers_module?
warning: Sallyport has no module foo_module, nor has httpd 2.4: this line loads nothing (httpd.conf:4)
  LoadModule foo_module d
  ^
warning: AH01574: module proxy_module is already loaded, skipping (httpd.conf:7)
  LoadModule proxy_module f
  ^
warning: Sallyport has no mod_asis; missing are: files sent as they are (httpd.conf:8)
  LoadModule asis_module g
  ^
warning: Sallyport loads no shared objects: /usr/lib/libxml2.so is not loaded (httpd.conf:9)
  LoadFile /usr/lib/libxml2.so
  ^`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, want := say(t, c.in), strings.TrimPrefix(c.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestSilentEnd holds what differs from httpd where a file ends in the middle
// of a conditional section: it is read, but not in silence.
func TestSilentEnd(t *testing.T) {
	const want = `warning: httpd.conf:1: <IfModule> was not closed. (httpd.conf:1)
  <IfModule so_module>
  ^
  hint: add </IfModule> where the section ends
warning: httpd.conf:2: <Location> was not closed. (httpd.conf:2)
  <Location /a>
  ^
  hint: add </Location> where the section ends`
	if got := say(t, "<IfModule so_module>\n<Location /a>\nSetHandler x\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestCommandLine is -D, -C and -c.
func TestCommandLine(t *testing.T) {
	load := func(o Options) string {
		o.File, o.Root, o.Modules = "httpd.conf", "/", httpdRows()
		_, diags := Load(o)
		return strings.TrimRight(diags.Error(), "\n")
	}
	got := load(Options{Text: "Error ${A}\n<IfDefine B>\nError B\n</IfDefine>\n", Defines: []string{"B"}, Before: []string{"Define A x", "Foo"}, After: []string{"ServerName a b", "<Location /a>"}})
	want := `sallyport: Syntax error in -C/-c directive: -c/-C directives:4: <Location> was not closed.
  <Location /a>
  ^
  expected: </Location> before the end of the file
AH00526: Syntax error on line 2 of -c/-C directives:
Invalid command 'Foo', perhaps misspelled or defined by a module not included in the server configuration
  Foo
  ^
AH00526: Syntax error on line 1 of httpd.conf:
x
  Error ${A}
  ^
AH00526: Syntax error on line 3 of httpd.conf:
B
  Error B
  ^
AH00526: Syntax error on line 3 of -c/-C directives:
ServerName takes one argument, -
  ServerName a b
               ^`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestIncludes(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"httpd.conf": "Include b\nInclude [ab]\n", "a": "", "b": "Define X\n"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cfg, diags := Load(Options{File: "httpd.conf", Root: root, Defines: []string{"Y"}})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	if got := strings.ReplaceAll(strings.Join(cfg.Includes, " "), root, ""); got != "/httpd.conf /b /a" {
		t.Error(got)
	}
	if _, ok := cfg.Defines["X"]; !ok || len(cfg.Defines) != 2 || cfg.Root != root {
		t.Error(cfg.Defines, cfg.Root)
	}
}

func TestMissingFile(t *testing.T) {
	_, diags := Load(Options{File: "nope.conf", Root: t.TempDir()})
	if got := diags.Error(); !strings.HasSuffix(got, "nope.conf: No such file or directory") || !strings.HasPrefix(got, "sallyport: Could not open configuration file ") {
		t.Error(got)
	}
}

// TestRecursion: a file that includes itself is one error, also when it does
// so twice.
func TestRecursion(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "httpd.conf")
	if err := os.WriteFile(path, []byte("Include httpd.conf\nInclude httpd.conf\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, diags := Load(Options{File: path, Root: root})
	if n, _ := diags.Count(); n == 0 || n > 2*maxDepth {
		t.Fatalf("%d errors", n)
	}
	if got := diags[0].Text; got != "Exceeded maximum include depth of 128, There appears to be a recursion." {
		t.Error(got)
	}
}

// TestTwoOwners: a directive of two rooms is an error that names both.
func TestTwoOwners(t *testing.T) {
	d := []Directive{{Name: "Foo", In: Anywhere, Set: func(*Cmd, []string) error { return nil }}}
	_, diags := Load(Options{Text: "\n", Modules: []ModuleInfo{{Name: "a", Directives: d}, {Name: "b", Directives: d}}})
	if len(diags) != 1 || diags[0].Text != "directive Foo is registered by mod_a.c and by mod_b.c" {
		t.Error(diags)
	}
}

func TestErrOfSetter(t *testing.T) {
	row := Directive{Name: "Foo", In: Anywhere, Args: Raw, Set: func(c *Cmd, args []string) error {
		c.Warn("careful", "or not")
		return &diag.Err{Text: "no good", Expected: "something", Hint: "better", Word: 3}
	}}
	_, diags := LoadText("  Foo \"a b\" c\td e\n", []Directive{row})
	const want = `warning: careful (test.conf:1)
  Foo "a b" c d e
  ^
  hint: or not
AH00526: Syntax error on line 1 of test.conf:
no good
  Foo "a b" c d e
              ^
  expected: something
  hint: better`
	if got := diags.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
