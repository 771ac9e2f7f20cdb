// Package mpm is the room of the directives that size httpd's processes and
// threads (event, worker and prefork). Sallyport has neither: a goroutine
// serves each active connection, an idle one costs next to nothing, and Go
// spreads the work over the cores. What remains is how many exchanges may be
// under way at once (MaxRequestWorkers); the other directives are read and
// checked, and one note says that they have no effect. What httpd's MPMs also
// own and Sallyport heeds (Listen, GracefulShutdownTimeout, …) is in room core;
// the limit itself is kept by package server.
package mpm

import (
	"fmt"
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
)

// Room declares what the MPMs of httpd have in common.
var Room = module.Room{Name: "mpm_common", Source: "mpm_common.c", Static: true, Directives: directives}

const (
	whyNoLimit   = "Sallyport has no processes and threads to size: each active connection has a goroutine of its own; MaxRequestWorkers bounds the requests served at once, and without it memory and open files do"
	whyNoRecycle = "Sallyport is one process that is never recycled; it is renewed by a restart"
)

var directives = []conf.Directive{
	accept("StartServers", "processes at the start"),
	accept("MinSpareServers", "idle processes kept at least (prefork)"),
	accept("MaxSpareServers", "idle processes kept at most (prefork)"),
	accept("MinSpareThreads", "idle threads kept at least"),
	accept("MaxSpareThreads", "idle threads kept at most"),
	number("ServerLimit", "processes there may ever be: with ThreadsPerChild, requests served at once", func(p *core.ProcessConf) *conf.Opt[int] { return &p.Processes }),
	accept("ThreadLimit", "threads a process may ever have"),
	number("ThreadsPerChild", "threads of a process: with ServerLimit, requests served at once", func(p *core.ProcessConf) *conf.Opt[int] { return &p.Threads }),
	number("MaxRequestWorkers", "requests served at once; more wait", workers),
	number("MaxClients", "requests served at once (old name)", workers),
	core.Accept("AsyncRequestWorkerFactor", conf.InServer, conf.One, "connections accepted per idle thread", whyNoLimit, positive),
	core.Accept("MaxConnectionsPerChild", conf.InServer, conf.One, "connections a process serves", whyNoRecycle, nil),
	core.Accept("MaxRequestsPerChild", conf.InServer, conf.One, "connections a process serves (old name)", whyNoRecycle, nil),
}

func accept(name, help string) conf.Directive {
	return core.Accept(name, conf.InServer, conf.One, help, whyNoLimit, nil)
}

func workers(p *core.ProcessConf) *conf.Opt[int] { return &p.Workers }

// number makes the row of a count. As httpd does, it takes the leading digits
// and reads what is less than 1 as 1; a warning says so.
//
// Unlike httpd: text without a number is an error, because one request at a
// time is not what anybody means.
func number(name, help string, field func(*core.ProcessConf) *conf.Opt[int]) conf.Directive {
	return conf.Directive{Name: name, In: conf.InServer, Args: conf.One, Help: help,
		Set: core.Process.Do(func(c *conf.Cmd, p *core.ProcessConf, args []string) error {
			digits := args[0]
			if i := strings.IndexFunc(digits[min(1, len(digits)):], func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
				digits = digits[:i+1]
			}
			n, err := strconv.ParseInt(digits, 10, 32)
			switch {
			case err != nil:
				return &diag.Err{Text: name + " " + args[0] + ": not a number", Expected: "a number of at least 1", Word: 1}
			case digits != args[0]:
				c.Warn(fmt.Sprintf("%s: %q is read as %d, as httpd does", name, args[0], n), "")
			}
			if n < 1 {
				c.Warn(fmt.Sprintf("%s of %d not allowed, increasing to 1", name, n), "")
				n = 1
			}
			*field(p) = conf.Some(c, int(n))
			return nil
		})}
}

// positive checks a decimal as httpd does with strtod: what follows the number
// is an error too.
func positive(c *conf.Cmd, args []string) error {
	f, err := strconv.ParseFloat(strings.TrimSpace(args[0]), 64)
	if err != nil {
		return &diag.Err{Text: "error parsing value", Expected: "a positive number", Word: 1}
	}
	if f <= 0 {
		return &diag.Err{Text: "AsyncRequestWorkerFactor argument must be a positive number", Word: 1}
	}
	return nil
}
