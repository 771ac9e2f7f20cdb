//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"sallyport/bench/internal/proc"
)

// Site is what a peer is told to be: the part of a Case that is configuration,
// with the ports and files of this run.
type Site struct {
	Dir      string // the peer's own directory: configuration, logs, pid file
	Port     int    // where it listens, on loopback
	Backends []int  // ports; more than one are members of a balancer
	Conns    int    // client connections to expect
	Prefixes int
	Hosts    int
	LogFile  string // combined access log; empty: none
	Cores    int
	Streams  int    // of HTTP/2 on each connection; 0: HTTP/1.1
	Clear    bool   // HTTP/2 without TLS
	GRPC     bool   // the backends speak gRPC
	QUIC     bool   // HTTP/3 too
	Cert     string // file of the certificate and its key; empty: no TLS
	Root     bool   // started as root: servers that drop privileges need a user
}

// Command is how a configured peer is started.
type Command struct {
	Args   []string
	Env    []string
	Stdout string // file for standard output; empty: with standard error
}

// Kind is one sort of peer.
type Kind struct {
	Name    string
	Title   string
	Env     string   // variable that names another binary
	Paths   []string // where its binary may be; the first that exists
	Version []string // arguments that make it print its version
	Package string   // Debian's name of the package; empty: not from Debian
	Floor   bool     // passes bytes on and has no duties
	Extra   bool     // runs only when asked for
	TLS     bool     // takes part where there is TLS
	Clear   bool     // speaks HTTP/2 and gRPC without TLS
	QUIC    bool     // speaks HTTP/3
	// Write writes the configuration below Site.Dir and says how to start.
	Write func(Site) (Command, error)
}

// kinds are the peers in the order of the tables.
func kinds() []Kind {
	return []Kind{
		{Name: "sallyport", TLS: true, Clear: true, QUIC: true, Title: "Sallyport", Env: "SALLYPORT_BIN", Version: []string{"-v"}, Write: writeSallyport},
		{Name: "nginx", TLS: true, Clear: true, Title: "nginx", Env: "NGINX_BIN", Paths: []string{"/usr/sbin/nginx", "nginx"}, Version: []string{"-v"}, Package: "nginx", Write: writeNginx},
		{Name: "haproxy", Clear: true, Title: "HAProxy", Env: "HAPROXY_BIN", Paths: []string{"/usr/sbin/haproxy", "haproxy"}, Version: []string{"-v"}, Package: "haproxy", Write: writeHAProxy},
		{Name: "nginx-stock", Title: "nginx, buffers as they come", Env: "NGINX_BIN", Paths: []string{"/usr/sbin/nginx", "nginx"}, Version: []string{"-v"}, Package: "nginx", Extra: true, Write: writeNginxStock},
		{Name: "haproxy-stock", Title: "HAProxy without splicing", Env: "HAPROXY_BIN", Paths: []string{"/usr/sbin/haproxy", "haproxy"}, Version: []string{"-v"}, Package: "haproxy", Extra: true, Write: writeHAProxyStock},
		{Name: "httpd", TLS: true, Title: "Apache httpd, event", Env: "HTTPD_BIN", Paths: []string{"/usr/sbin/apache2", "apache2", "httpd"}, Version: []string{"-v"}, Package: "apache2", Write: writeHTTPD},
		{Name: "caddy", Title: "Caddy", Env: "CADDY_BIN", Paths: []string{"/usr/bin/caddy", "caddy"}, Version: []string{"version"}, Package: "caddy", Write: writeCaddy},
		{Name: "nethttp", Title: "net/http ReverseProxy", Write: writeNetHTTP},
		{Name: "relay", Title: "byte relay (the floor)", Floor: true, Write: writeRelay},
	}
}

// Peer is one entry of the race: a kind and the binary to start.
type Peer struct {
	Kind
	Label  string // name in tables; the kind's, or the one given by the user
	Binary string
	Says   string // first line of its version output
}

