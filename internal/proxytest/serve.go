package proxytest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"sallyport/internal/freeport"
)

// Program is a server program that scripts can run against.
type Program struct {
	Name string // Httpd or Sallyport
	Path string
}

// FindHttpd looks for Debian's apache2.
func FindHttpd() (Program, error) {
	for _, p := range []string{"apache2", "/usr/sbin/apache2"} {
		if path, err := exec.LookPath(p); err == nil {
			return Program{Httpd, path}, nil
		}
	}
	return Program{}, errors.New("find httpd: no apache2 on this machine (Debian package apache2)")
}

// BuildSallyport builds the program from the module's cmd/sallyport into dir.
func BuildSallyport(module, dir string) (Program, error) {
	out := filepath.Join(dir, "sallyport")
	cmd := exec.Command("go", "build", "-o", out, "./cmd/sallyport")
	cmd.Dir = module
	if text, err := cmd.CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("build sallyport: %w\n%s", err, text)
	}
	return Program{Sallyport, out}, nil
}

// Test runs `-t` on the file and returns what it printed and its exit code.
func (p Program) Test(root, conf string) (string, int, error) {
	cmd := exec.Command(p.Path, "-t", "-d", root, "-f", conf)
	cmd.Env = environment()
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(text), exit.ExitCode(), nil
	}
	return string(text), 0, err
}

// environment is that of every server: nothing of the caller's but PATH.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LANG=C", "TZ=UTC", "SCRIPT_ENV=from-environment"}
}

// process is one running server.
type process struct {
	cmd    *exec.Cmd
	output *lockedBuffer
	exited chan struct{}
	root   string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// errRefused says that the server ended before it listened.
var errRefused = errors.New("the server did not start")

// start runs the program on root/main.conf and waits until it accepts
// connections on port.
func (p Program) start(root, port string) (*process, error) {
	args := []string{"-d", root, "-f", filepath.Join(root, "main.conf"), "-D", "FOREGROUND"}
	s := &process{cmd: exec.Command(p.Path, args...), output: &lockedBuffer{}, exited: make(chan struct{}), root: root}
	s.cmd.Env = environment()
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	s.cmd.SysProcAttr = ownGroup()
	s.cmd.WaitDelay = time.Second
	// The kernel ends the server when the thread that started it ends (see
	// ownGroup), so that thread waits for it and does nothing else.
	begun := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := s.cmd.Start()
		begun <- err
		if err == nil {
			s.cmd.Wait()
		}
		close(s.exited)
	}()
	if err := <-begun; err != nil {
		return nil, err
	}
	deadline := time.Now().Add(20 * time.Second)
	for answered := 0; ; {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
		if err == nil {
			c.Close()
			// The port may be another program's, who was faster: ours is a
			// server once its PidFile is there. A script may have put that
			// elsewhere.
			_, err = os.Stat(filepath.Join(root, "httpd.pid"))
			if answered++; err == nil || answered > 200 {
				return s, nil
			}
		}
		select {
		case <-s.exited:
			return nil, fmt.Errorf("%w:\n%s%s", errRefused, s.output, s.errorLog())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("start %s: does not listen on port %s:\n%s%s", p.Name, port, s.output, s.errorLog())
		}
	}
}

func (s *process) errorLog() string {
	text, _ := os.ReadFile(filepath.Join(s.root, "error.log"))
	return string(text)
}

// reload sends the signal and waits until the server says that it has read
// its configuration again.
func (s *process) reload(sig syscall.Signal) error {
	const said = "resuming normal operations"
	before := strings.Count(s.errorLog(), said)
	if err := s.cmd.Process.Signal(sig); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if strings.Count(s.errorLog(), said) > before {
			return nil
		}
	}
	return fmt.Errorf("reload: no %q in the error log", said)
}

// wait waits for the process to end by itself.
func (s *process) wait(d time.Duration) error {
	select {
	case <-s.exited:
		return nil
	case <-time.After(d):
		return errors.New("the server still runs")
	}
}

// stop ends the server, by force if it must.
func (s *process) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	if s.wait(10*time.Second) != nil {
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.exited
	}
}

func freePort() (string, error) {
	n, err := freeport.New()
	return strconv.Itoa(n), err
}
