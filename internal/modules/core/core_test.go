package core_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
	"sallyport/internal/modules/mpm"
	"sallyport/internal/modules/reqtimeout"
	"sallyport/internal/modules/unixd"
	"sallyport/internal/snapshot"
)

var facts errorlog.Facts

var rooms = []*module.Room{&core.Room, &mpm.Room, &unixd.Room, &reqtimeout.Room}

func load(t *testing.T, root, text string) (*conf.Config, diag.List) {
	t.Helper()
	o := conf.Options{File: "test.conf", Text: text + "\n", Root: root, Env: func(string) (string, bool) { return "", false }}
	for _, r := range rooms {
		o.Modules = append(o.Modules, conf.ModuleInfo{Name: r.Name, Source: r.Source, Static: r.Static, Directives: r.Directives})
	}
	return conf.Load(o)
}

func build(t *testing.T, text string) (*snapshot.Snapshot, diag.List) {
	t.Helper()
	cfg, diags := load(t, t.TempDir(), text)
	if diags.Failed() {
		t.Fatalf("%s: %v", text, diags)
	}
	s, more := snapshot.Build(cfg, rooms, module.Env{Test: true})
	return s, append(diags, more...)
}

// TestMessages: one directive a line, "=>" and what is said about it: an error
// as httpd 2.4.71 words it, "warning: …" where Sallyport warns, "" where all is
// well. {root} is an existing ServerRoot.
func TestMessages(t *testing.T) {
	root := t.TempDir()
	const cases = `
Timeout x => Timeout has wrong format
Timeout -1 => Timeout has wrong format
Timeout 0 => Timeout must be positive
Timeout 60 =>
Timeout 5s =>
Timeout 500ms => warning: Timeout "500ms" is 500ms; httpd 2.4 reads 500 seconds
Timeout 1.5 => warning: Timeout "1.5" is read as 1 seconds, as httpd does
Timeout => Timeout takes one argument
Timeout 1 2 => Timeout takes one argument
KeepAlive maybe => KeepAlive must be On or Off
KeepAliveTimeout x => KeepAliveTimeout has wrong format
KeepAliveTimeout -1 => KeepAliveTimeout has wrong format
KeepAliveTimeout 5m => KeepAliveTimeout has wrong format
KeepAliveTimeout 5min =>
KeepAliveTimeout 500ms =>
MaxKeepAliveRequests -1 =>
LimitRequestLine -1 => LimitRequestLine "-1" must be a non-negative integer
LimitRequestLine 8k => warning: LimitRequestLine: "8k" is read as 8, as httpd does
LimitRequestFields -1 => LimitRequestFields "-1" must be a non-negative integer (0 = no limit)
LimitRequestFieldSize -1 => LimitRequestFieldsize "-1" must be a non-negative integer
LimitRequestBody x => LimitRequestBody requires a non-negative integer.
LimitRequestBody -1 => LimitRequestBody requires a non-negative integer.
LimitRequestBody 5k => LimitRequestBody requires a non-negative integer.
LimitRequestBody 99999999999999999999 => LimitRequestBody argument is not parsable.
LimitInternalRecursion 0 => The recursion limit must be greater than zero.
UseCanonicalName maybe => parameter must be 'on', 'off', or 'dns'
UseCanonicalPhysicalPort x => parameter must be 'on' or 'off'
HostnameLookups x => parameter must be 'on', 'off', or 'double'
AllowEncodedSlashes x => AllowEncodedSlashes must be On, Off, or NoDecode
MergeSlashes x => MergeSlashes must be On or Off
HttpProtocolOptions x => HttpProtocolOptions accepts 'Unsafe' or 'Strict' (default), 'RegisteredMethods' or 'LenientMethods' (default), and 'Require1.0' or 'Allow0.9' (default)
HttpProtocolOptions Strict Unsafe => HttpProtocolOptions 'Strict' and 'Unsafe' are mutually exclusive
HttpProtocolOptions Require1.0 Allow0.9 => HttpProtocolOptions 'Allow0.9' and 'Require1.0' are mutually exclusive
HttpProtocolOptions LenientMethods RegisteredMethods => HttpProtocolOptions 'RegisteredMethods' and 'LenientMethods' are mutually exclusive
HttpProtocolOptions Unsafe Require1.0 =>
TraceEnable x => TraceEnable must be one of 'on', 'off', or 'extended'
ServerTokens x => ServerTokens takes 1 argument: 'Prod(uctOnly)', 'Major', 'Minor', 'Min(imal)', 'OS', or 'Full'
ServerSignature x => ServerSignature: use one of: off | on | email
AcceptPathInfo x => AcceptPathInfo must be set to on, off or default
FileETag x => Unknown keyword 'x' for FileETag directive
FileETag -None => FileETag keyword 'None' cannot be used with '+' or '-'
FileETag None +MTime =>
FileETag Digest =>
EnableSendfile x => parameter must be 'on' or 'off'
EnableMMAP x => parameter must be 'on' or 'off'
ContentDigest x => ContentDigest must be On or Off
Options x => Illegal option x
Options +x => Illegal option x
Options +Indexes FollowSymLinks => Either all Options must start with + or -, or no Option may.
Options Indexes +FollowSymLinks => Either all Options must start with + or -, or no Option may.
Options None All => 'Options All' must be the first option given.
Options Indexes None => 'Options None' must be the first Option given.
Options +None => You may not use 'Options +None' or 'Options -None'.
Options -All => You may not use 'Options +All' or 'Options -All'.
Options =>
Options IncludesNOEXEC MultiViews ExecCGI SymLinksIfOwnerMatch =>
AllowOverride None => AllowOverride not allowed here
<Directory />|AllowOverride x|</Directory> => Illegal override option x
<Directory />|AllowOverride Options=x|</Directory> => Illegal option x
<Directory />|AllowOverride None|</Directory> =>
<Directory />|AllowOverride All|</Directory> => warning: AllowOverride All has no effect: Sallyport reads no .htaccess files
<Location />|AllowOverride None|</Location> => warning: AH00114: Useless use of AllowOverride
<Directory />|AllowOverrideList None|</Directory> =>
ServerName => ServerName takes one argument
ServerName a b => ServerName takes one argument
ServerName a:x => The port number "a:x" is outside the appropriate range (i.e., 1..65535).
ServerName a: => The port number "a:" is outside the appropriate range (i.e., 1..65535).
ServerName a:0 => The port number "a:0" is outside the appropriate range (i.e., 1..65535).
ServerName http://a:99999 => The port number "http://a:99999" is outside the appropriate range (i.e., 1..65535).
ServerName [::1]:80 => Invalid ServerName "[::1]:80" use ServerAlias to set multiple server names.
ServerName *.x => Invalid ServerName "*.x" use ServerAlias to set multiple server names.
ServerName ::1 => The port number "::1" is outside the appropriate range (i.e., 1..65535).
ServerName http://a:80/ =>
ServerAlias x => ServerAlias only used in <VirtualHost>
<VirtualHost *:80>|Listen 81|</VirtualHost> => Listen cannot occur within <VirtualHost> section
<VirtualHost *:80>|PidFile x|</VirtualHost> => PidFile cannot occur within <VirtualHost> section
<VirtualHost *:80>|User x|</VirtualHost> => User cannot occur within <VirtualHost> section
<VirtualHost *:80>|ServerTokens Prod|</VirtualHost> => ServerTokens cannot occur within <VirtualHost> section
<VirtualHost *:80>|StartServers 3|</VirtualHost> => StartServers cannot occur within <VirtualHost> section
<VirtualHost *:80>|Mutex default|</VirtualHost> => Mutex cannot occur within <VirtualHost> section
<VirtualHost *:80>|GracefulShutdownTimeout 3|</VirtualHost> => GracefulShutdownTimeout cannot occur within <VirtualHost> section
<VirtualHost *:80>|Timeout 3|</VirtualHost> =>
<Location />|Timeout 3|</Location> => Timeout not allowed in <Location> context
<Location />|ServerName x|</Location> => ServerName not allowed in <Location> context
<Location />|AllowEncodedSlashes On|</Location> => AllowEncodedSlashes not allowed in <Location> context
<Location />|UseCanonicalName On|</Location> => warning: UseCanonicalName has no effect inside a section
<Location />|RequestReadTimeout body=3|</Location> => RequestReadTimeout not allowed in <Location> context
DocumentRoot /nonexist => DocumentRoot '/nonexist' is not a directory, or is not readable
DocumentRoot nonexist => DocumentRoot '{root}/nonexist' is not a directory, or is not readable
DocumentRoot . =>
DefaultRuntimeDir /nonexist => DefaultRuntimeDir must be a valid directory, absolute or relative to ServerRoot
Listen => Listen requires 1 or 2 arguments.
Listen "" => Listen requires 1 or 2 arguments.
Listen 80 http x => Listen requires 1 or 2 arguments.
Listen x => Port must be specified
Listen -1 => Port must be specified
Listen +80 => Port must be specified
Listen 80x => Port must be specified
Listen 127.0.0.1 => Port must be specified
Listen 127.0.0.1: => Port must be specified
Listen [::1] => Port must be specified
Listen * => Port must be specified
Listen 0 => Invalid address or port
Listen 65536 => Invalid address or port
Listen :80 => Invalid address or port
Listen [::1 => Invalid address or port
Listen [zz]:80 => Invalid address or port
Listen [127.0.0.1]:80 => Invalid address or port
Listen 127.0.0.1:8|Listen 127.0.0.1:8 => Cannot define multiple Listeners on the same IP:port
Listen *:8|Listen 8 => Cannot define multiple Listeners on the same IP:port
Listen 127.0.0.1:8|Listen [::1]:8|Listen 127.0.0.2:8 https =>
ListenBacklog 0 => ListenBacklog must be > 0
SendBufferSize 100 => SendBufferSize must be >= 512 bytes, or 0 for system default.
ReceiveBufferSize 100 => ReceiveBufferSize must be >= 512 bytes, or 0 for system default.
Protocols h2 http/1.1 =>
Protocols h2 spdy/3 => warning: Protocols spdy/3: nobody speaks this
ErrorLog x y => ErrorLog takes one argument
LogLevel x => Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8
LogLevel foo:debug => Cannot find module foo
LogLevel core: => Module specifier 'core' must be followed by a log level keyword
LogLevel core:trace9 => core:trace9: Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8
LogLevel warn core:debug core.c:info http:debug mpm_event:info =>
ErrorLogFormat "%q %M" => Unrecognized error log format directive %q
ErrorLogFormat foo "x" => ErrorLogFormat type must be one of request, connection
ErrorLogFormat connection => main ErrorLogFormat must contain message format string '%M'
ErrorLogFormat request "x" =>
ErrorDocument 404 => ErrorDocument takes two arguments
ErrorDocument 404 some words => ErrorDocument takes two arguments
ErrorDocument 399 /x => Unsupported HTTP response code 399
ErrorDocument x /x => Unsupported HTTP response code x
ErrorDocument 401 http://x/ => warning: AH00113: cannot use a full URL in a 401 ErrorDocument directive --- ignoring!
ErrorDocument 404 "%{x}" => Cannot parse expression in ErrorDocument: Variable 'x' does not exist
SetHandler x y => SetHandler takes one argument
SetHandler %{x} => Can't parse expression : Variable 'x' does not exist
AddDefaultCharset "a b" => AddDefaultCharset must be On, Off or the name of a charset
MaxRanges x => MaxRanges requires 'none', 'default', 'unlimited' or a positive integer
MaxRangeOverlaps 0 => MaxRangeOverlaps requires 'none', 'default', 'unlimited' or a positive integer
MaxRanges none =>
RLimitNPROC 1 2 3 => RLimitNPROC takes 1-2 arguments
AcceptFilter http => AcceptFilter takes two arguments
Mutex => Mutex requires at least a mechanism argument (Mutex mechanisms are: 'none', 'default', 'flock:/path/to/file', 'fcntl:/path/to/file', 'file:/path/to/file', 'pthread', 'sysvsem', 'posixsem', 'sem')
Mutex foo => Invalid Mutex argument foo (Mutex mechanisms are: 'none', 'default', 'flock:/path/to/file', 'fcntl:/path/to/file', 'file:/path/to/file', 'pthread', 'sysvsem', 'posixsem', 'sem')
Mutex file:/tmp default =>
MaxMemFree -1 => Invalid MaxMemFree value: -1
ThreadStackSize -1 => Invalid ThreadStackSize value: -1
CoreDumpDirectory /nonexist => CoreDumpDirectory /nonexist does not exist
ListenCoresBucketsRatio -1 => ListenCoresBucketsRatio must be > 0
ListenTCPDeferAccept x => ListenTCPDeferAccept must be > 0
ReadBufferSize x => parameter must be a number between 0 and 4294967295: x
FlushMaxPipelined -2 => parameter must be a number between -1 and 2147483647: -2
ProtocolsHonorOrder x => ProtocolsHonorOrder must be 'on' or 'off'
RegexDefaultOptions x => RegexDefaultOptions: option 'x' unknown
NameVirtualHost *:80 => warning: AH00548: NameVirtualHost has no effect and will be removed in the next release
DefaultType text/plain => warning: AH00117: Ignoring deprecated use of DefaultType
DefaultType none =>
Port 80 => Port was replaced with Listen in Apache 2.0
ExtendedStatus x => ExtendedStatus must be On or Off
CGIPassAuth On => CGIPassAuth not allowed here
MergeTrailers On => warning: MergeTrailers On has no effect: trailers are never merged into the header
StartServers 0 =>
AsyncRequestWorkerFactor x => error parsing value
AsyncRequestWorkerFactor 0 => AsyncRequestWorkerFactor argument must be a positive number
AsyncRequestWorkerFactor 1.5 =>
User nosuchuser => bad user name nosuchuser
User #x => bad user name #x
User root => User must not be root: a server that anybody may talk to must not own the machine
User #99999 =>
Group nosuchgroup => bad group name nosuchgroup
Group #1 =>
ChrootDir /tmp => ChrootDir: Sallyport does not change its root directory
Suexec On => suEXEC isn't supported: Sallyport runs no CGI programs
Suexec Off =>
RequestReadTimeout =>
RequestReadTimeout x => Invalid RequestReadTimeout parameter. Parameter must be in the form 'key=value'
RequestReadTimeout foo=3 => RequestReadTimeout: foo=3: Unknown RequestReadTimeout parameter
RequestReadTimeout header=20-40 => RequestReadTimeout: header=20-40: Must set MinRate option if using timeout range
RequestReadTimeout header=40-20,MinRate=500 => RequestReadTimeout: header=40-20,MinRate=500: Maximum timeout must be larger than initial timeout
RequestReadTimeout header=20-40,MinRate=0 => RequestReadTimeout: header=20-40,MinRate=0: Minimum data rate must be larger than 0
RequestReadTimeout header=20,MinRate=x => RequestReadTimeout: header=20,MinRate=x: Value 'x' not numerical
RequestReadTimeout header= => RequestReadTimeout: header=: Value '' not numerical
RequestReadTimeout header=20-x,MinRate=5 => RequestReadTimeout: header=20-x,MinRate=5: Value 'x' not numerical
RequestReadTimeout header=20s => RequestReadTimeout: header=20s: Cannot parse 's'
RequestReadTimeout header=20,foo=3 => RequestReadTimeout: header=20,foo=3: Cannot parse ',foo=3'
RequestReadTimeout header=20-40,MinRate=500,x => RequestReadTimeout: header=20-40,MinRate=500,x: Cannot parse ',x'
RequestReadTimeout header=20-40,MinRate=500 body=20,minrate=500 handshake=0 =>
`
	for line := range strings.Lines(strings.TrimSpace(cases)) {
		text, want, ok := strings.Cut(strings.TrimRight(line, "\n"), " =>")
		if !ok {
			t.Fatalf("no => in %q", line)
		}
		want = strings.ReplaceAll(strings.TrimSpace(want), "{root}", root)
		_, diags := load(t, root, strings.ReplaceAll(text, "|", "\n"))
		got := ""
		if len(diags) > 0 {
			got = diags[0].Text
			if diags[0].Severity == diag.Warning {
				got = "warning: " + got
			}
		}
		// The help behind a miscount is each house's own.
		if strings.Contains(want, " takes ") || strings.Contains(want, " requires at least") {
			got = got[:min(len(got), len(want))]
		}
		if got != want || len(diags) > 1 {
			t.Errorf("%s\n got %s\nwant %s\n  of %v", text, got, want, diags)
		}
	}
}

