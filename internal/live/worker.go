package live

import (
	"sync/atomic"
	"time"
)

// Configured is what a configuration says about a worker and a reload
// replaces.
type Configured struct {
	Factor   int32 // hundredths; 0 is taken as 100
	LBSet    uint8
	Route    string
	Redirect string
	// MaxConn bounds the exchanges in hand (maxconn=); 0: no limit.
	MaxConn int32
	// Flags holds status= (Initialized is always added). Of the flags in
	// Health only a new worker takes notice, and Configure of HealthFailed.
	Flags Flags
	// Off holds what status= switches off expressly: against that the worker's
	// own word (Advice) does not count.
	Off Flags
	// Unproven: a new worker counts as failed until a check has passed.
	Unproven bool
}

// Settings is a worker's configuration with its own word (Advice) over it.
type Settings struct {
	Factor          int32 // hundredths
	LBSet           uint8
	Route, Redirect string
}

// Worker is one backend as one balancer (or one plain ProxyPass) sees it.
type Worker struct {
	key WorkerKey
	bal *Balancer // owner of the lock; plain workers of a server share one

	// Looked at by every election, seldom written.

	flags atomic.Uint32 // Flags; written with bal locked
	// full is set while the worker has MaxConn exchanges in hand.
	full atomic.Bool
	// troubled is set while errorAt or retries say something, so that a good
	// outcome need not take the lock to find nothing to do.
	troubled atomic.Bool
	cause    atomic.Pointer[Cause]

	// Guarded by bal's lock.
	settings Settings
	conf     Configured
	errorAt  time.Time // when it went into error; zero: not since the last success
	retries  uint32    // error periods forgiven since the last success
	fails    uint32    // failures since the last success
	lbstatus int64     // up to date only after Balancer.Settle
	history  History
	offered  bool // stood among the candidates at the last look
	up       bool // usable, and an election has noticed; see Rise
	risen    time.Time
	rampFor  time.Duration // the slow start that began then
	probes   *Probes       // nil: never checked
	advice   Advice
	healed   bool          // a health check brought it back, and no election has noticed
	hold     time.Duration // of the present error, where it is not retry=; see Eject
	ejected  uint32        // times in a row
	window   window
	sessions *sessions // nil unless it drains

	// The counters change with every request: keep them off the lines above
	// and off the next worker's.
	_           [64]byte
	elected     atomic.Int64
	busy        atomic.Int64
	tunnels     atomic.Int64
	transferred atomic.Int64 // bytes sent to the backend
	read        atomic.Int64 // bytes received from it
	pace        pace
	measured    *measure // nil for a plain worker
	_           [32]byte
}

func newWorker(key WorkerKey, bal *Balancer, c Configured) *Worker {
	w := &Worker{key: key, bal: bal}
	if !w.Plain() {
		w.measured = new(measure)
	}
	w.lay(c)
	f := w.wanted() | c.Flags&Health
	if c.Unproven {
		f |= HealthFailed
	}
	w.flags.Store(uint32(f))
	return w
}

// Key returns the worker's name.
func (w *Worker) Key() WorkerKey { return w.key }

// Balancer returns the owner of the worker's lock. Plain workers of one server
// share one without a name.
func (w *Worker) Balancer() *Balancer { return w.bal }

// Plain reports whether the worker stands in no balancer. Such a worker always
// ignores errors, as in httpd.
func (w *Worker) Plain() bool { return w.key.Balancer.Name == "" }

// Flags returns the status; no lock needed.
func (w *Worker) Flags() Flags { return Flags(w.flags.Load()) }

// Usable reports whether the worker may serve; no lock needed.
func (w *Worker) Usable() bool { return w.Flags().Usable() }

// Settings returns factor, set and routes as they hold now; locked.
func (w *Worker) Settings() *Settings { return &w.settings }

// reconfigure replaces the configuration; health and counters stay. It
// reports whether the worker's factor is another.
func (w *Worker) reconfigure(c Configured) bool {
	w.bal.Lock()
	defer w.bal.Unlock()
	before := w.settings.Factor
	w.relay(c)
	return w.settings.Factor != before
}

// relay lays the configuration anew and tells the balancer if that made
// a difference; locked.
func (w *Worker) relay(c Configured) {
	w.bal.Settle() // what was earned so far was earned under the old factor
	w.measure(c.MaxConn)
	before := w.settings
	w.lay(c)
	w.setFlags(w.Flags()&Health | w.wanted())
	if before != w.settings {
		w.bal.Changed()
	}
}

func (w *Worker) lay(c Configured) {
	if c.Factor <= 0 {
		c.Factor = 100
	}
	w.conf = c
	w.settings = Settings{
		Factor:   w.advice.factor(c.Factor),
		LBSet:    c.LBSet,
		Route:    c.Route,
		Redirect: c.Redirect,
	}
}

// wanted are the flags that the configuration asks for.
func (w *Worker) wanted() Flags {
	f := w.conf.Flags&^Health | Initialized
	if w.advice.Drain {
		f |= Draining &^ w.conf.Off
	}
	if w.Plain() {
		f |= IgnoreErrors
	}
	return f
}

func (w *Worker) setFlags(f Flags) {
	if w.Flags() != f {
		w.flags.Store(uint32(f))
		if !f.Usable() {
			w.up = false
		}
		w.bal.Changed()
	}
}