// choosePeers resolves a comma-separated list of NAME or LABEL=NAME:BINARY;
// an empty list means every kind but the extra ones. A kind whose binary is missing is left out
// and the reason returned.
func choosePeers(list string) (peers []Peer, absent []string, err error) {
	byName := map[string]Kind{}
	var names, usual []string
	for _, k := range kinds() {
		byName[k.Name] = k
		names = append(names, k.Name)
		if !k.Extra {
			usual = append(usual, k.Name)
		}
	}
	if list == "" {
		list = strings.Join(usual, ",")
	}
	seen := map[string]bool{}
	for entry := range strings.SplitSeq(list, ",") {
		entry = strings.TrimSpace(entry)
		label, rest, named := strings.Cut(entry, "=")
		name, binary := label, ""
		if named {
			name, binary, _ = strings.Cut(rest, ":")
		}
		k, ok := byName[name]
		if !ok {
			return nil, nil, fmt.Errorf("choose peers: no peer %q (there are %s)", name, strings.Join(names, ", "))
		}
		if seen[label] {
			return nil, nil, fmt.Errorf("choose peers: %q twice", label)
		}
		seen[label] = true
		p := Peer{Kind: k, Label: label}
		if p.Binary, err = k.find(binary); err != nil {
			absent = append(absent, fmt.Sprintf("%s: %v", label, err))
			continue
		}
		p.Says = k.version(p.Binary)
		peers = append(peers, p)
	}
	return peers, absent, nil
}

// find returns the path of the kind's binary: the one given, else the one of
// its variable, else the first of its usual places.
func (k Kind) find(given string) (string, error) {
	if given == "" && k.Env != "" {
		given = os.Getenv(k.Env)
	}
	switch {
	case given != "":
		path, err := exec.LookPath(given)
		if err != nil {
			return "", fmt.Errorf("left out: %w", err)
		}
		return filepath.Abs(path)
	case k.Name == "sallyport":
		return buildSallyport()
	case len(k.Paths) == 0:
		return os.Executable()
	}
	for _, p := range k.Paths {
		if path, err := exec.LookPath(p); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("left out: no %s found and %s not set", k.Paths[0], k.Env)
}

// version is the first line of what the binary says about itself.
func (k Kind) version(binary string) string {
	if k.Version == nil {
		return runtime.Version()
	}
	out, _ := exec.Command(binary, k.Version...).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(line)
}

// buildSallyport builds ./cmd/sallyport of the module the program is run in.
func buildSallyport() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sallyport").Output()
	if err != nil {
		return "", fmt.Errorf("left out: SALLYPORT_BIN not set and not run inside the module")
	}
	root := strings.TrimSpace(string(out))
	if files, _ := filepath.Glob(filepath.Join(root, "cmd/sallyport/*.go")); len(files) == 0 {
		return "", fmt.Errorf("left out: SALLYPORT_BIN not set and no cmd/sallyport to build")
	}
	bin := filepath.Join(os.TempDir(), fmt.Sprintf("bench-sallyport-%d", os.Getpid()))
	build := exec.Command("go", "build", "-o", bin, "./cmd/sallyport")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("left out: cmd/sallyport does not build: %s", strings.TrimSpace(string(out)))
	}
	cleanups.add(func() { os.Remove(bin) })
	return bin, nil
}

// launch writes the peer's configuration for the site and starts it. The
// caller stops the Process.
func (p Peer) launch(s Site) (*proc.Process, error) {
	c, err := p.Write(s)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", p.Label, err)
	}
	var stdout *os.File
	if c.Stdout != "" {
		if stdout, err = os.OpenFile(c.Stdout, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
			return nil, fmt.Errorf("configure %s: %w", p.Label, err)
		}
		defer stdout.Close()
	}
	child, err := proc.Start(p.Label, s.Dir, append([]string{p.Binary}, c.Args...), c.Env, stdout)
	if err != nil {
		return nil, err
	}
	// Ten thousand virtual hosts take some peers a while to read.
	if err := child.AwaitPort(s.Port, 90*time.Second); err != nil {
		child.Stop()
		return nil, err
	}
	return child, nil
}