func TestDefaults(t *testing.T) {
	s, diags := build(t, "ServerName a.test\nListen 80\n<VirtualHost *:80>\n</VirtualHost>")
	if len(diags) > 0 {
		t.Errorf("unasked: %v", diags)
	}
	want := exchange.ServerSettings{
		Timeout: 60 * time.Second, KeepAlive: true, KeepAliveTimeout: 5 * time.Second, MaxKeepAliveRequests: 100,
		LimitRequestLine: 8190, LimitRequestFields: 100, LimitFieldSize: 8190, Redirects: 10, MergeSlashes: true,
		Tokens:      core.Product + "/" + core.Version + " (Unix)",
		HeadTimeout: exchange.ReadLimit{First: 20 * time.Second, Max: 40 * time.Second, MinRate: 500},
		BodyTimeout: exchange.ReadLimit{First: 20 * time.Second, MinRate: 500},
	}
	got := *s.Servers[1].Server.Core
	got.Versions.HTTP2 = nil // that room's
	if got := fmt.Sprintf("%+v", got); got != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %s\nwant %+v", got, want)
	}
	if srv := s.Servers[1].Server; srv.Name != "a.test" || srv.Port != 0 {
		t.Errorf("virtual host without a name: %q %d", srv.Name, srv.Port)
	}
	dir := core.SectionSettings(nil)
	wantDir := exchange.DirSettings{
		LimitRequestBody: 1 << 30, AcceptPathInfo: "default", FileETag: "MTime Size", Sendfile: true, FollowSymlinks: true,
		MaxRanges: 200, RangeOverlaps: 20, RangeReversals: 20,
	}
	if got := fmt.Sprintf("%+v", dir); got != fmt.Sprintf("%+v", wantDir) {
		t.Errorf("got  %s\nwant %+v", got, wantDir)
	}
}

