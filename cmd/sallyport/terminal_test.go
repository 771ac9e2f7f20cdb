//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A window that changes its size stops nobody; a WINCH that somebody sends does.
func TestResize(t *testing.T) {
	window, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("skipped: no pseudo-terminals here: %v", err)
	}
	defer window.Close()
	fd := int(window.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skipf("skipped: no pseudo-terminals here: %v", err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("skipped: no pseudo-terminals here: %v", err)
	}
	defer tty.Close()

	s := newSite(t)
	s.write("httpd.conf", prelude)
	f := s.prepare(nil, "-d", s.root, "-f", "httpd.conf")
	f.cmd.Stdin = tty
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	f.begin()
	f.until("it serves", func() bool { return strings.Contains(s.read("error.log"), "AH00094") })
	for width := range uint16(3) {
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80 + width}); err != nil {
			t.Fatal(err)
		}
		f.reload(syscall.SIGUSR1) // queued behind the WINCH
	}
	s.get("/")
	f.signal(syscall.SIGWINCH) // so soon after, it may be about the window
	f.reload(syscall.SIGUSR1)
	for end := time.Now().Add(10 * time.Second); !strings.Contains(s.read("error.log"), "AH00492") && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		f.cmd.Process.Signal(syscall.SIGWINCH)
	}
	if code := f.wait(); code != 0 || !strings.Contains(s.read("error.log"), "AH00492") {
		t.Errorf("code %d\n%s", code, s.read("error.log"))
	}
}
