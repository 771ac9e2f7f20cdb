package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

// The line on standard error names the file, where Sallyport listens and what
// it serves; the error log gets httpd's lines.
func TestStartText(t *testing.T) {
	s := newSite(t)
	other := freePort(t)
	s.write("httpd.conf", prelude+"Listen 127.0.0.1:"+other+"\nDocumentRoot $ROOT\n"+vhosts("*:80 a.test", "*:80 b.test"))
	f := s.serve()
	first, second := s.port, other
	if len(first) > len(second) || len(first) == len(second) && first > second {
		first, second = second, first
	}
	want := fmt.Sprintf("sallyport %s: serving %s at 127.0.0.1:%s, 127.0.0.1:%s; 2 virtual hosts (a.test, b.test)\n", Version, s.path("httpd.conf"), first, second)
	if said := f.said(); !strings.HasSuffix(said, want) {
		t.Errorf("said %q\nwant %q", said, want)
	}
	f.until("the log", func() bool { return strings.Count(s.read("error.log"), "\n") >= 2 })
	for _, want := range []string{
		"[mpm_event:notice] [pid ", "AH00489: Sallyport/" + Version + " (Apache/2.4",
		" configured -- resuming normal operations\n", "[core:notice]", "AH00094: Command line: 'sallyport -d " + s.root + " -f httpd.conf'\n",
	} {
		if log := s.read("error.log"); !strings.Contains(log, want) {
			t.Errorf("no %q in the log\n%s", want, log)
		}
	}
	f.stop()
	if log := s.read("error.log"); !strings.Contains(log, "AH00491: caught SIGTERM, shutting down\n") {
		t.Errorf("no AH00491\n%s", log)
	}
	if s.read("httpd.pid") != "" {
		t.Error("the PidFile is still there")
	}
}

// What keeps a server from starting is said with httpd's words, exit code 1,
// and leaves nothing behind.
func TestStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	busy := taken.Addr().String()
	for name, c := range map[string]struct{ text, want string }{
		"port in use": {prelude + "Listen " + busy + "\n", "(98)Address already in use: AH00072: make_sock: could not bind to address " + busy + "\n"},
		"not ours":    {prelude + "Listen 192.0.2.1:80\n", "(99)Cannot assign requested address: AH00072: make_sock: could not bind to address 192.0.2.1:80\n"},
		"no Listen":   {"ServerRoot $ROOT\nServerName x\n", "no listening sockets available, shutting down"},
		"PidFile":     {prelude + "PidFile none/httpd.pid\n", "(2)No such file or directory: AH00099: could not create $ROOT/none/httpd.pid\n"},
		"PidFile dir": {prelude + "PidFile .\n", "AH00058: Error retrieving pid file $ROOT"},
		"log":         {prelude + "ErrorLog none/error.log\n", "AH02291: Cannot access directory '$ROOT/none/' for main error log\n"},
		"log is dir":  {prelude + "ErrorLog $ROOT\n", "ErrorLog: $ROOT is a directory\n"},
		"program":     {prelude + "ErrorLog |/no/such/program\n", "open log |/no/such/program: "},
		"User":        {prelude + "User nosuchuser\n", "AH00526: Syntax error on line 6 of $ROOT/httpd.conf:\nbad user name nosuchuser"},
		"no file":     {"", "Could not open configuration file $ROOT/httpd.conf: No such file or directory\n"},
		"two errors":  {prelude + "Bogus\nListen\n", "AH00526: Syntax error on line 7 of $ROOT/httpd.conf:\nListen requires"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if c.text != "" {
				s.write("httpd.conf", c.text)
			}
			got := s.control()
			if want := strings.ReplaceAll(c.want, "$ROOT", s.root); got.code != 1 || got.out != "" || !strings.Contains(got.err, want) {
				t.Errorf("got %v\nwant code 1, %q", got, want)
			}
			if _, err := os.Stat(s.path("httpd.pid")); err == nil {
				t.Error("a PidFile is left")
			}
			l, err := net.Listen("tcp", "127.0.0.1:"+s.port)
			if err != nil {
				t.Fatalf("the port is still in use: %v", err)
			}
			l.Close()
		})
	}
}

// A background start that fails says so before it returns.
func TestStartErrorDetached(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := newSite(t)
	s.write("httpd.conf", prelude+"Listen "+taken.Addr().String()+"\n")
	if got := s.control("-k", "start"); got.code != 1 || !strings.Contains(got.err, "AH00072: make_sock: could not bind to address "+taken.Addr().String()) {
		t.Errorf("got %v", got)
	}
}
