package workerconf

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/live"
)

// cases are parameters with what httpd says of them: "" means accepted.
// A leading "!" marks what we decide otherwise; ours follows after "|".
var cases = []struct {
	on   string // worker, balancer, hcheck
	word string
	want string
}{
	{"worker", "loadfactor=1", ""},
	{"worker", "LoadFactor=2.5", ""},
	{"worker", "loadfactor=100", ""},
	{"worker", "loadfactor=100.009", ""},
	{"worker", "loadfactor=1e1", ""},
	{"worker", "loadfactor=0.5", "LoadFactor must be a number between 1..100"},
	{"worker", "loadfactor=100.1", "LoadFactor must be a number between 1..100"},
	{"worker", "loadfactor=abc", "LoadFactor must be a number between 1..100"},
	{"worker", "loadfactor=", "LoadFactor must be a number between 1..100"},
	{"worker", "retry=0", ""},
	{"worker", "retry=-1", "Retry must be a positive value"},
	{"worker", "retry=1x", ""},
	{"worker", "ttl=0", "TTL must be at least one second"},
	{"worker", "ttl=1", ""},
	{"worker", "min=-1", "Min must be a positive number"},
	{"worker", "max=-1", "Max must be a positive number"},
	{"worker", "max=0", ""},
	{"worker", "smax=-1", "Smax must be a positive number"},
	{"worker", "smax=x", ""},
	{"worker", "acquire=0", "Acquire must be at least one millisecond"},
	{"worker", "acquire=", "Acquire must be at least one millisecond"},
	{"worker", "acquire=abc", "Acquire timeout has wrong format"},
	{"worker", "acquire=5m", "Acquire timeout has wrong format"},
	{"worker", "acquire=5mi", ""},
	{"worker", "acquire=1S", "Acquire timeout has wrong format"},
	{"worker", "acquire=-1", "Acquire timeout has wrong format"},
	{"worker", "acquire=1.5", "Acquire timeout has wrong format"},
	{"worker", "timeout=0", "Timeout must be at least one second"},
	{"worker", "timeout=abc", "Timeout must be at least one second"},
	{"worker", "timeout=-5", "Timeout must be at least one second"},
	{"worker", "timeout=5m", ""},
	{"worker", "timeout=500ms", ""},
	{"worker", "timeout=0.5", "!Timeout must be at least one second|"},
	{"worker", "iobuffersize=100", "IOBufferSize must be >= 512 bytes, or 0 for system default."},
	{"worker", "iobuffersize=64k", "IOBufferSize must be >= 512 bytes, or 0 for system default."},
	{"worker", "iobuffersize=0", ""},
	{"worker", "receivebuffersize=1", "ReceiveBufferSize must be >= 512 bytes, or 0 for system default."},
	{"worker", "receivebuffersize=512", ""},
	{"worker", "keepalive=yes", "KeepAlive must be On|Off"},
	{"worker", "keepalive=oN", ""},
	{"worker", "disablereuse=yes", "DisableReuse must be On|Off"},
	{"worker", "enablereuse=", "EnableReuse must be On|Off"},
	{"worker", "addressttl=-1", ""},
	{"worker", "addressttl=0", ""},
	{"worker", "addressttl=2000ms", ""},
	{"worker", "addressttl=-2", "AddressTTL must be -1 or a number of seconds not exceeding (2147483647)"},
	{"worker", "addressttl=1ms", "AddressTTL must be -1 or a number of seconds not exceeding (2147483647)"},
	{"worker", "addressttl=abc", "AddressTTL must be -1 or a number of seconds not exceeding (2147483647)"},
	{"worker", "addressttl=2147483648", "AddressTTL must be -1 or a number of seconds not exceeding (2147483647)"},
	{"worker", "status=Q", "Unknown status parameter option"},
	{"worker", "status=+", "Unknown status parameter option"},
	{"worker", "status=D,S", "Unknown status parameter option"},
	{"worker", "status=++D", "Unknown status parameter option"},
	{"worker", "status=", ""},
	{"worker", "status=+D-I+hSrneoCGUF", ""},
	{"worker", "flushpackets=x", "flushpackets must be on|off|auto"},
	{"worker", "flushpackets=Auto", ""},
	{"worker", "flushwait=-1", "flushwait must be <= 1000, or 0 for system default of 10 millseconds."},
	{"worker", "flushwait=1001", "flushwait must be <= 1000, or 0 for system default of 10 millseconds."},
	{"worker", "flushwait=1000", ""},
	{"worker", "ping=0", "Ping/Pong timeout must be at least one millisecond"},
	{"worker", "ping=abc", "Ping/Pong timeout has wrong format"},
	{"worker", "ping=1.5", "Ping/Pong timeout has wrong format"},
	{"worker", "ping=-1", "!Ping/Pong timeout has wrong format|"},
	{"worker", "ping=-x", "Ping/Pong timeout has wrong format"},
	{"worker", "lbset=100", "lbset must be between 0 and 99"},
	{"worker", "lbset=-1", "lbset must be between 0 and 99"},
	{"worker", "lbset=99", ""},
	{"worker", "lbset=abc", ""},
	{"worker", "connectiontimeout=0", "Connectiontimeout must be at least one millisecond."},
	{"worker", "connectiontimeout=abc", "Connectiontimeout has wrong format"},
	{"worker", "connectiontimeout=1h", ""},
	{"worker", "flusher=1234567890123456", "flusher name length must be < 16 characters"},
	{"worker", "upgrade=1234567890123456", "upgrade protocol length must be < 16 characters"},
	{"worker", "upgrade=123456789012345", ""},
	{"worker", "responsefieldsize=-1", "ResponseFieldSize must be greater than 0 bytes, or 0 for system default."},
	{"worker", "responsefieldsize=0", ""},
	{"worker", "secret=" + strings.Repeat("x", 64), "Secret length must be < 64 characters"},
	{"worker", "secret=" + strings.Repeat("x", 63), ""},
	{"worker", "route=" + strings.Repeat("x", 64), "Route length must be < 64 characters"},
	{"worker", "redirect=" + strings.Repeat("x", 64), "Redirect length must be < 64 characters"},
	{"worker", "route=", ""},
	{"worker", "frobnicate=1", "unknown Worker parameter"},
	{"worker", "=x", "unknown Worker parameter"},
	{"worker", "hcmethod=GET", "unknown Worker parameter"},
	{"worker", "lbmethod=byrequests", "unknown Worker parameter"},
	{"worker", "multipathtcp=on", "unknown Worker parameter"},

	{"balancer", "stickysession=JSESSIONID|jsessionid", ""},
	{"balancer", "stickysession=", ""},
	{"balancer", "stickysession=|b", ""},
	{"balancer", "stickysessionsep=ab", "stickysessionsep must be a single character or Off"},
	{"balancer", "stickysessionsep=", "stickysessionsep must be a single character or Off"},
	{"balancer", "stickysessionsep=OFF", ""},
	{"balancer", "stickysessionsep=!", ""},
	{"balancer", "nofailover=yes", "failover must be On|Off"},
	{"balancer", "timeout=0", "timeout must be at least one second"},
	{"balancer", "timeout=abc", "timeout must be at least one second"},
	{"balancer", "timeout=10ms", ""},
	{"balancer", "maxattempts=-1", "maximum number of attempts must be a positive number"},
	{"balancer", "maxattempts=abc", ""},
	{"balancer", "lbmethod=zzz", "unknown lbmethod"},
	{"balancer", "lbmethod=ByRequests", "unknown lbmethod"},
	{"balancer", "lbmethod=byrequests", ""},
	{"balancer", "scolonpathdelim=y", "scolonpathdelim must be On|Off"},
	{"balancer", "failonstatus=abc", "failonstatus must be one or more HTTP response codes"},
	{"balancer", "failonstatus=500,99", "failonstatus must be one or more HTTP response codes"},
	{"balancer", "failonstatus=600", "failonstatus must be one or more HTTP response codes"},
	{"balancer", "failonstatus=100,599", ""},
	{"balancer", "failonstatus=", ""},
	{"balancer", "failonstatus=503,,502", ""},
	{"balancer", "failontimeout=y", "failontimeout must be On|Off"},
	{"balancer", "nonce=none", ""},
	{"balancer", "nonce=" + strings.Repeat("x", 36), ""},
	{"balancer", "nonce=" + strings.Repeat("x", 37), "Provided nonce is too large"},
	{"balancer", "growth=0", "growth must be between 1 and 100"},
	{"balancer", "growth=101", "growth must be between 1 and 100"},
	{"balancer", "growth=100", ""},
	{"balancer", "forcerecovery=x", "forcerecovery must be On|Off"},
	{"balancer", "frob=1", "unknown Balancer parameter"},
	{"balancer", "loadfactor=3", "unknown Balancer parameter"},

	{"hcheck", "frob=1", "unknown Worker hcheck parameter"},
	{"hcheck", "hcmethod=FOO", "Unknown method"},
	{"hcheck", "hcmethod=PROVIDER", "Health check method PROVIDER not (yet) implemented"},
	{"hcheck", "hcmethod=cping", "!Health check method cping not (yet) implemented|"},
	{"hcheck", "hcmethod=get11", ""},
	{"hcheck", "hcmethod=None", ""},
	{"hcheck", "hcinterval=10ms", "Interval must be a positive value greater than 100ms"},
	{"hcheck", "hcinterval=100ms", ""},
	{"hcheck", "hcinterval=abc", "Unparse-able hcinterval setting"},
	{"hcheck", "hcinterval=0.5", "Unparse-able hcinterval setting"},
	{"hcheck", "hcpasses=-1", "Passes must be a positive value"},
	{"hcheck", "hcpasses=0", ""},
	{"hcheck", "hcpasses=abc", ""},
	{"hcheck", "hcfails=-1", "Fails must be a positive value"},
	{"hcheck", "hcuri=" + strings.Repeat("x", 64), "Health check uri length must be < 64 characters"},
	{"hcheck", "hcuri=/a?b=c", ""},
	{"hcheck", "hcexpr=nope", "Unknown health check condition expr: nope"},
	{"hcheck", "hctemplate=nope", "Unknown ProxyHCTemplate name: nope"},
}

