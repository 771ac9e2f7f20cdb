package balancer

import (
	"strings"
	"time"

	"sallyport/internal/live"
)

// Member is one worker in one configuration's balancer. It belongs to exactly
// one Balancer (and those made from it by With).
type Member struct {
	Worker *live.Worker
	// Retry is how long an error lasts (retry=).
	Retry time.Duration
	// SlowStart is how long the member takes to come to its full share after
	// it was out while others served; 0: none.
	SlowStart time.Duration
	// HealedStart takes its place where a health check ended the outage; 0:
	// SlowStart holds then, too.
	HealedStart time.Duration
	// Data is the owner's: what a request needs to reach the worker.
	Data any

	index int32  // in the group's members
	id    uint64 // the same in every process, see identity
	// Guarded by the live balancer's lock.
	slot  int32  // among the candidates; -1: not one
	other int32  // among the usable that are not candidates; -1: not one
	route string // as the route index last saw it
}

// slowStart is the length of the slow start to come; locked.
func (m *Member) slowStart() time.Duration {
	if m.HealedStart > 0 && m.Worker.Healed() {
		return m.HealedStart
	}
	return m.SlowStart
}

// URL is the worker's name.
func (m *Member) URL() string { return m.Worker.Key().URL }

// Host is the worker's host and port, as log lines show them.
func (m *Member) Host() string {
	s := m.URL()
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest = rest[:i]
	}
	if strings.LastIndexByte(rest, ':') > strings.LastIndexByte(rest, ']') {
		return rest
	}
	switch scheme {
	case "https", "wss":
		return rest + ":443"
	case "ajp":
		return rest + ":8009"
	}
	return rest + ":80"
}
