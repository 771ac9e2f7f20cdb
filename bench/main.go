//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"sallyport/bench/internal/proc"
)

func main() {
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "peer-") {
		if err := runPeer(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "bench %s: %v\n", os.Args[1], err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	cleanups.run()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// runPeer serves as one of the two built-in peers, until killed.
func runPeer(mode string, args []string) error {
	f, err := parsePeerFlags(mode, args)
	if err != nil {
		return err
	}
	switch mode {
	case "peer-nethttp":
		return runNetHTTP(f)
	case "peer-calls":
		return serveCalls(f)
	case "peer-relay":
		return runRelay(f)
	}
	return fmt.Errorf("no such peer")
}

// options are the flags, each of which the environment can preset so that a
// Makefile passes them without knowing them.
type options struct {
	cases, peers string
	rounds       int
	seconds      float64
	write, list  bool
	out, raw     string
	keep         bool
}

func parseOptions(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds, err := envNumber("ROUNDS", 5)
	if err != nil {
		return o, err
	}
	seconds, err := envNumber("DUR", 5)
	if err != nil {
		return o, err
	}
	set.StringVar(&o.cases, "case", os.Getenv("CASE"), "cases to run, comma-separated; empty: all (environment: CASE)")
	set.StringVar(&o.peers, "peers", os.Getenv("PEERS"), "peers to run, comma-separated, each NAME or LABEL=NAME:BINARY; empty: all (environment: PEERS)")
	set.IntVar(&o.rounds, "rounds", int(rounds), "rounds (environment: ROUNDS)")
	set.Float64Var(&o.seconds, "dur", seconds, "seconds of load per peer, case and round (environment: DUR)")
	set.BoolVar(&o.write, "write", false, "write the report to -out")
	set.StringVar(&o.out, "out", "bench/RESULTS.md", "file for -write")
	set.StringVar(&o.raw, "raw", "", "file for every sample, tab-separated")
	set.BoolVar(&o.list, "list", false, "list cases and peers, and stop")
	set.BoolVar(&o.keep, "keep", false, "keep the directory with all configurations and logs")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("read the arguments: unexpected %q", set.Arg(0))
	}
	if o.rounds < 1 || o.seconds < 1 {
		return o, fmt.Errorf("read the arguments: at least one round of one second")
	}
	return o, nil
}

// envNumber reads a number from the environment; "5s" is as good as "5".
func envNumber(name string, preset float64) (float64, error) {
	text := os.Getenv(name)
	if text == "" {
		return preset, nil
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(text, "s"), 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return v, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.list {
		listAll(out)
		return nil
	}
	chosen, err := chooseCases(o.cases)
	if err != nil {
		return err
	}
	root := os.Geteuid() == 0
	if missing := missingPackages(o.peers); len(missing) > 0 {
		if err := install(missing, root); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		}
	}
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return fmt.Errorf("find wrk: %w", err)
	}
	peers, absent, err := choosePeers(o.peers)
	if err != nil {
		return err
	}
	for _, line := range absent {
		fmt.Fprintf(os.Stderr, "bench: %s\n", line)
	}
	if len(peers) == 0 {
		return fmt.Errorf("no peer to race")
	}
	if limit, err := proc.RaiseFileLimit(2 * wantFiles); err != nil || limit < wantFiles {
		fmt.Fprintf(os.Stderr, "bench: the limit of open files is %d, idle10000 may need %d\n", limit, wantFiles)
	}
	b, err := newBench(wrk, root, time.Duration(o.seconds*float64(time.Second)), o.keep)
	if err != nil {
		return err
	}
	samples := b.race(ctx, chosen, peers, o.rounds, os.Stderr)
	report := Report{Cases: chosen, Peers: peers, Samples: samples, Rounds: o.rounds, Seconds: o.seconds,
		Machine: machineLines(), Versions: versionLines(peers, b)}
	fmt.Fprintln(out)
	report.write(out)
	if o.raw != "" {
		if err := writeRaw(o.raw, samples); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: the figures above are of what had been run")
	}
	if o.write {
		return writeResults(o.out, report)
	}
	return nil
}

