//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sallyport/bench/internal/proc"
)

// nginxHead opens an nginx.conf of either role: what both set alike.
func nginxHead(dir string, workers, connections int, root bool) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if root {
		p("user root;")
	}
	p("daemon off;")
	p("worker_processes %d;", workers)
	p("pid %s;", filepath.Join(dir, "nginx.pid"))
	p("error_log stderr error;")
	p("events { worker_connections %d; }", connections)
	p("http {")
	for _, t := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		p("  %s_temp_path %s;", t, filepath.Join(dir, t))
	}
	p("  client_max_body_size 0;")
	p("  keepalive_requests 1000000000;")
	p("  keepalive_timeout 600s;")
	p("  send_timeout 600s;")
	return b.String()
}

// nginxBuffers let a worker gather up to 256 KB of a response before it
// writes; with nginx's own 8 pages a large body costs half as much again.
const nginxBuffers = `  proxy_buffer_size 16k;
  proxy_buffers 16 16k;
  proxy_busy_buffers_size 32k;
`

// nginxConf is the site in nginx's language: one worker per core, idle
// backend connections for every client, bodies of 16 KB in memory, nothing
// spilled to files. The log is buffered, as Sallyport's is. tuned adds
// nginxBuffers.
func nginxConf(s Site, tuned bool) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	b.WriteString(nginxHead(s.Dir, s.Cores, 2*s.Conns+512, s.Root))
	if s.LogFile != "" {
		p("  access_log %s combined buffer=64k flush=1s;", s.LogFile)
	} else {
		p("  access_log off;")
	}
	p("  client_body_buffer_size 64k;")
	p("  proxy_http_version 1.1;")
	p("  proxy_max_temp_file_size 0;")
	if tuned {
		b.WriteString(nginxBuffers)
	}
	p("  proxy_set_header Connection \"\";")
	p("  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;")
	p("  proxy_set_header X-Forwarded-Host $http_host;")
	p("  proxy_set_header X-Forwarded-Server bench.test;")
	p("  proxy_read_timeout 600s;")
	p("  upstream pool {")
	for _, port := range s.Backends {
		p("    server %s max_fails=0;", proc.Loopback(port))
	}
	p("    keepalive %d;", max(128, min(s.Conns, 1024)))
	p("    keepalive_requests 1000000000;")
	p("    keepalive_timeout 600s;")
	p("  }")
	listen := proc.Loopback(s.Port)
	switch {
	case s.Hosts > 0:
		p("  server_names_hash_max_size 65536;")
		p("  server_names_hash_bucket_size 128;")
		for i := 1; i <= s.Hosts; i++ {
			options := ""
			if i == 1 {
				options = " backlog=4096"
			}
			p("  server { listen %s%s; server_name %s; location / { proxy_pass http://pool; } }", listen, options, hostName(i))
		}
	case s.Prefixes > 0:
		p("  server {\n    listen %s backlog=4096;", listen)
		for i := 1; i <= s.Prefixes; i++ {
			p("    location %s { proxy_pass http://pool/; }", prefix(i))
		}
		p("  }")
	default:
		if s.Cert != "" {
			h2 := ""
			if s.Streams > 0 {
				h2 = " http2"
			}
			p("  ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.3; ssl_session_cache shared:bench:10m;", s.Cert, s.Cert)
			p("  server { listen %s ssl%s backlog=4096; location / { proxy_pass http://pool; } }", listen, h2)
			break
		}
		switch {
		case s.GRPC:
			p("  server { listen %s http2 backlog=4096; location / { grpc_pass grpc://pool; grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } }", listen)
		case s.Clear:
			p("  server { listen %s http2 backlog=4096; location / { proxy_pass http://pool; } }", listen)
		default:
			p("  server { listen %s backlog=4096; location / { proxy_pass http://pool; } }", listen)
		}
	}
	p("}")
	return b.String()
}

func writeNginx(s Site) (Command, error)      { return startNginx(s, nginxConf(s, true)) }
func writeNginxStock(s Site) (Command, error) { return startNginx(s, nginxConf(s, false)) }

// startNginx writes the configuration and names nginx's arguments.
func startNginx(s Site, text string) (Command, error) {
	file := filepath.Join(s.Dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return Command{}, err
	}
	return Command{Args: []string{"-p", s.Dir, "-c", file, "-e", "stderr"}}, nil
}
