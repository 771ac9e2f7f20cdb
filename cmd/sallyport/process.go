package main

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/modules/core"
	"sallyport/internal/modules/unixd"
	"sallyport/internal/server"
)

// process is what a configuration says about the process as a whole.
type process struct {
	listens          []server.Listen
	pidFile          string
	user             *unixd.Conf   // nil: stay who we are
	gracefulShutdown time.Duration // 0: until the last exchange has ended
}

func processOf(cfg *conf.Config) *process {
	p := &process{pidFile: "logs/httpd.pid"}
	c := core.Process.Of(cfg.Main.Conf)
	if c != nil {
		p.pidFile = c.PidFile.Or(p.pidFile)
		p.gracefulShutdown = c.Drain.V
		p.listens = listens(c.Listen)
	}
	p.user = unixd.Process.Of(cfg.Main.Conf)
	if !filepath.IsAbs(p.pidFile) {
		p.pidFile = filepath.Join(cfg.Root, p.pidFile)
	}
	return p
}

func listens(lines []core.Listen) []server.Listen {
	var out []server.Listen
	for _, l := range lines {
		port := strconv.Itoa(int(l.Port))
		tls := l.Proto == "https"
		if len(l.Addrs) == 0 {
			out = append(out, server.Listen{Network: "tcp", Addr: ":" + port, TLS: tls})
		}
		for _, a := range l.Addrs {
			network := "tcp4"
			if a.Is6() {
				network = "tcp6"
			}
			out = append(out, server.Listen{Network: network, Addr: net.JoinHostPort(a.String(), port), TLS: tls})
		}
	}
	return out
}

// writeProcess prints the end of -S.
func writeProcess(w io.Writer, cfg *conf.Config) {
	p := processOf(cfg)
	fmt.Fprintf(w, "ServerRoot: %q\n", cfg.Root)
	if s := core.Server.Of(cfg.Main.Conf); s != nil {
		if s.DocumentRoot.Is {
			fmt.Fprintf(w, "Main DocumentRoot: %q\n", s.DocumentRoot.V)
		}
		if s.ErrorLog.Is {
			fmt.Fprintf(w, "Main ErrorLog: %q\n", s.ErrorLog.V.String())
		}
	}
	fmt.Fprintf(w, "PidFile: %q\n", p.pidFile)
	names := make([]string, 0, len(cfg.Defines))
	for n := range cfg.Defines {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if v := cfg.Defines[n]; v != "" {
			n += "=" + v
		}
		fmt.Fprintf(w, "Define: %s\n", n)
	}
}