// newBench makes the run's directory and starts the backend.
func newBench(wrk string, root bool, d time.Duration, keep bool) (*bench, error) {
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return nil, err
	}
	if !keep {
		cleanups.add(func() { os.RemoveAll(dir) })
	}
	cleanups.add(proc.StopAll) // runs first: last in, first out
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	backendDir := filepath.Join(dir, "backend")
	if err := os.Mkdir(backendDir, 0o755); err != nil {
		return nil, err
	}
	var nginx string
	for _, k := range kinds() {
		if k.Name == "nginx" {
			if nginx, err = k.find(""); err != nil {
				return nil, fmt.Errorf("the backend needs nginx: %w", err)
			}
		}
	}
	backend, err := startBackend(nginx, backendDir, root)
	if err != nil {
		return nil, err
	}
	return &bench{dir: dir, wrk: wrk, backend: backend, cores: runtime.NumCPU(), root: root, duration: d, keep: keep}, nil
}

func versionLines(peers []Peer, b *bench) []string {
	var list []string
	for _, p := range peers {
		list = append(list, fmt.Sprintf("%s: %s (%s)", p.Label, p.Title, p.Says))
	}
	out, _ := exec.Command(b.wrk, "-v").CombinedOutput()
	line, _, _ := strings.Cut(string(out), " Copyright")
	return append(list, "load: "+oneLine(line)+", one thread")
}

// writeResults writes the report. One of some cases only takes the place of
// theirs in the file, and leaves the rest of it as it stands.
func writeResults(path string, r Report) error {
	var b strings.Builder
	b.WriteString("# The race: what a request costs\n\nWritten by `make bench-record`; `make bench` runs the same and only prints.\n\n")
	r.write(&b)
	text := b.String()
	if old, err := os.ReadFile(path); err == nil && len(r.Cases) < len(cases()) {
		text = mergeResults(string(old), text, r)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// writeRaw writes one line per sample, for other programs to read.
func writeRaw(path string, samples []Sample) error {
	var b strings.Builder
	b.WriteString("round\tcase\tpeer\trequests/s\tcpu_us\tp50_us\tp99_us\tpeak_bytes\tbytes_per_connection\tgrowth_bytes\terrors\tforeign\tfailed\n")
	for _, s := range samples {
		fmt.Fprintf(&b, "%d\t%s\t%s", s.Round, s.Case, s.Peer)
		for m := range metrics {
			if s.Has[m] {
				fmt.Fprintf(&b, "\t%.3f", s.Values[m])
			} else {
				b.WriteByte('\t')
			}
		}
		fmt.Fprintf(&b, "\t%d\t%.3f\t%s\n", s.Errors, s.Foreign, oneLine(s.Failed))
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write the samples: %w", err)
	}
	return nil
}

func listAll(w io.Writer) {
	fmt.Fprintln(w, "cases:")
	for _, c := range cases() {
		fmt.Fprintf(w, "  %-13s %s\n", c.Name, c.Title)
	}
	fmt.Fprintln(w, "peers:")
	for _, k := range kinds() {
		env := ""
		if k.Env != "" {
			env = " (another binary: " + k.Env + ")"
		}
		if k.Extra {
			env += " (only when asked for)"
		}
		fmt.Fprintf(w, "  %-13s %s%s\n", k.Name, k.Title, env)
	}
}

// cleanups are run once at the end, last added first.
var cleanups = &cleanupList{}

type cleanupList struct {
	mu   sync.Mutex
	list []func()
}

func (c *cleanupList) add(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, f)
}

func (c *cleanupList) run() {
	c.mu.Lock()
	list := c.list
	c.list = nil
	c.mu.Unlock()
	for i := len(list) - 1; i >= 0; i-- {
		list[i]()
	}
}