// ours and httpds split a case's expectation.
func expectations(want string) (ours, httpds string) {
	if s, ok := strings.CutPrefix(want, "!"); ok {
		httpds, ours, _ = strings.Cut(s, "|")
		return ours, httpds
	}
	return want, want
}

func set(on, word string) (note string, err error) {
	k := &Known{
		Method:    func(n string) bool { return n == "byrequests" },
		Hcheck:    on == "hcheck",
		Template:  func(string) (Health, bool) { return Health{}, false },
		Condition: func(string) bool { return false },
	}
	name, value, _ := Split(word)
	if on == "balancer" {
		var b Balancer
		return b.Set(k, name, value, diag.Position{})
	}
	var w Worker
	return w.Set(k, name, value, diag.Position{})
}

func TestParameters(t *testing.T) {
	for _, c := range cases {
		want, _ := expectations(c.want)
		_, err := set(c.on, c.word)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s %s: %q, want %q", c.on, c.word, got, want)
		}
	}
}

// TestParametersOnHttpd asks httpd for the same texts.
func TestParametersOnHttpd(t *testing.T) {
	bin, err := exec.LookPath("/usr/sbin/apache2")
	if err != nil {
		t.Skip("no apache2 here: texts are not compared with httpd")
	}
	if testing.Short() {
		t.Skip("short")
	}
	base := "ServerName localhost\nListen 127.0.0.1:1\nPidFile pid\nErrorLog log\n"
	for _, m := range []string{"mpm_event", "authz_core", "proxy", "proxy_http", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests"} {
		base += fmt.Sprintf("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
	}
	for i, c := range cases {
		t.Run(fmt.Sprintf("%d-%.30s", i, c.word), func(t *testing.T) {
			t.Parallel()
			conf := base
			switch c.on {
			case "balancer":
				conf += "ProxyPass /a balancer://b/ " + c.word + "\n"
			case "hcheck":
				conf += "LoadModule proxy_hcheck_module /usr/lib/apache2/modules/mod_proxy_hcheck.so\n" +
					"BalancerMember balancer://b http://127.0.0.1:9 " + c.word + "\n"
			default:
				conf += "ProxyPass /a http://127.0.0.1:9/ " + c.word + "\n"
			}
			file := filepath.Join(t.TempDir(), "httpd.conf")
			if err := os.WriteFile(file, []byte(conf), 0o666); err != nil {
				t.Fatal(err)
			}
			out, _ := exec.Command(bin, "-d", filepath.Dir(file), "-f", file, "-t").CombinedOutput()
			_, want := expectations(c.want)
			if want == "" {
				want = "Syntax OK"
			} else {
				want = map[string]string{"hcheck": "BalancerMember ", "balancer": "ProxyPass ", "worker": "ProxyPass "}[c.on] + want + "\n"
			}
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: httpd says\n%swant %q", c.word, out, want)
			}
		})
	}
}

