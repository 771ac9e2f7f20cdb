package server

import (
	"net/netip"
	"testing"
	"time"

	"sallyport/internal/exchange"
)

// TestScoreboard follows two connections through the counts: under way, idle,
// ended; and nothing is kept while nobody asks.
func TestScoreboard(t *testing.T) {
	s := &Server{}
	s.gate.resize(8)
	visitOf := func(id uint64) *visit {
		return s.Admit(&exchange.Client{ID: id, Remote: netip.MustParseAddrPort("192.0.2.1:9")}).(*visit)
	}
	a, b := visitOf(1), visitOf(2)
	ask := func(target string) *exchange.Exchange {
		x := exchange.Get()
		x.Request.Method, x.Request.Target, x.Request.Authority = "GET", target, "a.test"
		x.Received, x.BytesOut = time.Now(), 100
		return x
	}
	s.Extend(true)
	x, y := ask("/1"), ask("/2")
	first := a.begin(x)
	y.Received = x.Received.Add(time.Millisecond)
	second := b.begin(y)
	got := s.Totals(true)
	if len(got.Requests) != 2 || got.Requests[0].Target != "/1" || got.Requests[1].Host != "a.test" || got.Accesses != 0 || got.Connections != 2 {
		t.Fatalf("two under way: %+v", got)
	}
	first.end(x)
	second.end(y)
	a.Bye()
	got = s.Totals(true)
	if len(got.Requests) != 0 || got.Accesses != 2 || got.Bytes != 200 || got.Connections != 1 || got.Limit != 8 || got.Busy != 0 {
		t.Fatalf("one ended, one idle: %+v", got)
	}
	if !s.gate.enter(0, nil) {
		t.Fatal("no place")
	}
	if got := s.Totals(false); got.Busy != 1 {
		t.Errorf("busy: %d", got.Busy)
	}
	b.Bye()
	if got := s.Totals(false); got.Accesses != 2 || got.Connections != 0 {
		t.Errorf("all ended: %+v", got)
	}
}