func TestServers(t *testing.T) {
	s, _ := build(t, `
ServerName HTTPS://Main.Test:444
ServerAdmin me@a.test
ServerTokens Minor
Timeout 10
KeepAlive Off
LimitRequestFields 0
TraceEnable off
UseCanonicalName On
ServerSignature EMail
RegisterHttpMethod FOO BAR
RequestReadTimeout header=5 body=0
<VirtualHost *:80>
    ServerName one.test
    ServerAlias two.test *.three.test
    ServerAlias four.test
    Timeout 2min
    KeepAlive On
    KeepAliveTimeout 250ms
    MaxKeepAliveRequests 0
    AllowEncodedSlashes NoDecode
    MergeSlashes Off
    HttpProtocolOptions Unsafe RegisteredMethods
    TraceEnable extended
    UseCanonicalName DNS
    RequestReadTimeout body=7,MinRate=1
    StrictHostCheck On
</VirtualHost>`)
	main, one := s.Servers[0].Server, s.Servers[1].Server
	if main.Name != "Main.Test" || main.Scheme != "https" || main.Port != 444 || main.Admin != "me@a.test" {
		t.Errorf("main: %+v", main)
	}
	if one.Name != "one.test" || one.Scheme != "" || one.Port != 0 || one.Admin != "me@a.test" ||
		strings.Join(one.Aliases, " ") != "two.test *.three.test four.test" {
		t.Errorf("one: %+v", one)
	}
	m, o := main.Core, one.Core
	if m.Timeout != 10*time.Second || m.KeepAlive || m.LimitRequestFields != 0 || m.TraceEnable != exchange.TraceOff ||
		m.UseCanonicalName != exchange.NameFromServer || main.Base.Core.Signature != "email" || one.Base.Core.Signature != "email" || m.Tokens != "Sallyport/0.1" ||
		m.HeadTimeout != (exchange.ReadLimit{First: 5 * time.Second}) || m.BodyTimeout.First != 0 {
		t.Errorf("main: %+v", *m)
	}
	if o.Timeout != 2*time.Minute || !o.KeepAlive || o.KeepAliveTimeout != 250*time.Millisecond || o.MaxKeepAliveRequests != 0 ||
		o.EncodedSlashes != exchange.SlashesKept || o.MergeSlashes || !o.Unsafe || !o.RegisteredMethods || o.LimitRequestFields != 0 ||
		o.TraceEnable != exchange.TraceExtended || o.UseCanonicalName != exchange.NameFromDNS ||
		o.HeadTimeout.First != 5*time.Second || o.BodyTimeout != (exchange.ReadLimit{First: 7 * time.Second, MinRate: 1}) ||
		!o.StrictHost || strings.Join(o.Methods, " ") != "FOO BAR" {
		t.Errorf("one: %+v", *o)
	}
}

