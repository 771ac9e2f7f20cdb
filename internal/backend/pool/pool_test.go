package pool

import (
	"net"
	"testing"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/fault"
	"sallyport/internal/watch"
)

// rig is a registry and a listener that accepts and holds.
func rig(t *testing.T) (*Registry, *Pool, net.Listener) {
	t.Helper()
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	r := NewRegistry(w)
	t.Cleanup(func() { l.Close(); r.Close(); w.Close() })
	return r, r.For(backend.Target{Scheme: "http", Network: "tcp", Addr: l.Addr().String()}), l
}

func get(t *testing.T, p *Pool, w *backend.Worker) *Conn {
	t.Helper()
	c, f := p.Get(w, Want{Hint: 1, Fresh: true})
	if f != nil {
		t.Fatal(f)
	}
	return c
}

// TestTend: idle connections go when their ttl is over, others stay.
func TestTend(t *testing.T) {
	r, p, _ := rig(t)
	young, old := &backend.Worker{TTL: time.Hour}, &backend.Worker{TTL: time.Nanosecond}
	a, b, c := get(t, p, young), get(t, p, old), get(t, p, &backend.Worker{})
	p.Put(a, young)
	p.Put(b, old)
	p.Put(c, &backend.Worker{})
	if n := p.Idle(); n != 3 {
		t.Fatalf("%d idle, want 3", n)
	}
	for since := r.Watch.Now(); r.Watch.Now() == since; { // one tick of the clock
		time.Sleep(watch.Tick / 10)
	}
	r.Tend()
	if n := p.Idle(); n != 2 {
		t.Fatalf("%d idle after the ttl, want 2", n)
	}
	if !p.aging.Load() {
		t.Error("a connection with a ttl is left, but its pool is not looked at again")
	}
}

// TestSmax: without ttl, what comes back above smax is closed.
func TestSmax(t *testing.T) {
	_, p, _ := rig(t)
	w := &backend.Worker{Smax: 1}
	a, b := get(t, p, w), get(t, p, w)
	p.Put(a, w)
	p.Put(b, w)
	if n := p.Idle(); n != 1 {
		t.Errorf("%d idle, want 1", n)
	}
	if n := p.Busy(); n != 0 {
		t.Errorf("%d busy, want 0", n)
	}
}

// TestAcquire: at max the next waits, gets a slot in its turn, or gives up.
func TestAcquire(t *testing.T) {
	_, p, _ := rig(t)
	w := &backend.Worker{Max: 1, Acquire: 20 * time.Millisecond}
	c := get(t, p, w)
	if _, f := p.Get(w, Want{Hint: 1, Fresh: false}); f == nil || f.Kind != fault.PoolTimeout {
		t.Fatalf("got %v, want a pool time-out", f)
	}
	forever := &backend.Worker{Max: 1}
	done := make(chan *Conn)
	go func() {
		c, _ := p.Get(forever, Want{Hint: 1, Fresh: false})
		done <- c
	}()
	for p.waiting.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	p.Put(c, w)
	if got := <-done; got != c {
		t.Error("the waiter did not get the connection that came back")
	}
}

// TestProbe: a probe leaves its connection in the pool, or says why not.
func TestProbe(t *testing.T) {
	_, p, l := rig(t)
	w := &backend.Worker{ConnectTimeout: time.Second}
	if f := p.Probe(w, ""); f != nil {
		t.Fatal(f)
	}
	if p.Idle() != 1 || p.Busy() != 0 {
		t.Errorf("idle %d busy %d, want 1 and 0", p.Idle(), p.Busy())
	}
	l.Close()
	if f := p.Probe(w, ""); f == nil || f.Kind != fault.ConnectFailed {
		t.Errorf("got %v, want a failed connect", f)
	}
	if p.Busy() != 0 {
		t.Errorf("busy %d, want 0", p.Busy())
	}
}
