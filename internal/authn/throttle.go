package authn

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Patience: what is remembered of each, and for how long.
const (
	maxTracked = 16384            // entries
	firstHold  = time.Second      // doubled by each failure after it …
	longest    = time.Minute      // … up to this
	forgiven   = 15 * time.Minute // without a failure
	trusted    = 12 * time.Hour   // since it was right
	// An address with many users, and a user with many addresses, may be a
	// company behind one address, or a user with many devices: their patience
	// is a multiple.
	manyUsers, manyAddrs = 5, 10
)

// who is a pair of an address (or network) and a user; with one of them zero it
// stands for all pairs with the other.
type who struct {
	addr netip.Addr
	user string
}

// maxName is how much of a user's name counts here.
const maxName = 64

// shorten bounds what names cost that nobody has.
func shorten(user string) string { return user[:min(len(user), maxName)] }

// network is what one client can have many addresses of: an IPv6 /64.
func network(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// tally is the failures of a who since it was right.
type tally struct {
	failures int
	last     time.Time // failure or success
	until    time.Time // held
	right    bool      // a pair that was right, and not wrong since
}

// throttle makes those wait who fail too often.
//
// A pair that was right lately is not held for what others do at its address or
// in its user's name, so that an attack locks nobody out who is known.
type throttle struct {
	limit int // failures of a pair without consequences; 0: no throttle

	failing atomic.Int32 // tallies with failures: 0 is the usual case
	mu      sync.Mutex
	tallies map[who]*tally
}

// held tells how long w has to wait from now on; 0: not at all.
func (t *throttle) held(w who, now time.Time) time.Duration {
	if t.limit == 0 || t.failing.Load() == 0 {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	pair := t.tallies[w]
	var until time.Time
	if pair != nil {
		until = pair.until
	}
	if pair == nil || !pair.right || now.Sub(pair.last) > trusted {
		for _, k := range [...]who{{addr: w.addr}, {user: w.user}} {
			if y := t.tallies[k]; y != nil && y.until.After(until) {
				until = y.until
			}
		}
	}
	return max(0, until.Sub(now))
}

// failed counts a failure of w. It reports whether w begins to be held by it.
func (t *throttle) failed(w who, now time.Time) (news bool) {
	if t.limit == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	news = t.count(w, t.limit, now)
	if t.count(who{addr: w.addr}, t.limit*manyUsers, now) {
		news = true
	}
	// The empty user name is nobody's.
	if w.user != "" && t.count(who{user: w.user}, t.limit*manyAddrs, now) {
		news = true
	}
	return news
}

func (t *throttle) count(w who, limit int, now time.Time) (news bool) {
	y := t.tally(w)
	if now.Sub(y.last) > forgiven && y.failures > 0 {
		y.failures = 0
		t.failing.Add(-1)
	}
	if y.failures == 0 {
		t.failing.Add(1)
	}
	y.failures++
	y.last, y.right = now, false
	if y.failures < limit {
		return false
	}
	y.until = now.Add(min(longest, firstHold<<min(y.failures-limit, 10)))
	return y.failures == limit
}

// passed tells that w was right.
func (t *throttle) passed(w who, now time.Time) {
	if t.limit == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	y := t.tally(w)
	if y.failures > 0 {
		t.failing.Add(-1)
	}
	*y = tally{last: now, right: true}
}

// tally is the entry of w, made when there is none.
func (t *throttle) tally(w who) *tally {
	if y := t.tallies[w]; y != nil {
		return y
	}
	if t.tallies == nil {
		t.tallies = map[who]*tally{}
	}
	if len(t.tallies) >= maxTracked {
		t.evict()
	}
	// The name is cut out of what also holds the password.
	w.user = strings.Clone(w.user)
	y := &tally{}
	t.tallies[w] = y
	return y
}

func (t *throttle) evict() {
	before := len(t.tallies)
	var gone *tally
	evict(t.tallies, func(y *tally) time.Time {
		if gone == nil || y.last.Before(gone.last) {
			gone = y
		}
		return y.last
	})
	if len(t.tallies) < before && gone.failures > 0 {
		t.failing.Add(-1)
	}
}
