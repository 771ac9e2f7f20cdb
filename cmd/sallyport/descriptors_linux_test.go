package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// crowd is clients that have asked once and keep their connections.
type crowd struct {
	t     *testing.T
	addr  string
	conns []net.Conn
}

// grow adds clients; false: one of them got no answer within the time.
func (c *crowd) grow(n int, patience time.Duration) bool {
	c.t.Helper()
	for range n {
		nc, err := net.Dial("tcp", c.addr)
		if err != nil {
			c.t.Fatal(err)
		}
		c.conns = append(c.conns, nc)
		nc.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(nc, "GET /x HTTP/1.1\r\nHost: main.test\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			return false
		}
		io.Copy(io.Discard, res.Body)
		if res.StatusCode != 302 {
			c.t.Fatalf("answered %s", res.Status)
		}
	}
	return true
}

func (c *crowd) leave() {
	for _, nc := range c.conns {
		nc.Close()
	}
	c.conns = nil
}

// TestNoDescriptorsLeft: where the system has no descriptor left, clients wait,
// the log says so once, and all goes on when there are some again.
func TestNoDescriptorsLeft(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", prelude+"KeepAliveTimeout 60\nRedirect /x /y\n")
	f := s.serve()
	c := &crowd{t: t, addr: "127.0.0.1:" + s.port}
	defer c.leave()
	c.grow(1, 10*time.Second)

	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", f.cmd.Process.Pid))
	if err != nil {
		t.Skipf("skipped: the descriptors of a process can't be counted here: %v", err)
	}
	few := unix.Rlimit{Cur: uint64(len(entries) + 8), Max: 1 << 16}
	var was unix.Rlimit
	if err := unix.Prlimit(f.cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &was); err != nil {
		t.Skipf("skipped: its limit of open files can't be read: %v", err)
	}
	few.Max = was.Max
	if err := unix.Prlimit(f.cmd.Process.Pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Skipf("skipped: its limit of open files can't be set: %v", err)
	}
	for range 40 {
		if nc, err := net.Dial("tcp", c.addr); err == nil {
			c.conns = append(c.conns, nc)
			fmt.Fprintf(nc, "GET /x HTTP/1.1\r\nHost: main.test\r\n\r\n")
		}
	}
	f.until("the log tells", func() bool { return strings.Contains(s.read("error.log"), "Too many open files") })
	c.leave()
	if !c.grow(4, 15*time.Second) {
		t.Error("nobody is served after the crowd has left")
	}
	if n := strings.Count(s.read("error.log"), "Too many open files"); n > 5 {
		t.Errorf("the log tells %d times", n)
	}
	f.stop()
}

// TestIdleMakeRoom: with as many idle connections as there may be, a newcomer
// is served at their cost.
func TestIdleMakeRoom(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", prelude+"KeepAliveTimeout 300\nRedirect /x /y\n")
	f := s.prepare(nil, "-d", s.root, "-f", "httpd.conf")
	f.cmd.Path = "/bin/sh"
	f.cmd.Args = append([]string{"sh", "-c", "ulimit -n 160; exec \"$@\"", "sh", "/proc/" + fmt.Sprint(os.Getpid()) + "/exe"}, f.cmd.Args[1:]...)
	f.begin()
	f.until("it serves", func() bool { return strings.Contains(s.read("error.log"), "AH00094") })
	c := &crowd{t: t, addr: "127.0.0.1:" + s.port}
	defer c.leave()
	if !c.grow(200, 20*time.Second) {
		t.Fatalf("client %d of 200 is not served\n%s", len(c.conns), s.read("error.log"))
	}
	if !strings.Contains(s.read("error.log"), "connections are open") {
		t.Errorf("the limit was not met\n%s", s.read("error.log"))
	}
	c.leave()
	f.stop()
}
