//go:build linux

// Package proc starts the programs that the race and the stress test drive,
// ends them with all they forked, and reads from /proc what they use.
//
// Dear newcomer: a Process here is a whole tree of processes, since servers
// fork; every figure is a sum over the tree. Nothing here knows what the
// programs do. Linux only.
package proc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program this one started, with all the processes it forked.
type Process struct {
	Name string
	cmd  *exec.Cmd
	done chan struct{} // closed when the root process has been waited for
	logs string        // file that holds its standard error
}

// running holds every Process that was started and not yet stopped, so that
// an interrupt can end them.
var running = struct {
	sync.Mutex
	set map[*Process]bool
}{set: map[*Process]bool{}}

// spawner runs every fork on one thread that never ends: Linux sends the
// parent-death signal when the *thread* that forked exits.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// Start runs argv in dir with extra environment. stdout may be nil: then it
// goes with standard error into dir/NAME.err.
func Start(name, dir string, argv, env []string, stdout *os.File) (*Process, error) {
	logs := filepath.Join(dir, name+".err")
	errFile, err := os.Create(logs)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer errFile.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = errFile
	cmd.Stdout = errFile
	if stdout != nil {
		cmd.Stdout = stdout
	}
	// A group of its own, so that Ctrl-C reaches this program alone and the
	// peers are ended in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	spawner() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{Name: name, cmd: cmd, done: make(chan struct{}), logs: logs}
	running.Lock()
	running.set[p] = true
	running.Unlock()
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the root process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Alive reports whether the root process still runs.
func (p *Process) Alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Stop ends the process and everything it forked: politely, then by force.
// It returns when the root has been waited for. Stopping twice is harmless.
func (p *Process) Stop() {
	tree := Tree(p.PID())
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(3 * time.Second):
	}
	syscall.Kill(-p.PID(), syscall.SIGKILL)
	for _, pid := range tree {
		// The group may be gone while a child that left it is not.
		if pid != p.PID() && parentOrGroup(pid, p.PID()) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	<-p.done
	running.Lock()
	delete(running.set, p)
	running.Unlock()
}

// Complaint returns the last lines of the process's standard error.
func (p *Process) Complaint() string {
	b, err := os.ReadFile(p.logs)
	if err != nil {
		return err.Error()
	}
	if len(b) > 600 {
		b = b[len(b)-600:]
	}
	return strings.TrimSpace(string(b))
}

// Output returns what the process has written to its standard error (and
// standard output, where that went nowhere else).
func (p *Process) Output() string {
	b, err := os.ReadFile(p.logs)
	if err != nil {
		return ""
	}
	return string(b)
}

// Quit sends SIGQUIT to the root process, upon which a Go program prints its
// goroutines and ends, waits for that end for at most limit, and returns what
// was printed since. The process is stopped in any case.
func (p *Process) Quit(limit time.Duration) string {
	before := len(p.Output())
	p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(limit):
	}
	p.Stop()
	return p.Output()[before:]
}

// StopAll ends everything that still runs.
func StopAll() {
	running.Lock()
	var list []*Process
	for p := range running.set {
		list = append(list, p)
	}
	running.Unlock()
	for _, p := range list {
		p.Stop()
	}
}

// AwaitPort waits until something accepts on the Loopback port, the process
// ends, or the limit passes.
func (p *Process) AwaitPort(port int, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		c, err := net.DialTimeout("tcp", Loopback(port), time.Second)
		if err == nil {
			c.Close()
			return nil
		}
		if !p.Alive() {
			return fmt.Errorf("%s ended at start: %s", p.Name, p.Complaint())
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not listen after %v: %s", p.Name, limit, p.Complaint())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Loopback is the address of a local port.
func Loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// nextPort is where FreePort goes on looking. Ports below the kernel's
// ephemeral range: one inside it may be taken by an outgoing connection
// between the look and the peer's bind.
var nextPort = 15000 + os.Getpid()%1000*10

// FreePort returns a Loopback port nobody listens on.
func FreePort() (int, error) {
	for range 15000 {
		nextPort++
		if nextPort >= 32000 {
			nextPort = 15000
		}
		l, err := net.Listen("tcp", Loopback(nextPort))
		if err == nil {
			l.Close()
			return nextPort, nil
		}
	}
	return 0, errors.New("find a free port: none between 15000 and 32000")
}

// RaiseFileLimit lifts this process's limit of open files, and so that of its
// children, to want, or as near as the system allows. It returns the limit.
func RaiseFileLimit(want uint64) (uint64, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	if l.Cur >= want {
		return l.Cur, nil
	}
	up := syscall.Rlimit{Cur: want, Max: max(want, l.Max)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &up); err == nil {
		return want, nil
	}
	up = syscall.Rlimit{Cur: min(want, l.Max), Max: l.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &up); err != nil {
		return l.Cur, fmt.Errorf("raise the limit of open files to %d: %w", up.Cur, err)
	}
	return up.Cur, nil
}
