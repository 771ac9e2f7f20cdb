//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sallyport/bench/internal/proc"
)

// settle is how long a peer may take to hand back what it held for requests
// that have ended.
const settle = 4 * time.Second

// measureIdle opens the case's connections, sends one request on each, lets
// them rest, and divides what the peer grew by their number. Memory the
// kernel holds for sockets is in no process's resident set, so not in this, and
// neither are pages of the program itself that are used for the first time.
func (b *bench) measureIdle(ctx context.Context, s *Sample, child *proc.Process, c Case, port int) error {
	before := proc.TreeMemory(child.PID(), "RssAnon")
	conns := make([]net.Conn, c.Conns)
	defer func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	request := "GET " + c.Targets[0].Path + " HTTP/1.1\r\nHost: bench.test\r\n\r\n"
	var failed atomic.Int64
	var last atomic.Value
	b.each(ctx, c.Conns, 64, func(i int) {
		conn, err := net.DialTimeout("tcp", proc.Loopback(port), 20*time.Second)
		if err == nil {
			conns[i] = conn
			err = askOnce(conn, request, c.BodySize)
		}
		if err != nil {
			failed.Add(1)
			last.Store(err)
		}
	})
	if n := failed.Load(); n > 0 {
		s.Errors, s.Detail = n, fmt.Sprintf("%d connections were not served: %v", n, last.Load())
	}
	if n := failed.Load(); n == int64(c.Conns) {
		return fmt.Errorf("no connection was served: %v", last.Load())
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	after := proc.TreeMemory(child.PID(), "RssAnon")
	s.set(PerCon, float64(after-before)/float64(c.Conns))
	s.set(Peak, float64(proc.TreeMemory(child.PID(), "VmHWM")))
	// A peer that dropped its guests did not keep them cheaply: each
	// connection must still answer.
	b.each(ctx, c.Conns, 64, func(i int) {
		if conns[i] != nil && askOnce(conns[i], request, c.BodySize) != nil {
			failed.Add(1)
		}
	})
	if n := failed.Load() - s.Errors; n > 0 {
		s.Detail += fmt.Sprintf(" %d idle connections no longer answered", n)
	}
	s.Errors = failed.Load()
	return ctx.Err()
}

// measureSlow lets the case's clients each read their body a little at a time
// for the length of a run, and weighs the peer meanwhile.
func (b *bench) measureSlow(ctx context.Context, s *Sample, child *proc.Process, c Case, port int) error {
	const (
		sip   = 8 * kib
		every = 100 * time.Millisecond
	)
	before := proc.TreeMemory(child.PID(), "VmRSS")
	proc.ResetPeaks(child.PID())
	dialer := net.Dialer{Timeout: 20 * time.Second, Control: func(_, _ string, raw syscall.RawConn) error {
		var set error
		err := raw.Control(func(fd uintptr) {
			// Set before connecting, a small window and a segment size as on
			// Ethernet. With loopback's segments of 64 KB the kernel would
			// take the whole body off the peer's hands at once.
			set = errors.Join(
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16*kib),
				syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1460))
		})
		if err != nil {
			return err
		}
		return set
	}}
	w := b.watch(child)
	until := time.Now().Add(max(b.duration, 3*time.Second))
	var moved, failed atomic.Int64
	var wg sync.WaitGroup
	for i := range c.Conns {
		wg.Go(func() {
			// Spread over one interval, so that the sips do not come at once.
			if pause(ctx, every*time.Duration(i)/time.Duration(c.Conns)) != nil {
				return
			}
			n, err := sipBody(ctx, dialer, port, c, sip, every, until)
			moved.Add(n)
			if err != nil || n == 0 {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	cpu := w.stop(s)
	if moved.Load() == 0 {
		return fmt.Errorf("no slow client received anything")
	}
	if s.Errors = failed.Load(); s.Errors > 0 {
		s.Detail = "clients that got nothing or an error"
	}
	peak := proc.TreeMemory(child.PID(), "VmHWM")
	s.set(Peak, float64(peak))
	s.set(PerCon, float64(peak-before)/float64(c.Conns))
	s.set(CPU, float64(cpu.Microseconds())/(float64(moved.Load())/mib))
	return ctx.Err()
}

// sipBody asks for the case's body and reads one sip per interval until the
// given time or the body's end, then asks again. It returns the bytes read.
func sipBody(ctx context.Context, dialer net.Dialer, port int, c Case, sip int, every time.Duration, until time.Time) (int64, error) {
	conn, err := dialer.DialContext(ctx, "tcp", proc.Loopback(port))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	// Longer than any peer needs to serve a client at all; one that starves
	// beyond the run is counted as failed.
	if err := conn.SetDeadline(until.Add(2 * time.Second)); err != nil {
		return 0, err
	}
	var got int64
	buf := make([]byte, sip)
	for time.Now().Before(until) && ctx.Err() == nil {
		if _, err := io.WriteString(conn, "GET "+c.Targets[0].Path+" HTTP/1.1\r\nHost: bench.test\r\n\r\n"); err != nil {
			return got, err
		}
		r := bufio.NewReaderSize(conn, 4*kib)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return got, err
		}
		if resp.StatusCode != http.StatusOK {
			return 0, fmt.Errorf("answered %s", resp.Status)
		}
		for time.Now().Before(until) && ctx.Err() == nil {
			n, err := io.ReadFull(resp.Body, buf)
			got += int64(n)
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				break
			}
			if err != nil {
				return got, err
			}
			if pause(ctx, every) != nil {
				break
			}
		}
	}
	return got, nil
}

// askOnce sends a request and reads the whole answer, which must be 200 with
// size bytes.
func askOnce(conn net.Conn, request string, size int) error {
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 2*kib), nil)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || n != int64(size) {
		return fmt.Errorf("answered %s with %d bytes", resp.Status, n)
	}
	return nil
}

// each calls f for 0 to n-1, at most width at once, until ctx ends.
func (b *bench) each(ctx context.Context, n, width int, f func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range width {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// pause waits for d or until ctx ends, and says which.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