func TestSections(t *testing.T) {
	cfg, diags := load(t, "/", `
Options Indexes
ErrorDocument 404 /missing
ErrorDocument 500 "it broke"
ErrorDocument 503 http://other.test/
FileETag All
SetHandler one
LimitRequestBody 10
<Location /a>
    Options +MultiViews +FollowSymLinks -Indexes
    ErrorDocument 404 default
    FileETag -INode +Digest
    SetHandler None
    HostnameLookups Double
    EnableSendfile Off
    MaxRanges unlimited
    AcceptPathInfo On
    ForceType text/x
</Location>
<Location /b>
    Options None
    FileETag None
    MaxRanges none
</Location>`)
	if diags.Failed() {
		t.Fatal(diags)
	}
	base := core.SectionSettings(cfg.Main.Dir)
	a := core.SectionSettings(conf.Merge(cfg.Main.Dir, cfg.Main.Sections[0].Dir))
	b := core.SectionSettings(conf.Merge(cfg.Main.Dir, cfg.Main.Sections[1].Dir))
	doc := func(d exchange.DirSettings, status int) string {
		e := d.ErrorDocuments[status]
		return string(e.Kind) + e.Value
	}
	for _, c := range []struct{ what, got, want any }{
		{"base", []any{base.Indexes, base.FollowSymlinks, base.FileETag, base.Handler, base.LimitRequestBody}, []any{true, false, "INode MTime Size", "one", 10}},
		{"a", []any{a.Indexes, a.FollowSymlinks, a.FileETag, a.Handler, a.LimitRequestBody}, []any{false, true, "MTime Size Digest", "", 10}},
		{"b", []any{b.Indexes, b.FollowSymlinks, b.FileETag, b.Handler}, []any{false, false, "None", "one"}},
		{"a too", []any{a.HostnameLookups, a.Sendfile, a.MaxRanges, a.AcceptPathInfo, a.ForceType}, []any{exchange.LookupsDouble, false, 0, "on", "text/x"}},
		{"b too", b.MaxRanges, -1},
		{"documents", []any{doc(base, 404), doc(base, 500), doc(base, 503), doc(a, 404), doc(a, 500)}, []any{"p/missing", "tit broke", "uhttp://other.test/", "d", "tit broke"}},
	} {
		if fmt.Sprint(c.got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
		}
	}
}

