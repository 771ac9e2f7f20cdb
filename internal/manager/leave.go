package manager

import (
	"context"
	"time"

	"sallyport/internal/cluster"
	"sallyport/internal/live"
)

// leave is a member that was removed and runs empty: it takes no new sessions,
// finishes what it has in hand and serves the sessions it has.
type leave struct {
	since, until time.Time
	idle         time.Duration
	edits        *cluster.Member
}

// Defaults of a removal.
const (
	DefaultLeave = 5 * time.Minute
	DefaultIdle  = 30 * time.Second
)

// leave lets a member drain; locked.
func (m *Manager) leave(e *cluster.Edit, was *cluster.Member, now time.Time) {
	key := live.WorkerKey{Balancer: e.Balancer, URL: e.Member}
	if m.live.Worker(key) == nil {
		return
	}
	if was == nil {
		was = &cluster.Member{}
	}
	m.leaving[key] = &leave{since: now, until: now.Add(e.Timeout), idle: e.Idle, edits: was}
}

// usherPause is how often members that leave are looked at.
const usherPause = 200 * time.Millisecond

// Usher does what time asks for, until ctx is done: it lets removed members go
// when they are empty or their time is over, forgets settled edits, and keeps
// the charts.
func (m *Manager) Usher(ctx context.Context) {
	t := time.NewTicker(usherPause)
	defer t.Stop()
	for kept := m.now(); ; {
		select {
		case <-ctx.Done():
			m.keepHour()
			return
		case <-t.C:
			m.usher(m.now())
			m.settle(ctx)
			if now := m.now(); now.Sub(kept) >= hourPause {
				kept = now
				m.keepHour()
			}
		}
	}
}

func (m *Manager) usher(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, l := range m.leaving {
		w := m.live.Worker(key)
		load := Load{}
		if w != nil {
			load = loadOf(w, now)
		}
		e := m.board.Find(key.Balancer)
		empty := load.Busy == 0 && (e == nil || !e.sticky() || now.Sub(l.since) >= l.idle && load.Quiet >= l.idle)
		if w != nil && !empty && now.Before(l.until) {
			continue
		}
		delete(m.leaving, key)
		if empty {
			m.log(false, "balancer://%s: %s has left, empty", key.Balancer.Name, key.URL)
		} else {
			m.log(true, "balancer://%s: %s has left after %v with %d requests (%d of them tunnels) in hand and %d sessions",
				key.Balancer.Name, key.URL, now.Sub(l.since).Round(time.Second), load.Busy, load.Tunnels, load.Sessions)
		}
		m.relay(key.Balancer)
		m.feed.push(Event{Kind: Left, At: now, Balancer: key.Balancer, Member: key.URL, Load: load})
	}
}

// settle forgets the edits that the configuration says itself now. Else they
// would come back to life when it is changed once more.
func (m *Manager) settle(ctx context.Context) {
	m.mu.Lock()
	edits, store, at, away := m.settled, m.store, m.overlay.Rev(), m.away
	m.settled = nil // where it fails, the next configuration tells again
	m.mu.Unlock()
	if len(edits) == 0 || away != nil {
		return
	}
	by := cluster.By{Reason: "the configuration says it now"}
	if _, err := store.Propose(ctx, at, cluster.Change{At: m.now().UTC(), By: by, Edits: edits}); err != nil {
		m.log(true, "edits that the configuration says itself now can't be forgotten: %v", err)
	}
}

// sticky reports whether sessions stay with a member.
func (e *Balancer) sticky() bool {
	return e.Text.Sticky.V.Cookie != "" || e.Text.StickyCookie.V != ""
}

// Load is what a member has in hand.
type Load struct {
	Busy    int64 // requests, tunnels included
	Tunnels int64
	// Sessions were seen within the last five minutes, since the member drains;
	// -1: it does not.
	Sessions int
	// Quiet is how long ago the last request of a session came.
	Quiet time.Duration
}

func loadOf(w *live.Worker, now time.Time) Load {
	n, last := w.Sessions(now)
	l := Load{Busy: w.Busy(), Tunnels: w.Tunnels(), Sessions: n, Quiet: time.Duration(1<<63 - 1)}
	if !last.IsZero() {
		l.Quiet = now.Sub(last)
	}
	return l
}
