package health

import (
	"time"

	"sallyport/internal/live"
)

// Rules are what a member's checks go by.
type Rules struct {
	Interval time.Duration
	// Fast takes its place while checks fail or the member is out; 0: it does
	// not.
	Fast time.Duration
	// Passes and Fails in a row change the member's state; 0 counts as 1.
	Passes, Fails int
	// Jitter is the share, in per cent, by which an interval is made longer or
	// shorter at random; 0: none, and no spread of the first checks either.
	Jitter int
	// Mandatory: a new member serves after its first pass.
	Mandatory bool
}

// Transition is what a check changed.
type Transition uint8

// The transitions.
const (
	Stays    Transition = iota // nothing changed
	Falling                    // failed, but not often enough
	Rising                     // passed, but not often enough
	Disabled                   // out (AH03303)
	Enabled                    // back (AH03302)
)

// String names the transition in stories.
func (t Transition) String() string {
	return [...]string{"stays", "falling", "rising", "disabled", "enabled"}[t]
}

// Take notes a check of a worker and draws the conclusion. It takes the
// balancer's lock.
//
// Unlike httpd: passes and failures count in a row, as its manual has it; there
// one failure a day takes a member with hcfails=3 out on the third day. And a
// member in error that fails its checks, too, does not come back when retry= is
// over.
func (r *Rules) Take(w *live.Worker, c live.Check) Transition {
	b := w.Balancer()
	b.Lock()
	defer b.Unlock()
	p := w.Probes()
	need := max(r.Passes, 1)
	if r.Mandatory && p.Passed == 0 {
		need = 1
	}
	p.Note(c)
	f := w.Flags()
	switch {
	case !c.Passed:
		if f&live.HealthFailed != 0 {
			return Stays
		}
		if p.Fails < max(r.Fails, 1) {
			return Falling
		}
		w.ProbeFailed()
		return Disabled
	case f&live.Health == 0:
		return Stays
	case f&live.HealthFailed == 0 && (w.Ejected() || c.At.Before(w.ErrorAt())):
		// It was asked before a request found it in trouble, or its answers to
		// requests were bad, whatever it answers to checks.
		p.Passes = 0
		return Stays
	case p.Passes < need:
		return Rising
	}
	w.ProbePassed()
	p.Passes = 0
	return Enabled
}