// TestOptionsMerge: the table of httpd's manual, and what changes upon changes
// make.
func TestOptionsMerge(t *testing.T) {
	for _, c := range []struct{ lines, want string }{ // outer;inner
		{";", "F"},
		{"Options Indexes FollowSymLinks;Options Includes", ""},
		{"Options Indexes FollowSymLinks;Options +Includes -Indexes", "F"},
		{";Options -FollowSymLinks", ""},
		{";Options +Indexes", "IF"},
		{"Options +Indexes;Options -FollowSymLinks", "I"},
		{"Options -FollowSymLinks;Options +FollowSymLinks +SymLinksIfOwnerMatch", "FO"},
		{"Options All;Options -Indexes", "F"},
	} {
		outer, inner, _ := strings.Cut(c.lines, ";")
		cfg, diags := load(t, "/", outer+"\n<Location />\n"+inner+"\n</Location>")
		if diags.Failed() {
			t.Fatal(diags)
		}
		d := core.SectionSettings(conf.Merge(cfg.Main.Dir, cfg.Main.Sections[0].Dir))
		got := ""
		for _, f := range []struct {
			on   bool
			name string
		}{{d.Indexes, "I"}, {d.FollowSymlinks, "F"}, {d.SymlinksIfOwner, "O"}} {
			if f.on {
				got += f.name
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.lines, got, c.want)
		}
	}
}

