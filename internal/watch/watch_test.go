package watch

import (
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// conn notes the deadlines it is given.
type conn struct {
	mu   sync.Mutex
	past bool
	set  int
}

func (c *conn) SetDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past = !at.IsZero()
	c.set++
	return nil
}

func (c *conn) isPast() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.past
}

func start(t *testing.T) *Watcher {
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

// ticks waits until the ticker has looked at every guard n times more.
func ticks(t *testing.T, w *Watcher, n int) {
	t.Helper()
	for range n {
		before := w.Now()
		until(t, "a tick", func() bool { return w.Now() > before })
	}
}

func TestGuardDue(t *testing.T) {
	w := start(t)
	var g Guard
	var c conn
	w.Add(&g, &c)
	defer w.Remove(&g)
	g.Arm(time.Millisecond)
	until(t, "the deadline", c.isPast)
	if v := g.Expired(); v != Due {
		t.Fatalf("verdict %d", v)
	}
	g.Disarm()
	// News of the old deadline may still have been under way.
	if v := g.Expired(); v != Spurious || c.isPast() {
		t.Fatalf("verdict %d", v)
	}
}

func TestGuardDisarmed(t *testing.T) {
	w := start(t)
	var off, never, long, gone Guard
	var c conn
	for _, g := range []*Guard{&off, &never, &long, &gone} {
		w.Add(g, &c)
	}
	off.Arm(time.Nanosecond)
	off.Disarm()
	never.Arm(0)
	long.Arm(time.Hour)
	w.Remove(&gone)
	gone.Arm(time.Nanosecond)
	ticks(t, w, 4)
	if c.isPast() {
		t.Fatal("a deadline that nobody armed")
	}
	n := 0
	w.Each(func(Deadliner) { n++ })
	if n != 3 {
		t.Fatalf("%d guards", n)
	}
	for _, g := range []*Guard{&never, &off, &long} {
		w.Remove(g)
	}
	w.Each(func(Deadliner) { t.Error("a guard that was removed") })
}

func TestGuardWake(t *testing.T) {
	w := start(t)
	var g Guard
	var c conn
	w.Add(&g, &c)
	defer w.Remove(&g)
	g.Wake()
	if v := g.Expired(); v != Woken {
		t.Fatalf("verdict %d", v)
	}
	if v := g.Expired(); v != Woken {
		t.Fatalf("forgotten before Rest: verdict %d", v)
	}
	g.Rest()
	if v := g.Expired(); v != Spurious {
		t.Fatalf("verdict %d", v)
	}
}

func TestGuardStill(t *testing.T) {
	w := start(t)
	var g Guard
	var c conn
	w.Add(&g, &c)
	defer w.Remove(&g)
	for range 20 {
		g.Arm(time.Nanosecond)
		ticks(t, w, 1)
		g.Still()
		if c.isPast() {
			t.Fatal("a deadline behind Still")
		}
	}
}

// events is a Handler that collects.
type events chan Event

func (e events) Event(ev Event) { e <- ev }

func (e events) next(t *testing.T) Event {
	t.Helper()
	select {
	case ev := <-e:
		return ev
	case <-time.After(patience):
		t.Error("no event")
		return 0
	}
}

// pair is a TCP connection: its far end, its near end and that one's
// descriptor.
func pair(t *testing.T) (far, near *net.TCPConn, fd int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	raw, err := b.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(f uintptr) { fd = int(f) })
	return a.(*net.TCPConn), b.(*net.TCPConn), fd
}

func watched(t *testing.T, w *Watcher, fd int, in Interest, h Handler) Ticket {
	var ticket Ticket
	if !w.Watch(fd, in, h, &ticket) {
		if runtime.GOOS != "linux" {
			t.Skip("no poller on " + runtime.GOOS)
		}
		t.Fatal("not watched")
	}
	if ticket.None() {
		t.Fatal("a watch without a name")
	}
	return ticket
}

func TestReadableFiresOnce(t *testing.T) {
	w := start(t)
	far, near, fd := pair(t)
	h := make(events, 8)
	ticket := watched(t, w, fd, Readable, h)
	far.Write([]byte("one"))
	if ev := h.next(t); ev != Ready {
		t.Fatalf("event %b", ev)
	}
	if w.Cancel(ticket) {
		t.Fatal("a watch that fired is no more")
	}
	far.Write([]byte("two"))
	// What is there already fires a new watch, and nothing fires the old one.
	again := make(events, 8)
	watched(t, w, fd, Readable, again)
	again.next(t)
	if len(h) != 0 {
		t.Fatal("fired twice")
	}
	near.Read(make([]byte, 16))
	h = make(events, 8)
	watched(t, w, fd, Readable, h)
	far.CloseWrite()
	if ev := h.next(t); ev != Ready|Closed {
		t.Fatalf("event %b", ev)
	}
}

func TestHangup(t *testing.T) {
	w := start(t)
	far, _, fd := pair(t)
	h := make(events, 8)
	ticket := watched(t, w, fd, Hangup, h)
	far.Write([]byte("bytes are no hang-up"))
	far.CloseWrite()
	if ev := h.next(t); ev&Closed == 0 || ev&Reset != 0 {
		t.Fatalf("event %b", ev)
	}
	far.SetLinger(0)
	far.Close()
	for ev := h.next(t); ev&Reset == 0; ev = h.next(t) {
	}
	if !w.Cancel(ticket) {
		t.Fatal("a hang-up's watch lasts until it is cancelled")
	}
	if w.Cancel(ticket) {
		t.Fatal("cancelled twice")
	}
}

// TestCancelled: no event behind Cancel, and the old name does not reach the
// watch that took its place.
func TestCancelled(t *testing.T) {
	w := start(t)
	far, _, fd := pair(t)
	h := make(events, 1)
	old := watched(t, w, fd, Readable, h)
	if !w.Cancel(old) {
		t.Fatal("not cancelled")
	}
	far.Write([]byte("x"))
	ticks(t, w, 2)
	if len(h) != 0 {
		t.Fatal("an event behind Cancel")
	}
	next := watched(t, w, fd, Hangup, h)
	if w.Cancel(old) {
		t.Fatal("the old name ended the new watch")
	}
	far.CloseWrite()
	h.next(t)
	if !w.Cancel(next) || w.Cancel(Ticket{}) {
		t.Fatal("cancel")
	}
}

// TestRefused: what the system can't watch says so, and leaves nothing behind.
func TestRefused(t *testing.T) {
	w := start(t)
	var ticket Ticket
	if w.Watch(-1, Readable, make(events), &ticket) {
		t.Fatal("no descriptor is watched")
	}
	if w.Cancel(ticket) {
		t.Fatal("a watch that never was")
	}
}

// TestMany: watches that come and go on many connections at once all fire.
func TestMany(t *testing.T) {
	w := start(t)
	var all sync.WaitGroup
	for range 32 {
		far, near, fd := pair(t)
		all.Go(func() {
			h := make(events, 1)
			b := make([]byte, 8)
			for i := range 50 {
				var ticket Ticket
				if !w.Watch(fd, Readable, h, &ticket) {
					return // another system: TestReadableFiresOnce says so
				}
				if i%5 == 4 && w.Cancel(ticket) {
					continue
				}
				far.Write([]byte("x"))
				h.next(t)
				near.Read(b)
			}
		})
	}
	all.Wait()
}

func TestCloseEndsGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	until(t, "the goroutines' end", func() bool { return runtime.NumGoroutine() <= before })
}
