package cluster

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
)

// Store keeps the log. Safe for use by many goroutines.
type Store interface {
	// State is what the store knows now.
	State() State
	// Propose appends c after the revision at, and gives it the next one; with
	// another latest revision the error is a *Stale. When it returns without an
	// error the change is kept as safely as the store keeps anything. Any other
	// error means that nothing was changed.
	Propose(ctx context.Context, at Revision, c Change) (Revision, error)
	// Watch yields the changes behind from, in order, now and as they come,
	// until ctx is done. An error ends it: what was asked for is no longer
	// kept, begin again at State.
	Watch(ctx context.Context, from Revision) iter.Seq2[Change, error]
}

// State is a store's whole content.
type State struct {
	Overlay *Overlay
	// History is the latest changes, oldest first: KeptChanges at most.
	History []Change
}

// KeptChanges is how many changes a store remembers beside what they add up to.
const KeptChanges = 1000

// Stale is the error of a proposal whose author has not seen the latest change.
type Stale struct{ At, Head Revision }

func (e *Stale) Error() string {
	return fmt.Sprintf("made for revision %d, but the latest is %d", e.At, e.Head)
}

// ErrBehind ends a Watch from a revision that is too far back.
var ErrBehind = errors.New("the changes behind that revision are no longer kept")

// Log is a Store in memory. Make it with NewLog.
type Log struct {
	keep func(State) error

	mu    sync.Mutex
	state State
	news  chan struct{} // closed by the next change
}

// NewLog makes a log that begins with state. keep (nil: nothing) is called with
// each new state before it holds; its error refuses the change. It is called
// for one change at a time.
func NewLog(state State, keep func(State) error) *Log {
	if state.Overlay == nil {
		state.Overlay = &Overlay{}
	}
	return &Log{keep: keep, state: state, news: make(chan struct{})}
}

// State implements Store.
func (l *Log) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Propose implements Store.
func (l *Log) Propose(ctx context.Context, at Revision, c Change) (Revision, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	head := l.state.Overlay.Revision
	if at != head {
		return 0, &Stale{at, head}
	}
	c.Revision = head + 1
	next := State{Overlay: l.state.Overlay.With(c), History: append(slices.Clip(l.state.History), c)}
	if n := len(next.History); n > KeptChanges {
		next.History = slices.Clone(next.History[n-KeptChanges:])
	}
	if l.keep != nil {
		if err := l.keep(next); err != nil {
			return 0, err
		}
	}
	l.state = next
	close(l.news)
	l.news = make(chan struct{})
	return c.Revision, nil
}

// Watch implements Store.
func (l *Log) Watch(ctx context.Context, from Revision) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for {
			l.mu.Lock()
			history, head, news := l.state.History, l.state.Overlay.Revision, l.news
			l.mu.Unlock()
			if from < head {
				i, found := slices.BinarySearchFunc(history, from+1, func(c Change, r Revision) int {
					return int(int64(c.Revision) - int64(r))
				})
				if !found {
					yield(Change{}, ErrBehind)
					return
				}
				for _, c := range history[i:] {
					if !yield(c, nil) {
						return
					}
					from = c.Revision
				}
				continue
			}
			select {
			case <-ctx.Done():
				return
			case <-news:
			}
		}
	}
}