func TestListen(t *testing.T) {
	cfg, diags := load(t, "/srv", `
Listen 80
Listen *:81
Listen 127.0.0.1:443
Listen [::1]:8080 HTTPS
Listen localhost:82 foo
ListenBacklog 7
AcceptFilter http data
AcceptFilter FOO none
AcceptFilter https none
AcceptFilter https data
PidFile run/pid
GracefulShutdownTimeout 5`)
	if diags.Failed() {
		t.Fatal(diags)
	}
	p := core.Process.Of(cfg.Main.Conf)
	var got []string
	for _, l := range p.Listen[:4] {
		got = append(got, fmt.Sprintf("%v:%d/%s@%d", l.Addrs, l.Port, l.Proto, l.Pos.Line))
	}
	if s := strings.Join(got, " "); s != "[]:80/http@2 []:81/http@3 [127.0.0.1]:443/https@4 [::1]:8080/https@5" {
		t.Error(s)
	}
	if l := p.Listen[4]; len(l.Addrs) == 0 || !l.Addrs[0].IsLoopback() || l.Proto != "foo" {
		t.Errorf("localhost: %+v", l)
	}
	if p.DeferAccept("http") != 30 || p.DeferAccept("https") != 30 || p.DeferAccept("foo") != 0 {
		t.Errorf("AcceptFilter: %v", p.Eager)
	}
	if p.Backlog.V != 7 || p.PidFile.V != "/srv/run/pid" || p.Drain.V != 5*time.Second {
		t.Errorf("%+v", p)
	}
}

// TestIdle: one note per reason names what was accepted without effect.
func TestIdle(t *testing.T) {
	_, diags := build(t, `ServerName a.test
StartServers 2
MinSpareThreads 400
StartServers 3
<VirtualHost *:80>
    EnableMMAP off
</VirtualHost>`)
	var got []string
	for _, d := range diags {
		text, _, _ := strings.Cut(d.Text, ":")
		got = append(got, fmt.Sprintf("%s %d %s", d.Severity, d.Pos.Line, text))
	}
	if s := strings.Join(got, "; "); s != "note 2 StartServers, MinSpareThreads have no effect; note 6 EnableMMAP has no effect" {
		t.Error(s)
	}
}

