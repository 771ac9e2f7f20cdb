package manager

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"sallyport/internal/chart"
	"sallyport/internal/cluster"
	"sallyport/internal/cluster/file"
	"sallyport/internal/live"
)

// Log writes a line about an edit: warn for what somebody should look at.
type Log func(warn bool, format string, args ...any)

// Manager is the desk. Safe for use by many goroutines. Make it with New; it
// takes edits once Run runs.
type Manager struct {
	live *live.Registry
	now  func() time.Time

	mu  sync.Mutex
	log Log
	// checkNow begins a health check.
	checkNow func(live.WorkerKey) bool
	store    cluster.Store
	charts   *chart.Recorder
	hourLost bool   // the charts can't be kept
	away     error  // why edits are refused; nil: they are taken
	file     string // where edits are kept; "": in memory
	owner    file.Owner
	turn     func() // ends the watch of a store that is no longer ours
	ended    bool   // nobody applies changes any more

	board   *Board
	config  uint64 // counts the boards, from a random start
	overlay *cluster.Overlay
	history []cluster.Change
	layouts map[*Balancer]*Layout
	merged  []cluster.Conflict
	settled []cluster.Edit // edits that the configuration says itself now
	leaving map[live.WorkerKey]*leave
	nonces  map[live.BalancerKey]string
	applied chan struct{} // closed when overlay becomes another one
	feed    feed
}

// New makes a manager that keeps edits in memory.
func New(reg *live.Registry, now func() time.Time) *Manager {
	return &Manager{
		live: reg, now: now, log: func(bool, string, ...any) {},
		checkNow: func(live.WorkerKey) bool { return false },
		store:    cluster.NewLog(cluster.State{}, nil),
		turn:     func() {},
		applied:  make(chan struct{}),
		config:   random(),
		overlay:  &cluster.Overlay{},
		layouts:  map[*Balancer]*Layout{},
		leaving:  map[live.WorkerKey]*leave{},
		nonces:   map[live.BalancerKey]string{},
		feed:     newFeed(),
	}
}

func random() uint64 {
	var b [4]byte
	rand.Read(b[:])
	return uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
}

// SetCheck says who checks a member's health when somebody asks for it; false:
// the member is not checked.
func (m *Manager) SetCheck(check func(live.WorkerKey) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checkNow = check
}

// SetLog says where lines about edits go.
func (m *Manager) SetLog(log Log) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = log
}

// Version names a state of the configuration and the edits over it: what ETag
// and If-Match hold.
type Version struct {
	Config   uint64 // another after every reload
	Revision cluster.Revision
}

// String spells a version, without quotes.
func (v Version) String() string { return fmt.Sprintf("%x-%d", v.Config, v.Revision) }

// ParseVersion reads what String wrote.
func ParseVersion(s string) (v Version, ok bool) {
	n, err := fmt.Sscanf(s, "%x-%d", &v.Config, &v.Revision)
	return v, err == nil && n == 2 && v.String() == s
}

// Version is the present one.
func (m *Manager) Version() Version {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Version{m.config, m.overlay.Rev()}
}

// Away is why edits are refused just now; nil: they are taken.
func (m *Manager) Away() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.away
}

// ErrStopped is returned for an edit that the store took when nobody applies
// edits any more: the server ends.
var ErrStopped = errors.New("the server is shutting down")

// Run applies edits as the store yields them until ctx is done.
func (m *Manager) Run(ctx context.Context) {
	for ctx.Err() == nil {
		watch, stop := context.WithCancel(ctx)
		m.mu.Lock()
		store, from := m.store, m.overlay.Rev()
		m.turn = stop
		m.mu.Unlock()
		for c, err := range store.Watch(watch, from) {
			if err != nil {
				m.behind(store)
				break
			}
			m.take(store, c)
		}
		stop()
	}
	m.mu.Lock()
	m.ended = true
	m.wake()
	m.mu.Unlock()
}

// wake tells those who wait for the overlay to become another one; locked.
func (m *Manager) wake() {
	close(m.applied)
	m.applied = make(chan struct{})
}

