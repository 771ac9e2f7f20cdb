package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/freeport"
	"sallyport/internal/keeper"
)

// asMain makes the test program be sallyport itself.
const asMain = "SALLYPORT_TEST_MAIN"

func TestMain(m *testing.M) {
	if keeper.Called() || os.Getenv(asMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command is sallyport with these arguments. Like httpd's in other tests it
// gets nothing of the caller's environment.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "sallyport"
	cmd.Env = []string{asMain + "=1", "PATH=" + os.Getenv("PATH"), "LANG=C", "GOCOVERDIR=" + os.Getenv("GOCOVERDIR"),
		"GORACE=atexit_sleep_ms=0"}
	return cmd
}

// result is what a program said.
type result struct {
	out, err string
	code     int
}

func (r result) String() string {
	return fmt.Sprintf("code %d\n-- stdout --\n%s-- stderr --\n%s", r.code, r.out, r.err)
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Start()
	if err == nil {
		late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		err = cmd.Wait()
		late.Stop()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// sallyport runs the program to its end.
func sallyport(t *testing.T, args ...string) result {
	t.Helper()
	return finish(t, command(args...))
}

// apache finds the original, or skips the test.
func apache(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("/usr/sbin/apache2")
	if err != nil {
		t.Skipf("skipped: no apache2 on this machine (Debian package apache2)")
	}
	return path
}

// site is a ServerRoot for one test.
type site struct {
	t    *testing.T
	root string
	port string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, root: t.TempDir(), port: freePort(t)}
	// Whoever we become as root looks into it.
	for _, d := range []string{s.root, filepath.Dir(s.root)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	n, err := freeport.New()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(n)
}

func (s *site) path(name string) string { return filepath.Join(s.root, name) }

// write writes a file with $PORT and $ROOT replaced.
func (s *site) write(name, text string) string {
	s.t.Helper()
	text = strings.NewReplacer("$PORT", s.port, "$ROOT", s.root).Replace(text)
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	return s.path(name)
}

// prelude is the beginning of most configurations.
const prelude = `ServerRoot $ROOT
PidFile $ROOT/httpd.pid
ErrorLog $ROOT/error.log
ServerName main.test
Listen 127.0.0.1:$PORT
`

// read gives the text of a file; "" when it is not there.
func (s *site) read(name string) string {
	b, _ := os.ReadFile(s.path(name))
	return string(b)
}

// url is one of the site's.
func (s *site) url(path string) string { return "http://127.0.0.1:" + s.port + path }

// running is a server in the foreground.
type foreground struct {
	s      *site
	cmd    *exec.Cmd
	exited chan struct{}
	mu     sync.Mutex
	output bytes.Buffer
}

func (f *foreground) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.output.Write(p)
}

func (f *foreground) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.output.String()
}

// serve starts the site's httpd.conf and waits until it serves.
func (s *site) serve(args ...string) *foreground {
	s.t.Helper()
	f := s.begin(nil, append([]string{"-d", s.root, "-f", "httpd.conf"}, args...)...)
	f.until("it serves", func() bool {
		return strings.Contains(f.said(), ": serving ") && strings.Contains(s.read("error.log")+s.read("logs/error.log"), "AH00094")
	})
	return f
}

// begin starts the program, which ends with the test.
func (s *site) begin(env []string, args ...string) *foreground {
	s.t.Helper()
	f := s.prepare(env, args...)
	f.begin()
	return f
}

func (s *site) prepare(env []string, args ...string) *foreground {
	f := &foreground{s: s, exited: make(chan struct{})}
	f.cmd = command(args...)
	f.cmd.Env = append(f.cmd.Env, env...)
	f.cmd.Stdout, f.cmd.Stderr = f, f
	f.cmd.WaitDelay = 5 * time.Second
	return f
}

func (f *foreground) begin() {
	f.s.t.Helper()
	if err := f.cmd.Start(); err != nil {
		f.s.t.Fatal(err)
	}
	go func() {
		f.cmd.Wait()
		close(f.exited)
	}()
	f.s.t.Cleanup(func() {
		f.cmd.Process.Kill()
		<-f.exited
	})
}

// until polls for something that another process does.
func (f *foreground) until(what string, true func() bool) {
	f.s.t.Helper()
	for end := time.Now().Add(15 * time.Second); !true(); time.Sleep(2 * time.Millisecond) {
		select {
		case <-f.exited:
			if !true() {
				f.s.t.Fatalf("%s: the server has ended:\n%s%s", what, f.said(), f.s.read("error.log"))
			}
			return
		default:
		}
		if time.Now().After(end) {
			f.s.t.Fatalf("not in time: %s\n%s%s", what, f.said(), f.s.read("error.log"))
		}
	}
}

func (f *foreground) signal(sig syscall.Signal) {
	f.s.t.Helper()
	if err := f.cmd.Process.Signal(sig); err != nil {
		f.s.t.Fatal(err)
	}
}

// wait waits until the server has ended, and gives its exit code.
func (f *foreground) wait() int {
	f.s.t.Helper()
	select {
	case <-f.exited:
	case <-time.After(15 * time.Second):
		f.s.t.Fatalf("the server does not end\n%s%s", f.said(), f.s.read("error.log"))
	}
	return f.cmd.ProcessState.ExitCode()
}

// stop ends the server as TERM does.
func (f *foreground) stop() {
	f.s.t.Helper()
	f.signal(syscall.SIGTERM)
	if code := f.wait(); code != 0 {
		f.s.t.Errorf("stopped with code %d\n%s", code, f.said())
	}
}

// reload sends the signal and waits until the log says that it is done, well
// or badly.
func (f *foreground) reload(sig syscall.Signal) {
	f.s.t.Helper()
	done := func() int {
		log := f.s.read("error.log")
		return strings.Count(log, "resuming normal operations") + strings.Count(log, "the running configuration stays")
	}
	before := done()
	f.signal(sig)
	f.until("reload", func() bool { return done() > before })
}

// get asks the site for a path on a fresh connection.
func (s *site) get(path string) (status int, body string) {
	s.t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := c.Get(s.url(path))
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// backend answers each request with the name and the path.
func backend(t *testing.T, name string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", name, r.URL.Path)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
