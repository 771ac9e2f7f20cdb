//go:build linux

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// Outcome is how a client's exchange ended.
type Outcome int

const (
	Right   Outcome = iota // the whole right answer
	Refused                // the proxy's own error answer, framed as it should be
	Cut                    // the connection ended within or before the answer, visibly
	Gone                   // the client itself left, as planned
	Hung                   // nothing within the client's patience
	Wrong                  // an answer that claims to be right and is not
	Crossed                // an answer, or a part of one, that belongs to another request
	outcomes
)

func (o Outcome) String() string {
	return [...]string{"right", "refused", "cut", "gone", "hung", "wrong", "crossed"}[o]
}

// Tally adds up what clients and backends saw. Safe for concurrent use.
type Tally struct {
	byKind map[string]*[outcomes]atomic.Int64 // by kind of client; fixed at the start
	// Lost counts exchanges that were owed the right answer and got an error,
	// safe methods and others apart: only a safe one may be sent again.
	LostSafe, LostUnsafe atomic.Int64
	// What the backends saw.
	Late                                      atomic.Int64 // answers of "latepoison" that clients got
	Requests, Torn, Garbled, Twice, BadUpload atomic.Int64
	Stalls, Noticed                           atomic.Int64 // stalled exchanges, and those given up before the proxy's time limit

	mu     sync.Mutex
	severe []string // examples of what must never happen, the first few
	lost   []string // examples of what was owed and not got, the first few
}

func newTally(kinds []string) *Tally {
	t := &Tally{byKind: map[string]*[outcomes]atomic.Int64{}}
	for _, k := range kinds {
		t.byKind[k] = &[outcomes]atomic.Int64{}
	}
	return t
}

// count notes an exchange's end.
func (t *Tally) count(kind string, o Outcome) { t.byKind[kind][o].Add(1) }

// total is the number of exchanges that ended so, over all kinds.
func (t *Tally) total(o Outcome) int64 {
	var n int64
	for _, k := range t.byKind {
		n += k[o].Load()
	}
	return n
}

const examples = 12

// note keeps an example of what must never happen.
func (t *Tally) note(format string, args ...any) { t.keep(&t.severe, format, args) }

// noteLost keeps an example of an answer that was owed.
func (t *Tally) noteLost(format string, args ...any) { t.keep(&t.lost, format, args) }

func (t *Tally) keep(list *[]string, format string, args []any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(*list) < examples {
		*list = append(*list, fmt.Sprintf(format, args...))
	}
}

// Examples returns what was kept, the severe first.
func (t *Tally) Examples() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(append([]string(nil), t.severe...), t.lost...)
}
