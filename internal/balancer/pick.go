package balancer

import (
	"fmt"
	"strings"
	"time"

	"sallyport/internal/live"
)

// Pick is the outcome of an election and the memory of those before it in the
// same exchange. The zero Pick is ready; Reset makes a used one ready again.
// It belongs to the exchange's goroutine.
type Pick struct {
	Member *Member
	// Route is the member's own.
	Route string
	// SessionName is the cookie or parameter the client's session came in,
	// SessionRoute the route in it, if HasRoute (it may be empty).
	SessionName, SessionRoute string
	HasRoute                  bool
	// RouteChanged: sticky sessions are on and the client has yet to learn
	// the route of its member.
	RouteChanged bool
	// Events is what the election did besides, for the log at debug level.
	Events []Event
	// Choice is what the method went by, if Request.Trace asked for it and the
	// member was not the session's.
	Choice Choice
	// At is when the member was elected.
	At time.Time
	// Trail is every attempt of the exchange so far, in order.
	Trail []Attempt
	// Why tells who was a candidate and why others were none; see why.go.
	Why string

	waiter   live.Waiter
	reseal   bool // the client is to be sent a cookie of the balancer's own
	retries  int  // attempts repeated after a broken reply
	balancer *Balancer
	busy     bool
	attempts int // elections that were followed by a try elsewhere
	tries    int // members in tried
	tried    [4]*Member
	more     []*Member
}

// Choice is one choice of a method.
type Choice struct {
	By             string // its name
	Busy, Standing int64  // of the chosen
}

// Event is something an election did to a member.
type Event struct {
	Kind   EventKind
	Member *Member
}

// EventKind says what.
type EventKind uint8

// The events, with httpd's log ids.
const (
	Retried EventKind = iota // AH00932: its error is over
	Forced                   // AH01165: its error was ended because all had one
)

// Reset forgets the exchange but keeps the memory it allocated.
func (p *Pick) Reset() {
	events, more, trail := p.Events[:0], p.more[:0], p.Trail[:0]
	*p = Pick{}
	p.Events, p.more, p.Trail = events, more, trail
}

// Attempts counts the members tried before the present one.
func (p *Pick) Attempts() int { return p.attempts }

// next prepares for another election.
func (p *Pick) next() {
	p.Events = p.Events[:0]
	p.HasRoute, p.SessionName, p.SessionRoute = false, "", ""
	p.Choice = Choice{}
}

func (p *Pick) fill(b *Balancer, m *Member, s session, now time.Time) {
	p.balancer, p.Member, p.busy = b, m, true
	p.At = now
	p.Route = m.Worker.Settings().Route
	if s.has {
		p.HasRoute, p.SessionName, p.SessionRoute = true, s.name, s.route
	}
}

func (p *Pick) event(k EventKind, m *Member) bool {
	p.Events = append(p.Events, Event{k, m})
	return true
}

func (p *Pick) hasTried(m *Member) bool {
	for i := range min(p.tries, len(p.tried)) {
		if p.tried[i].Worker == m.Worker { // an edit may have replaced the Member
			return true
		}
	}
	for _, t := range p.more {
		if t.Worker == m.Worker {
			return true
		}
	}
	return false
}

func (p *Pick) addTried(m *Member) {
	if p.tries < len(p.tried) {
		p.tried[p.tries] = m
	} else {
		p.more = append(p.more, m)
	}
	p.tries++
}

// Var is one environment variable.
type Var struct{ Name, Value string }

// bare is a worker's URL without the socket in front: as httpd names it here.
func bare(url string) string {
	if strings.HasPrefix(url, "unix:") {
		return url[strings.IndexByte(url, '|')+1:]
	}
	return url
}

// Vars appends the BALANCER_* variables to to: what httpd puts into the
// request's environment after the pick.
func (p *Pick) Vars(to []Var) []Var {
	if p.Member == nil {
		return to
	}
	to = append(to,
		Var{"BALANCER_NAME", p.balancer.name},
		Var{"BALANCER_WORKER_NAME", bare(p.Member.URL())},
		Var{"BALANCER_WORKER_ROUTE", p.Route})
	if p.HasRoute {
		to = append(to,
			Var{"BALANCER_SESSION_STICKY", p.SessionName},
			Var{"BALANCER_SESSION_ROUTE", p.SessionRoute})
	}
	if p.RouteChanged {
		to = append(to, Var{"BALANCER_ROUTE_CHANGED", "1"})
	}
	return to
}

// RefusalKind says why there is no member for a request.
type RefusalKind uint8

// The kinds, with httpd's log ids.
const (
	NotRefused RefusalKind = iota
	AllDown                // AH01170
	NoMembers              // AH01171
	RouteDown              // AH01167: the session's member, with nofailover
	AllBusy                // every usable member has maxconn= requests in hand
)

// Refusal is an election without a winner: the answer is 503.
type Refusal struct {
	Kind     RefusalKind
	Balancer string
	Route    string // of RouteDown
	// Wait is how long the request may wait for a member before it is
	// refused (the balancer's timeout=); 0: not at all.
	Wait time.Duration
	// NextTry is when the next member in error will be tried again; zero:
	// none will be by itself.
	NextTry time.Time
	// LineFull: as many wait already as may (queue=).
	LineFull bool
}

// RetryAfter is what a client is told to wait before it asks again, in whole
// seconds; 0: there is no telling.
func (r Refusal) RetryAfter(now time.Time) int {
	switch {
	case r.Kind == AllBusy:
		return int(max(r.Wait, time.Second) / time.Second)
	case !r.NextTry.IsZero():
		return max(int((r.NextTry.Sub(now)+time.Second-1)/time.Second), 1)
	}
	return 0
}

// Refused reports whether there is no member.
func (r Refusal) Refused() bool { return r.Kind != NotRefused }

// Line is the error log's line: httpd's id and text, and when there is hope.
func (r Refusal) Line(now time.Time) (id, text string) {
	switch r.Kind {
	case NoMembers:
		return "AH01171", r.Balancer + ": No workers in balancer"
	case RouteDown:
		id, text = "AH01167", fmt.Sprintf("%s: All workers are in error state for route (%s)", r.Balancer, r.Route)
	case AllBusy:
		text = r.Balancer + ": All workers have as many requests in hand as maxconn= allows"
		if r.LineFull {
			text += ", and as many wait as queue= allows"
		}
		return "AH01170", text
	default:
		id, text = "AH01170", r.Balancer+": All workers are in error state"
	}
	if !r.NextTry.IsZero() {
		text += fmt.Sprintf(", next try in %v", max(r.NextTry.Sub(now), 0).Round(time.Millisecond))
	}
	return id, text
}
