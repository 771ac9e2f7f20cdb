package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is a device that keeps what is written.
type recorder struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	writes []time.Time
	gate   chan struct{} // when set, each write waits for one element
	fail   error         // of all writes
	closed bool
}

func (r *recorder) write(p []byte) (int, error) {
	if r.gate != nil {
		<-r.gate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		n := min(3, len(p))
		r.buf.Write(p[:n])
		return n, r.fail
	}
	r.buf.Write(p)
	r.writes = append(r.writes, time.Now())
	return len(p), nil
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// at lists when writes happened, counted from start.
func (r *recorder) at(start time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, w := range r.writes {
		fmt.Fprintf(&b, "%v ", w.Sub(start))
	}
	return b.String()
}

func (r *recorder) failWith(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

func (r *recorder) hasten() {}
func (r *recorder) close()  { r.closed = true }

func startSink(n int, hold time.Duration, dev device, report func(string)) *Sink {
	s := newSink(Target{Name: "test"}, n, hold, report)
	s.start(dev)
	return s
}

// A line after a pause is written at once, those that follow closely together
// wait out the gap.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		s := startSink(1, 0, r, nil)
		start := time.Now()
		s.Put(0, 0, []byte("one\n"))
		synctest.Wait()
		for i := range 100 {
			s.Put(uint64(i), 0, []byte("more\n"))
		}
		synctest.Wait()
		if got := r.at(start); got != "0s " {
			t.Fatalf("writes at %s", got)
		}
		time.Sleep(gap)
		synctest.Wait()
		if got := r.at(start); got != "0s 4ms " {
			t.Fatalf("writes at %s", got)
		}
		time.Sleep(time.Hour)
		s.Put(0, 0, []byte("late\n"))
		synctest.Wait()
		if got := r.at(start); got != "0s 4ms 1h0m0.004s " {
			t.Fatalf("writes at %s", got)
		}
		s.close()
		if want := "one\n" + strings.Repeat("more\n", 100) + "late\n"; r.text() != want || !r.closed {
			t.Errorf("wrote %q, closed %v", r.text(), r.closed)
		}
	})
}

// BufferedLogs: lines wait even after a pause, but not for ever.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		s := startSink(1, holdFor, r, nil)
		s.Put(0, 0, []byte("a\n"))
		time.Sleep(holdFor / 2)
		s.Put(0, 0, []byte("b\n"))
		synctest.Wait()
		if r.text() != "" {
			t.Fatal("written too early")
		}
		time.Sleep(holdFor / 2)
		synctest.Wait()
		if r.text() != "a\nb\n" {
			t.Fatalf("wrote %q", r.text())
		}
		s.Put(0, 0, []byte("c\n"))
		s.close()
		if r.text() != "a\nb\nc\n" {
			t.Fatalf("wrote %q", r.text())
		}
	})
}

// A device that does not take anything stops Put when the room is used up, and
// nothing is lost.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{gate: make(chan struct{})}
		s := startSink(1, 0, r, nil)
		line := append(bytes.Repeat([]byte("x"), 999), '\n')
		const n = 2000
		var put atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range n {
				s.Put(0, 0, line)
				put.Add(1)
			}
		}()
		synctest.Wait()
		if bound := int64(2 * maxPending / len(line)); put.Load() < bound/2 || put.Load() > bound {
			t.Fatalf("%d lines fit while nothing is written", put.Load())
		}
		close(r.gate)
		<-done
		s.close()
		if got := len(r.text()); got != n*len(line) {
			t.Errorf("%d bytes written, want %d", got, n*len(line))
		}
	})
}

// A failing device: reported once, counted, reported again when it recovers;
// a torn line is ended before the next.
func TestFailingDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{fail: errors.New("no space left on device")}
		var said []string
		s := startSink(1, 0, r, func(text string) { said = append(said, text) })
		for range 3 {
			s.Put(0, 0, []byte("lost\nlost\n"))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		r.failWith(nil)
		s.Put(0, 0, []byte("kept\n"))
		s.close()
		want := []string{
			"log test can't be written, lines are being lost: no space left on device",
			"log test is written again, 6 lines were lost",
		}
		if fmt.Sprint(said) != fmt.Sprint(want) {
			t.Errorf("said %q", said)
		}
		if !strings.HasSuffix(r.text(), "los\nkept\n") {
			t.Errorf("wrote %q", r.text())
		}
	})
}

// Many writers of many keys: everything arrives, each key in its order.
func TestOrderWithinKey(t *testing.T) {
	r := &recorder{}
	s := startSink(4, 0, r, nil)
	const keys, each = 16, 500
	var wg sync.WaitGroup
	for k := range keys {
		wg.Go(func() {
			for i := range each {
				s.Put(uint64(k), 0, fmt.Appendf(nil, "%d %d\n", k, i))
			}
		})
	}
	wg.Wait()
	s.close()
	next := [keys]int{}
	for line := range strings.Lines(r.text()) {
		var k, i int
		if _, err := fmt.Sscanf(line, "%d %d\n", &k, &i); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if next[k] != i {
			t.Fatalf("key %d: line %d comes when %d is due", k, i, next[k])
		}
		next[k]++
	}
	for k, n := range next {
		if n != each {
			t.Errorf("key %d: %d lines", k, n)
		}
	}
}

func TestPutAllocates(t *testing.T) {
	s := startSink(1, 0, &recorder{gate: make(chan struct{})}, nil)
	line := []byte("0123456789\n")
	s.Put(0, 0, line) // wakes the writer, which then hangs at the gate
	for range 100 {   // grows the buffer
		s.Put(0, 0, line)
	}
	// A full buffer's growth is shared by thousands of lines.
	if n := testing.AllocsPerRun(1000, func() { s.Put(0, 0, line) }); n != 0 {
		t.Errorf("%v allocations per line", n)
	}
	close(s.dev.(*recorder).gate)
	s.close()
}

func TestSetFiles(t *testing.T) {
	dir := t.TempDir()
	set := &Set{}
	a := set.Sink(Target{Name: filepath.Join(dir, "a")})
	if set.Sink(Target{Name: filepath.Join(dir, "a")}) != a {
		t.Error("the same file has two sinks")
	}
	b := set.Sink(Target{Name: filepath.Join(dir, "b")})
	os.WriteFile(filepath.Join(dir, "a"), []byte("before\n"), 0o644)
	if err := set.Open(); err != nil {
		t.Fatal(err)
	}
	// What a rotation does: the old file is renamed, the next snapshot opens
	// a new one while the old is still written.
	a.Put(1, 0, []byte("first\n"))
	b.Put(1, 0, []byte("b\n"))
	os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "a.1"))
	next := &Set{}
	a2 := next.Sink(Target{Name: filepath.Join(dir, "a")})
	if err := next.Open(); err != nil {
		t.Fatal(err)
	}
	a2.Put(1, 0, []byte("second\n"))
	a.Put(1, 0, []byte("last of the old\n"))
	set.Close()
	next.Close()
	for name, want := range map[string]string{"a.1": "before\nfirst\nlast of the old\n", "a": "second\n", "b": "b\n"} {
		if got, _ := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestSetOpenFails(t *testing.T) {
	dir := t.TempDir()
	set := &Set{}
	set.Sink(Target{Name: filepath.Join(dir, "a")})
	set.Sink(Target{Name: filepath.Join(dir, "none", "b")})
	var oe *OpenError
	if err := set.Open(); !errors.As(err, &oe) || oe.Target.Name != filepath.Join(dir, "none", "b") || !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("Open: %v", err)
	}
	set.Close() // nothing is open: no harm
}
