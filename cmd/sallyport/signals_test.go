package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const proxyModules = `LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
`

// TestReloadsUnderLoad: fifty reloads, and no client notices.
func TestReloadsUnderLoad(t *testing.T) {
	s := newSite(t)
	text := func(n int) string {
		return fmt.Sprintf("%s%sCustomLog $ROOT/access.%d.log common\nProxyPass / %s/v%d\n", prelude, proxyModules, n%3, backendURL, n)
	}
	backendURL = backend(t, "b")
	s.write("httpd.conf", text(0))
	f := s.serve()

	var asked atomic.Int64
	done := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			// Half of them with a connection for each request.
			c := http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}, Timeout: 10 * time.Second}
			for {
				select {
				case <-done:
					return
				default:
				}
				res, err := c.Get(s.url("/x"))
				if err != nil {
					t.Errorf("a client was sent away: %v", err)
					return
				}
				b, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || res.StatusCode != 200 || !strings.HasPrefix(string(b), "b /v") {
					t.Errorf("status %d, %q, %v", res.StatusCode, b, err)
					return
				}
				asked.Add(1)
			}
		}()
	}
	for n := 1; n <= 50; n++ {
		s.write("httpd.conf", text(n))
		f.reload([]syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP}[n%2])
		before := asked.Load()
		f.until("traffic", func() bool { return asked.Load() > before+3 || t.Failed() })
	}
	if _, body := s.get("/y"); body != "b /v50y" {
		t.Errorf("at the end: %q", body)
	}
	close(done)
	clients.Wait()
	asked.Add(1) // the one above
	f.stop()
	lines := 0
	for n := range 3 {
		lines += strings.Count(s.read(fmt.Sprintf("access.%d.log", n)), "\n")
	}
	if int64(lines) != asked.Load() {
		t.Errorf("%d requests, %d lines in the access logs", asked.Load(), lines)
	}
}

var backendURL string

// held is a backend that answers when it is let.
type held struct {
	*httptest.Server
	begun chan string
	let   chan struct{}
}

func holding(t *testing.T) *held {
	h := &held{begun: make(chan string, 10), let: make(chan struct{})}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"))
			io.Copy(c, rw) // until the client ends
			return
		}
		fmt.Fprintf(w, "begin %s ", r.URL.Path)
		http.NewResponseController(w).Flush()
		h.begun <- r.URL.Path
		<-h.let
		io.WriteString(w, "end")
	}))
	t.Cleanup(h.Server.Close)
	return h
}

// slow asks for a path whose answer is held; the result comes when it ends.
func (s *site) slow(path string) <-chan string {
	out := make(chan string, 1)
	go func() {
		c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := c.Get(s.url(path))
		if err != nil {
			out <- err.Error()
			return
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			b = append(b, err.Error()...)
		}
		out <- string(b)
	}()
	return out
}

// tunnel opens an upgraded connection.
func (s *site) tunnel() (net.Conn, *bufio.Reader) {
	s.t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(c)
	res, err := http.ReadResponse(r, nil)
	if err != nil || res.StatusCode != 101 {
		s.t.Fatalf("no tunnel: %v %v", res, err)
	}
	return c, r
}

func echo(t *testing.T, c net.Conn, r *bufio.Reader, text string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, text+"\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := r.ReadString('\n'); got != text+"\n" {
		t.Fatalf("echo %q: %q, %v", text, got, err)
	}
}

func get(t *testing.T, what string, ch <-chan string) string {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(15 * time.Second):
		t.Fatal("not in time: " + what)
	}
	return ""
}

// What was under way at a reload goes on with what it began with: the exchange,
// its log, the tunnel.
func TestReloadUnderWay(t *testing.T) {
	h := holding(t)
	s := newSite(t)
	s.write("httpd.conf", prelude+proxyModules+"CustomLog old.log %U\nProxyPass / "+h.URL+"/old upgrade=ANY\n")
	f := s.serve()
	answer := s.slow("/x")
	get(t, "the backend", h.begun)
	c, r := s.tunnel()
	echo(t, c, r, "before")

	s.write("httpd.conf", prelude+proxyModules+"CustomLog new.log %U\nProxyPass / "+h.URL+"/new upgrade=ANY\n")
	f.reload(syscall.SIGUSR1)
	echo(t, c, r, "after")
	fresh := s.slow("/y")
	if path := get(t, "the backend", h.begun); path != "/newy" {
		t.Errorf("after the reload: %s", path)
	}
	close(h.let)
	if got := get(t, "the answer", answer); got != "begin /oldx end" {
		t.Errorf("the exchange under way: %q", got)
	}
	if got := get(t, "the fresh answer", fresh); got != "begin /newy end" {
		t.Errorf("the fresh one: %q", got)
	}
	echo(t, c, r, "still")
	c.Close()
	f.until("the log of the old", func() bool { return s.read("old.log") == "/x\n/ws\n" })
	f.until("the log of the new", func() bool { return s.read("new.log") == "/y\n" })
	f.stop()
}

