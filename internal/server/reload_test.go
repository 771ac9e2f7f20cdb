package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/modules/all"
	"sallyport/internal/server"
	"sallyport/internal/snapshot"
)

// build makes a snapshot of a text.
func build(t testing.TB, srv *server.Server, text string) *snapshot.Snapshot {
	t.Helper()
	cfg, diags := conf.Load(conf.Options{File: "test.conf", Text: text, Root: t.TempDir(), Modules: all.Infos()})
	if diags.Failed() {
		t.Fatal(diags)
	}
	snap, more := snapshot.Build(cfg, all.Rooms, srv.Env())
	if more.Failed() {
		t.Fatal(more)
	}
	return snap
}

// goroutines counts those of this module by where they were started, without
// those of tests.
func goroutines() map[string]int {
	buf := make([]byte, 8<<20)
	buf = buf[:runtime.Stack(buf, true)]
	count := map[string]int{}
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		if _, by, ok := strings.Cut(g, "created by sallyport/"); ok && !strings.Contains(by, "_test") {
			by, _, _ = strings.Cut(by, " in goroutine")
			count[by]++
		}
	}
	return count
}

// spareGoroutines serve connections, or wait for one: there may be several.
const spareGoroutines = "internal/front/h1.(*spare).run"

// settles waits until the goroutines are those of want, and complains when
// they do not become so.
func settles(t *testing.T, when string, want map[string]int) {
	t.Helper()
	now := func() map[string]int {
		g := goroutines()
		if n, ok := want[spareGoroutines]; ok {
			g[spareGoroutines] = n
		}
		return g
	}
	got := now()
	for end := time.Now().Add(10 * time.Second); fmt.Sprint(got) != fmt.Sprint(want) && time.Now().Before(end); got = now() {
		time.Sleep(5 * time.Millisecond)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("goroutines %s: %v\nwant %v", when, got, want)
	}
}

// files counts the descriptors that are open below dir.
func files(dir string) int {
	n := 0
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, dir) {
			n++
		}
	}
	return n
}

// TestReloadsLeaveNothing: after thirty reloads with exchanges and a tunnel
// under way there is one snapshot, one set of log files, and no goroutine more
// than before; after the stop there is none.
func TestReloadsLeaveNothing(t *testing.T) {
	none := goroutines()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			io.WriteString(w, r.URL.Path)
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
		io.Copy(c, rw)
	}))
	defer backend.Close()
	srv, err := server.New()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := taken.Addr().String()
	taken.Close()
	text := func(n int) string {
		return fmt.Sprintf(`ServerName x
ErrorLog %s
CustomLog %s common
<Proxy balancer://b>
BalancerMember %s upgrade=ANY
</Proxy>
ProxyPass / balancer://b/%d
<VirtualHost *:1>
ServerName y
ErrorLog "|$cat >/dev/null"
CustomLog %s common
</VirtualHost>
`, filepath.Join(dir, "error.log"), filepath.Join(dir, "access.log"), backend.URL, n, filepath.Join(dir, "y.log"))
	}
	listens := []server.Listen{{Network: "tcp4", Addr: addr}}
	use := func(n int) {
		t.Helper()
		if err := srv.Use(build(t, srv, text(n)), listens, 0); err != nil {
			t.Fatal(err)
		}
	}
	client := http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	ask := func(want string) {
		t.Helper()
		res, err := client.Get("http://" + addr + "/x")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, err := io.ReadAll(res.Body); err != nil || string(b) != want {
			t.Fatalf("%q, %v, want %q", b, err, want)
		}
	}
	use(0)
	ask("/0x")
	client.CloseIdleConnections()
	once, open := goroutines(), files(dir)
	once[spareGoroutines] = 1
	if open != 3 {
		t.Errorf("%d log files are open", open)
	}

	tunnel, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer tunnel.Close()
	tunnel.SetDeadline(time.Now().Add(30 * time.Second))
	io.WriteString(tunnel, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(tunnel)
	if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 101 {
		t.Fatal(res, err)
	}
	for n := 1; n <= 30; n++ {
		use(n)
		ask(fmt.Sprintf("/%dx", n))
		io.WriteString(tunnel, "still\n")
		if line, err := r.ReadString('\n'); line != "still\n" {
			t.Fatalf("tunnel: %q, %v", line, err)
		}
	}
	tunnel.Close()
	client.CloseIdleConnections()
	settles(t, "after reloads", once)
	for end := time.Now().Add(10 * time.Second); files(dir) != open && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	if n := files(dir); n != open {
		t.Errorf("%d log files are open after reloads, %d before", n, open)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	srv.Stop(ctx)
	settles(t, "after the stop", none)
	if n := files(dir); n != 0 {
		t.Errorf("%d log files are open after the stop", n)
	}
	log, _ := os.ReadFile(filepath.Join(dir, "access.log"))
	if n := strings.Count(string(log), "\n"); n != 32 { // 31 requests and the tunnel
		t.Errorf("%d lines in the access log", n)
	}
}

// TestUseAllOrNothing: what can't be opened leaves the old snapshot at work,
// and nothing of the new one open.
func TestUseAllOrNothing(t *testing.T) {
	none := goroutines()
	srv, err := server.New()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	good := "ServerName x\nErrorLog " + filepath.Join(dir, "error.log") + "\nRedirect / http://old.test/\n"
	addr := "127.0.0.1:0"
	if err := srv.Use(build(t, srv, good), []server.Listen{{Network: "tcp4", Addr: addr}}, 0); err != nil {
		t.Fatal(err)
	}
	once, open := goroutines(), files(dir)
	bad := "ServerName x\nErrorLog " + filepath.Join(dir, "error.log") + "\nCustomLog " + dir + " common\n"
	if err := srv.Use(build(t, srv, bad), []server.Listen{{Network: "tcp4", Addr: addr}}, 0); err == nil || !strings.Contains(err.Error(), "could not open transfer log file") {
		t.Errorf("a directory for a log: %v", err)
	}
	busy, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if err := srv.Use(build(t, srv, good), []server.Listen{{Network: "tcp4", Addr: addr}, {Network: "tcp4", Addr: busy.Addr().String()}}, 0); err == nil ||
		!strings.Contains(err.Error(), "AH00072: make_sock: could not bind to address "+busy.Addr().String()) {
		t.Errorf("an address in use: %v", err)
	}
	settles(t, "after two failed reloads", once)
	if n := files(dir); n != open {
		t.Errorf("%d log files are open, %d before", n, open)
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get("http://" + srv.Addrs()[0].String() + "/x")
	if err != nil || res.Header.Get("Location") != "http://old.test/x" {
		t.Errorf("the old one: %v, %v", res, err)
	}
	srv.Stop(context.Background())
	settles(t, "after the stop", none)
	if err := srv.Use(build(t, srv, good), nil, 0); err == nil {
		t.Error("used after the stop")
	}
}
