package conf

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport/internal/diag"
)

func TestWriteDirectives(t *testing.T) {
	var b strings.Builder
	if err := WriteDirectives(&b, httpdRows()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ServerName (core.c)\n\t-\n\tAllowed in *.conf only outside <Directory>, <Files>, <Location>, or <If>\n",
		"<Location (core.c)\n",
		"SetHandler (core.c)\n\t-\n\tAllowed in *.conf anywhere\n",
		"ForceType (core.c)\n\t-\n\tAllowed in *.conf only inside <Directory>, <Files>, <Location>, or <If>\n",
		"LoadModule (mod_so.c)\n",
		"ProxyPass (mod_proxy.c)\n\t\n\tAllowed in *.conf only in server config, <VirtualHost>, <Location>\n",
	} {
		if n := strings.Count(b.String(), want); n != 1 {
			t.Errorf("%d times %q", n, want)
		}
	}
}

func TestWriteModules(t *testing.T) {
	cfg, _ := Load(Options{Text: "LoadModule proxy_module x\nLoadModule mpm_event_module x\n", Modules: httpdRows()})
	var b strings.Builder
	if err := WriteModules(&b, httpdRows(), cfg); err != nil {
		t.Fatal(err)
	}
	const want = `Loaded Modules:
 core_module (static)
 so_module (static)
 version_module (static)
 http_module (static)
 watchdog_module (static)
 logio_module (static)
 proxy_module (shared)
 mpm_event_module (shared)
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestWriteTest(t *testing.T) {
	var b strings.Builder
	if WriteTest(&b, nil, "sallyport"); b.String() != "Syntax OK\n" {
		t.Errorf("%q", b.String())
	}
	if WriteTest(&b, diag.List{{Text: "x"}}, "sallyport") {
		t.Error("an error is fine")
	}
}

// thousands is a configuration of n virtual hosts as a hoster would have it.
func thousands(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<VirtualHost *:80>
    ServerName site%d.example.com
    ServerAlias www.site%d.example.com *.site%d.example.org
    KeepAlive On
    ProxyPass /static !
    ProxyPass / http://10.0.%d.%d:8080/ timeout=30 retry=0
    <Location /admin>
        Require ip 10.0.0.0/8
        SetHandler none
    </Location>
    <LocationMatch "^/old/(.*)$">
        SetHandler gone
    </LocationMatch>
    <Directory "/srv/www/site%d">
        Require all granted
    </Directory>
</VirtualHost>
`, i, i, i, i/250, i%250, i)
	}
	return b.String()
}

// TestThousands holds the promise that 10,000 virtual hosts load in under two
// seconds and 200 MB. (The rooms have their share of both; the limits here are
// this package's.)
func TestThousands(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	text := thousands(10000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	cfg, diags := Load(Options{File: "httpd.conf", Text: text, Modules: httpdRows()})
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if diags.Failed() || len(cfg.Hosts) != 10000 {
		t.Fatal(diags)
	}
	live := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20
	t.Logf("%v, %d MB kept", took, live)
	if took > 2*time.Second || live > 100 {
		t.Errorf("10,000 virtual hosts took %v and keep %d MB", took, live)
	}
	runtime.KeepAlive(cfg)
}

func BenchmarkLoad10000(b *testing.B) {
	text := thousands(10000)
	rows := httpdRows()
	b.ReportAllocs()
	for b.Loop() {
		if _, diags := Load(Options{File: "httpd.conf", Text: text, Modules: rows}); diags.Failed() {
			b.Fatal(diags)
		}
	}
}