// A broken text changes nothing; every error in it is logged.
func TestBrokenReload(t *testing.T) {
	url := backend(t, "b")
	s := newSite(t)
	s.write("httpd.conf", prelude+proxyModules+"ProxyPass / "+url+"/\n")
	f := s.serve()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"errors": {prelude + "Bogus\n<Location /x>\nListen 8\n</Location>\n", []string{
			"reload: AH00526: Syntax error on line 6 of " + s.path("httpd.conf") + ": Invalid command 'Bogus'",
			"reload: AH00526: Syntax error on line 8 of " + s.path("httpd.conf") + ": Listen not allowed",
			"reload: the configuration has 2 error(s); the running configuration stays",
		}},
		"port in use": {prelude + "Listen " + strings.TrimPrefix(url, "http://") + "\n", []string{
			"AH00072: make_sock: could not bind to address " + strings.TrimPrefix(url, "http://"),
			"the running configuration stays",
		}},
		"log": {prelude + "CustomLog $ROOT common\n", []string{"could not open transfer log file " + s.root, "the running configuration stays"}},
	} {
		os.Truncate(s.path("error.log"), 0)
		s.write("httpd.conf", c.text)
		f.reload(syscall.SIGHUP)
		for _, want := range c.want {
			if log := s.read("error.log"); !strings.Contains(log, want) || !strings.Contains(log, "[core:error]") {
				t.Errorf("%s: no %q in the log\n%s", name, want, log)
			}
		}
		if status, body := s.get("/x"); status != 200 || body != "b /x" {
			t.Errorf("%s: then %d %q", name, status, body)
		}
	}
	s.write("httpd.conf", prelude+proxyModules+"ProxyPass / "+url+"/mended/\n")
	f.reload(syscall.SIGUSR1)
	if _, body := s.get("/x"); body != "b /mended/x" {
		t.Errorf("mended: %q", body)
	}
	f.stop()
}

// A reload may narrow an address, or widen it, while the old one is open.
func TestListenersChange(t *testing.T) {
	s := newSite(t)
	other := freePort(t)
	text := func(listens ...string) {
		s.write("httpd.conf", strings.Replace(prelude, "Listen 127.0.0.1:$PORT\n", "", 1)+"Listen "+strings.Join(listens, "\nListen ")+"\n")
	}
	open := func(port string) bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err == nil
	}
	text("$PORT")
	f := s.serve()
	for _, step := range []struct {
		listens      []string
		first, other bool
	}{
		{[]string{"127.0.0.1:$PORT"}, true, false},
		{[]string{"$PORT", other}, true, true},
		{[]string{"127.0.0.1:$PORT", "127.0.0.1:" + other}, true, true},
		{[]string{"127.0.0.1:" + other}, false, true},
		{[]string{"127.0.0.1:$PORT"}, true, false},
	} {
		text(step.listens...)
		f.reload(syscall.SIGUSR1)
		if log := s.read("error.log"); strings.Contains(log, "stays") {
			t.Fatal(log)
		}
		if open(s.port) != step.first || open(other) != step.other {
			t.Errorf("Listen %v: open are %v %v", step.listens, open(s.port), open(other))
		}
	}
	// One that can't be had brings back what had to go for it.
	text("$PORT", "192.0.2.1:80")
	f.reload(syscall.SIGUSR1)
	if log := s.read("error.log"); !strings.Contains(log, "could not bind to address 192.0.2.1:80") || strings.Contains(log, "again") {
		t.Error(log)
	}
	if !open(s.port) {
		t.Error("the listener was lost")
	}
	f.stop()
}

// WINCH lets requests and tunnels finish, and nobody else in.
func TestGracefulStop(t *testing.T) {
	h := holding(t)
	s := newSite(t)
	s.write("httpd.conf", prelude+proxyModules+"ProxyPass / "+h.URL+"/ upgrade=ANY\n")
	f := s.serve()
	answer := s.slow("/x")
	get(t, "the backend", h.begun)
	c, r := s.tunnel()
	f.signal(syscall.SIGWINCH)
	f.until("the port is free", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	f.until("the PidFile is gone", func() bool { return s.read("httpd.pid") == "" })
	f.signal(syscall.SIGWINCH) // twice is once
	f.signal(syscall.SIGUSR1)
	echo(t, c, r, "still there")
	close(h.let)
	if got := get(t, "the answer", answer); got != "begin /x end" {
		t.Errorf("the exchange under way: %q", got)
	}
	select {
	case <-f.exited:
		t.Error("it ended before the tunnel did")
	default:
	}
	c.Close()
	if code := f.wait(); code != 0 {
		t.Errorf("code %d\n%s", code, f.said())
	}
}

// GracefulShutdownTimeout bounds it, and so does TERM.
func TestGracefulStopEnds(t *testing.T) {
	for name, c := range map[string]struct {
		timeout string
		then    syscall.Signal
	}{
		"timeout": {"GracefulShutdownTimeout 1\n", 0},
		"TERM":    {"", syscall.SIGTERM},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := holding(t)
			defer close(h.let)
			s := newSite(t)
			s.write("httpd.conf", prelude+proxyModules+c.timeout+"ProxyPass / "+h.URL+"/ upgrade=ANY\n")
			f := s.serve()
			answer := s.slow("/x")
			get(t, "the backend", h.begun)
			s.tunnel()
			f.signal(syscall.SIGWINCH)
			if c.then != 0 {
				f.until("it stops", func() bool { return strings.Contains(s.read("error.log"), "AH00492") })
				f.signal(c.then)
			}
			if code := f.wait(); code != 0 {
				t.Errorf("code %d\n%s", code, f.said())
			}
			if got := get(t, "the answer", answer); !strings.Contains(got, "EOF") {
				t.Errorf("the exchange under way: %q", got)
			}
		})
	}
}

