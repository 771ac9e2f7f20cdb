package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
)

// Where Debian's httpd looks, so that a bare "sallyport" finds the same file.
const (
	defaultRoot = "/etc/apache2"
	defaultFile = "apache2.conf"
)

// options is the command line.
type options struct {
	file, root    string
	defines       []string
	before, after []string      // -C, -c
	level         diag.Severity // -e: the least severe to print
	signal        string        // -k
	logFile       string        // -E
	test          bool          // -t
	// What -S, -M and -D DUMP_… ask for.
	hosts, process, modules, includes bool
	list, static, version, build      bool // -L, -l, -v, -V
	help                              bool // -h
}

// asks reports whether a question is to be answered instead of serving.
func (o *options) asks() bool { return o.test || o.hosts || o.process || o.modules || o.includes }

// underRoot makes a path absolute below the ServerRoot.
func (o *options) underRoot(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(o.root, path)
}

// parseOptions reads letters as getopt(3) does: they may stand together, and
// be glued to their value (-DNAME).
func parseOptions(args []string) (*options, error) {
	o := &options{level: diag.Note}
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
			if !strings.ContainsRune("fdDCcekE", rune(c)) {
				if err := o.flag(c); err != nil {
					return nil, err
				}
				continue
			}
			v := a
			a = ""
			if v == "" {
				if len(args) == 0 {
					return nil, fmt.Errorf("option requires an argument -- %c", c)
				}
				v = args[0]
				args = args[1:]
			}
			if err := o.value(c, v); err != nil {
				return nil, err
			}
		}
	}
	o.settle()
	return o, nil
}

// settle fills in what follows from what was given.
func (o *options) settle() {
	for _, d := range o.defines {
		switch d {
		case "DUMP_VHOSTS":
			o.hosts = true
		case "DUMP_RUN_CFG":
			o.process = true
		case "DUMP_MODULES":
			o.modules = true
		case "DUMP_INCLUDES":
			o.includes = true
		}
	}
	if o.root == "" {
		o.root = defaultRoot
	} else if abs, err := filepath.Abs(o.root); err == nil {
		o.root = abs
	}
	if o.file == "" {
		o.file = defaultFile
	}
}

func (o *options) flag(c byte) error {
	switch c {
	case 't':
		o.test = true
	case 'S':
		o.hosts, o.process = true, true
		o.defines = append(o.defines, "DUMP_VHOSTS", "DUMP_RUN_CFG")
	case 'M':
		o.modules = true
		o.defines = append(o.defines, "DUMP_MODULES")
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
	case 'X', 'T':
		// There is one process, and it does not detach. The directories that
		// DocumentRoot names are looked at in any case.
	default:
		return fmt.Errorf("illegal option -- %c", c)
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
		l, err := errorlog.ParseLevel(v)
		switch {
		case err != nil:
			return fmt.Errorf("-e %s: %w", v, err)
		case l <= errorlog.Error:
			o.level = diag.Error
		case l <= errorlog.Warn:
			o.level = diag.Warning
		}
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
	fmt.Fprint(w, `Usage: sallyport [-D name] [-d directory] [-f file]
                 [-C "directive"] [-c "directive"]
                 [-k start|restart|graceful|graceful-stop|stop]
                 [-v] [-V] [-h] [-l] [-L] [-t] [-S] [-M] [-X]
       sallyport ctl COMMAND    change a running server's balancers (ctl -h)

Runs an Apache httpd reverse-proxy configuration, in the foreground unless -k
says otherwise.

  -f file             configuration file, relative to the ServerRoot (`+defaultFile+`)
  -d directory        ServerRoot until the file sets another (`+defaultRoot+`)
  -D name             define a name for <IfDefine name>
  -C "directive"      process it before the file; -c "directive": after it
  -k start            start in the background
  -k stop             stop the running server, found by its PidFile
  -k graceful-stop    stop it when the requests under way are answered
  -k graceful         let it read its configuration again; restart: the same
  -e level            show what is found at startup from this level up
  -E file             write what goes to standard error to a file
  -t                  check the configuration: "Syntax OK", or every error
  -S                  show the virtual hosts and the run settings
  -M                  show the modules; -l those that are always there
  -t -D DUMP_VHOSTS   show the virtual hosts; DUMP_RUN_CFG: the run settings
  -t -D DUMP_INCLUDES show the files that were read; DUMP_MODULES: as -M
  -L                  show every directive, where it may stand, what it means
  -v, -V              show the version; with the settings of the build
  -X, -T              accepted without effect: there is one process

Signals: TERM and INT stop, WINCH stops when the requests under way are
answered, HUP and USR1 read the configuration again.
`)
}
