// Command sallyport is a reverse proxy and load balancer that runs an Apache
// httpd reverse-proxy configuration as it stands. Its command line is httpd's:
// options.go reads it, check.go answers the questions (-t, -S, -M, -L, -v, -V),
// run.go serves and obeys signals, control.go is -k.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Version is Sallyport's own; conf.Version is the httpd it speaks for.
const Version = "0.1.0"

func main() {
	// A reader of our standard error that goes away must not end us.
	signal.Ignore(syscall.SIGPIPE)
	o, err := parseOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "sallyport: %v\n\n", err)
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
		return listModules(os.Stdout, nil)
	case o.test || o.hosts || o.modules:
		return check(o)
	case o.signal != "" && o.signal != "start":
		return control(o)
	case o.signal == "start":
		return startDetached(o)
	}
	return serve(o)
}
