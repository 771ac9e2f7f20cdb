// Package live holds what outlives a snapshot: workers with their status and
// counters, and the balancers that own their lock, each under a stable,
// comparable key. A reload finds its workers here again: health and counters
// stay, configuration is replaced, by that of the text with the operators' edits
// laid over it (package manager).
//
// Nothing in here knows the configuration text, opens a socket, reads a clock
// or starts a goroutine: time comes in as an argument. Which member serves a
// request is package balancer's business; how edits are kept and spread is
// package cluster's. This package is the place where an edit lands.
//
// # Locks
//
// A Balancer's mutex guards the state of all its workers: their flags, error
// times, factors, routes, lbstatus. It is held for some tens of nanoseconds
// and nothing else is locked meanwhile. Flags and counters may be read without
// it: they are atomics. The Registry's mutex guards its maps; a Balancer's may
// be taken under it, never the other way round.
package live

import (
	"sync"
)

// BalancerKey names a balancer over reloads. Server tells virtual hosts with
// balancers of their own apart; "" is the main server, whose balancers the
// hosts that inherit them share. Name is without "balancer://".
type BalancerKey struct{ Server, Name string }

// WorkerKey names a worker over reloads. A worker that stands in no balancer
// has an empty Balancer.Name.
type WorkerKey struct {
	Balancer BalancerKey
	URL      string // as httpd names it: scheme and host in lower case, no default port
}

// Balancer is the live half of a balancer: the lock of its workers.
type Balancer struct {
	key BalancerKey

	mu sync.Mutex
	// version counts changes after which the members that may serve must be
	// looked over again: a flag, factor, lbset or route changed. Guarded by mu.
	version uint64
	// holder keeps the workers' lbstatus in a form of its own between
	// elections and writes it back before anyone else looks. Guarded by mu.
	holder Holder
	queue  queue // requests that wait for a member
}

// Holder is whoever keeps lbstatus values in a faster form (package balancer).
// Settle writes into the workers what elections changed since it was last
// called, and nothing otherwise; it is called with the balancer locked.
type Holder interface{ Settle() }

// Key returns the balancer's name.
func (b *Balancer) Key() BalancerKey { return b.key }

// Lock takes the balancer's mutex. Whatever is called "locked" in this package
// wants it held.
func (b *Balancer) Lock() { b.mu.Lock() }

// Unlock gives it back.
func (b *Balancer) Unlock() { b.mu.Unlock() }

// Version returns the change counter; locked.
func (b *Balancer) Version() uint64 { return b.version }

// Changed makes every view of the balancer look its members over again;
// locked. The first who waits for a member is told to look, too.
func (b *Balancer) Changed() {
	b.version++
	b.queue.nudge()
}

// Hold makes h the holder, after the one before has settled; locked.
func (b *Balancer) Hold(h Holder) {
	if b.holder != h {
		b.Settle()
		b.holder = h
	}
}

// Held reports whether h is the holder still; locked.
func (b *Balancer) Held(h Holder) bool { return b.holder == h }

// Settle brings the workers' lbstatus up to date; locked.
func (b *Balancer) Settle() {
	if b.holder != nil {
		b.holder.Settle()
	}
}
