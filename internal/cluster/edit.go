package cluster

import (
	"time"

	"sallyport/internal/live"
)

// Revision numbers the changes from 1 in the order they were made; 0 is before
// the first.
type Revision uint64

// Verb says what an Edit does.
type Verb string

// The verbs. Those of the second group act once and leave no trace in the
// Overlay.
const (
	Set    Verb = "set"    // parameters of a member, or of a balancer
	Add    Verb = "add"    // a member; one that was removed comes back
	Remove Verb = "remove" // a member: it drains first

	Settle Verb = "settle" // the configuration says the same now: the marks go

	Recover Verb = "recover" // ends the member's error
	Fail    Verb = "fail"    // takes it out until a health check passes (HcFl)
	Pass    Verb = "pass"    // ends that
	Zero    Verb = "zero"    // sets the member's counters to zero
	Check   Verb = "check"   // wants a health check now
)

// Once reports whether v acts once.
func (v Verb) Once() bool {
	switch v {
	case Recover, Fail, Pass, Zero, Check:
		return true
	}
	return false
}

// Text is a value that may be missing.
type Text struct {
	V  string `json:"value"`
	Is bool   `json:"set"`
}

// Some makes a Text.
func Some(v string) Text { return Text{v, true} }

// Edit is one thing done to one target.
type Edit struct {
	Verb     Verb
	Balancer live.BalancerKey
	// Member is the canonical URL; "": the edit is about the balancer's own
	// settings, as the server Balancer.Server sees them.
	Member string
	// Params of Set and Add. Of Remove they are the edits that went with the
	// member, in Was and Base, so that it can be undone.
	Params []Param
	// Timeout bounds how long Remove waits for the member to run empty, Idle is
	// how long no request of a session must have come before it counts as
	// empty.
	Timeout, Idle time.Duration
	// Added, of Remove: the member was no part of the configuration.
	Added bool
}

// Param is one parameter that an Edit sets, or takes back.
type Param struct {
	// Name as the configuration has it, in lower case. Flags of status= have a
	// name each: "status.D", with the values On and Off.
	Name  string
	Value string
	// Back takes earlier edits back: the configuration's value holds again.
	Back bool
	// Base is what the configuration says at the time of the edit, Was the edit
	// that held before, if there was one.
	Base, Was Text
}

// Old is the value that held before the edit; not Is: the default.
func (p *Param) Old() Text {
	if p.Was.Is {
		return p.Was
	}
	return p.Base
}

// By says who changed something, and why.
type By struct {
	User   string // "" when nobody had to say
	Client string // address
	Reason string
}

// Change is what was done at once: all of it holds, or nothing.
type Change struct {
	Revision Revision
	At       time.Time // UTC
	By       By
	Undoes   Revision // the change this one takes back; 0: none
	Edits    []Edit
}
