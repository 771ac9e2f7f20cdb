package main

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"sallyport/internal/conf"
	"sallyport/internal/modules/all"
)

// check answers -t, -S and -M.
func check(o *options) int {
	snap, cfg, diags := load(o, nil)
	diags.Print(os.Stderr, "sallyport")
	if diags.Failed() {
		n, _ := diags.Count()
		if n > 1 {
			fmt.Fprintf(os.Stderr, "%d errors\n", n)
		}
		return 1
	}
	switch {
	case o.hosts:
		snap.WriteHosts(os.Stdout)
		writeProcess(os.Stdout, cfg)
	case o.modules:
		return listModules(os.Stdout, cfg)
	default:
		fmt.Fprintln(os.Stderr, "Syntax OK")
	}
	return 0
}

func listModules(w io.Writer, cfg *conf.Config) int {
	conf.WriteModules(w, all.Infos(), cfg)
	return 0
}

func listDirectives(w io.Writer) int {
	conf.WriteDirectives(w, all.Infos())
	return 0
}

func showVersion(w io.Writer, long bool) {
	fmt.Fprintf(w, "Server version: Sallyport/%s (Apache/%s configuration)\n", Version, conf.Version)
	if !long {
		return
	}
	fmt.Fprintf(w, "Server built with: %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, " -D HTTPD_ROOT=%q\n -D SERVER_CONFIG_FILE=%q\n", defaultRoot, defaultFile)
}