// TestMaxWorkers: how many requests are served at once.
func TestMaxWorkers(t *testing.T) {
	for _, c := range []struct {
		text string
		want int
		warn string
	}{
		{"", 0, ""},
		{"MaxRequestWorkers 400\nThreadsPerChild 5", 400, ""},
		{"MaxClients 300", 300, ""},
		{"ThreadsPerChild 64", 1024, ""},
		{"ServerLimit 4", 100, ""},
		{"ThreadsPerChild 64\nServerLimit 8", 512, ""},
		{"MaxRequestWorkers 0", 1, "MaxRequestWorkers of 0 not allowed, increasing to 1"},
		{"MaxRequestWorkers 20x", 20, `MaxRequestWorkers: "20x" is read as 20, as httpd does`},
	} {
		s, diags := build(t, "ServerName a.test\n"+c.text)
		if got := core.Process.Of(s.Config.Main.Conf).MaxWorkers(); got != c.want {
			t.Errorf("%s: %d, want %d", c.text, got, c.want)
		}
		warn := ""
		for _, d := range diags {
			warn += d.Text
		}
		if warn != c.warn {
			t.Errorf("%s: said %q, want %q", c.text, warn, c.warn)
		}
	}
}

func TestNoServerName(t *testing.T) {
	s, diags := build(t, "KeepAlive On")
	if len(diags) != 1 || !strings.HasPrefix(diags[0].Text, "AH00558: ") || s.Servers[0].Server.Name == "" {
		t.Errorf("%v", diags)
	}
}

