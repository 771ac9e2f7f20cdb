package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/modules/all"
	"sallyport/internal/server"
	"sallyport/internal/snapshot"
)

// stopGrace is how long TERM lets exchanges finish; WINCH takes
// GracefulShutdownTimeout.
const stopGrace = time.Second

// load reads and compiles the configuration, by the same code for -t, start
// and reload. The snapshot is nil when the list holds an error.
func load(o *options, srv *server.Server) (*snapshot.Snapshot, *conf.Config, diag.List) {
	cfg, diags := conf.Load(conf.Options{
		File: o.file, Root: o.root, Defines: o.defines,
		Before: o.before, After: o.after, Modules: all.Infos(),
	})
	if diags.Failed() {
		return nil, cfg, diags
	}
	env := server.TestEnv()
	if srv != nil {
		env = srv.Env()
	}
	snap, more := snapshot.Build(cfg, all.Rooms, env)
	cfg.Show(more)
	return snap, cfg, append(diags, more...)
}

// serve runs in the foreground until told to stop.
func serve(o *options) int {
	raiseFiles()
	tuneCollector()
	srv, err := server.New()
	if err != nil {
		return fail(err)
	}
	snap, cfg, diags := load(o, srv)
	diags.Print(os.Stderr, "sallyport")
	if diags.Failed() {
		return 1
	}
	p := processOf(cfg)
	if len(p.listens) == 0 {
		return fail(errors.New("no listening sockets available: add a Listen directive"))
	}
	if pid, ok := running(p.pidFile); ok && pid != os.Getpid() {
		return fail(fmt.Errorf("httpd (pid %d) already running", pid))
	}
	sigs := make(chan os.Signal, 8)
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGWINCH)
	if err := srv.Use(snap, p.listens); err != nil {
		return fail(err)
	}
	if err := writePid(p.pidFile); err != nil {
		srv.Stop(0)
		return fail(fmt.Errorf("could not create %s: %w", p.pidFile, err))
	}
	if err := dropPrivileges(p.user); err != nil {
		srv.Stop(0)
		os.Remove(p.pidFile)
		return fail(err)
	}
	announce(srv, snap, p)
	ready()

	grace := stopGrace
	for sig := range sigs {
		switch sig {
		case syscall.SIGHUP, syscall.SIGUSR1:
			// Unlike httpd, which lets HUP cut requests off: both reload
			// without dropping anything, because no reload needs to.
			p = reload(o, srv, p)
			continue
		case syscall.SIGWINCH:
			grace = p.gracefulShutdown
			if grace == 0 {
				grace = 365 * 24 * time.Hour // until the last exchange has ended
			}
			// A TERM meanwhile ends the waiting.
			go func() {
				for s := range sigs {
					if s == syscall.SIGTERM || s == syscall.SIGINT {
						os.Remove(p.pidFile)
						os.Exit(0)
					}
				}
			}()
		}
		break
	}
	srv.Noticef("AH00491: caught SIGTERM, shutting down")
	srv.Stop(grace)
	os.Remove(p.pidFile)
	return 0
}

// reload builds the configuration anew; an error leaves the running one.
func reload(o *options, srv *server.Server, p *process) *process {
	snap, cfg, diags := load(o, srv)
	diags.Print(os.Stderr, "sallyport")
	if diags.Failed() {
		n, _ := diags.Count()
		srv.Errorf("reload: the configuration has %d error(s), the running one stays: %s", n, firstLine(diags.Errors().Error()))
		return p
	}
	next := processOf(cfg)
	if err := srv.Use(snap, next.listens); err != nil {
		fmt.Fprintf(os.Stderr, "sallyport: reload: %v; the running configuration stays\n", err)
		srv.Errorf("reload: %v; the running configuration stays", err)
		return p
	}
	if next.pidFile != p.pidFile {
		if writePid(next.pidFile) == nil {
			os.Remove(p.pidFile)
		}
	}
	srv.Noticef("AH00493: SIGUSR1 received. The new configuration serves")
	return next
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// announce says on standard error what runs and where.
func announce(srv *server.Server, snap *snapshot.Snapshot, p *process) {
	var at []string
	for _, a := range srv.Addrs() {
		at = append(at, a.String())
	}
	fmt.Fprintf(os.Stderr, "sallyport %s: serving %s at %s; %s\n",
		Version, snap.Config.File, strings.Join(at, ", "), snap.Summary())
	srv.Noticef("AH00489: Sallyport/%s (Apache/%s configuration) configured -- resuming normal operations", Version, conf.Version)
	srv.Noticef("AH00094: Command line: '%s'", strings.Join(os.Args, " "))
}

func fail(err error) int {
	fmt.Fprintf(os.Stderr, "sallyport: %v\n", err)
	return 1
}

func writePid(file string) error {
	if file == "" {
		return nil
	}
	return os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
}

// running reads a PidFile and looks whether its process is there.
func running(file string) (pid int, ok bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 0 {
		return 0, false
	}
	err = syscall.Kill(pid, 0)
	return pid, err == nil || errors.Is(err, fs.ErrPermission)
}

// raiseFiles lets the process have as many descriptors as it may.
func raiseFiles() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil && l.Cur < l.Max {
		l.Cur = l.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
}
