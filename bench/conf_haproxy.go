//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sallyport/bench/internal/proc"
)

// haproxyConf is the site in HAProxy's language. It cannot write a log file
// itself: lines go to standard output, which is the file. Prefixes and hosts
// are looked up in a map file, as its users do with many of them. tuned turns
// splicing of responses on, which halves what a large body costs it.
func haproxyConf(s Site, mapFile string, tuned bool) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("global")
	p("  nbthread %d", s.Cores)
	// It asks for two files per connection and gives up where it cannot have
	// them, though an idle client needs one.
	p("  no strict-limits")
	p("  maxconn %d", max(2000, s.Conns+1000))
	if s.LogFile != "" {
		p("  log stdout format raw local0")
	}
	p("defaults")
	p("  mode http")
	p("  maxconn %d", max(2000, s.Conns+1000))
	p("  timeout connect 10s")
	p("  timeout client 600s")
	p("  timeout server 600s")
	p("  timeout http-keep-alive 600s")
	p("  http-reuse always")
	p("  option forwardfor")
	if tuned {
		p("  option splice-response")
	}
	p("frontend main")
	front, back := "", ""
	if s.Clear {
		front = " proto h2"
	}
	if s.GRPC {
		back = " proto h2"
	}
	p("  bind %s backlog 4096%s", proc.Loopback(s.Port), front)
	if s.LogFile != "" {
		p("  log global")
		p("  capture request header Referer len 256")
		p("  capture request header User-Agent len 256")
		p(`  log-format '%%ci - - [%%trl] %%{+Q}r %%ST %%B %%{+Q}[capture.req.hdr(0)] %%{+Q}[capture.req.hdr(1)]'`)
	}
	p("  http-request set-header X-Forwarded-Host %%[req.hdr(host)]")
	p("  http-request set-header X-Forwarded-Server bench.test")
	switch {
	case s.Hosts > 0:
		p("  use_backend %%[req.hdr(host),field(1,:),lower,map_str(%s)]", mapFile)
	case s.Prefixes > 0:
		p("  use_backend %%[path,map_beg(%s)]", mapFile)
	default:
		p("  default_backend pool")
	}
	p("backend pool")
	p("  balance roundrobin")
	if s.Prefixes > 0 {
		// The prefix is taken off, as ProxyPass does: /app00001/100 to /100.
		p("  http-request set-path /%%[path,field(3,/)]")
	}
	for i, port := range s.Backends {
		p("  server s%d %s%s", i+1, proc.Loopback(port), back)
	}
	return b.String()
}

// haproxyMap holds the site's prefixes or hosts, one a line.
func haproxyMap(s Site) string {
	var b strings.Builder
	for i := 1; i <= s.Prefixes; i++ {
		fmt.Fprintf(&b, "%s pool\n", prefix(i))
	}
	for i := 1; i <= s.Hosts; i++ {
		fmt.Fprintf(&b, "%s pool\n", hostName(i))
	}
	return b.String()
}

func writeHAProxy(s Site) (Command, error)      { return startHAProxy(s, true) }
func writeHAProxyStock(s Site) (Command, error) { return startHAProxy(s, false) }

// startHAProxy writes the configuration and names HAProxy's arguments.
func startHAProxy(s Site, tuned bool) (Command, error) {
	file, mapFile := filepath.Join(s.Dir, "haproxy.cfg"), filepath.Join(s.Dir, "places.map")
	if err := os.WriteFile(mapFile, []byte(haproxyMap(s)), 0o644); err != nil {
		return Command{}, err
	}
	if err := os.WriteFile(file, []byte(haproxyConf(s, mapFile, tuned)), 0o644); err != nil {
		return Command{}, err
	}
	return Command{Args: []string{"-f", file, "-db"}, Stdout: s.LogFile}, nil
}
