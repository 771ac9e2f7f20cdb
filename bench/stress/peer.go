//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sallyport/bench/internal/proc"
)

// proxyTimeout is how long the proxy waits for a backend. Longer than a busy
// machine needs for anything that answers at all.
const proxyTimeout = 5 * time.Second

// subject is the proxy under stress.
type subject struct {
	name   string
	binary string
	golang bool // prints its goroutines on SIGQUIT
	// graceful: SIGUSR1 reloads it.
	graceful bool
	// strict: whatever Sallyport promises beyond never being wrong. A safe
	// request is not lost to another's fault, and what was opened is closed.
	strict bool
	write  func(site) (args []string, err error)
}

// site is what the proxy is told.
type site struct {
	dir            string
	port           int
	one, two, more int // backends' ports
	dead           int // a port nobody listens on
	root           bool
}

func (s site) accessLog() string { return filepath.Join(s.dir, "access.log") }

// findSubject resolves the -peer and -bin flags. race builds Sallyport with
// the race detector.
func findSubject(name, binary string, race bool, dir string) (subject, error) {
	s := subject{name: name, binary: binary}
	usual := ""
	switch name {
	case "sallyport":
		s.golang, s.graceful, s.strict, s.write = true, true, true, func(x site) ([]string, error) { return writeHTTPD(x, false) }
		if s.binary == "" {
			s.binary = os.Getenv("SALLYPORT_BIN")
		}
		if s.binary == "" {
			s.binary = filepath.Join(dir, "sallyport.built") // not the name of its own directory
			argv := []string{"build", "-o", s.binary}
			if race {
				argv = append(argv, "-race")
			}
			build := exec.Command("go", append(argv, "sallyport/cmd/sallyport")...)
			if out, err := build.CombinedOutput(); err != nil {
				return s, fmt.Errorf("build sallyport: %w: %s", err, strings.TrimSpace(string(out)))
			}
		}
	case "httpd":
		s.graceful, s.write = true, func(x site) ([]string, error) { return writeHTTPD(x, true) }
		usual = "/usr/sbin/apache2"
	case "nginx":
		s.write = writeNginx
		usual = "/usr/sbin/nginx"
	default:
		return s, fmt.Errorf("choose the proxy: no %q (sallyport, httpd, nginx)", name)
	}
	if s.binary == "" {
		s.binary = usual
	}
	path, err := exec.LookPath(s.binary)
	if err != nil {
		return s, fmt.Errorf("choose the proxy: %w", err)
	}
	s.binary, err = filepath.Abs(path)
	return s, err
}

// start runs the subject in a directory of its own below dir.
func (s subject) start(dir, name string, x site) (*proc.Process, site, error) {
	x.dir = filepath.Join(dir, name)
	if err := os.Mkdir(x.dir, 0o777); err != nil {
		return nil, x, err
	}
	if err := os.Chmod(x.dir, 0o777); err != nil { // a server that drops privileges writes here
		return nil, x, err
	}
	var err error
	if x.port, err = proc.FreePort(); err != nil {
		return nil, x, err
	}
	args, err := s.write(x)
	if err != nil {
		return nil, x, fmt.Errorf("configure %s: %w", s.name, err)
	}
	p, err := proc.Start(name, x.dir, append([]string{s.binary}, args...), []string{"GORACE=halt_on_error=0"}, nil)
	if err != nil {
		return nil, x, err
	}
	if err := p.AwaitPort(x.port, 30*time.Second); err != nil {
		p.Stop()
		return nil, x, err
	}
	return p, x, nil
}

// writeHTTPD writes the site in httpd's language, which Sallyport reads too;
// sizing adds what concerns httpd's processes.
func writeHTTPD(x site, sizing bool) ([]string, error) {
	const modules = "/usr/lib/apache2/modules"
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("ServerRoot %q", x.dir)
	p("ServerName stress.test")
	p("DefaultRuntimeDir %q", x.dir)
	p("PidFile %q", filepath.Join(x.dir, "httpd.pid"))
	p("ErrorLog %q", filepath.Join(x.dir, "error.log"))
	p("LogLevel crit")
	for _, m := range []string{"mpm_event", "authz_core", "reqtimeout", "proxy", "proxy_http", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests"} {
		p("LoadModule %s_module %s/mod_%s.so", m, modules, m)
	}
	if x.root {
		p("User www-data\nGroup www-data")
	}
	p("Listen %s", proc.Loopback(x.port))
	if sizing {
		p("ServerLimit 4\nStartServers 4\nThreadLimit 64\nThreadsPerChild 64\nMaxRequestWorkers 256")
		p("MinSpareThreads 64\nMaxSpareThreads 256\nAsyncRequestWorkerFactor 10")
	}
	p("Timeout 10")
	p("ProxyTimeout %d", int(proxyTimeout/time.Second))
	p("RequestReadTimeout header=3-6,MinRate=500 body=10,MinRate=500")
	p("KeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 5")
	p(`LogFormat "%%h %%t \"%%r\" %%>s" short`)
	p("CustomLog %q short", x.accessLog())
	p("ProxyPass /one/ http://%s/one/", proc.Loopback(x.one))
	p("<Proxy balancer://pool>")
	for _, port := range []int{x.two, x.more, x.dead} {
		p("    BalancerMember http://%s retry=1", proc.Loopback(port))
	}
	p("</Proxy>")
	p("ProxyPass /pool/ balancer://pool/pool/")
	file := filepath.Join(x.dir, "httpd.conf")
	return []string{"-f", file, "-DFOREGROUND"}, os.WriteFile(file, []byte(b.String()), 0o644)
}

// writeNginx writes the site in nginx's language.
func writeNginx(x site) ([]string, error) {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if x.root {
		p("user root;")
	}
	p("daemon off;\nworker_processes 2;\npid %s/nginx.pid;\nerror_log %s/error.log crit;", x.dir, x.dir)
	p("events { worker_connections 2048; }\nhttp {")
	for _, t := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		p("  %s_temp_path %s;", t, filepath.Join(x.dir, t))
	}
	p("  access_log %s;", x.accessLog())
	p("  client_max_body_size 0;\n  client_header_timeout 6s;\n  client_body_timeout 10s;\n  keepalive_timeout 5s;")
	p("  proxy_http_version 1.1;\n  proxy_set_header Connection \"\";\n  proxy_read_timeout %ds;", int(proxyTimeout/time.Second))
	p("  upstream one { server %s max_fails=0; keepalive 64; }", proc.Loopback(x.one))
	p("  upstream pool { server %s max_fails=0; server %s max_fails=0; server %s fail_timeout=1s; keepalive 64; }",
		proc.Loopback(x.two), proc.Loopback(x.more), proc.Loopback(x.dead))
	p("  server {\n    listen %s backlog=1024;", proc.Loopback(x.port))
	p("    location /one/ { proxy_pass http://one; }\n    location /pool/ { proxy_pass http://pool; }\n  }\n}")
	file := filepath.Join(x.dir, "nginx.conf")
	return []string{"-p", x.dir, "-c", file, "-e", filepath.Join(x.dir, "error.log")}, os.WriteFile(file, []byte(b.String()), 0o644)
}