// TestUnits: units mean what they say, and a note tells where httpd differs.
func TestUnits(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		note string
	}{
		{"30", 30 * time.Second, ""},
		{"30s", 30 * time.Second, ""},
		{"30sec", 30 * time.Second, ""},
		{"500ms", 500 * time.Millisecond, `"500ms" is taken as 500ms; httpd 2.4 reads 8m20s`},
		{"5m", 5 * time.Minute, `"5m" is taken as 5m0s; httpd 2.4 reads 5s`},
		{"5min", 5 * time.Minute, `"5min" is taken as 5m0s; httpd 2.4 reads 5s`},
		{"1h", time.Hour, `"1h" is taken as 1h0m0s; httpd 2.4 reads 1s`},
		{"1.5", 1500 * time.Millisecond, `"1.5" is taken as 1.5s; httpd 2.4 reads 1s`},
		{"0.25s", 250 * time.Millisecond, `"0.25s" is taken as 250ms; httpd 2.4 reads 0s`},
		{"7days", 7 * time.Second, `"7days": what follows the number is ignored, as in httpd`},
		{"99999999999999999999", 0, ""},
	} {
		var w Worker
		note, err := w.Set(&Known{}, "timeout", c.text, diag.Position{})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if c.want != 0 && w.Timeout.V != c.want || w.Timeout.V <= 0 || c.want != 0 && note != c.note {
			t.Errorf("%s: %v %q, want %v %q", c.text, w.Timeout.V, note, c.want, c.note)
		}
	}
}