// await returns when the change has been applied here.
func (m *Manager) await(ctx context.Context, r cluster.Revision) error {
	for {
		m.mu.Lock()
		done, ended, applied := m.overlay.Rev() >= r, m.ended, m.applied
		m.mu.Unlock()
		switch {
		case done:
			return nil
		case ended:
			return ErrStopped
		}
		select {
		case <-applied:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take applies one change of the store.
func (m *Manager) take(store cluster.Store, c cluster.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if store != m.store || c.Revision <= m.overlay.Rev() {
		return
	}
	before := m.overlay
	m.overlay = m.overlay.With(c)
	m.history = append(m.history, c)
	if n := len(m.history); n > cluster.KeptChanges {
		m.history = m.history[n-cluster.KeptChanges:]
	}
	touched := map[live.BalancerKey]bool{}
	for i := range c.Edits {
		e := &c.Edits[i]
		touched[e.Balancer] = true
		if e.Verb == cluster.Remove {
			m.leave(e, before.Of(e.Balancer).Member(e.Member), c.At)
		} else if e.Verb == cluster.Add {
			delete(m.leaving, live.WorkerKey{Balancer: e.Balancer, URL: e.Member})
		}
	}
	for key := range touched {
		m.relay(key)
	}
	for i := range c.Edits {
		e := &c.Edits[i]
		m.once(e)
		m.said(e)
	}
	m.compare()
	m.tell(c)
	m.wake()
}

// behind begins anew at what the store has now; it keeps fewer changes than
// this node has missed.
func (m *Manager) behind(store cluster.Store) {
	state := store.State()
	m.mu.Lock()
	defer m.mu.Unlock()
	if store != m.store {
		return
	}
	m.adopt(state)
}

// adopt makes a store's state ours; locked.
func (m *Manager) adopt(state cluster.State) {
	old := m.overlay
	m.overlay, m.history = state.Overlay, append([]cluster.Change(nil), state.History...)
	for _, o := range []*cluster.Overlay{old, m.overlay} {
		for _, key := range o.Keys() {
			m.relay(key)
		}
	}
	m.compare()
	m.wake()
}

// relay lays a balancer anew; locked.
func (m *Manager) relay(key live.BalancerKey) {
	e := m.board.Find(key)
	if e == nil {
		return
	}
	l := e.lay(m.overlay, m.leavingOf(key))
	m.layouts[e] = l
	for _, r := range l.Refused {
		m.log(true, "%s %s: the edit %s=%s is not laid: %v", e.Name, r.Member, r.Param, r.Value, r.Why)
	}
	e.Lay(l)
}

// said does what an edit of a value means though the value be what it was:
// the flag C, which checks have changed meanwhile, is set again, and a factor
// begins the round anew; locked.
func (m *Manager) said(e *cluster.Edit) {
	w := m.live.Worker(live.WorkerKey{Balancer: e.Balancer, URL: e.Member})
	if w == nil {
		return
	}
	for i := range e.Params {
		switch p := &e.Params[i]; {
		case p.Back:
		case p.Name == "loadfactor":
			m.live.Restart(e.Balancer)
		case p.Name == "status.C":
			w.Balancer().Lock()
			w.SetHealthFailed(p.Value == "On")
			w.Balancer().Unlock()
		}
	}
}

// once does what an edit wants done here and now; locked.
func (m *Manager) once(e *cluster.Edit) {
	key := live.WorkerKey{Balancer: e.Balancer, URL: e.Member}
	w := m.live.Worker(key)
	if w == nil || !e.Verb.Once() {
		return
	}
	if e.Verb == cluster.Check {
		m.checkNow(key)
		return
	}
	w.Balancer().Lock()
	defer w.Balancer().Unlock()
	switch e.Verb {
	case cluster.Recover:
		w.Forgive()
		w.Recover()
	case cluster.Fail:
		w.SetHealthFailed(true)
	case cluster.Pass:
		w.SetHealthFailed(false)
	case cluster.Zero:
		w.Zero()
	}
}

// Persistent reports whether edits are kept over a restart.
func (m *Manager) Persistent() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.file != ""
}

// Close tells those who listen that the server stops.
func (m *Manager) Close() { m.feed.push(Event{Kind: Stopping, At: m.now()}) }
