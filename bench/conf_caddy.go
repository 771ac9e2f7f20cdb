//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sallyport/bench/internal/proc"
)

// caddyConf is the site as a Caddyfile. Caddy's own access log is JSON; the
// combined format needs a plug-in that Debian's build lacks.
func caddyConf(s Site) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("{")
	p("\tadmin off")
	p("\tauto_https off")
	p("\tlog {\n\t\tlevel ERROR\n\t}")
	p("}")
	logging := func() {
		if s.LogFile != "" {
			p("\tlog {\n\t\toutput file %s {\n\t\t\troll_disabled\n\t\t}\n\t\tlevel INFO\n\t}", s.LogFile)
		}
	}
	proxy := func(indent string) {
		p("%sreverse_proxy {", indent)
		for _, port := range s.Backends {
			p("%s\tto %s", indent, proc.Loopback(port))
		}
		p("%s\tlb_policy round_robin", indent)
		p("%s\ttransport http {", indent)
		p("%s\t\tcompression off", indent)
		p("%s\t\tkeepalive 600s", indent)
		p("%s\t\tkeepalive_idle_conns 1024", indent)
		p("%s\t\tkeepalive_idle_conns_per_host 1024", indent)
		p("%s\t}", indent)
		p("%s}", indent)
	}
	switch {
	case s.Hosts > 0:
		for i := 1; i <= s.Hosts; i++ {
			p("http://%s:%d {", hostName(i), s.Port)
			p("\tbind 127.0.0.1")
			proxy("\t")
			p("}")
		}
	case s.Prefixes > 0:
		p("http://:%d {\n\tbind 127.0.0.1", s.Port)
		for i := 1; i <= s.Prefixes; i++ {
			p("\thandle_path %s* {", prefix(i))
			proxy("\t\t")
			p("\t}")
		}
		p("}")
	default:
		p("http://:%d {\n\tbind 127.0.0.1", s.Port)
		logging()
		proxy("\t")
		p("}")
	}
	return b.String()
}

func writeCaddy(s Site) (Command, error) {
	file := filepath.Join(s.Dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyConf(s)), 0o644); err != nil {
		return Command{}, err
	}
	return Command{
		Args: []string{"run", "--config", file, "--adapter", "caddyfile"},
		Env:  []string{"HOME=" + s.Dir, "XDG_DATA_HOME=" + s.Dir, "XDG_CONFIG_HOME=" + s.Dir},
	}, nil
}
