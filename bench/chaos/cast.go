//go:build linux

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"sallyport/bench/internal/proc"
)

// size is the length of every page.
const size = 2000

// nginx is one real member.
type nginx struct {
	dir  string
	port int
	p    *proc.Process
}

func startNginx(dir, name string) (*nginx, error) {
	n := &nginx{dir: filepath.Join(dir, name)}
	if err := os.Mkdir(n.dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	if n.port, err = proc.FreePort(); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 512; }
http { access_log off; keepalive_timeout 1s; keepalive_requests 100000;
client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
server { listen 127.0.0.1:%[2]d; location / { return 200 "%[3]s"; } } }
`, n.dir, n.port, strings.Repeat("n", size))
	if err := os.WriteFile(filepath.Join(n.dir, "nginx.conf"), []byte(conf), 0o644); err != nil {
		return nil, err
	}
	return n, n.start()
}

func (n *nginx) start() (err error) {
	n.p, err = proc.Start("nginx", n.dir, []string{"/usr/sbin/nginx", "-p", n.dir, "-c", filepath.Join(n.dir, "nginx.conf")}, nil, nil)
	if err != nil {
		return err
	}
	return n.p.AwaitPort(n.port, 10*time.Second)
}

func (n *nginx) signal(s syscall.Signal) { syscall.Kill(n.p.PID(), s) }

// goServer is a member that can be told to misbehave.
type goServer struct {
	port  int
	srv   *http.Server
	delay atomic.Int64 // before each answer, nanoseconds
	reset atomic.Int64 // every so many answers ends in the middle; 0: none
	count atomic.Int64
}

func startGo() (*goServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &goServer{port: l.Addr().(*net.TCPAddr).Port}
	g.srv = &http.Server{Handler: g}
	g.srv.SetKeepAlivesEnabled(true)
	g.srv.IdleTimeout = time.Second
	go g.srv.Serve(l)
	return g, nil
}

// ServeHTTP answers as it was told.
func (g *goServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(time.Duration(g.delay.Load()))
	if n := g.reset.Load(); n > 0 && g.count.Add(1)%n == 0 {
		c, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		fmt.Fprintf(buf, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("g", size/2))
		buf.Flush()
		time.Sleep(5 * time.Millisecond) // so that the half arrives before the reset
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(size))
	fmt.Fprint(w, strings.Repeat("g", size))
}

// findProxy finds or builds the proxy.
func findProxy(peer, binary, dir string) (string, error) {
	switch {
	case binary != "":
		return filepath.Abs(binary)
	case peer == "httpd":
		return "/usr/sbin/apache2", nil
	case peer != "sallyport":
		return "", fmt.Errorf("no peer %q (sallyport, httpd)", peer)
	}
	binary = filepath.Join(dir, "sallyport")
	if out, err := exec.Command("go", "build", "-o", binary, "sallyport/cmd/sallyport").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return binary, nil
}

// startProxy starts the proxy over the members' ports. more are parameters of
// the balancer that only Sallyport has.
func startProxy(peer, binary, dir string, members []int, more string) (*proc.Process, int, error) {
	port, err := proc.FreePort()
	if err != nil {
		return nil, 0, err
	}
	const modules = "/usr/lib/apache2/modules"
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("ServerRoot %q\nServerName chaos.test\nDefaultRuntimeDir %q\nPidFile pid\nErrorLog error.log\nListen 127.0.0.1:%d", dir, dir, port)
	for _, m := range []string{"mpm_event", "authz_core", "proxy", "proxy_http", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests"} {
		p("LoadModule %s_module %s/mod_%s.so", m, modules, m)
	}
	if peer == "httpd" {
		if os.Getuid() == 0 {
			p("User nobody\nGroup nogroup")
		}
		p("StartServers 1\nServerLimit 1\nThreadsPerChild 64\nMaxRequestWorkers 64\nMinSpareThreads 1\nMaxSpareThreads 64")
		more = ""
	}
	p("KeepAliveTimeout 30\nMaxKeepAliveRequests 0")
	p("<Proxy balancer://app>")
	for _, m := range members {
		p("  BalancerMember http://127.0.0.1:%d retry=1 timeout=1 connectiontimeout=500ms", m)
	}
	p("  ProxySet failontimeout=On %s\n</Proxy>\nProxyPass / balancer://app/", more)
	file := filepath.Join(dir, "httpd.conf")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		return nil, 0, err
	}
	argv := []string{binary, "-d", dir, "-f", file, "-DFOREGROUND"}
	proxy, err := proc.Start("proxy", dir, argv, nil, nil)
	if err != nil {
		return nil, 0, err
	}
	if err := proxy.AwaitPort(port, 20*time.Second); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
		proxy.Stop()
		return nil, 0, fmt.Errorf("%w: %s", err, log)
	}
	return proxy, port, nil
}
