package server

import (
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

// client is a Downstream that only waits; leave wakes it as a hang-up does.
type client struct {
	mu    sync.Mutex
	waker exchange.Waker
	gone  bool
}

func (c *client) Waiting(w exchange.Waker) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waker = w
	return !c.gone
}

func (c *client) leave() {
	c.mu.Lock()
	c.gone = true
	w := c.waker
	c.mu.Unlock()
	if w != nil {
		w.Wake()
	}
}

func (*client) Inform(int, *message.Header) error    { return nil }
func (*client) Begin(*message.Response) error        { return nil }
func (*client) Write(p []byte) (int, error)          { return len(p), nil }
func (*client) Flush() error                         { return nil }
func (*client) End(*message.Header) error            { return nil }
func (*client) Upgrade() (io.ReadWriteCloser, error) { return nil, nil }

func TestGateQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		told := 0
		g.full = func(limit int64) {
			if told++; limit != 2 {
				t.Errorf("told a limit of %d", limit)
			}
		}
		g.resize(2)
		// Both places can be had from one shard.
		for range 2 {
			if !g.enter(3, &client{}) {
				t.Fatal("refused below the limit")
			}
		}
		var order []int
		clients := make([]*client, 4)
		for i := range clients {
			clients[i] = &client{}
			go func() {
				if g.enter(i, clients[i]) {
					order = append(order, i)
				} else {
					order = append(order, -i)
				}
			}()
			synctest.Wait()
		}
		if len(order) != 0 || told != 1 {
			t.Fatalf("%v got in beyond the limit; told %d times", order, told)
		}
		step := func(want ...int) {
			t.Helper()
			synctest.Wait()
			if len(order) != len(want) {
				t.Fatalf("order %v, want %v", order, want)
			}
			for i := range want {
				if order[i] != want[i] {
					t.Fatalf("order %v, want %v", order, want)
				}
			}
		}
		clients[1].leave() // the second of the queue does not wait for its turn
		step(-1)
		g.leave(3)
		step(-1, 0)
		g.resize(1) // two are under way: one place is owed
		g.leave(7)
		step(-1, 0)
		g.leave(0)
		step(-1, 0, 2)
		g.resize(2)
		step(-1, 0, 2, 3)
		clients[3].leave() // too late: it is in
		g.leave(2)
		g.leave(3)
		if n := g.pending.Load(); n != 0 {
			t.Errorf("%d announced, nobody there", n)
		}
		for range 2 {
			if !g.enter(1, &client{}) {
				t.Error("places were lost")
			}
		}
		gone := &client{gone: true}
		if g.enter(1, gone) {
			t.Error("a client that had gone got in")
		}
	})
}

// Many enter and leave, the limit changes meanwhile; never more are in than
// the highest limit, and in the end no place is missing.
func TestGateCrowd(t *testing.T) {
	g := &gate{}
	const high = 7
	g.resize(high)
	var in, most atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 300 {
				c := &client{}
				if j%17 == 0 {
					go c.leave()
				}
				if !g.enter((i+j)%gateShards, c) {
					continue
				}
				n := in.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				in.Add(-1)
				g.leave((i * j) % gateShards)
			}
		})
	}
	for i := range 200 {
		g.resize(int64(1 + i%high))
	}
	wg.Wait()
	g.resize(high)
	if m := most.Load(); m > high {
		t.Errorf("%d at once, at most %d allowed", m, high)
	}
	var free int64
	for i := range g.shard {
		free += g.shard[i].free.Load()
	}
	if free != high || g.pending.Load() != 0 || g.debt != 0 {
		t.Errorf("%d places of %d free, %d pending, %d owed", free, high, g.pending.Load(), g.debt)
	}
}

func BenchmarkGate(b *testing.B) {
	g := &gate{}
	g.resize(10_000)
	var ids atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		shard := int(ids.Add(1)) % gateShards
		for pb.Next() {
			g.enter(shard, nil)
			g.leave(shard)
		}
	})
}

func TestPlan(t *testing.T) {
	const mb, gb = 1 << 20, 1 << 30
	for _, c := range []struct {
		workers       int
		memory, files int64
		want          capacity
	}{
		{0, 24 * gb, 20000, capacity{5000, 20000 - 5000 - 2*625 - 64}},
		{0, 512 * mb, 524288, capacity{2048, 524288 - 2048 - 2048 - 64}},
		{0, 64 * gb, 1 << 30, capacity{262144, 1<<30 - 262144 - 2048 - 64}},
		{0, 8 * mb, 1024, capacity{64, 1024 - 64 - 64 - 64}},
		{150, 24 * gb, 1024, capacity{150, 1024 - 150 - 64 - 64}},
		{4000, 24 * gb, 1024, capacity{4000, 1024 - 256 - 64 - 64}},
		{0, 24 * gb, 64, capacity{64, 64/4 + 0}},
	} {
		if got := plan(c.workers, c.memory, c.files); got != c.want {
			t.Errorf("plan(%d, %d MB, %d files) = %+v, want %+v", c.workers, c.memory/mb, c.files, got, c.want)
		}
	}
	if n := memTotal([]byte("MemFree: 3 kB\nMemTotal:       24683152 kB\n")); n != 24683152<<10 {
		t.Errorf("memTotal read %d", n)
	}
}
