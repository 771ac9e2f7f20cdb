// Package live holds what outlives a snapshot: workers with their status and
// counters, the balancers that own their lock, and the overlay of operators'
// edits, each under a stable, comparable key. A reload finds its workers here
// again: health, counters and edits stay, configuration is replaced.
//
// Nothing in here knows the configuration text, opens a socket, reads a clock
// or starts a goroutine: time comes in as an argument. Which member serves a
// request is package balancer's business; how edits are stored and spread is
// package cluster's. This package is the place where an edit lands.
//
// # Locks
//
// A Balancer's mutex guards the state of all its workers: their flags, error
// times, factors, routes, lbstatus. It is held for tens of nanoseconds and
// never while anything else is locked. Flags and counters may be read without
// it: they are atomics. The Registry's mutex guards its maps only and may be
// held while a Balancer's is taken, never the other way round.
package live

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// BalancerKey names a balancer over reloads. Server tells virtual hosts with
// balancers of their own apart ("" is the main server; a host that inherits a
// balancer uses the main server's). Name is without "balancer://".
type BalancerKey struct{ Server, Name string }

// WorkerKey names a worker over reloads. A worker that stands in no balancer
// has an empty Balancer.Name.
type WorkerKey struct {
	Balancer BalancerKey
	URL      string // as httpd names it: scheme and host in lower case, no default port
}

// Registry is all live state of the process. Safe for use by many goroutines;
// the zero value is not ready, see NewRegistry.
type Registry struct {
	mu        sync.Mutex
	balancers map[BalancerKey]*Balancer
	workers   map[WorkerKey]*Worker
	overlay   Overlay
	drafting  bool
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{
		balancers: map[BalancerKey]*Balancer{},
		workers:   map[WorkerKey]*Worker{},
		overlay:   newOverlay(),
	}
}

// Balancer is the live half of a balancer: the lock of its workers.
type Balancer struct {
	key BalancerKey

	mu sync.Mutex
	// version counts changes after which the members that may serve must be
	// looked over again: a flag, factor, lbset or route changed. Guarded by mu.
	version uint64
	// holder keeps the workers' lbstatus in a form of its own between
	// elections; asked to write it back before anyone else looks. Guarded by mu.
	holder Holder
}

// Holder is whoever keeps lbstatus values in a faster form (see package
// balancer). Settle writes them into the workers; it is called with the
// balancer locked.
type Holder interface{ Settle() }

// Key returns the balancer's name.
func (b *Balancer) Key() BalancerKey { return b.key }

// Lock takes the balancer's mutex. Everything that says "locked" below wants
// it held.
func (b *Balancer) Lock() { b.mu.Lock() }

// Unlock gives it back.
func (b *Balancer) Unlock() { b.mu.Unlock() }

// Version returns the change counter; locked.
func (b *Balancer) Version() uint64 { return b.version }

// Changed makes every view of the balancer look its members over again;
// locked.
func (b *Balancer) Changed() { b.version++ }

// Hold makes h the holder, after the one before has settled; locked.
func (b *Balancer) Hold(h Holder) {
	if b.holder != nil && b.holder != h {
		b.holder.Settle()
	}
	b.holder = h
}

// Settle brings the workers' lbstatus up to date; locked.
func (b *Balancer) Settle() {
	if b.holder != nil {
		b.holder.Settle()
	}
}

// Draft is the live side of a configuration that is being built. Workers and
// balancers it names are found or made; nothing running sees a change before
// Commit. A draft that is dropped leaves no trace.
type Draft struct {
	reg       *Registry
	balancers map[BalancerKey]*Balancer
	workers   map[WorkerKey]drafted
}

type drafted struct {
	worker *Worker
	conf   Configured
}

// Begin starts a draft. Several may be open; the one committed last decides.
func (r *Registry) Begin() *Draft {
	return &Draft{reg: r, balancers: map[BalancerKey]*Balancer{}, workers: map[WorkerKey]drafted{}}
}

// Balancer finds or makes the balancer under key.
func (d *Draft) Balancer(key BalancerKey) *Balancer {
	if b := d.balancers[key]; b != nil {
		return b
	}
	d.reg.mu.Lock()
	b := d.reg.balancers[key]
	d.reg.mu.Unlock()
	if b == nil {
		b = &Balancer{key: key}
	}
	d.balancers[key] = b
	return b
}

// Worker finds or makes the worker under key and notes what the configuration
// says about it. A worker asked for twice is the same one; the first
// configuration counts.
func (d *Draft) Worker(key WorkerKey, c Configured) *Worker {
	if w, ok := d.workers[key]; ok {
		return w.worker
	}
	d.reg.mu.Lock()
	w := d.reg.workers[key]
	edits := d.reg.overlay.worker(key)
	d.reg.mu.Unlock()
	if w == nil {
		w = newWorker(key, c, edits)
		if key.Balancer.Name != "" {
			w.bal = d.Balancer(key.Balancer)
		}
	}
	d.workers[key] = drafted{w, c}
	return w
}

// Commit makes the draft the running state: configuration reaches workers that
// were there before, new ones can be found, and those the draft did not name
// are gone from the registry (exchanges still using them keep them alive). It
// returns the keys of the removed, sorted.
func (d *Draft) Commit() (removed []WorkerKey) {
	r := d.reg
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.workers {
		if _, kept := d.workers[key]; !kept {
			removed = append(removed, key)
			delete(r.workers, key)
		}
	}
	for key := range r.balancers {
		if d.balancers[key] == nil {
			delete(r.balancers, key)
		}
	}
	for key, b := range d.balancers {
		r.balancers[key] = b
	}
	for key, w := range d.workers {
		r.workers[key] = w.worker
		w.worker.Configure(w.conf, r.overlay.worker(key))
	}
	slices.SortFunc(removed, compareWorkers)
	return removed
}

// Worker finds a running worker; nil when there is none.
func (r *Registry) Worker(key WorkerKey) *Worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.workers[key]
}

// Workers lists all running workers, by server, balancer and URL.
func (r *Registry) Workers() []*Worker {
	r.mu.Lock()
	out := make([]*Worker, 0, len(r.workers))
	for _, w := range r.workers {
		out = append(out, w)
	}
	r.mu.Unlock()
	slices.SortFunc(out, func(a, b *Worker) int { return compareWorkers(a.key, b.key) })
	return out
}

func compareWorkers(a, b WorkerKey) int {
	return cmp.Or(
		cmp.Compare(a.Balancer.Server, b.Balancer.Server),
		cmp.Compare(a.Balancer.Name, b.Balancer.Name),
		cmp.Compare(a.URL, b.URL))
}

// Apply lets operators' edits land: they are laid over the configuration, now
// and after every reload, until an edit takes them back. All edits of one call
// are seen together by elections of one balancer. Edits to workers that do not
// run (any more) are remembered for when they do.
func (r *Registry) Apply(now time.Time, edits ...Edit) []Effect {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Effect
	for _, e := range edits {
		out = r.apply(out, now, e)
	}
	return out
}