func TestValues(t *testing.T) {
	at := diag.Position{File: "f", Line: 3}
	k := &Known{}
	var w Worker
	for _, word := range strings.Fields("loadfactor=1.15 lbset=3 route=r redirect=s status=+D-I status=-D+H retry=0 timeout=5 " +
		"connectiontimeout=250ms ping=-2 acquire=30 min=1 smax=2 max=3 ttl=60 enablereuse=Off addressttl=-1 keepalive=On " +
		"iobuffersize=0 responsefieldsize=100 flushpackets=auto flushwait=0 upgrade=any secret=x") {
		name, value, _ := Split(word)
		if note, err := w.Set(k, name, value, at); err != nil || note != "" {
			t.Errorf("%s: %q %v", word, note, err)
		}
	}
	for _, c := range []struct{ got, want any }{
		{w.LoadFactor.V, 114}, // as httpd: 1.15*100 is a little less than 115
		{w.LBSet.V, 3},
		{w.Status.V, Status{On: live.Standby, Off: live.Disabled | live.IgnoreErrors}},
		{w.Retry, conf.Opt[time.Duration]{Is: true, Pos: at}},
		{w.ConnectTimeout.V, 250 * time.Millisecond},
		{w.Ping.V, -2 * time.Second},
		{w.Acquire.V, 30 * time.Millisecond},
		{w.DisableReuse.V, true},
		{w.AddressTTL.V < 0, true},
		{w.IOBufferSize.V, DefaultIOBuffer},
		{w.FlushPackets.V, FlushAuto},
		{w.FlushWait.V, DefaultFlushWait},
		{w.Upgrade.V, "*"},
		{w.Timeout.Pos, at},
		{w.ReceiveBufferSize.Is, false},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
	l := w.Live()
	if l != (live.Configured{Factor: 114, LBSet: 3, Route: "r", Redirect: "s", Flags: live.Standby, Off: live.IgnoreErrors | live.Disabled}) {
		t.Errorf("live: %+v", l)
	}
	if f := (&Worker{}).Live().Factor; f != 100 {
		t.Errorf("default factor %d", f)
	}
}

func TestBalancerValues(t *testing.T) {
	outer, inner := &Balancer{}, &Balancer{}
	for b, text := range map[*Balancer]string{
		outer: "stickysession=S|s stickysessionsep=! failonstatus=500 failonstatus=502,503 maxattempts=2 nofailover=On",
		inner: "failonstatus=404 nofailover=Off forcerecovery=Off timeout=3",
	} {
		for _, word := range strings.Fields(text) {
			name, value, _ := Split(word)
			if _, err := b.Set(&Known{}, name, value, diag.Position{}); err != nil {
				t.Error(err)
			}
		}
	}
	c := inner.Over(outer).Core(nil)
	got := fmt.Sprint(c.StickyCookie, c.StickyPath, string(c.Separator), c.FailOnStatus, c.MaxAttempts, c.NoFailover, c.NoForceRecovery, c.Timeout)
	if got != "Ss![502 503 404] 2 false true 3s" {
		t.Errorf("got %s", got)
	}
	if c := (&Balancer{}).Core(nil); c.Separator != '.' || c.MaxAttempts != -1 || c.NoForceRecovery {
		t.Errorf("defaults %+v", c)
	}
}

func TestHints(t *testing.T) {
	for _, c := range []struct{ on, word, hint string }{
		{"worker", "loadfacter=1", "did you mean loadfactor?"},
		{"worker", "tiemout=1", "did you mean timeout?"},
		{"worker", "stickysession=S", "stickysession is a parameter of balancers"},
		{"worker", "hcuri=/", "health checks need the module proxy_hcheck_module"},
		{"worker", "zzzzzz=1", ""},
		{"balancer", "lbmetod=x", "did you mean lbmethod?"},
		{"balancer", "route=x", "route is a parameter of workers: it belongs on the BalancerMember line"},
		{"balancer", "lbmethod=BYREQUESTS", "lower case: byrequests"},
		{"balancer", "lbmethod=bytraffic", "LoadModule lbmethod_bytraffic_module modules/mod_lbmethod_bytraffic.so is missing"},
		{"balancer", "lbmethod=bytrafic", "did you mean bytraffic? LoadModule lbmethod_bytraffic_module modules/mod_lbmethod_bytraffic.so is missing"},
		{"balancer", "lbmethod=byrequest", "did you mean byrequests?"},
		{"balancer", "lbmethod=roundrobin", ""},
	} {
		_, err := set(c.on, c.word)
		e, ok := err.(*diag.Err)
		if !ok || e.Hint != c.hint {
			t.Errorf("%s: %+v, want hint %q", c.word, err, c.hint)
		}
	}
	_, err := set("worker", "lbset=100")
	if c := Complaint("ProxySet: ", err, " lbset=100; http://x").Error(); c != "ProxySet: lbset must be between 0 and 99 lbset=100; http://x" {
		t.Error(c)
	}
}

func TestTemplate(t *testing.T) {
	var h Health
	k := &Known{Hcheck: true}
	for _, w := range []string{"hcmethod=GET", "hcinterval=5", "hcuri=/up"} {
		name, value, _ := Split(w)
		if _, err := h.Set(k, name, value, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Set(k, "loadfactor", "1", diag.Position{}); err == nil || err.Error() != unknownHcheck {
		t.Errorf("loadfactor in a template: %v", err)
	}
	k.Template = func(n string) (Health, bool) { return h, n == "t" }
	var w Worker
	for _, word := range []string{"hcmethod=TCP", "hcpasses=3", "hctemplate=t", "hcinterval=7"} {
		name, value, _ := Split(word)
		if _, err := w.Set(k, name, value, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	if w.Health.Method.V != "GET" || w.Health.Passes.V != 3 || w.Health.Interval.V != 7*time.Second || w.Health.URI.V != "/up" {
		t.Errorf("%+v", w.Health)
	}
}

// fields counts the places a row reads into.
func fields(p *Param) (n int) {
	for _, there := range []bool{p.worker.set != nil, p.health.set != nil, p.balancer.set != nil} {
		if there {
			n++
		}
	}
	return n
}

// TestTables: every row parses what its table says, and is told apart.
func TestTables(t *testing.T) {
	for _, table := range [][]Param{WorkerParams, BalancerParams} {
		seen := map[string]bool{}
		for _, p := range table {
			if seen[p.Name] || p.Help == "" || p.Kind == "" || strings.HasSuffix(p.Help, ".") || fields(&p) != 1 {
				t.Errorf("row %s: %+v", p.Name, p)
			}
			seen[p.Name] = true
		}
	}
}

func FuzzSet(f *testing.F) {
	for _, c := range cases {
		f.Add(c.word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		for _, on := range []string{"worker", "balancer", "hcheck"} {
			if _, err := set(on, word); err != nil && err.Error() == "" {
				t.Error("empty error")
			}
		}
	})
}
