package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// Where Debian's httpd looks, so that a bare "sallyport" finds the same file.
const (
	defaultRoot = "/etc/apache2"
	defaultFile = "apache2.conf"
)

// options is the command line. Options may be glued to their value (-DNAME).
type options struct {
	file, root                   string
	defines                      []string
	before, after                []string // -C, -c
	level                        string   // -e
	signal                       string   // -k
	logFile                      string   // -E
	test, hosts, modules         bool     // -t, -S, -M
	list, static                 bool     // -L, -l
	version, build, help, single bool     // -v, -V, -h, -X
}

func parseOptions(args []string) (*options, error) {
	o := &options{}
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case a == "--help":
			o.help = true
			continue
		case a == "--version":
			o.version = true
			continue
		case len(a) < 2 || a[0] != '-':
			return nil, fmt.Errorf("unexpected argument %q", a)
		}
		for a = a[1:]; a != ""; {
			c := a[0]
			a = a[1:]
			if strings.IndexByte("fdDCcekERw", c) < 0 {
				if err := o.flag(c); err != nil {
					return nil, err
				}
				continue
			}
			v := a
			a = ""
			if v == "" {
				if len(args) == 0 {
					return nil, fmt.Errorf("option -%c needs a value", c)
				}
				v = args[0]
				args = args[1:]
			}
			if err := o.value(c, v); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range o.defines {
		switch d {
		case "DUMP_VHOSTS":
			o.hosts = o.test
		case "DUMP_MODULES":
			o.modules = o.test
		}
	}
	if o.root == "" {
		o.root = defaultRoot
		if v := os.Getenv("SALLYPORT_ROOT"); v != "" {
			o.root = v
		}
	}
	if o.file == "" {
		o.file = defaultFile
	}
	return o, nil
}

func (o *options) flag(c byte) error {
	switch c {
	case 't', 'T':
		o.test = true
	case 'S':
		o.hosts = true
	case 'M':
		o.modules = true
	case 'L':
		o.list = true
	case 'l':
		o.static = true
	case 'v':
		o.version = true
	case 'V':
		o.build = true
	case 'h', '?':
		o.help = true
	case 'X':
		o.single = true
	default:
		return fmt.Errorf("unknown option -%c", c)
	}
	return nil
}

func (o *options) value(c byte, v string) error {
	switch c {
	case 'f':
		o.file = v
	case 'd':
		o.root = v
	case 'D':
		o.defines = append(o.defines, v)
	case 'C':
		o.before = append(o.before, v)
	case 'c':
		o.after = append(o.after, v)
	case 'e':
		o.level = v
	case 'E':
		o.logFile = v
	case 'k':
		switch v {
		case "start", "stop", "restart", "graceful", "graceful-stop":
			o.signal = v
		default:
			return fmt.Errorf("-k takes start, stop, restart, graceful or graceful-stop, not %q", v)
		}
	}
	return nil
}

func usage(w io.Writer) {
	fmt.Fprint(w, `Usage: sallyport [-f file] [-d directory] [-D name] [-C|-c "directive"] [-e level]
                 [-k start|stop|restart|graceful|graceful-stop] [-t] [-S] [-M] [-L] [-v] [-V]

Runs an Apache httpd reverse-proxy configuration in the foreground.

  -f file       configuration file, relative to the ServerRoot (default `+defaultFile+`)
  -d directory  ServerRoot until the file sets another (default `+defaultRoot+`)
  -D name       define a name for <IfDefine name>
  -C "…"        process a directive before the file, -c "…" after it
  -e level      show errors of this level and worse while starting
  -E file       write start-up errors to this file
  -k signal     start in the background, or tell the running one by its PidFile
  -t            check the configuration: "Syntax OK", or every error, and exit
  -S            show the virtual hosts as they were understood
  -M            show the modules that are loaded, -l those always there
  -L            show every directive, where it may stand and what it means
  -v, -V        show the version, with the build's parameters
  -X            accepted: there is always one process

Signals: TERM and INT stop, WINCH stops after requests under way, HUP and USR1 reload.
`)
}
