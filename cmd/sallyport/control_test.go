package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// control runs -k on the site.
func (s *site) control(args ...string) result {
	s.t.Helper()
	return sallyport(s.t, append([]string{"-d", s.root, "-f", "httpd.conf"}, args...)...)
}

// pid is the number in the PidFile.
func (s *site) pid() int {
	n, _ := strconv.Atoi(strings.TrimSpace(s.read("httpd.pid")))
	return n
}

// gone waits until a process is no more.
func (s *site) gone(pid int) {
	s.t.Helper()
	for end := time.Now().Add(15 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("the process %d is still there\n%s", pid, s.read("error.log"))
		}
	}
}

func (s *site) expect(got result, code int, out, err string) {
	s.t.Helper()
	if got.code != code || got.out != out || !strings.Contains(got.err, err) || err == "" && got.err != "" {
		s.t.Fatalf("got %v\nwant code %d, stdout %q, stderr with %q", got, code, out, err)
	}
}

// TestControl is the life of a server in the background. Texts and exit codes
// are those of httpd 2.4.71.
func TestControl(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", prelude+"DocumentRoot $ROOT\n")
	t.Cleanup(func() {
		if pid := s.pid(); pid > 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	s.expect(s.control("-k", "stop"), 0, "httpd (no pid file) not running\n", "")
	s.expect(s.control("-k", "graceful-stop"), 0, "httpd (no pid file) not running\n", "")

	s.expect(s.control("-k", "start"), 0, "", "serving "+s.path("httpd.conf")+" at 127.0.0.1:"+s.port)
	pid := s.pid()
	s.expect(s.control("-k", "start"), 0, fmt.Sprintf("httpd (pid %d) already running\n", pid), "")
	s.expect(s.control(), 0, fmt.Sprintf("httpd (pid %d) already running\n", pid), "")
	if status, _ := s.get("/none"); status != 404 {
		t.Errorf("status %d", status)
	}

	for i, k := range []string{"restart", "graceful"} {
		s.expect(s.control("-k", k), 0, "", "")
		for end := time.Now().Add(15 * time.Second); strings.Count(s.read("error.log"), "resuming normal operations") < i+2; time.Sleep(2 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("-k %s: no reload\n%s", k, s.read("error.log"))
			}
		}
	}
	if s.pid() != pid {
		t.Errorf("the process was %d, is %d", pid, s.pid())
	}

	// A broken text is told to the person, not to the server; and it may stop.
	s.write("httpd.conf", prelude+"DocumentRoot $ROOT\nBogus\n")
	s.expect(s.control("-k", "graceful"), 1, "", "Invalid command 'Bogus'")
	s.expect(s.control("-k", "stop"), 0, "", "")
	s.gone(pid)
	if s.pid() != 0 {
		t.Error("the PidFile is still there")
	}

	// What crashed left its PidFile.
	s.write("httpd.conf", prelude+"DocumentRoot $ROOT\n")
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	s.write("httpd.pid", strconv.Itoa(dead.Process.Pid)+"\n")
	s.expect(s.control("-k", "stop"), 0, fmt.Sprintf("httpd (pid %d?) not running\n", dead.Process.Pid), "")
	s.expect(s.control("-k", "graceful"), 0, "httpd not running, trying to start\n", "serving")
	s.logged("[core:warn]")
	s.logged("AH00098: pid file " + s.path("httpd.pid") + " overwritten")
	pid = s.pid()
	s.expect(s.control("-k", "graceful-stop"), 0, "", "")
	s.gone(pid)
	s.logged("AH00492: caught SIGWINCH, shutting down gracefully")
}

// logged waits until the error log holds the text: lines are written after
// what they tell of.
func (s *site) logged(text string) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(s.read("error.log"), text); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("the error log lacks %q:\n%s", text, s.read("error.log"))
		}
	}
}

// Nobody is signalled who is no Sallyport: numbers of processes come again.
func TestOthersProcess(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", prelude+"DocumentRoot $ROOT\n")
	other := exec.Command("sleep", "100")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	s.write("httpd.pid", fmt.Sprintln(other.Process.Pid))
	s.expect(s.control("-k", "stop"), 0, fmt.Sprintf("httpd (pid %d?) not running\n", other.Process.Pid), "")
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error("it was ended")
	}
	f := s.serve() // in the place of the stale one
	if s.pid() != f.cmd.Process.Pid {
		t.Errorf("PidFile %d", s.pid())
	}
	f.stop()
}

func TestBadPidFile(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", prelude+"DocumentRoot $ROOT\n")
	s.write("httpd.pid", "garbage\n")
	for _, k := range []string{"start", "stop", "graceful"} {
		s.expect(s.control("-k", k), 1, "", "AH00058: Error retrieving pid file "+s.path("httpd.pid")+"\nAH00059: Remove it before continuing if it is corrupted.")
	}
	s.write("nopid.conf", "ServerName x\nListen 127.0.0.1:$PORT\n")
	s.expect(s.control("-k", "stop", "-f", "nopid.conf"), 1, "", "needs a PidFile directive")
}

// -E takes what a start says, errors first of all; -e says how much that is.
func TestStartLog(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", prelude+"DocumentRoot $ROOT\nStartServers 3\nListen 127.0.0.1:$PORT\n")
	s.expect(s.control("-k", "start", "-E", "start.log"), 1, "", "")
	if log := s.read("start.log"); !strings.Contains(log, "AH00526: Syntax error on line 8 of "+s.path("httpd.conf")) {
		t.Errorf("start.log: %q", log)
	}
	s.write("httpd.conf", prelude+"DocumentRoot $ROOT\nStartServers 3\nNameVirtualHost *\n")
	for level, want := range map[string][2]bool{"debug": {true, true}, "notice": {true, true}, "warn": {true, false}, "error": {false, false}} {
		got := s.control("-t", "-e", level)
		if warned, noted := strings.Contains(got.err, "warning: "), strings.Contains(got.err, "note: "); [2]bool{warned, noted} != want {
			t.Errorf("-e %s: %v", level, got)
		}
	}
}
