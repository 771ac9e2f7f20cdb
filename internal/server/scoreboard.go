package server

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// board counts what status pages show. Nothing is counted, and connections
// carry nothing for it, unless somebody has asked (Extend).
type board struct {
	extended atomic.Int32
	started  time.Time
	loaded   atomic.Int64 // unix nanoseconds
	turns    atomic.Int64 // snapshots that have served
}

// slot is what one connection counts: it alone writes to it, so that cores do
// not share the line.
type slot struct {
	accesses, bytes, took atomic.Int64

	mu   sync.Mutex // for busy and what is under way
	busy bool
	now  module.Underway
}

// begin notes that x is under way.
func (v *visit) begin(x *exchange.Exchange) *slot {
	s := v.slot.Load()
	if s == nil {
		s = new(slot)
		v.slot.Store(s)
	}
	r := &x.Request
	s.mu.Lock()
	s.busy = true
	s.now = module.Underway{
		Connection: v.client.ID, Client: v.client.Remote.Addr(), TLS: v.client.TLS != nil,
		Method: r.Method, Target: r.Target, Version: r.Version.String(), Host: r.Authority,
		Began: x.Received, Served: int(s.accesses.Load()), Bytes: s.bytes.Load(),
	}
	s.mu.Unlock()
	return s
}

// end counts it.
func (s *slot) end(x *exchange.Exchange) {
	s.accesses.Add(1)
	s.bytes.Add(x.BytesOut)
	s.took.Add(int64(time.Since(x.Received)))
	s.mu.Lock()
	s.busy, s.now = false, module.Underway{}
	s.mu.Unlock()
}

// sums are what the connections of a shard that have ended had counted.
type sums struct {
	accesses, bytes int64
	took            time.Duration
}

func (t *sums) add(s *slot) {
	if s != nil {
		t.accesses += s.accesses.Load()
		t.bytes += s.bytes.Load()
		t.took += time.Duration(s.took.Load())
	}
}

// Extend implements module.Scoreboard.
func (s *Server) Extend(on bool) {
	if on {
		s.board.extended.Add(1)
	} else {
		s.board.extended.Add(-1)
	}
}

// Totals implements module.Scoreboard.
func (s *Server) Totals(requests bool) module.Totals {
	b := &s.board
	t := module.Totals{
		Started:    b.started,
		Loaded:     time.Unix(0, b.loaded.Load()),
		Generation: int(b.turns.Load()),
	}
	t.Busy, t.Limit = s.gate.use()
	for i := range s.visits {
		sh := &s.visits[i]
		sh.Lock()
		// Under the lock of each shard, so that a connection that ends is
		// counted once: in the sums or by itself.
		t.Connections += sh.count - sh.streams
		for v := sh.first; v != nil; v = v.next {
			sl := v.slot.Load()
			if sl == nil {
				continue
			}
			t.Accesses += sl.accesses.Load()
			t.Bytes += sl.bytes.Load()
			t.Took += time.Duration(sl.took.Load())
			if requests {
				sl.mu.Lock()
				if sl.busy {
					t.Requests = append(t.Requests, sl.now)
				}
				sl.mu.Unlock()
			}
		}
		t.Accesses += sh.ended.accesses
		t.Bytes += sh.ended.bytes
		t.Took += sh.ended.took
		sh.Unlock()
	}
	slices.SortFunc(t.Requests, func(a, b module.Underway) int { return a.Began.Compare(b.Began) })
	return t
}
