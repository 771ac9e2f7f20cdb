package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/logfile"
	"sallyport/internal/modules/core"
	"sallyport/internal/modules/unixd"
	"sallyport/internal/server"
)

// process is what a configuration says about the process as a whole.
type process struct {
	listens          []server.Listen
	workers          int    // exchanges at once; 0: not set
	pidFile          string // "": none
	user             *unixd.Conf
	errorLog         logfile.Target // the main server's
	gracefulShutdown time.Duration  // 0: until the last exchange has ended
}

func processOf(cfg *conf.Config) *process {
	p := &process{user: unixd.Process.Of(cfg.Main.Conf), errorLog: logfile.Target{Kind: logfile.Stderr}}
	if p.user == nil {
		p.user = &unixd.Conf{}
	}
	c := core.Process.Of(cfg.Main.Conf)
	if c == nil {
		c = &core.ProcessConf{}
	}
	p.gracefulShutdown = c.Drain.V
	p.listens = listens(c)
	p.workers = c.MaxWorkers()
	if s := core.Server.Of(cfg.Main.Conf); s != nil && s.ErrorLog.Is {
		p.errorLog = s.ErrorLog.V
	}
	switch logs := filepath.Join(cfg.Root, "logs"); {
	case c.PidFile.Is:
		p.pidFile = c.PidFile.V
	case isDir(logs):
		// Unlike httpd, which fails to start when its default can't be
		// written: whoever names no PidFile may not want one.
		p.pidFile = filepath.Join(logs, "httpd.pid")
	}
	return p
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func listens(c *core.ProcessConf) []server.Listen {
	s := server.Sockets{Backlog: c.Backlog.V, SendBuffer: c.SendBuffer.V, RecvBuffer: c.RecvBuffer.V}
	var out []server.Listen
	for _, l := range c.Listen {
		port := strconv.Itoa(int(l.Port))
		s.Defer = c.DeferAccept(l.Proto)
		if len(l.Addrs) == 0 {
			out = append(out, server.Listen{Network: "tcp", Addr: ":" + port, Sockets: s})
		}
		for _, a := range l.Addrs {
			network := "tcp4"
			if a.Is6() {
				network = "tcp6"
			}
			out = append(out, server.Listen{Network: network, Addr: net.JoinHostPort(a.String(), port), Sockets: s})
		}
	}
	return out
}

// writeProcess prints the run settings, as -S and DUMP_RUN_CFG do. There are no
// lines about Mutex: Sallyport has none.
func writeProcess(w io.Writer, cfg *conf.Config) {
	p := processOf(cfg)
	fmt.Fprintf(w, "ServerRoot: %q\n", cfg.Root)
	if s := core.Server.Of(cfg.Main.Conf); s != nil && s.DocumentRoot.Is {
		fmt.Fprintf(w, "Main DocumentRoot: %q\n", s.DocumentRoot.V)
	}
	fmt.Fprintf(w, "Main ErrorLog: %q\n", p.errorLog)
	if p.pidFile != "" {
		fmt.Fprintf(w, "PidFile: %q\n", p.pidFile)
	}
	for _, n := range cfg.DefineOrder {
		if v := cfg.Defines[n]; v != "" {
			n += "=" + v
		}
		fmt.Fprintf(w, "Define: %s\n", n)
	}
	unused := ""
	if os.Geteuid() != 0 {
		unused = " not_used"
	}
	if u := p.user.User; u.Is {
		fmt.Fprintf(w, "User: name=%q id=%d%s\n", u.V.Name, u.V.UID, unused)
	}
	if g := p.user.Group; g.Is {
		fmt.Fprintf(w, "Group: name=%q id=%d%s\n", g.V.Name, g.V.GID, unused)
	}
}
