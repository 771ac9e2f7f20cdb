// Package mpm is the room of the directives that size httpd's processes and
// threads (event, worker and prefork). Sallyport has neither: a goroutine
// serves each active connection, an idle one costs next to nothing, and Go
// spreads the work over the cores. The directives are read and checked, and
// one note says that they have no effect. What httpd's MPMs also own and
// Sallyport heeds (Listen, GracefulShutdownTimeout, …) is in room core.
package mpm

import (
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
	whyNoLimit   = "Sallyport has no processes and threads to size: each active connection has a goroutine of its own, and their number is not limited"
	whyNoRecycle = "Sallyport is one process that is never recycled; it is renewed by a restart"
)

var directives = []conf.Directive{
	accept("StartServers", "processes at the start"),
	accept("MinSpareServers", "idle processes kept at least (prefork)"),
	accept("MaxSpareServers", "idle processes kept at most (prefork)"),
	accept("MinSpareThreads", "idle threads kept at least"),
	accept("MaxSpareThreads", "idle threads kept at most"),
	accept("ServerLimit", "processes there may ever be"),
	accept("ThreadLimit", "threads a process may ever have"),
	accept("ThreadsPerChild", "threads of a process"),
	accept("MaxRequestWorkers", "exchanges at the same time"),
	accept("MaxClients", "exchanges at the same time (old name)"),
	core.Accept("AsyncRequestWorkerFactor", conf.InServer, conf.One, "connections accepted per idle thread", whyNoLimit, positive),
	core.Accept("MaxConnectionsPerChild", conf.InServer, conf.One, "connections a process serves", whyNoRecycle, nil),
	core.Accept("MaxRequestsPerChild", conf.InServer, conf.One, "connections a process serves (old name)", whyNoRecycle, nil),
}

func accept(name, help string) conf.Directive {
	return core.Accept(name, conf.InServer, conf.One, help, whyNoLimit, nil)
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
