//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"sallyport/bench/internal/proc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	failures, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	proc.StopAll()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "stress: %v\n", err)
		os.Exit(1)
	case failures > 0:
		os.Exit(1)
	}
}

type options struct {
	length  time.Duration
	peer    string
	binary  string
	clients int
	seed    uint64
	race    bool
	strict  bool
	reload  time.Duration
	keep    bool
}

func parseOptions(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("stress", flag.ContinueOnError)
	set.DurationVar(&o.length, "d", time.Minute, "time under load, both runs together")
	set.StringVar(&o.peer, "peer", "sallyport", "the proxy: sallyport, httpd or nginx")
	set.StringVar(&o.binary, "bin", "", "its binary; for sallyport also SALLYPORT_BIN, else it is built")
	set.IntVar(&o.clients, "clients", 64, "clients at once")
	set.Uint64Var(&o.seed, "seed", 1, "seed of what the clients choose")
	set.BoolVar(&o.race, "race", false, "build sallyport with the race detector")
	set.DurationVar(&o.reload, "reload", 1500*time.Millisecond, "sallyport and httpd only: reload gracefully this often under load; 0: never")
	set.BoolVar(&o.strict, "strict", true, "sallyport only: fail also on lost safe requests and on files not closed")
	set.BoolVar(&o.keep, "keep", false, "keep the directory with configuration and logs")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 || o.clients < 1 || o.length < 2*time.Second {
		return o, fmt.Errorf("read the arguments: at least one client and two seconds, nothing after the flags")
	}
	return o, nil
}

