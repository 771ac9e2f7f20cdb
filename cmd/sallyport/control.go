package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"sallyport/internal/keeper"
	"sallyport/internal/logfile"
	"sallyport/internal/server"
)

// control is -k: it starts a server in the background, or finds the one that
// runs by its PidFile. Exit codes are httpd's: to stop what does not run is no
// failure, nor is to start what does.
func control(o *options) int {
	if waitedFor() {
		return serve(o) // we are what startDetached started
	}
	cfg, diags := read(o, nil)
	snap, diags := build(cfg, diags, server.TestEnv())
	p := processOf(cfg)
	stop := o.signal == "stop" || o.signal == "graceful-stop"
	if snap == nil && (!stop || p.pidFile == "") {
		// httpd, too, checks the text before it tells the running server.
		// Unlike httpd: a broken text keeps nobody from stopping.
		o.report(os.Stderr, diags)
		return 1
	}
	in, err := running(p.pidFile)
	switch {
	case err != nil:
		return fail(err)
	case p.pidFile == "" && o.signal != "start":
		return fail(fmt.Errorf("-k %s needs a PidFile directive in %s", o.signal, cfg.File))
	case in.alive && o.signal == "start":
		fmt.Printf("httpd (pid %d) already running\n", in.pid)
		return 0
	case in.alive && !in.ours():
		return fail(fmt.Errorf("the process %d of %s is %s, not Sallyport: use its own -k %s", in.pid, p.pidFile, in.name, o.signal))
	case in.alive:
		sig := map[string]syscall.Signal{
			"stop": syscall.SIGTERM, "restart": syscall.SIGHUP,
			"graceful": syscall.SIGUSR1, "graceful-stop": syscall.SIGWINCH,
		}[o.signal]
		if err := syscall.Kill(in.pid, sig); err != nil {
			return fail(fmt.Errorf("signal process %d: %w", in.pid, err))
		}
		return 0
	case stop && in.pid == 0:
		fmt.Println("httpd (no pid file) not running")
		return 0
	case stop:
		fmt.Printf("httpd (pid %d?) not running\n", in.pid)
		return 0
	case o.signal != "start":
		fmt.Println("httpd not running, trying to start")
	}
	return startDetached()
}

// readyEnv tells a detached server that its descriptor 3 waits to hear that it
// serves.
const readyEnv = "SALLYPORT_READY"

// startDetached starts a copy of this program in the background and waits
// until it serves, or has said why it does not.
func startDetached() int {
	r, w, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	defer r.Close()
	self, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{w}
	cmd.Env = append(os.Environ(), readyEnv+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fail(err)
	}
	if _, err := bufio.NewReader(r).ReadString('\n'); err == nil {
		return 0
	}
	if cmd.Wait() == nil {
		return 0 // it found another that serves
	}
	return 1
}

// ready is the pipe of the process that waits for us; isDetached says that we
// were started in the background.
var (
	ready      *os.File
	isDetached bool
)

// waitedFor reports whether somebody waits to hear that we serve.
func waitedFor() bool {
	if os.Getenv(readyEnv) != "3" {
		return false
	}
	os.Unsetenv(readyEnv) // not for the programs that we start
	syscall.CloseOnExec(3)
	ready = os.NewFile(3, "ready")
	isDetached = true
	return true
}

// console is where a start says how it goes: standard error, or what that was
// before leaveTerminal.
var console = os.Stderr

// leaveTerminal gives standard input, output and error away, if we were started
// in the background, before children get them. What would go to standard error
// goes to the error log.
func leaveTerminal(log logfile.Target) {
	if !isDetached {
		return
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer null.Close()
	if fd, err := syscall.Dup(2); err == nil {
		syscall.CloseOnExec(fd)
		console = os.NewFile(uintptr(fd), "console")
	}
	become(null, os.Stdin)
	become(null, os.Stdout)
	become(null, os.Stderr)
	stderrToLog(nil, log)
}

// sayReady lets go who waits for us to serve.
func sayReady() {
	if !isDetached {
		return
	}
	os.Chdir("/")
	ready.WriteString("ready\n")
	ready.Close()
	console.Close()
	console = os.Stderr
}

// stderrToLog makes the main error log standard error, where it is a file.
func stderrToLog(k *keeper.Keeper, log logfile.Target) {
	if log.Kind != logfile.File {
		return
	}
	if f, err := k.OpenLog(log.Name); err == nil {
		become(f, os.Stderr)
		f.Close()
	}
}

// stderrTo makes a file standard error.
func stderrTo(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	return become(f, os.Stderr)
}