func TestErrorLog(t *testing.T) {
	dir := t.TempDir()
	text := "ServerName a.test\nErrorLog " + dir + "/%s/main.log\nLogLevel core:info\n<VirtualHost *:80>\nErrorLog " + dir + "/%s/host.log\n</VirtualHost>\n<Location /x>\nLogLevel debug\n</Location>"
	s, diags := build(t, fmt.Sprintf(text, ".", "."))
	if s == nil {
		t.Fatal(diags)
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	for _, sb := range s.Servers {
		sb.Server.Log.Logf(4, "core", facts, "AH00001: on %s", sb.Server.Name)
		sb.Server.Log.Logf(6, "core", facts, "AH00002: told")
		sb.Server.Log.Logf(6, "proxy", facts, "AH00003: untold")
	}
	s.Close()
	for _, name := range []string{"main.log", "host.log"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Count(string(b), "\n") != 2 || !strings.Contains(string(b), "[core:warn]") || !strings.Contains(string(b), "AH00002: told") {
			t.Errorf("%s: %v\n%s", name, err, b)
		}
	}

	s, diags = build(t, fmt.Sprintf(text, "no", "none"))
	var got []string
	for _, d := range diags {
		got = append(got, strings.ReplaceAll(d.Text, dir, ""))
	}
	want := "AH02291: Cannot access directory '/no/' for main error log; AH02291: Cannot access directory '/none/' for error log of vhost defined at test.conf:4"
	if s != nil || strings.Join(got, "; ") != want {
		t.Errorf("%v", got)
	}
}

// TestPlace: what a Place gets beside its settings: AddDefaultCharset's hook
// and the log of a server with levels of its own.
func TestPlace(t *testing.T) {
	s, _ := build(t, "ServerName a.test\nAddDefaultCharset utf-8\nSetHandler x")
	place := s.Servers[0].Server.Base
	if place.Core.Handler != "x" || place.Core.Charset != "utf-8" || place.Log != nil {
		t.Errorf("%+v", place.Core)
	}
	for in, want := range map[string]string{
		"text/html":                     "text/html; charset=utf-8",
		"TEXT/plain ; format=flowed":    "TEXT/plain ; format=flowed; charset=utf-8",
		"text/html;x=y; Charset=latin1": "text/html;x=y; Charset=latin1",
		"text/css":                      "text/css",
		"":                              "",
	} {
		x, _ := exchangetest.NewExchange("GET", "/")
		if in != "" {
			x.Out.Header.Set("Content-Type", in)
		}
		for _, h := range place.Hooks[exchange.Respond] {
			h(x)
		}
		if got := x.Out.Header.Get("Content-Type"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	s, _ = build(t, "ServerName a.test\nAddDefaultCharset Off")
	if n := len(s.Servers[0].Server.Base.Hooks[exchange.Respond]); n != 0 {
		t.Errorf("Off: %d hooks", n)
	}
}

// TestTable holds the table against what httpd 2.4 lists for its core, HTTP
// core and event MPM.
func TestTable(t *testing.T) {
	have := map[string]bool{}
	for _, r := range rooms {
		for _, d := range r.Directives {
			if d.Help == "" || strings.HasSuffix(d.Help, ".") || d.Set == nil {
				t.Errorf("%s: help %q", d.Name, d.Help)
			}
			have[d.Name] = true
		}
	}
	for _, name := range strings.Fields(`AddDefaultCharset AcceptPathInfo AccessFileName DocumentRoot ErrorDocument AllowOverride
		AllowOverrideList Options DefaultType FileETag EnableMMAP EnableSendfile ReadBufferSize FlushMaxThreshold FlushMaxPipelined
		Protocol AcceptFilter Port HostnameLookups ServerAdmin ServerName ServerSignature DefaultRuntimeDir ErrorLog ErrorLogFormat
		ServerAlias ServerPath Timeout ContentDigest UseCanonicalName UseCanonicalPhysicalPort LogLevel NameVirtualHost ServerTokens
		LimitRequestLine LimitRequestFieldSize LimitRequestFields LimitRequestBody LimitXMLRequestBody Mutex MaxRanges
		MaxRangeOverlaps MaxRangeReversals RLimitCPU RLimitMEM RLimitNPROC RegexDefaultOptions LimitInternalRecursion CGIPassAuth
		CGIVar QualifyRedirectURL StrictHostCheck ForceType SetHandler SetOutputFilter SetInputFilter AllowEncodedSlashes
		ScoreBoardFile ExtendedStatus SeeRequestTail PidFile MaxRequestsPerChild MaxConnectionsPerChild CoreDumpDirectory MaxMemFree
		ThreadStackSize TraceEnable MergeTrailers Protocols ProtocolsHonorOrder HttpProtocolOptions RegisterHttpMethod MergeSlashes
		KeepAliveTimeout MaxKeepAliveRequests KeepAlive ListenBacklog ListenCoresBucketsRatio Listen SendBufferSize ReceiveBufferSize
		ListenTCPDeferAccept StartServers ServerLimit MinSpareThreads MaxSpareThreads MaxClients MaxRequestWorkers ThreadsPerChild
		ThreadLimit AsyncRequestWorkerFactor GracefulShutdownTimeout User Group ChrootDir Suexec RequestReadTimeout`) {
		if !have[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}

// Virtual hosts that nobody can reach are told.
func TestUnreachable(t *testing.T) {
	for text, want := range map[string]string{
		"Listen 80|<VirtualHost *:81>|</VirtualHost>":                                                                                 "4: <VirtualHost *:81>: no Listen line is for that address, so that no request gets here",
		"Listen 10.0.0.1:80|<VirtualHost 10.0.0.2:80 10.0.0.1>|</VirtualHost>":                                                        "4: <VirtualHost 10.0.0.2:80>: no Listen line is for that address, so that no request gets here",
		"Listen 80|<VirtualHost 10.0.0.2:80 [::1]:80 _default_:* localhost:80 *>|</VirtualHost>":                                      "",
		"Listen [::1]:80|<VirtualHost [::1]:80 [::]:80>|</VirtualHost>":                                                               "",
		"<VirtualHost *:81>|</VirtualHost>":                                                                                           "",
		"Listen 80|<VirtualHost *:80>|ServerName b|</VirtualHost>|<VirtualHost *:80>|ServerName B|</VirtualHost>":                     "8: ServerName b: the virtual host of line 4 has that name on *:80 already and gets its requests",
		"Listen 80|<VirtualHost *:80>|ServerName b|ServerAlias c|</VirtualHost>|<VirtualHost 0.0.0.0:80>|ServerName c|</VirtualHost>": "9: ServerName c: the virtual host of line 4 has that name on 0.0.0.0:80 already and gets its requests",
		"Listen 80|Listen 81|<VirtualHost *:80>|ServerName b|</VirtualHost>|<VirtualHost *:81>|ServerName b|</VirtualHost>":           "",
		"Listen 80|<VirtualHost *:80>|</VirtualHost>|<VirtualHost *:80>|</VirtualHost>":                                               "",
	} {
		_, diags := build(t, "ServerName a.test\nServerAdmin a@b\n"+strings.ReplaceAll(text, "|", "\n"))
		var got []string
		for _, d := range diags {
			got = append(got, fmt.Sprintf("%d: %s", d.Pos.Line, d.Text))
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%s:\n got %s\nwant %s", text, s, want)
		}
	}
}
