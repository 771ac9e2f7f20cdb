//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sallyport/bench/internal/proc"
)

// Metric is one measured quantity of a sample.
type Metric int

const (
	Rate   Metric = iota // requests per second
	CPU                  // µs of the peer's processes per request; per MB for ShapeSlow
	P50                  // µs
	P99                  // µs
	Peak                 // bytes resident at the peak, all processes
	PerCon               // bytes resident per client connection, beyond the start
	Growth               // bytes resident at the end, beyond those after a tenth
	metrics
)

// Sample is what one peer did in one round of one case.
type Sample struct {
	Case   string
	Peer   string // its label
	Round  int    // from 1
	Values [metrics]float64
	Has    [metrics]bool
	// Errors counts what went wrong under load; a sample with errors is shown
	// and wins nothing. Failed says why there are no values at all.
	Errors int64
	Detail string // the errors by kind
	Failed string
	// Foreign is the share of the machine's cores that was used by processes
	// outside the race.
	Foreign float64
}

func (s *Sample) set(m Metric, v float64) { s.Values[m], s.Has[m] = v, true }

// bench is what a whole run shares.
type bench struct {
	dir      string
	wrk      string
	backend  *Backend
	calls    *Backend // of gRPC; nil until a case needs it
	cores    int
	root     bool
	duration time.Duration
	keep     bool // leave the peers' directories, for a look at their logs
}

// measure starts the peer afresh, proves that it answers right, warms it up,
// and takes one sample. It always returns a sample.
func (b *bench) measure(ctx context.Context, p Peer, c Case, round int) Sample {
	s := Sample{Case: c.Name, Peer: p.Label, Round: round}
	fail := func(err error) Sample {
		s.Failed = err.Error()
		return s
	}
	dir, err := os.MkdirTemp(b.dir, p.Kind.Name+"-")
	if err != nil {
		return fail(err)
	}
	if !b.keep {
		defer os.RemoveAll(dir)
	}
	if err := os.Chmod(dir, 0o777); err != nil { // servers that drop privileges write here
		return fail(err)
	}
	port, err := proc.FreePort()
	if err != nil {
		return fail(err)
	}
	site := Site{Dir: dir, Port: port, Backends: b.backend.Ports[:max(1, c.Members)], Conns: c.Conns,
		Prefixes: c.Prefixes, Hosts: c.Hosts, Streams: c.Streams, Clear: c.Clear, GRPC: c.GRPC, QUIC: c.QUIC, Cores: b.cores, Root: b.root}
	if c.GRPC {
		if err := b.startCalls(); err != nil {
			return fail(err)
		}
		site.Backends = b.calls.Ports
	}
	if c.TLS {
		if site.Cert, err = b.certificate(); err != nil {
			return fail(err)
		}
	}
	if c.Log && !p.Floor {
		site.LogFile = filepath.Join(dir, "access.log")
	}
	child, err := p.launch(site)
	if err != nil {
		return fail(err)
	}
	defer child.Stop()
	if c.GRPC {
		err = probeCall(ctx, port)
	} else {
		err = probe(p, c, port, filepath.Join(b.dir, "backend", "www"))
	}
	if err != nil {
		return fail(fmt.Errorf("%w %s", err, child.Complaint()))
	}
	switch c.Shape {
	case ShapeIdle:
		err = b.measureIdle(ctx, &s, child, c, port)
	case ShapeSlow:
		err = b.measureSlow(ctx, &s, child, c, port)
	case ShapeMany:
		err = b.measureMany(ctx, &s, child, c, port)
	case ShapeShake:
		err = b.measureShakes(ctx, &s, child, c, port)
	default:
		err = b.measureLoad(ctx, &s, child, c, site)
	}
	if err != nil {
		return fail(err)
	}
	return s
}

