package server

import (
	"sync"
	"sync/atomic"

	"sallyport/internal/exchange"
)

// gate bounds the exchanges under way (MaxRequestWorkers). Who comes when all
// places are taken waits, first come first served; meanwhile nothing is read
// from its connection, so that the client is slowed down and not refused.
//
// The free places are spread over shards. Below the limit an exchange takes one
// from its shard and gives it back there: no line of memory is shared between
// cores. A shard that has run dry borrows from another; the lock is only for
// the time when there are no places.
type gate struct {
	shard [gateShards]struct {
		free atomic.Int64
		_    [56]byte // one cache line each
	}
	// pending is not 0 while somebody waits or places are owed (see debt):
	// then whoever leaves settles under the lock. It is announced before the
	// last look at the shards, so that a place given back is never overlooked.
	pending atomic.Int32
	_       [56]byte

	mu          sync.Mutex
	limit       int64
	debt        int64 // places that a lowered limit still has to take back
	owing       bool  // debt > 0, as pending knows it
	first, last *waiter
	full        func(limit int64) // told the first time that somebody has to wait
	told        bool
}

const gateShards = 16

// waiter is one exchange in the queue.
type waiter struct {
	g       *gate
	next    *waiter
	turn    chan struct{}
	settled bool // in or gone, and out of the queue; under the lock
	gone    bool
}

// resize sets the limit. Exchanges under way beyond a lower one go on.
func (g *gate) resize(limit int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	more := limit - g.limit
	if more == 0 {
		return
	}
	g.limit, g.told = limit, false
	g.debt -= more
	g.pending.Add(1)
	g.settle(0)
	g.pending.Add(-1)
}

// enter takes a place. False: the client has gone while waiting for it.
func (g *gate) enter(shard int, d exchange.Downstream) bool {
	if g.pending.Load() == 0 {
		f := &g.shard[shard].free
		if n := f.Load(); n > 0 && f.CompareAndSwap(n, n-1) {
			return true
		}
		if g.borrow(shard) {
			return true
		}
	}
	return g.queue(shard, d)
}

// use is how many exchanges are under way, nearly, and how many there may be.
func (g *gate) use() (busy, limit int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.limit + g.debt
	for i := range g.shard {
		n -= g.shard[i].free.Load()
	}
	return int(max(n, 0)), int(g.limit)
}

// borrow moves half of what another shard has to this one, and takes a place.
func (g *gate) borrow(shard int) bool {
	for i := 1; i < gateShards; i++ {
		f := &g.shard[(shard+i)%gateShards].free
		n := f.Load()
		if n <= 0 || !f.CompareAndSwap(n, n/2) {
			continue
		}
		if rest := n - n/2 - 1; rest > 0 {
			g.shard[shard].free.Add(rest)
			g.announced()
		}
		return true
	}
	return false
}

// announced settles for those who came while places were on their way.
func (g *gate) announced() {
	if g.pending.Load() != 0 {
		g.mu.Lock()
		g.settle(0)
		g.mu.Unlock()
	}
}

// leave gives the place back.
func (g *gate) leave(shard int) {
	g.shard[shard].free.Add(1)
	g.announced()
}

func (g *gate) queue(shard int, d exchange.Downstream) bool {
	g.mu.Lock()
	g.pending.Add(1)
	if g.settle(1) {
		g.pending.Add(-1)
		g.mu.Unlock()
		return true
	}
	w := &waiter{g: g, turn: make(chan struct{}, 1)}
	if g.last == nil {
		g.first = w
	} else {
		g.last.next = w
	}
	g.last = w
	tell, limit := !g.told && g.full != nil, g.limit
	g.told = true
	g.mu.Unlock()
	if tell {
		g.full(limit)
	}
	if !d.Waiting(w) {
		w.Wake()
	}
	<-w.turn
	d.Waiting(nil)
	return !w.gone
}

// settle collects the free places, pays debts, lets in who waits, takes one
// place more if want is 1 and there is one (true then), and spreads the rest.
func (g *gate) settle(want int64) bool {
	var n int64
	for i := range g.shard {
		n += g.shard[i].free.Swap(0)
	}
	pay := min(n, g.debt) // below 0: places to hand out
	n -= pay
	g.debt -= pay
	if owing := g.debt > 0; owing != g.owing {
		g.owing = owing
		if owing {
			g.pending.Add(1)
		} else {
			g.pending.Add(-1)
		}
	}
	for n > 0 && g.first != nil {
		w := g.first
		g.drop(w, nil)
		n--
		w.turn <- struct{}{}
	}
	got := want > 0 && n > 0
	if got {
		n--
	}
	for i := range g.shard {
		share := n / int64(gateShards-i)
		n -= share
		if share > 0 {
			g.shard[i].free.Add(share)
		}
	}
	return got
}

// drop takes w, which comes after prev, out of the queue.
func (g *gate) drop(w, prev *waiter) {
	if prev == nil {
		g.first = w.next
	} else {
		prev.next = w.next
	}
	if g.last == w {
		g.last = prev
	}
	w.settled = true
	g.pending.Add(-1)
}

// Wake implements exchange.Waker: the client has gone.
func (w *waiter) Wake() {
	g := w.g
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.settled {
		return
	}
	var prev *waiter
	for v := g.first; v != w; v = v.next {
		prev = v
	}
	g.drop(w, prev)
	w.gone = true
	w.turn <- struct{}{}
}
