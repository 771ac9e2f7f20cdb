package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
	"sallyport/internal/keeper"
	"sallyport/internal/server"
	"sallyport/internal/snapshot"
)

// stopGrace is how long TERM lets exchanges finish; WINCH takes
// GracefulShutdownTimeout.
const stopGrace = time.Second

// runner is the running server and what belongs to the process around it.
type runner struct {
	o      *options
	srv    *server.Server
	keeper *keeper.Keeper
	p      *process
}

// serve runs in the foreground until told to stop.
func serve(o *options) int {
	raiseFiles()
	tuneCollector()
	srv, err := server.New()
	if err != nil {
		return fail(err)
	}
	r := &runner{o: o, srv: srv}
	sigs := make(chan os.Signal, 8)
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGWINCH)
	code, ok := r.start()
	if ok {
		r.obey(sigs)
	}
	r.keeper.Close()
	return code
}

// start gets the server to serve. False: it does not, and the process is to
// exit with code.
func (r *runner) start() (code int, ok bool) {
	cfg, diags := read(r.o, nil)
	r.p = processOf(cfg)
	if !diags.Failed() {
		leaveTerminal(r.p.errorLog)
	}
	if !diags.Failed() && drops(r.p.user) {
		var err error
		if r.keeper, err = keeper.Start(); err != nil {
			diags = append(diags, diag.Diagnostic{Severity: diag.Warning, Text: err.Error() + "; a reload can do only what the user " + r.p.user.User.V.Name + " may"})
		}
		r.srv.Keeper = r.keeper
	}
	if drops(r.p.user) {
		r.srv.Manager.SetOwner(r.p.user.User.V.UID, groupOf(r.p.user))
	}
	if os.Geteuid() == 0 && !r.p.user.User.Is {
		diags = append(diags, diag.Diagnostic{Severity: diag.Warning, Text: "Sallyport stays root, for there is no User directive"})
	}
	snap, diags := build(cfg, diags, r.srv.Env())
	before, err := running(r.p.pidFile)
	if snap != nil && before.alive {
		fmt.Printf("httpd (pid %d) already running\n", before.pid)
		return 0, false
	}
	r.o.report(console, diags)
	switch {
	case snap == nil:
		return 1, false
	case len(r.p.listens) == 0:
		return fail(errors.New("no listening sockets available, shutting down: add a Listen directive")), false
	case err != nil:
		return fail(err), false
	}
	if err := r.srv.Use(snap, r.p.listens, r.p.workers); err != nil {
		return fail(err), false
	}
	if err := r.settle(cfg); err != nil {
		r.srv.Stop(done)
		return fail(err), false
	}
	r.srv.Certs.Start()
	if before.pid != 0 {
		r.srv.Logf(errorlog.Warn, "core", "AH00098: pid file %s overwritten -- Unclean shutdown of previous Apache run?", r.p.pidFile)
	}
	r.announce(snap)
	sayReady()
	return 0, true
}

// done is a context that gives no time.
var done = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// settle writes the PidFile and leaves root's rights to the keeper.
func (r *runner) settle(cfg *conf.Config) error {
	if r.p.pidFile != "" {
		if err := r.keeper.WritePid(r.p.pidFile); err != nil {
			return fmt.Errorf("%s: AH00099: could not create %s", errorlog.ErrnoText(err), r.p.pidFile)
		}
	}
	if !drops(r.p.user) {
		return nil
	}
	err := r.keeper.Seal(cfg.Root, slices.Concat(cfg.Includes, cfg.Files), r.p.pidFile)
	if err == nil {
		err = dropPrivileges(r.p.user)
	}
	if err != nil {
		r.removePid()
	}
	return err
}

func (r *runner) removePid() {
	if r.p.pidFile != "" {
		r.keeper.RemovePid(r.p.pidFile)
	}
}

// obey serves until a signal says to stop, and stops.
func (r *runner) obey(sigs <-chan os.Signal) {
	for sig := range sigs {
		switch sig {
		case syscall.SIGHUP, syscall.SIGUSR1:
			r.reload(sig)
			continue
		case syscall.SIGWINCH:
			if resized() {
				// Unlike httpd, which ends: the window of the terminal it was
				// started from has changed its size, nobody asked it to stop.
				continue
			}
			r.srv.Logf(errorlog.Notice, "mpm_event", "AH00492: caught SIGWINCH, shutting down gracefully")
			r.srv.CloseListeners()
			r.removePid() // the next one may start while we finish
			r.srv.Stop(r.patience(sigs))
			return
		default:
			r.srv.Logf(errorlog.Notice, "mpm_event", "AH00491: caught SIGTERM, shutting down")
			ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
			defer cancel()
			r.srv.Stop(ctx)
			r.removePid()
			return
		}
	}
}

