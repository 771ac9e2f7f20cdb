package checker

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/health"
)

const catalina = "/usr/share/tomcat10/bin/catalina.sh"

// TestTomcat asks a real Tomcat whether it lives.
func TestTomcat(t *testing.T) {
	if _, err := os.Stat(catalina); err != nil {
		t.Skip("no tomcat10 here: CPING is not tried on a real container")
	}
	if testing.Short() {
		t.Skip("short")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	_, port, _ := net.SplitHostPort(addr)
	base := t.TempDir()
	for _, dir := range []string{"conf", "logs", "temp", "webapps", "work"} {
		if err := os.Mkdir(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	server := fmt.Sprintf(`<Server port="-1"><Service name="Catalina">
<Connector protocol="AJP/1.3" address="127.0.0.1" port="%s" secretRequired="false"/>
<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine>
</Service></Server>`, port)
	if err := os.WriteFile(filepath.Join(base, "conf", "server.xml"), []byte(server), 0o644); err != nil {
		t.Fatal(err)
	}
	p := planFor(t, "tcp", addr, health.CPing)
	if r := p.Check(t.Context()); r.Passed || r.Reason != "connection refused" {
		t.Errorf("before it runs: %v %s", r.Passed, r.Reason)
	}
	cmd := exec.Command(catalina, "run")
	cmd.Env = append(os.Environ(), "CATALINA_BASE="+base, "CATALINA_HOME=/usr/share/tomcat10", "JAVA_OPTS=-Xmx64m -XX:TieredStopAtLevel=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := os.Create(filepath.Join(base, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	}
	defer stop()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		r := p.Check(t.Context())
		if r.Passed {
			if r.Reason != "it answers" {
				t.Errorf("%s", r.Reason)
			}
			break
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(out.Name())
			t.Fatalf("it does not come up: %s\n%s", r.Reason, said)
		}
	}
	stop()
	if r := p.Check(t.Context()); r.Passed {
		t.Error("it answers after its end")
	}
}

// TestNoPong: what is no container fails.
func TestNoPong(t *testing.T) {
	for answer, want := range map[string]string{
		"AB\x00\x01\x05": "no CPong but 41 42 00 01 05",
		"HTTP/":          "no CPong but 48 54 54 50 2f",
		"AB\x00":         "it closed the connection before the answer was whole",
	} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := ln.Accept()
			if err == nil {
				c.Read(make([]byte, 5))
				c.Write([]byte(answer))
				c.Close()
			}
		}()
		if r := planFor(t, "tcp", ln.Addr().String(), health.CPing).Check(t.Context()); r.Passed || r.Reason != want {
			t.Errorf("%q: %v %s", answer, r.Passed, r.Reason)
		}
		ln.Close()
	}
}
