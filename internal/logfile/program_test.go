//go:build unix

package logfile

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	out := func(name string) string { return filepath.Join(dir, name) }
	set := &Set{}
	plain := set.Sink(Parse(`|/usr/bin/tee "` + out("plain file") + `"`))
	shell := set.Sink(Parse("|$tr a-z A-Z > " + out("shell")))
	if err := set.Open(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		plain.Put(0, 0, []byte("line\n"))
		shell.Put(0, 0, []byte("line\n"))
	}
	set.Close() // waits for the programs
	if got, _ := os.ReadFile(out("plain file")); string(got) != "line\nline\nline\n" {
		t.Errorf("program: %q", got)
	}
	if got, _ := os.ReadFile(out("shell")); string(got) != "LINE\nLINE\nLINE\n" {
		t.Errorf("shell: %q", got)
	}
}

func TestProgramMissing(t *testing.T) {
	set := &Set{}
	set.Sink(Parse("|/no/such/program"))
	var oe *OpenError
	if err := set.Open(); !errors.As(err, &oe) || !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("Open: %v", err)
	}
	set = &Set{}
	set.Sink(Parse("|"))
	if err := set.Open(); err == nil {
		t.Fatal("a pipe to nothing opens")
	}
}

// A program that reads one line and dies is started again; the pipe keeps the
// lines meanwhile.
func TestProgramRestarts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	var mu sync.Mutex
	var said []string
	died := make(chan struct{}, 10)
	set := &Set{Report: func(text string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, text)
		died <- struct{}{}
	}}
	// "read" takes byte by byte, so nothing of the next line is lost.
	s := set.Sink(Parse("|$read line && echo $line >> " + file))
	if err := set.Open(); err != nil {
		t.Fatal(err)
	}
	s.Put(0, 0, []byte("one\n"))
	<-died
	s.Put(0, 0, []byte("two\n"))
	<-died
	set.Close()
	if got, _ := os.ReadFile(file); string(got) != "one\ntwo\n" {
		t.Errorf("wrote %q", got)
	}
	if len(said) < 2 || !strings.HasPrefix(said[0], "AH00106: piped log program 'read line") {
		t.Errorf("said %q", said)
	}
}

func TestSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	daemon, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	s := newSink(ParseError("syslog:mail:me"), 1, 0, nil)
	d := openSyslog(s.Target(), nil)
	d.sockets = []string{filepath.Join(t.TempDir(), "none"), path}
	s.start(d)
	s.Put(0, 3, []byte("an error\n"))
	s.Put(0, 7, []byte("a detail\n"))
	s.close()
	for _, want := range []struct{ pri, text string }{{"<19>", "]: an error"}, {"<23>", "]: a detail"}} {
		buf := make([]byte, 1024)
		daemon.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := daemon.Read(buf)
		got := string(buf[:n])
		if err != nil || !strings.HasPrefix(got, want.pri) || !strings.HasSuffix(got, want.text) || !strings.Contains(got, " me[") {
			t.Errorf("got %q (%v), want %+v", got, err, want)
		}
	}
}
