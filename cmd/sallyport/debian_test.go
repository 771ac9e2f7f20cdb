package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// stock is a copy of Debian's /etc/apache2 as the package leaves it, which
// listens at the site's port and keeps its logs below the site's root.
func (s *site) stock() {
	s.t.Helper()
	if _, err := os.Stat("/etc/apache2/apache2.conf"); err != nil {
		s.t.Skip("skipped: no apache2 on this machine (Debian package apache2)")
	}
	if out, err := exec.Command("cp", "-a", "/etc/apache2/.", s.root).CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	s.edit("ports.conf", `(?m)^Listen 80$`, "Listen 127.0.0.1:"+s.port)
	s.edit("envvars", `/var/(run|log|lock)/apache2\$SUFFIX`, s.root+"/$1")
	for _, dir := range []string{"run", "log"} { // lock is made by apachectl
		if err := os.Mkdir(s.path(dir), 0o755); err != nil {
			s.t.Fatal(err)
		}
	}
}

// edit replaces a pattern, which must be there, in a file.
func (s *site) edit(name, pattern, with string) {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	text := s.read(name)
	if !re.MatchString(text) {
		s.t.Fatalf("%s: no %s", name, pattern)
	}
	text = re.ReplaceAllString(text, strings.ReplaceAll(with, "$PORT", s.port))
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// enable is a2enmod.
func (s *site) enable(modules ...string) {
	s.t.Helper()
	for _, m := range modules {
		for _, suffix := range []string{".load", ".conf"} {
			if _, err := os.Stat(s.path("mods-available/" + m + suffix)); err != nil {
				continue
			}
			if err := os.Symlink("../mods-available/"+m+suffix, s.path("mods-enabled/"+m+suffix)); err != nil && !os.IsExist(err) {
				s.t.Fatal(err)
			}
		}
	}
}

// proxySite is a site as an administrator would add it.
const proxySite = `<VirtualHost *:$PORT>
	ServerName www.example.com
	ServerAlias *.example.com
	DocumentRoot $ROOT/www
	<Directory $ROOT/www>
		Require all granted
	</Directory>
	Alias /files $ROOT/files
	<Directory $ROOT/files>
		Require all granted
	</Directory>
	<Proxy balancer://app>
		BalancerMember $A route=a
		BalancerMember $B route=b
	</Proxy>
	ProxyPreserveHost On
	ProxyPass /local !
	ProxyPass /files !
	ProxyPass /icons !
	ProxyPass / balancer://app/
	ProxyPassReverse / balancer://app/
	RequestHeader set X-Forwarded-Proto "http"
	Header always set X-Served-By "front"
	ErrorLog ${APACHE_LOG_DIR}/app-error.log
	CustomLog ${APACHE_LOG_DIR}/app-access.log combined
</VirtualHost>
`

// TestDebianStock: Debian's own configuration with a reverse-proxy site serves,
// unchanged, and answers as the original does.
func TestDebianStock(t *testing.T) {
	s := newSite(t)
	s.stock()
	s.enable("proxy", "proxy_http", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests", "headers", "alias", "dir")
	member := func(name string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Backend", name)
			io.WriteString(w, "backend "+r.URL.String()+" "+r.Header.Get("X-Forwarded-Proto")+" "+r.Host)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	a, b := member("a"), member("b")
	s.write("sites-enabled/app.conf", strings.NewReplacer("$A", a, "$B", b).Replace(proxySite))
	s.write("www/local/index.html", "local index")
	s.write("files/data.txt", "some data")

	type answer struct {
		status             int
		body, ctype, front string
	}
	var turns []string // which backend was asked; who is first may differ
	ask := func(host, path string) answer {
		req, _ := http.NewRequest("GET", s.url(path), nil)
		req.Host = host
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		if res.Header.Get("X-Backend") != "" {
			turns = append(turns, res.Header.Get("X-Backend"))
		}
		if res.StatusCode >= 300 || len(body) > 500 {
			body = []byte(res.Header.Get("Location"))
		}
		return answer{res.StatusCode, string(body), res.Header.Get("Content-Type"), res.Header.Get("X-Served-By")}
	}
	all := func() (out []answer) {
		for _, c := range [][2]string{
			{"www.example.com", "/one"}, {"x.example.com", "/two"}, {"www.example.com", "/three?q"}, {"www.example.com", "/four"},
			{"www.example.com", "/local/"}, {"www.example.com", "/local"}, {"www.example.com", "/local/none"},
			{"www.example.com", "/files/data.txt"}, {"www.example.com", "/files/.htaccess"}, {"www.example.com", "/icons/a.gif"},
			{"other.test", "/"}, {"other.test", "/etc"},
		} {
			out = append(out, ask(c[0], c[1]))
		}
		return out
	}

	t.Run("check", func(t *testing.T) {
		got := sallyport(t, "-d", s.root, "-f", "apache2.conf", "-t")
		if got.code != 0 || !strings.HasSuffix(got.err, "Syntax OK\n") {
			t.Fatalf("got %v", got)
		}
		// It must not flood.
		if n := strings.Count(got.err, "\n"); n > 12 {
			t.Errorf("%d lines of warnings\n%s", n, got.err)
		}
		for line := range strings.Lines(got.err) {
			if !strings.HasPrefix(line, "warning: ") && !strings.HasPrefix(line, "note: ") && line != "Syntax OK\n" {
				t.Errorf("a line of more than a warning: %s", line)
			}
		}
		if want := "the environment lacks APACHE_RUN_DIR, "; !strings.Contains(got.err, want) {
			t.Errorf("no %q: %v", want, got)
		}
	})

	var want []answer
	if os.Geteuid() == 0 { // the original needs to be for its User
		if path, err := exec.LookPath("/usr/sbin/apache2"); err == nil {
			cmd := exec.Command("sh", "-c", `. "$1/envvars"; exec "$2" -d "$1" -f apache2.conf -DFOREGROUND`, "sh", s.root, path)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(15 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				if c, err := http.Get(s.url("/")); err == nil {
					c.Body.Close()
					break
				}
				if time.Now().After(end) {
					t.Fatalf("apache2 does not serve\n%s", s.read("log/error.log"))
				}
			}
			want = all()
			cmd.Process.Signal(os.Interrupt)
			cmd.Wait()
			os.RemoveAll(s.path("log"))
			os.Mkdir(s.path("log"), 0o755)
		}
	}

	serve := func(t *testing.T, env ...string) {
		f := s.serveStock(t, env...)
		turns = nil
		got := all()
		for i := 1; i < len(turns); i++ {
			if turns[i] == turns[i-1] {
				t.Errorf("the members do not take turns: %v", turns)
			}
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("request %d: got %+v, want %+v", i, got[i], want[i])
			}
		}
		if got[0].status != 200 || got[0].front != "front" || got[4].body != "local index" || got[7].body != "some data" || got[8].status != 403 {
			t.Errorf("got %+v", got)
		}
		f.stop()
		if log := s.read("log/app-access.log"); strings.Count(log, "\n") < 10 || !strings.Contains(log, `"GET /one HTTP/1.1" 200`) {
			t.Errorf("access log:\n%s", log)
		}
		if s.read("run/apache2.pid") != "" {
			t.Error("the PidFile is still there")
		}
		os.Truncate(s.path("log/app-access.log"), 0)
	}
	t.Run("envvars read by us", func(t *testing.T) { serve(t) })
	t.Run("envvars sourced", func(t *testing.T) {
		out, err := exec.Command("sh", "-c", `. "$1/envvars"; env`, "sh", s.root).Output()
		if err != nil {
			t.Fatal(err)
		}
		serve(t, strings.Fields(string(out))...)
	})
}

// serveStock starts the program on the copy.
func (s *site) serveStock(t *testing.T, env ...string) *foreground {
	s.t = t
	f := s.begin(env, "-d", s.root, "-f", "apache2.conf")
	f.until("it serves", func() bool {
		return strings.Contains(f.said(), ": serving "+s.path("apache2.conf")) && strings.Contains(s.read("log/error.log"), "AH00094")
	})
	return f
}

// The machine's own configuration, as it stands.
func TestDebianCheck(t *testing.T) {
	if _, err := os.Stat("/etc/apache2/apache2.conf"); err != nil {
		t.Skip("skipped: no apache2 on this machine (Debian package apache2)")
	}
	got := sallyport(t, "-d", "/etc/apache2", "-f", "apache2.conf", "-t")
	if got.code != 0 || !strings.HasSuffix(got.err, "Syntax OK\n") {
		t.Errorf("got %v", got)
	}
}
