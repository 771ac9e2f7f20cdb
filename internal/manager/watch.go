package manager

import (
	"sync"
	"time"

	"sallyport/internal/cluster"
	"sallyport/internal/live"
)

// EventKind says what happened.
type EventKind string

// The kinds.
const (
	Edited   EventKind = "edited"   // Change has been applied
	Reloaded EventKind = "reloaded" // another configuration is in service
	Left     EventKind = "left"     // a removed member is gone, with Load left
	Refused  EventKind = "refused"  // edits are refused from now on, Why says it
	Stopping EventKind = "stopping" // the server ends
)

// Event is something the desk has to tell. What changes with every request
// (counters, load) is no event: look at it from time to time.
type Event struct {
	// Number counts the events of this process; ID of a stream.
	Number  uint64
	Kind    EventKind
	At      time.Time
	Version Version // after it
	Change  *cluster.Change
	// Of Left.
	Balancer live.BalancerKey
	Member   string
	Load     Load
	Why      string
}

// feed keeps the latest events for those who listen.
type feed struct {
	mu   *sync.Mutex
	last []Event
	next uint64
	news chan struct{}
}

// keptEvents is how many events a listener may be behind.
const keptEvents = 256

func newFeed() feed { return feed{mu: new(sync.Mutex), next: 2, news: make(chan struct{})} }

func (f *feed) push(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.Number = f.next
	f.next++
	f.last = append(f.last, e)
	if n := len(f.last); n > keptEvents {
		f.last = append([]Event(nil), f.last[n-keptEvents:]...)
	}
	close(f.news)
	f.news = make(chan struct{})
}

// Events returns the events behind number after (begin at Latest), oldest
// first, and a channel that closes when there is another one. missed: some of
// them are no longer kept, or after is of another process: look at everything
// anew; then the list is all there is.
func (m *Manager) Events(after uint64) (list []Event, missed bool, news <-chan struct{}) {
	f := &m.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	missed = after+1 < f.next-uint64(len(f.last)) || after >= f.next
	for _, e := range f.last {
		if missed || e.Number > after {
			list = append(list, e)
		}
	}
	return list, missed, f.news
}

// Latest is the number of the latest event; at least 1.
func (m *Manager) Latest() uint64 {
	m.feed.mu.Lock()
	defer m.feed.mu.Unlock()
	return m.feed.next - 1
}

// tell passes a change on; locked.
func (m *Manager) tell(c cluster.Change) {
	c = hide(c)
	m.feed.push(Event{Kind: Edited, At: c.At, Version: Version{m.config, c.Revision}, Change: &c})
	for i := range c.Edits {
		m.log(false, "%s", line(&c, &c.Edits[i]))
	}
}
