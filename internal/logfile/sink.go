package logfile

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// gap is the least time between two writes. A line that comes after a
	// pause is written at once; in a stream of lines it makes the system
	// calls few.
	gap = 4 * time.Millisecond
	// holdFor is the same under BufferedLogs, where lines also wait after a
	// pause.
	holdFor = time.Second
	// maxPending bounds the bytes that wait in one shard; beyond it Put blocks.
	maxPending = 256 << 10
	// keepBuffer is the largest buffer worth giving back to the pool.
	keepBuffer = 2 * maxPending
	maxShards  = 16
)

// device is what a Sink writes to.
type device interface {
	// write writes whole lines. n is the part of p that is done with, the
	// rest is lost when err is not nil.
	write(p []byte) (n int, err error)
	// hasten bounds writes that are stuck from now on: the sink is closing.
	hasten()
	close()
}

// Sink is one open log. Put may be called from any goroutine.
type Sink struct {
	target Target
	hold   time.Duration
	report func(text string)

	// state is awake while the writer needs no call: it is writing, or
	// waiting out the gap.
	state  atomic.Uint32
	wake   chan struct{}
	urgent chan struct{} // a shard is filling up: do not wait out the gap
	quit   chan struct{}
	done   chan struct{}

	shards []shard
	mask   uint64
	severe bool // each line is preceded by its severity (syslog)

	// The writer's own.
	dev  device
	lost int  // lines since writing began to fail
	torn bool // the last line on the device has no end
}

const (
	asleep uint32 = iota
	awake
)

// shard is a part of a Sink's waiting lines, so that many cores do not queue
// for one lock. Lines put under one key keep their order.
type shard struct {
	mu      sync.Mutex
	buf     *Line // nil: nothing waits
	room    *sync.Cond
	waiting int
	live    bool // there is a writer
	_       [64]byte
}

// Line is a pooled buffer for one line or many.
type Line struct{ B []byte }

var lines = sync.Pool{New: func() any { return &Line{make([]byte, 0, 1024)} }}

// NewLine takes an empty line from the pool.
func NewLine() *Line { return lines.Get().(*Line) }

// Free gives the line back.
func (l *Line) Free() {
	if cap(l.B) <= keepBuffer {
		l.B = l.B[:0]
		lines.Put(l)
	}
}

// newSink makes a sink of n shards (a power of two) that is not open yet.
func newSink(t Target, n int, hold time.Duration, report func(string)) *Sink {
	s := &Sink{
		target: t, hold: hold, report: report,
		wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		shards: make([]shard, n), mask: uint64(n - 1),
		severe: t.Kind == Syslog,
	}
	for i := range s.shards {
		s.shards[i].room = sync.NewCond(&s.shards[i].mu)
	}
	return s
}

// shardCount suits the number of cores.
func shardCount() int {
	n := 1
	for n < runtime.GOMAXPROCS(0) && n < maxShards {
		n *= 2
	}
	return n
}

// Target is what the sink writes to.
func (s *Sink) Target() Target { return s.target }

// Put hands over one line, which must end in "\n"; it is copied. Lines of the
// same key (a connection's number) stay in order among themselves. severity
// is for syslog: 0 (emerg) to 7 (debug). Put blocks while the sink cannot take
// more. Outside of Open and Close lines go to standard error.
func (s *Sink) Put(key uint64, severity uint8, line []byte) {
	h := &s.shards[key&s.mask]
	h.mu.Lock()
	for h.live && h.buf != nil && len(h.buf.B)+len(line) > maxPending {
		h.waiting++
		s.hurry()
		h.room.Wait()
		h.waiting--
	}
	if !h.live {
		h.mu.Unlock()
		os.Stderr.Write(line)
		return
	}
	if h.buf == nil {
		h.buf = NewLine()
	}
	b := h.buf
	if s.severe {
		b.B = append(b.B, severity)
	}
	b.B = append(b.B, line...)
	full := len(b.B) > maxPending/2
	h.mu.Unlock()
	if s.state.Load() == asleep && s.state.CompareAndSwap(asleep, awake) {
		s.wake <- struct{}{}
	}
	if full {
		s.hurry()
	}
}

func (s *Sink) hurry() {
	select {
	case s.urgent <- struct{}{}:
	default:
	}
}

// open opens the device and starts the writer.
func (s *Sink) open(with Opener) error {
	dev, err := openDevice(s.target, with, s.report)
	if err != nil {
		return err
	}
	s.start(dev)
	return nil
}

func (s *Sink) start(dev device) {
	s.dev = dev
	s.quit, s.done = make(chan struct{}), make(chan struct{})
	for i := range s.shards {
		s.shards[i].mu.Lock()
		s.shards[i].live = true
		s.shards[i].mu.Unlock()
	}
	go s.write()
}

// close waits until what was put is written, and ends the writer.
func (s *Sink) close() {
	close(s.quit)
	s.dev.hasten()
	<-s.done
}

// write is the writer.
func (s *Sink) write() {
	defer close(s.done)
	defer s.dev.close()
	timer := time.NewTimer(gap)
	defer timer.Stop()
	var last time.Time
	for closing := false; !closing; {
		s.state.Store(asleep)
		if !s.pending() {
			select {
			case <-s.wake:
			case <-s.quit:
				closing = true
			}
		} else if !s.state.CompareAndSwap(asleep, awake) {
			<-s.wake
		}
		pause := gap - time.Since(last)
		if pause < s.hold {
			pause = s.hold
		}
		if pause > 0 && !closing {
			timer.Reset(pause)
			select {
			case <-timer.C:
			case <-s.urgent:
			case <-s.quit:
				closing = true
			}
		}
		for i := range s.shards {
			if b := s.shards[i].take(closing); b != nil {
				s.deliver(b.B)
				b.Free()
			}
		}
		last = time.Now()
	}
}

func (s *Sink) pending() bool {
	for i := range s.shards {
		h := &s.shards[i]
		h.mu.Lock()
		some := h.buf != nil
		h.mu.Unlock()
		if some {
			return true
		}
	}
	return false
}

// take empties the shard; the last time it also closes it.
func (h *shard) take(last bool) *Line {
	h.mu.Lock()
	b := h.buf
	h.buf = nil
	h.live = !last
	if h.waiting > 0 {
		h.room.Broadcast()
	}
	h.mu.Unlock()
	return b
}

// deliver writes lines to the device. What cannot be written is counted and
// reported when the trouble begins and when it ends: a full disk must not stop
// the traffic, but it must not go unnoticed either.
func (s *Sink) deliver(p []byte) {
	if s.torn {
		s.dev.write([]byte("\n"))
	}
	n, err := s.dev.write(p)
	s.torn = err != nil && n > 0 && p[n-1] != '\n'
	if err == nil {
		if s.lost > 0 {
			s.report(fmt.Sprintf("log %s is written again, %d lines were lost", s.target, s.lost))
			s.lost = 0
		}
		return
	}
	if s.lost == 0 {
		s.report(fmt.Sprintf("log %s can't be written, lines are being lost: %v", s.target, err))
	}
	s.lost += bytes.Count(p[n:], []byte{'\n'})
}
