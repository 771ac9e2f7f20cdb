package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const apacheModules = `LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
`

// showConfigs are what -S and its kin are compared on, without their prelude.
var showConfigs = map[string]string{
	"main server only": "",
	"one host":         vhosts("*:80 a.test"),
	"name-based with aliases": `<VirtualHost *:80>
ServerName a.test
ServerAlias a1.test *.a.test
ServerAlias a2.test
</VirtualHost>
<VirtualHost *:80>
ServerName https://b.test:8443
ServerAlias b?.test
</VirtualHost>
`,
	"alias of a single host": "<VirtualHost *:80>\nServerName a.test\nServerAlias b.test\n</VirtualHost>\n",
	"no name":                "<VirtualHost *:80>\n</VirtualHost>\n<VirtualHost *:80>\nServerAlias x.test\n</VirtualHost>\n",
	"any port":               vhosts("* a.test", "*:* b.test", "_default_ c.test", "_default_:81 d.test", "127.0.0.1 e.test"),
	"words for any":          vhosts("*:80 a.test", "0.0.0.0:80 b.test", "[::]:80 c.test", "_default_:80 d.test"),
	"addresses":              vhosts("10.0.0.1:1 a", "127.0.0.1:1 b", "10.1.2.3:1 c", "[fe80::1]:3 d", "[2001:db8::7]:5 e", "192.168.1.77:* f", "192.168.77.1:8 g"),
	"order":                  vhosts("*:82 a", "*:83 b", "*:84 c", "*:85 d", "*:83 e", "*:82 f"),
	"order of many":          vhosts("*:1 a", "*:2 b", "*:3 c", "*:4 d", "*:1 e", "*:1 f", "*:4 g", "*:2 h", "*:1 i"),
	"several addresses":      vhosts("*:1 *:2 *:3 a", "*:2 b", "127.0.0.1:1 127.0.0.1:2 *:3 c", "127.0.0.1:1 d"),
	"IPv6":                   vhosts("[::1]:80 a", "[::1]:80 b", "[::1] c", "[::1]:81 d"),
	"run settings": `Define FIRST
Define SECOND two
Define THIRD 3
UnDefine FIRST
Define FIRST 1
User www-data
Group www-data
`,
	"includes": `Include inc/a.conf
IncludeOptional none/*.conf
IncludeOptional inc/b*.conf
Include inc/dir
`,
}

// vhosts makes virtual hosts of "ADDR… NAME".
func vhosts(lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		i := strings.LastIndexByte(l, ' ')
		b.WriteString("<VirtualHost " + l[:i] + ">\nServerName " + l[i+1:] + "\n</VirtualHost>\n")
	}
	return b.String()
}

// listenLines has a Listen line for each port of the <VirtualHost> lines in text.
func listenLines(text string) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^<VirtualHost .*>$`).FindAllString(text, -1) {
		for _, port := range regexp.MustCompile(`:(\d+)\b[ >]`).FindAllStringSubmatch(m, -1) {
			if !seen[port[1]] {
				b.WriteString("Listen " + port[1] + "\n")
			}
			seen[port[1]] = true
		}
	}
	return b.String()
}

// What httpd prints about itself, and Sallyport has not or has differently:
// mutexes, modules that are built in, User and Group where none are given.
var notShown = regexp.MustCompile(`(?m)^(Mutex .*| .*_module \(static\)|(User|Group): name="#-1".*|AH00558: .*)\n`)

// TestShow compares -S, -M and the DUMP_ names with the original.
func TestShow(t *testing.T) {
	path := apache(t)
	for name, text := range showConfigs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.write("httpd.conf", prelude+"DocumentRoot $ROOT\nDefaultRuntimeDir $ROOT\n"+apacheModules+listenLines(text)+text)
			s.write("inc/a.conf", "Define A\nInclude inc/nested.inc\n")
			s.write("inc/nested.inc", "Define NESTED\n")
			s.write("inc/b1.conf", "Define B1\n")
			s.write("inc/dir/c.conf", "Define C\n")
			for _, args := range [][]string{
				{"-S"}, {"-M"}, {"-t", "-D", "DUMP_VHOSTS"}, {"-t", "-D", "DUMP_RUN_CFG", "-D", "X=1"}, {"-t", "-D", "DUMP_MODULES"},
				{"-t", "-D", "DUMP_INCLUDES"}, {"-t", "-S", "-M"}, {"-t"},
			} {
				args = append([]string{"-d", s.root, "-f", "httpd.conf"}, args...)
				cmd := exec.Command(path, args...)
				cmd.Env = []string{"LANG=C"}
				want, got := finish(t, cmd), sallyport(t, args...)
				want.out, got.out = notShown.ReplaceAllString(want.out, ""), notShown.ReplaceAllString(got.out, "")
				if got != want {
					t.Errorf("%v: got %v\nwant %v", args[4:], got, want)
				}
			}
		})
	}
}

// TestIncludedByWildcard: where httpd gives the line of the file before.
func TestIncludedByWildcard(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", "ServerName x\n\nInclude sub/*.conf\n")
	s.write("sub/a.conf", "\n\n\n\nInclude sub/x.inc\n")
	s.write("sub/b.conf", "")
	s.write("sub/x.inc", "")
	want := strings.ReplaceAll(`Included configuration files:
  (*) $ROOT/httpd.conf
    (3) $ROOT/sub/a.conf
      (5) $ROOT/sub/x.inc
    (3) $ROOT/sub/b.conf
`, "$ROOT", s.root)
	if got := sallyport(t, "-d", s.root, "-f", "httpd.conf", "-t", "-D", "DUMP_INCLUDES"); got.out != want {
		t.Errorf("got %v\nwant %s", got, want)
	}
}

func TestVersion(t *testing.T) {
	if got := sallyport(t, "-v"); !strings.HasPrefix(got.out, "Server version: Sallyport/"+Version) || !strings.Contains(got.out, "Apache/2.4") {
		t.Errorf("-v: %v", got)
	}
	if got := sallyport(t, "-V"); !strings.Contains(got.out, ` -D SERVER_CONFIG_FILE="apache2.conf"`) {
		t.Errorf("-V: %v", got)
	}
	if got := sallyport(t, "-l"); !strings.Contains(got.out, "\n  core.c\n") {
		t.Errorf("-l: %v", got)
	}
	if got := sallyport(t, "-L"); !strings.Contains(got.out, "ProxyPass (mod_proxy.c)\n") {
		t.Errorf("-L: %v", got)
	}
}