// run is the whole test; it returns the number of failures.
func run(ctx context.Context, args []string, out io.Writer) (int, error) {
	o, err := parseOptions(args)
	if err != nil {
		return 0, err
	}
	// Whatever happens, it ends.
	ctx, cancel := context.WithTimeout(ctx, o.length+3*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "sallyport-stress-")
	if err != nil {
		return 0, err
	}
	if o.keep {
		fmt.Fprintf(os.Stderr, "stress: keeping %s\n", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	defer proc.StopAll()
	if err := os.Chmod(dir, 0o755); err != nil {
		return 0, err
	}
	if _, err := proc.RaiseFileLimit(16384); err != nil {
		return 0, err
	}
	s, err := findSubject(o.peer, o.binary, o.race, dir)
	if err != nil {
		return 0, err
	}
	s.strict = s.strict && o.strict
	if !s.graceful {
		o.reload = 0
	}
	return stress(ctx, o, s, dir, out)
}

// stress runs the load twice and reports.
func stress(ctx context.Context, o options, s subject, dir string, out io.Writer) (int, error) {
	var names []string
	for _, k := range clientKinds() {
		names = append(names, k.name)
	}
	tally := newTally(names)
	seen := &tokens{set: map[string]bool{}}
	var backends []*Backend
	for range 3 {
		b, err := newBackend(tally, seen)
		if err != nil {
			return 0, err
		}
		defer b.Close()
		backends = append(backends, b)
	}
	x := site{one: backends[0].Port(), two: backends[1].Port(), more: backends[2].Port(), root: os.Geteuid() == 0}
	var err error
	if x.dead, err = proc.FreePort(); err != nil {
		return 0, err
	}
	// What a process that did little runs, to compare with at the end.
	quiet := 0
	if s.golang {
		p, y, err := s.start(dir, "quiet", x)
		if err != nil {
			return 0, err
		}
		calm(ctx, y.port, tally, "quiet")
		settle(ctx, p, backends, 10*time.Second)
		quiet = goroutines(p.Quit(10 * time.Second))
	}
	p, x, err := s.start(dir, s.name, x)
	if err != nil {
		return 0, err
	}
	var failed connectFailures
	var states [3]State
	for i, length := range []time.Duration{min(3*time.Second, o.length/4), o.length / 2, o.length / 2} {
		load(ctx, o, p, x.port, tally, &failed, i, length)
		states[i] = settle(ctx, p, backends, 20*time.Second)
		if ctx.Err() != nil {
			return 0, fmt.Errorf("interrupted")
		}
		if !p.Alive() {
			v := verdict{subject: s, tally: tally, states: states, connect: failed.n.Load(), died: lastWords(p.Output())}
			return v.report(out), nil
		}
		fmt.Fprintf(os.Stderr, "stress: run %d of 2 done: %d right, %d files, %.1f MB\n", i, tally.total(Right), states[i].Files, mb(states[i].Memory))
	}
	v := verdict{subject: s, tally: tally, states: states, connect: failed.n.Load(), quiet: quiet}
	v.calm = calm(ctx, x.port, tally, "end")
	rest(ctx, 1500*time.Millisecond) // a buffered log is written by then
	v.logged, v.answered = lines(x.accessLog()), tally.total(Right)+tally.total(Refused)
	if s.golang {
		rest(ctx, 2*time.Second)
		settle(ctx, p, backends, 10*time.Second)
		printed := p.Output()
		v.alarms = alarms(printed)
		v.loud = goroutines(p.Quit(10 * time.Second))
	}
	v.alarms = append(v.alarms, alarms(readAll(x.dir+"/error.log"))...)
	return v.report(out), nil
}

// connectFailures counts refused connections of clients.
type connectFailures struct{ n atomic.Int64 }

// load lets all clients visit until length has passed or the proxy has ended,
// and waits for the last.
func load(ctx context.Context, o options, p *proc.Process, port int, tally *Tally, failed *connectFailures, phase int, length time.Duration) {
	end := time.Now().Add(length)
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	table := behaviours()
	weight := 0
	for _, b := range table {
		weight += b.Weight
	}
	var wg sync.WaitGroup
	if o.reload > 0 {
		wg.Go(func() {
			for rest(ctx, o.reload); ctx.Err() == nil && p.Alive(); rest(ctx, o.reload) {
				syscall.Kill(p.PID(), syscall.SIGUSR1)
			}
		})
	}
	id := 0
	for _, k := range clientKinds() {
		for range max(1, o.clients*k.share/100) {
			id++
			c := &client{kind: k.name, name: fmt.Sprintf("%c%d-%d", k.name[0], phase, id), addr: proc.Loopback(port),
				random: rand.New(rand.NewPCG(o.seed, uint64(phase*100_000+id))), tally: tally, table: table, weight: weight}
			wg.Go(func() {
				for ctx.Err() == nil && p.Alive() {
					// A connection being made when the time is up is no failure.
					if err := k.visit(c, ctx); err != nil && time.Until(end) > 100*time.Millisecond && p.Alive() {
						failed.n.Add(1)
						tally.noteLost("a %s client could not connect: %v", k.name, err)
						rest(ctx, 100*time.Millisecond)
					}
				}
			})
		}
	}
	wg.Wait()
}

// calm sends a hundred plain requests, one after the other on a few
// connections, and returns how many were answered right.
func calm(ctx context.Context, port int, tally *Tally, name string) int {
	right := 0
	for i := range 4 {
		c := &client{kind: clientKinds()[0].name, name: fmt.Sprintf("%s%d", name, i), addr: proc.Loopback(port),
			random: rand.New(rand.NewPCG(uint64(i), 9)), tally: tally}
		for range 25 {
			if c.conn == nil && c.dial(ctx, 0) != nil {
				continue
			}
			before := tally.byKind[c.kind][Right].Load()
			if !c.ask(c.next(byName()["length"])) {
				c.close(false)
			}
			right += int(tally.byKind[c.kind][Right].Load() - before)
		}
		c.close(false)
	}
	return right
}

func readAll(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

// verdict is everything that was found.
type verdict struct {
	subject          subject
	tally            *Tally
	states           [3]State
	connect          int64
	calm             int
	logged, answered int64
	quiet, loud      int // goroutines
	alarms           []string
	died             string // what it printed when it ended under load
}

// failures lists what must not be, each a line.
func (v verdict) failures() []string {
	t := v.tally
	var list []string
	if v.died != "" {
		list = append(list, "ended under load: "+v.died)
	}
	must := func(n int64, what string) {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, what))
		}
	}
	must(t.total(Crossed), "answers crossed: a client got another's bytes")
	must(t.total(Wrong), "answers wrong: they claimed to be whole and right")
	must(t.total(Hung), "exchanges without any end")
	must(t.Garbled.Load(), "requests arrived that no client had sent so")
	must(t.BadUpload.Load(), "uploads arrived wrong")
	must(t.Twice.Load(), "unsafe requests arrived twice")
	if v.died != "" {
		return list
	}
	must(v.answered-v.logged, "answers are missing in the access log")
	must(int64(100-v.calm), "of 100 plain requests failed after all was over")
	if v.subject.strict {
		must(t.LostSafe.Load(), "safe requests lost to a fault that was not theirs")
		must(v.connect, "connections refused to clients")
	}
	list = append(list, leaks(v.states[0], v.states[1], v.states[2], v.subject.strict)...)
	if v.quiet > 0 && v.loud > v.quiet+fileSlack {
		list = append(list, fmt.Sprintf("goroutines grew from %d to %d", v.quiet, v.loud))
	}
	return append(list, v.alarms...)
}

