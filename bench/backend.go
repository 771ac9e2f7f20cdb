//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sallyport/bench/internal/proc"
)

// wantFiles is the limit of open files that the largest case needs of one
// process: ten thousand clients, and room.
const wantFiles = 12000

// balancerMembers is how many ports the backend listens on.
const balancerMembers = 8

// Backend is the one server behind every peer: nginx with one worker, made as
// cheap as it can be, since it shares the machine. Small answers come from
// the configuration itself, large ones from the page cache by sendfile.
type Backend struct {
	Ports []int
	child *proc.Process
}

// startBackend writes the bodies and the configuration below dir and starts.
func startBackend(binary, dir string, root bool) (*Backend, error) {
	b := &Backend{}
	for range balancerMembers {
		port, err := proc.FreePort()
		if err != nil {
			return nil, err
		}
		b.Ports = append(b.Ports, port)
	}
	www := filepath.Join(dir, "www")
	if err := os.MkdirAll(www, 0o755); err != nil {
		return nil, fmt.Errorf("start the backend: %w", err)
	}
	for name, size := range map[string]int{"16k": 16 * kib, "1m": mib, "100m": 100 * mib} {
		if err := writeBody(filepath.Join(www, name), size); err != nil {
			return nil, fmt.Errorf("start the backend: %w", err)
		}
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(backendConf(dir, b.Ports, root)), 0o644); err != nil {
		return nil, fmt.Errorf("start the backend: %w", err)
	}
	child, err := proc.Start("backend", dir, []string{binary, "-p", dir, "-c", file, "-e", "stderr"}, nil, nil)
	if err != nil {
		return nil, err
	}
	b.child = child
	if err := child.AwaitPort(b.Ports[len(b.Ports)-1], 10*time.Second); err != nil {
		child.Stop()
		return nil, err
	}
	return b, nil
}

// smallBody is the hundred bytes of /100 and of the answer to a POST.
var smallBody = strings.Repeat("0123456789", 10)

// backendConf is the backend's nginx.conf.
//
// /post reads the whole request body before it answers, as an application
// does: the mirror module reads it, the static handler then finds no such
// file, and the error page is the answer. A bare "return" would answer at
// once and race with the upload, which every peer handles differently.
func backendConf(dir string, ports []int, root bool) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	b.WriteString(nginxHead(dir, 1, 16384, root))
	p("  access_log off;")
	p("  log_not_found off;")
	p("  sendfile on;")
	p("  tcp_nopush on;")
	p("  open_file_cache max=16 inactive=1h;")
	p("  open_file_cache_valid 1h;")
	// A head and 16 KB of body arrive in one read.
	p("  client_header_buffer_size 32k;")
	p("  client_body_buffer_size 64k;")
	p("  default_type application/octet-stream;")
	p("  server {")
	for _, port := range ports {
		p("    listen %s backlog=4096;", proc.Loopback(port))
	}
	p("    root %s;", filepath.Join(dir, "www"))
	p("    location = /100 { return 200 %s; }", smallBody)
	p(`    location = /echo { return 200 "$http_x_forwarded_for|$http_x_forwarded_host|$connection_requests"; }`)
	p("    location = /post { mirror /swallow; error_page 404 405 =200 @took; }")
	p("    location = /swallow { internal; return 204; }")
	p("    location @took { return 200 %s; }", smallBody)
	// The relay takes no prefix off.
	for _, n := range []int{10, 10_000} {
		for _, t := range spread(n, func(i int) Target { return Target{Path: prefix(i)} }) {
			if n == 10 || t.Path != prefix(1) {
				p("    location = %s100 { return 200 %s; }", t.Path, smallBody)
			}
		}
	}
	p("  }")
	p("}")
	return b.String()
}

// writeBody writes size bytes that no two runs of a block share, the same in
// every run of the program.
func writeBody(path string, size int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	random := rand.NewChaCha8([32]byte{1: byte(size >> 10)})
	block := make([]byte, 64*kib)
	for left := size; left > 0; left -= len(block) {
		block = block[:min(left, len(block))]
		if _, err := random.Read(block); err != nil {
			return err
		}
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return f.Close()
}
