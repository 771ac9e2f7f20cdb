package live

import "time"

// What is told of a member that people want to take out: is it empty yet?

// Tunnels counts the connections among Busy that were switched to another
// protocol; no lock needed.
func (w *Worker) Tunnels() int64 { return w.tunnels.Load() }

// AddTunnel adds n to Tunnels.
func (w *Worker) AddTunnel(n int64) { w.tunnels.Add(n) }

// Zero sets the counters that people look at to zero; locked.
func (w *Worker) Zero() {
	w.elected.Store(0)
	sent, read := w.transferred.Swap(0), w.read.Swap(0)
	w.history.Sent -= sent
	w.history.Read -= read
}

// SessionKept is how long a session counts after its last request.
const SessionKept = 5 * time.Minute

// maxSessions bounds what is remembered of a draining worker's sessions.
const maxSessions = 100_000

// sessions are those that a draining worker has served since it drains.
type sessions struct {
	last time.Time
	seen map[uint64]time.Time
}

// SeeSession notes a request of the session with that hash, if the worker
// drains; locked.
func (w *Worker) SeeSession(hash uint64, now time.Time) {
	if w.Flags()&Draining == 0 {
		w.sessions = nil
		return
	}
	s := w.sessions
	if s == nil {
		s = &sessions{seen: map[uint64]time.Time{}}
		w.sessions = s
	}
	s.last = now
	if _, known := s.seen[hash]; known || len(s.seen) < maxSessions {
		s.seen[hash] = now
	}
}

// Sessions counts the sessions that a draining worker has served within
// SessionKept, and when the last request of one came; -1: it does not drain. It
// takes the balancer's lock.
func (w *Worker) Sessions(now time.Time) (n int, last time.Time) {
	w.bal.Lock()
	defer w.bal.Unlock()
	if w.Flags()&Draining == 0 {
		w.sessions = nil
		return -1, time.Time{}
	}
	if w.sessions == nil {
		return 0, time.Time{}
	}
	for hash, at := range w.sessions.seen {
		if now.Sub(at) > SessionKept {
			delete(w.sessions.seen, hash)
		}
	}
	return len(w.sessions.seen), w.sessions.last
}

// Configure gives a running worker another configuration: an edit has landed.
// HealthFailed that is news in its Flags or Off is set or cleared, once; then it
// is the checks' again. It reports false when there is no such worker.
func (r *Registry) Configure(key WorkerKey, c Configured) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.workers[key]
	if w == nil {
		return false
	}
	w.bal.Lock()
	defer w.bal.Unlock()
	was := w.conf
	w.relay(c)
	on, off := c.Flags&^was.Flags&HealthFailed, c.Off&^was.Off&HealthFailed
	if on|off != 0 {
		w.SetHealthFailed(on != 0)
	}
	return true
}

// Restart begins a balancer's round anew, every member at its own factor: what
// httpd does when somebody edits a factor, be it to what it was. A member that
// comes back keeps the standing it left with.
func (r *Registry) Restart(key BalancerKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.balancers[key]
	if b == nil {
		return
	}
	b.Lock()
	defer b.Unlock()
	b.Settle()
	r.each(key, func(w *Worker) { w.lbstatus = int64(w.settings.Factor) })
	b.Changed()
}

// SetHealthFailed is an operator's word on a worker's health: it holds until the
// checks say something else, which they have to do anew; locked.
func (w *Worker) SetHealthFailed(failed bool) {
	f := w.Flags() &^ HealthFailed
	if failed {
		f |= HealthFailed
	}
	w.setFlags(f)
	if w.probes != nil {
		w.probes.Passes, w.probes.Fails = 0, 0
	}
}