// load drives the port with wrk, or with h2load where it is to be HTTP/2; gRPC
// and HTTP/3 have clients in this program.
func (b *bench) load(ctx context.Context, dir string, c Case, port int, d time.Duration) (wrkResult, error) {
	switch {
	case c.GRPC:
		return runCalls(ctx, c, port, d)
	case c.QUIC:
		return runQUIC(ctx, c, port, d)
	case c.Streams > 0:
		return runH2Load(ctx, c, port, d)
	}
	return runWrk(ctx, b.wrk, dir, c, port, d)
}

// measureLoad is a sample of as much load as is answered.
func (b *bench) measureLoad(ctx context.Context, s *Sample, child *proc.Process, c Case, site Site) error {
	warm := max(time.Second, b.duration/4)
	first, err := b.load(ctx, site.Dir, c, site.Port, warm)
	if err != nil {
		return err
	}
	proc.ResetPeaks(child.PID())
	w := b.watch(child)
	r, err := b.load(ctx, site.Dir, c, site.Port, b.duration)
	if err != nil {
		return err
	}
	cpu := w.stop(s)
	done := float64(r.Requests)
	if c.Bulk {
		done = float64(r.Bytes) / float64(c.BodySize)
	}
	if done == 0 {
		return fmt.Errorf("no request was answered in %v", r.Duration)
	}
	s.Errors, s.Detail = r.errors(), r.complaint()
	s.set(Rate, done/r.Duration.Seconds())
	s.set(CPU, float64(cpu.Microseconds())/done)
	if c.Streams == 0 && (!c.Bulk || r.Requests > 100) { // h2load tells none
		s.set(P50, float64(r.P50.Microseconds()))
		s.set(P99, float64(r.P99.Microseconds()))
	}
	s.set(Peak, float64(proc.TreeMemory(child.PID(), "VmHWM")))
	if !child.Alive() {
		return fmt.Errorf("%s ended during the run: %s", child.Name, child.Complaint())
	}
	if site.LogFile != "" {
		// nginx writes a log buffer out after a second, not at its end.
		if err := pause(ctx, 1500*time.Millisecond); err != nil {
			return err
		}
		child.Stop()
		lines, err := countLines(site.LogFile)
		if err != nil {
			return err
		}
		if missing := first.Requests + r.Requests - lines; missing > 0 {
			return fmt.Errorf("the access log lacks %d of %d lines", missing, first.Requests+r.Requests)
		}
	}
	return nil
}

// watched is a running count of CPU time.
type watched struct {
	b             *bench
	child         *proc.Process
	began         time.Time
	peer, backend time.Duration
	own, busy     time.Duration
}

func (b *bench) watch(child *proc.Process) watched {
	return watched{b: b, child: child, began: time.Now(), busy: proc.MachineBusy(), own: proc.OwnCPU(),
		backend: b.backendCPU(), peer: proc.TreeCPU(child.PID())}
}

// backendCPU is what the backends have used.
func (b *bench) backendCPU() time.Duration {
	t := proc.TreeCPU(b.backend.child.PID())
	if b.calls != nil {
		t += proc.TreeCPU(b.calls.child.PID())
	}
	return t
}

// stop returns the peer's CPU time since the watch began and notes in the
// sample how much of the machine others used meanwhile.
func (w watched) stop(s *Sample) time.Duration {
	peer := proc.TreeCPU(w.child.PID()) - w.peer
	ours := peer + w.b.backendCPU() - w.backend + proc.OwnCPU() - w.own
	machine := time.Since(w.began) * time.Duration(w.b.cores)
	s.Foreign = max(0, float64(proc.MachineBusy()-w.busy-ours)/float64(machine))
	return peer
}

// countLines counts the lines of a file.
func countLines(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("count the log's lines: %w", err)
	}
	defer f.Close()
	var n int64
	buf := make([]byte, 256*kib)
	for {
		m, err := f.Read(buf)
		n += int64(bytes.Count(buf[:m], []byte("\n")))
		if err != nil {
			return n, nil
		}
	}
}
