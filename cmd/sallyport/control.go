package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
)

// control is -k for a server that runs: it finds it by its PidFile.
func control(o *options) int {
	snap, cfg, diags := load(o, nil)
	if snap == nil && o.signal != "stop" && o.signal != "graceful-stop" {
		// httpd, too, checks the text before it tells the running server.
		diags.Print(os.Stderr, "sallyport")
		return 1
	}
	p := processOf(cfg)
	pid, ok := running(p.pidFile)
	if !ok {
		switch o.signal {
		case "restart", "graceful":
			fmt.Fprintln(os.Stderr, "httpd not running, trying to start")
			return startDetached(o)
		}
		fmt.Fprintln(os.Stderr, "httpd (no pid file) not running")
		return 1
	}
	sig := map[string]syscall.Signal{
		"stop": syscall.SIGTERM, "restart": syscall.SIGHUP,
		"graceful": syscall.SIGUSR1, "graceful-stop": syscall.SIGWINCH,
	}[o.signal]
	if err := syscall.Kill(pid, sig); err != nil {
		return fail(fmt.Errorf("signal process %d: %w", pid, err))
	}
	return 0
}

// readyEnv names the descriptor a detached child reports through.
const readyEnv = "SALLYPORT_READY"

// startDetached starts a copy of this program in the background and waits
// until it serves, or has said why it does not.
func startDetached(o *options) int {
	args := slices.Clone(os.Args[1:])
	for i, a := range args {
		if a == "-k" && i+1 < len(args) {
			args = slices.Delete(args, i, i+2)
			break
		}
		if len(a) > 2 && a[:2] == "-k" {
			args = slices.Delete(args, i, i+1)
			break
		}
	}
	self, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{w}
	cmd.Env = append(os.Environ(), readyEnv+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fail(err)
	}
	w.Close()
	if b, _ := io.ReadAll(r); len(b) > 0 {
		return 0
	}
	cmd.Wait()
	return 1
}

// ready tells a waiting parent that the server serves.
func ready() {
	if os.Getenv(readyEnv) != "3" {
		return
	}
	f := os.NewFile(3, "ready")
	f.WriteString("ready\n")
	f.Close()
	os.Unsetenv(readyEnv)
}
