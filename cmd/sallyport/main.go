// Command sallyport is a reverse proxy and load balancer that runs an Apache
// httpd reverse-proxy configuration as it stands. Its command line is httpd's.
//
// The files in the order things happen: options.go reads the command line,
// load.go the configuration (with Debian's envvars, envvars.go) and report.go
// prints what was found in it; check.go answers the questions (-t, -S, -M, -L,
// -v, -V); run.go serves and obeys signals, with process.go, pidfile.go,
// user.go and terminal.go for its place among other processes; control.go is
// -k. "sallyport ctl" is a client of a running server (package ctl). Everything else is the business of the packages below internal.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sallyport/internal/ctl"
	"sallyport/internal/keeper"
	"sallyport/internal/server"
)

// Version is Sallyport's own; conf.Version is the httpd it speaks for.
const Version = "0.1.0"

func main() {
	if keeper.Called() {
		os.Exit(keeper.Main())
	}
	if len(os.Args) > 1 && os.Args[1] == "ctl" {
		os.Exit(ctl.Main(os.Args[2:], os.Stdout, os.Stderr))
	}
	// A reader of our standard error that goes away must not end us. (Ignored,
	// the signal would stay so in the programs that logs are piped to.)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "sallyport: %v\n", err)
		usage(os.Stderr)
		os.Exit(1)
	}
	os.Exit(dispatch(o))
}

func dispatch(o *options) int {
	switch {
	case o.help:
		usage(os.Stdout)
		return 0
	case o.version, o.build:
		showVersion(os.Stdout, o.build)
		return 0
	case o.list:
		return listDirectives(os.Stdout)
	case o.static:
		return listStatic(os.Stdout)
	}
	if o.logFile != "" {
		// Standard error itself is replaced, as in httpd, so that a crash shows
		// there as well.
		if err := stderrTo(o.underRoot(o.logFile)); err != nil {
			return fail(err)
		}
	}
	switch {
	case o.asks():
		return check(o)
	case o.signal != "":
		return control(o)
	}
	return serve(o)
}

func fail(err error) int {
	fmt.Fprintf(console, "sallyport: %v\n", err)
	var bind *server.BindError
	if errors.As(err, &bind) {
		if h := bind.Hint(); h != "" {
			fmt.Fprintf(console, "  hint: %s\n", h)
		}
	}
	return 1
}