// TERM and INT stop at once, also with tunnels open.
func TestStop(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		h := holding(t)
		s := newSite(t)
		s.write("httpd.conf", prelude+proxyModules+"ProxyPass / "+h.URL+"/ upgrade=ANY\n")
		f := s.serve()
		s.tunnel()
		f.signal(sig)
		if code := f.wait(); code != 0 || s.read("httpd.pid") != "" {
			t.Errorf("%v: code %d, PidFile %q\n%s", sig, code, s.read("httpd.pid"), f.said())
		}
		close(h.let)
	}
}

// TestReloadAsUser: what root may and User may not still happens after
// privileges were dropped.
func TestReloadAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("skipped: only root can become somebody else")
	}
	if _, err := user.Lookup("nobody"); err != nil {
		t.Skip("skipped: no user nobody")
	}
	s := newSite(t)
	low := lowPort(t)
	if err := os.Mkdir(s.path("logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	const asNobody = "ServerRoot $ROOT\nServerName x\nDocumentRoot $ROOT/htdocs\nUser nobody\nGroup nogroup\nPidFile $ROOT/run/httpd.pid\nErrorLog $ROOT/logs/error.log\n" +
		"CustomLog \"|/bin/sh -c 'while read l; do echo $(id -un) $l; done >>$ROOT/logs/piped.log'\" %U\nListen 127.0.0.1:$PORT\n"
	s.write("run/x", "")
	s.write("htdocs/index.html", "hello")
	s.write("httpd.conf", asNobody)
	f := s.serve()
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.cmd.Process.Pid)); err != nil || !strings.Contains(string(status), "Uid:\t65534\t65534\t65534\t65534") {
		t.Fatalf("it is still root: %v\n%s", err, status)
	}
	s.get("/before")
	f.until("the piped log", func() bool { return s.read("logs/piped.log") == "root /before\n" })
	if err := os.Rename(s.path("logs/error.log"), s.path("logs/error.log.1")); err != nil { // rotated
		t.Fatal(err)
	}
	s.write("httpd.conf", asNobody+"CustomLog $ROOT/logs/access.log %U\nListen 127.0.0.1:"+low+"\n")
	f.signal(syscall.SIGUSR1)
	f.until("reload", func() bool { return strings.Contains(s.read("logs/error.log"), "resuming normal operations") })
	s.port = low
	s.get("/after")
	f.until("the access log", func() bool { return s.read("logs/access.log") == "/after\n" })
	f.until("the piped log", func() bool { return s.read("logs/piped.log") == "root /before\nroot /after\n" })

	// A file that only root may read.
	s.write("httpd.conf", asNobody+"Redirect /secret /known\n")
	if err := os.Chmod(s.path("httpd.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.signal(syscall.SIGUSR1)
	f.until("reload", func() bool { return strings.Count(s.read("logs/error.log"), "resuming normal operations") == 2 })

	s.write("elsewhere/x", "")
	s.write("httpd.conf", asNobody+"CustomLog $ROOT/elsewhere/access.log %U\n")
	f.signal(syscall.SIGUSR1)
	f.until("refusal", func() bool {
		return strings.Contains(s.read("logs/error.log"), "no log was in "+s.path("elsewhere")+" when Sallyport started as root")
	})
	s.get("/again")
	f.stop()
	if s.read("run/httpd.pid") != "" {
		t.Error("the PidFile is still there")
	}
	// Each reload has a program of its own, which writes when it gets to it.
	got := strings.SplitAfter(s.read("logs/piped.log"), "\n")
	if slices.Sort(got); strings.Join(got, "") != "root /after\nroot /again\nroot /before\n" {
		t.Errorf("piped.log: %q", got)
	}
	if keepers, _ := exec.Command("pgrep", "-f", "sallyport: keeper").Output(); strings.Contains(string(keepers), fmt.Sprint(f.cmd.Process.Pid)) {
		t.Errorf("a keeper is left: %s", keepers)
	}
}

func lowPort(t *testing.T) string {
	t.Helper()
	for port := 700; port < 1000; port++ {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return fmt.Sprint(port)
		}
	}
	t.Skip("skipped: no port below 1000 is free")
	return ""
}