// report prints the table and returns the number of failures.
func (v verdict) report(out io.Writer) int {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "clients")
	for o := range outcomes {
		fmt.Fprintf(w, "\t%v", o)
	}
	fmt.Fprintln(w)
	for _, k := range clientKinds() {
		fmt.Fprint(w, k.name)
		for o := range outcomes {
			fmt.Fprintf(w, "\t%d", v.tally.byKind[k.name][o].Load())
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "all")
	for o := range outcomes {
		fmt.Fprintf(w, "\t%d", v.tally.total(o))
	}
	fmt.Fprintln(w)
	w.Flush()
	t := v.tally
	fmt.Fprintf(out, "\nowed an answer and lost: %d safe, %d unsafe requests; connections refused: %d; late answers taken for another's: %d\n", t.LostSafe.Load(), t.LostUnsafe.Load(), v.connect, t.Late.Load())
	fmt.Fprintf(out, "backends: %d requests, %d heads cut off, %d malformed, %d uploads wrong, %d unsafe twice; %d of %d stalls given up early, the client being gone\n",
		t.Requests.Load(), t.Torn.Load(), t.Garbled.Load(), t.BadUpload.Load(), t.Twice.Load(), t.Noticed.Load(), t.Stalls.Load())
	fmt.Fprintf(out, "access log: %d lines for %d answers; plain requests afterwards: %d of 100 right\n\n", v.logged, v.answered, v.calm)
	w = tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "at rest\tstart\tafter run 1\tafter run 2\t")
	fmt.Fprintf(w, "open files\t%d\t%d\t%d\t\n", v.states[0].Files, v.states[1].Files, v.states[2].Files)
	fmt.Fprintf(w, "threads\t%d\t%d\t%d\t\n", v.states[0].Threads, v.states[1].Threads, v.states[2].Threads)
	fmt.Fprintf(w, "memory MB\t%.1f\t%.1f\t%.1f\t\n", mb(v.states[0].Memory), mb(v.states[1].Memory), mb(v.states[2].Memory))
	if v.quiet > 0 {
		fmt.Fprintf(w, "goroutines\t%d\t\t%d\t\n", v.quiet, v.loud)
	}
	w.Flush()
	failures := v.failures()
	if len(failures) == 0 {
		fmt.Fprintf(out, "\n%s: nothing crossed, nothing wrong, nothing leaked\n", v.subject.name)
		return 0
	}
	fmt.Fprintf(out, "\n%s: FAILED\n", v.subject.name)
	for _, f := range failures {
		fmt.Fprintf(out, "  %s\n", f)
	}
	for i, e := range t.Examples() {
		if i == 0 {
			fmt.Fprintln(out, "for example:")
		}
		fmt.Fprintf(out, "  %s\n", e)
	}
	return len(failures)
}
