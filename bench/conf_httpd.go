//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sallyport/bench/internal/proc"
)

// moduleDirs are where distributions keep httpd's modules.
var moduleDirs = []string{"/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/local/apache2/modules"}

// httpdModules are the modules the site needs, with their files.
func httpdModules(s Site) [][2]string {
	list := [][2]string{
		{"mpm_event_module", "mod_mpm_event.so"},
		{"authz_core_module", "mod_authz_core.so"},
		{"proxy_module", "mod_proxy.so"},
		{"proxy_http_module", "mod_proxy_http.so"},
	}
	if len(s.Backends) > 1 {
		list = append(list,
			[2]string{"slotmem_shm_module", "mod_slotmem_shm.so"},
			[2]string{"proxy_balancer_module", "mod_proxy_balancer.so"},
			[2]string{"lbmethod_byrequests_module", "mod_lbmethod_byrequests.so"})
	}
	if s.Clear {
		list = append(list, [2]string{"http2_module", "mod_http2.so"}, [2]string{"proxy_http2_module", "mod_proxy_http2.so"})
	}
	if s.Cert != "" {
		list = append(list, [2]string{"socache_shmcb_module", "mod_socache_shmcb.so"}, [2]string{"ssl_module", "mod_ssl.so"}, [2]string{"http2_module", "mod_http2.so"})
	}
	return list
}

// httpdProcesses is how httpd's event MPM is tuned: enough threads for every
// case but the thousand slow readers, none ended in the middle of a run, and
// no limit on idle connections that would close them.
const httpdProcesses = `ServerLimit 8
StartServers 4
ThreadLimit 64
ThreadsPerChild 64
MaxRequestWorkers 512
MinSpareThreads 64
MaxSpareThreads 512
MaxConnectionsPerChild 0
AsyncRequestWorkerFactor 100
`

// httpdConf is the site in httpd's language. Sallyport reads the same text,
// save the sizing of httpd's processes.
func httpdConf(s Site, modules string, sizing bool) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("ServerRoot %q", s.Dir)
	p("ServerName bench.test")
	p("DefaultRuntimeDir %q", s.Dir)
	p("PidFile %q", filepath.Join(s.Dir, "httpd.pid"))
	p("ErrorLog %q", filepath.Join(s.Dir, "error.log"))
	p("LogLevel warn")
	for _, m := range httpdModules(s) {
		p("LoadModule %s %s", m[0], filepath.Join(modules, m[1]))
	}
	if s.Root {
		p("User www-data")
		p("Group www-data")
	}
	p("Listen %s", proc.Loopback(s.Port))
	p("ListenBacklog 4096")
	if sizing {
		b.WriteString(httpdProcesses)
	}
	if s.Cert != "" {
		p("SSLEngine on\nSSLProtocol TLSv1.3\nSSLCertificateFile %s", s.Cert)
	}
	switch {
	case s.QUIC:
		p("Protocols h3 h2 http/1.1")
	case s.Clear:
		p("Protocols h2c http/1.1")
	case s.Streams > 0:
		p("Protocols h2 http/1.1")
	}
	p("Timeout 600")
	p("KeepAlive On")
	p("MaxKeepAliveRequests 0")
	p("KeepAliveTimeout 600")
	if s.LogFile != "" {
		p(`LogFormat "%%h %%l %%u %%t \"%%r\" %%>s %%O \"%%{Referer}i\" \"%%{User-Agent}i\"" combined`)
		p("BufferedLogs On")
		p("CustomLog %q combined", s.LogFile)
	}
	scheme := "http"
	if s.GRPC {
		scheme = "h2c"
	}
	target := fmt.Sprintf("%s://%s/", scheme, proc.Loopback(s.Backends[0]))
	if len(s.Backends) > 1 {
		target = "balancer://pool/"
		p("<Proxy balancer://pool>")
		for _, port := range s.Backends {
			p("    BalancerMember http://%s", proc.Loopback(port))
		}
		p("</Proxy>")
	}
	switch {
	case s.Hosts > 0:
		for i := 1; i <= s.Hosts; i++ {
			p("<VirtualHost *:%d>", s.Port)
			p("    ServerName %s", hostName(i))
			p("    ProxyPass / %s", target)
			p("</VirtualHost>")
		}
	case s.Prefixes > 0:
		for i := 1; i <= s.Prefixes; i++ {
			p("ProxyPass %s %s", prefix(i), target)
		}
	default:
		p("ProxyPass / %s", target)
	}
	return b.String()
}

// httpdLogging adds the module that a log needs where it is not built in.
// Debian builds it in; loading it again there only earns a warning, so it is
// loaded where its file exists.
func httpdLogging(s Site, modules string) string {
	var b strings.Builder
	for _, m := range [][2]string{{"log_config_module", "mod_log_config.so"}, {"unixd_module", "mod_unixd.so"}} {
		path := filepath.Join(modules, m[1])
		if _, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "LoadModule %s %s\n", m[0], path)
		}
	}
	return b.String()
}

// httpdModuleDir is the first of moduleDirs that exists, else the first.
func httpdModuleDir() string {
	for _, d := range moduleDirs {
		if _, err := os.Stat(d); err == nil {
			return d
		}
	}
	return moduleDirs[0]
}

func writeHTTPD(s Site) (Command, error) {
	modules := httpdModuleDir()
	return writeApacheStyle(s, httpdLogging(s, modules)+httpdConf(s, modules, true))
}

func writeSallyport(s Site) (Command, error) {
	return writeApacheStyle(s, httpdConf(s, httpdModuleDir(), false))
}

// writeApacheStyle writes the configuration and names httpd's arguments.
func writeApacheStyle(s Site, text string) (Command, error) {
	file := filepath.Join(s.Dir, "httpd.conf")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return Command{}, err
	}
	return Command{Args: []string{"-f", file, "-DFOREGROUND"}}, nil
}