// patience lasts for GracefulShutdownTimeout, or until TERM or INT.
func (r *runner) patience(sigs <-chan os.Signal) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	if t := r.p.gracefulShutdown; t > 0 {
		time.AfterFunc(t, cancel)
	}
	go func() { // until the process ends, which is what it waits for
		for s := range sigs {
			if s == syscall.SIGTERM || s == syscall.SIGINT {
				cancel()
			}
		}
	}()
	return ctx
}

// reload builds the configuration anew; an error leaves the running one.
//
// Unlike httpd, whose HUP cuts off requests under way, and which ends when the
// file has become wrong: there is no need for either.
func (r *runner) reload(sig os.Signal) {
	if sig == syscall.SIGHUP {
		r.srv.Logf(errorlog.Notice, "mpm_event", "AH00494: SIGHUP received.  Attempting to restart")
	} else {
		r.srv.Logf(errorlog.Notice, "mpm_event", "AH00493: SIGUSR1 received.  Doing graceful restart")
	}
	cfg, diags := read(r.o, r.keeper)
	snap, diags := build(cfg, diags, r.srv.Env())
	if !isDetached {
		r.o.report(os.Stderr, diags)
	}
	if snap == nil {
		bad := diags.Errors()
		for i := range bad {
			r.srv.Logf(errorlog.Error, "core", "reload: %s", oneLine(&bad[i]))
		}
		r.refuse(fmt.Sprintf("the configuration has %d error(s)", len(bad)))
		return
	}
	next := processOf(cfg)
	if len(next.listens) == 0 {
		r.refuse("no Listen directive")
		return
	}
	if err := r.srv.Use(snap, next.listens, next.workers); err != nil {
		for line := range strings.Lines(err.Error()) {
			r.srv.Logf(errorlog.Error, "core", "reload: %s", strings.TrimSpace(line))
		}
		r.refuse("what it needs can't be opened")
		return
	}
	r.follow(next)
	r.resumed()
	if isDetached {
		stderrToLog(r.srv.Keeper, r.p.errorLog)
	}
}

// follow takes over what the new configuration says about the process.
func (r *runner) follow(next *process) {
	if next.pidFile != r.p.pidFile {
		var err error
		if next.pidFile != "" {
			err = r.keeper.WritePid(next.pidFile)
		}
		if err != nil {
			r.srv.Logf(errorlog.Error, "core", "%s: AH00099: could not create %s; the PidFile is still %s", errorlog.ErrnoText(err), next.pidFile, r.p.pidFile)
			next.pidFile = r.p.pidFile
		} else {
			r.removePid()
		}
	}
	if old, now := r.p.user, next.user; old.User.V.Name != now.User.V.Name || old.Group.V != now.Group.V {
		r.srv.Logf(errorlog.Warn, "core", "reload: another User or Group takes effect when Sallyport is stopped and started")
	}
	r.p = next
}

// refuse says that a reload did not happen.
func (r *runner) refuse(why string) {
	r.srv.Logf(errorlog.Error, "core", "reload: %s; the running configuration stays", why)
	if !isDetached {
		fmt.Fprintf(os.Stderr, "sallyport: reload: %s; the running configuration stays\n", why)
	}
}

// oneLine is an error without its picture, for a log.
func oneLine(d *diag.Diagnostic) string {
	bare := *d
	bare.Line = ""
	return strings.Join(strings.Fields(bare.String()), " ")
}

// announce says on standard error what runs and where.
func (r *runner) announce(snap *snapshot.Snapshot) {
	var at []string
	for _, a := range r.srv.Addrs() {
		at = append(at, a.String())
	}
	fmt.Fprintf(console, "sallyport %s: serving %s at %s; %s\n",
		Version, snap.Config.File, strings.Join(at, ", "), snap.Summary())
	r.resumed()
}

// resumed writes the lines that scripts wait for.
func (r *runner) resumed() {
	r.srv.Logf(errorlog.Notice, "mpm_event", "AH00489: Sallyport/%s (Apache/%s configuration) configured -- resuming normal operations", Version, conf.Version)
	r.srv.Logf(errorlog.Notice, "core", "AH00094: Command line: '%s'", strings.Join(os.Args, " "))
}

// raiseFiles lets the process have as many descriptors as it may.
func raiseFiles() {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) == nil && l.Cur < l.Max {
		l.Cur = l.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
	}
}
