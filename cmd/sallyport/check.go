package main

import (
	"fmt"
	"io"
	"os"
	"runtime"

	"sallyport/internal/conf"
	"sallyport/internal/modules/all"
	"sallyport/internal/server"
)

// check answers -t, -S, -M and their DUMP_ names. What is asked for goes to
// standard output, the rest to standard error, as in httpd.
func check(o *options) int {
	cfg, diags := read(o, nil)
	if o.includes {
		writeIncludes(os.Stdout, cfg)
	}
	snap, diags := build(cfg, diags, server.TestEnv())
	o.report(os.Stderr, diags)
	if n, _ := diags.Count(); n > 0 {
		if n > 1 {
			fmt.Fprintf(os.Stderr, "%d errors\n", n)
		}
		return 1
	}
	if o.hosts {
		snap.WriteHosts(os.Stdout)
	}
	if o.process {
		writeProcess(os.Stdout, cfg)
	}
	if o.modules {
		conf.WriteModules(os.Stdout, all.Infos(), cfg)
	}
	if !o.hosts && !o.process && !o.modules && !o.includes {
		fmt.Fprintln(os.Stderr, "Syntax OK")
	}
	return 0
}

// writeIncludes prints the files with the lines that include them.
//
// Unlike httpd, which gives the line number of the file read before where a
// wildcard names several.
func writeIncludes(w io.Writer, cfg *conf.Config) {
	fmt.Fprintln(w, "Included configuration files:")
	for _, in := range cfg.Inclusions {
		line := "*"
		if in.Line > 0 {
			line = fmt.Sprint(in.Line)
		}
		fmt.Fprintf(w, "%*s(%s) %s\n", 2+2*in.Depth, "", line, in.File)
	}
}

// listStatic prints the modules that are there without LoadModule, by their
// sources.
func listStatic(w io.Writer) int {
	fmt.Fprintln(w, "Compiled in modules:")
	for _, m := range all.Infos() {
		if !m.Static {
			continue
		}
		if m.Source == "" {
			m.Source = "mod_" + m.Name + ".c"
		}
		fmt.Fprintf(w, "  %s\n", m.Source)
	}
	return 0
}

func listDirectives(w io.Writer) int {
	if conf.WriteDirectives(w, all.Infos()) != nil {
		return 1
	}
	return 0
}

// showVersion speaks httpd's lines: scripts look for "Apache/2.4".
func showVersion(w io.Writer, long bool) {
	fmt.Fprintf(w, "Server version: Sallyport/%s (speaks Apache/%s)\n", Version, conf.Version)
	fmt.Fprintf(w, "Server built:   with %s\n", runtime.Version())
	if !long {
		return
	}
	fmt.Fprintf(w, "Architecture:   %s %s\n", runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "Server MPM:     one process\n  threaded:     yes (a goroutine for each active connection)\n    forked:     no\n")
	fmt.Fprintf(w, "Server compiled with....\n -D HTTPD_ROOT=%q\n -D SERVER_CONFIG_FILE=%q\n", defaultRoot, defaultFile)
}
