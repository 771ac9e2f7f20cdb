package balancer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"sallyport/internal/fault"
	"sallyport/internal/live"
)

// Outcome is how a member's attempt at a request ended.
type Outcome struct {
	// Fault is None when the member answered, with whatever status.
	Fault  fault.Kind
	Status int // of the answer; 0 when there was none
	// Sent and Received count bytes to and from the member: for bytraffic,
	// the head and body sent, the status line and body received.
	Sent, Received int64
	// Answered is the time from the election to the answer's head, where
	// Balancer.WantsPace asks for it; 0: unknown.
	Answered time.Duration
	// Safe: the request is of a safe method and can be sent again whole, and
	// nothing of an answer has reached the client.
	Safe bool
}

// Verdict is what follows from an Outcome.
type Verdict struct {
	// Again: another member may be tried: call Elect with the same Pick.
	Again bool
	// Error: the member was put into error, for Cause, until RetryAt.
	Error   bool
	Cause   Cause
	Status  int // the one that CauseStatus is about
	RetryAt time.Time
	// Hold and Detail tell for how long, and why, CauseEject was found.
	Hold   time.Duration
	Detail string
	// Resent: Again is owed to retries=, not to a failure before sending.
	Resent bool
	member *Member
	name   string
}

// Cause says why a member was put into error.
type Cause uint8

// The causes.
const (
	NoCause      Cause = iota
	CauseConnect       // AH00959
	CauseFault         // refused the request otherwise before it was sent
	CauseStatus        // AH01174: failonstatus
	CauseTimeout       // AH02460: failontimeout
	CauseEject         // eject=
)

// blame lists the faults that put a member into error. All of them happen
// before the member can have acted on the request.
//
// Unlike httpd: a full pool (PoolTimeout) is not the member's fault, nor does
// it matter whether the client's connection had served before when a member
// closes without an answer (ClosedEarly). Neither puts it into error.
var blame = [...]struct {
	kind  fault.Kind
	cause Cause
}{
	{fault.ConnectFailed, CauseConnect},
	{fault.ConnectTimeout, CauseConnect},
	{fault.Unresolved, CauseFault},
	{fault.TLSDisabled, CauseFault},
	{fault.TLSFailed, CauseFault},
	{fault.PingTimeout, CauseFault},
}

// penalty is by how much slower than before a member counts that failed.
const penalty = 10

// Done takes in how the attempt ended. It must be called once for each
// successful Elect.
//
// Unlike httpd: names that do not resolve and failed TLS handshakes are tried
// on another member too, since nothing was sent.
func (b *Balancer) Done(p *Pick, o Outcome, now time.Time) Verdict {
	m := p.Member
	w := m.Worker
	w.AddTraffic(o.Sent, o.Received)
	if o.Answered > 0 {
		if o.Fault != fault.None { // to fail fast must not look like being fast
			o.Answered = max(o.Answered, min(penalty*w.Pace(now), time.Minute))
		}
		w.SetPace(o.Answered, now)
	}
	p.Trail = append(p.Trail, Attempt{m, o.Fault, o.Status, now.Sub(p.At)})
	if row := o.Fault.Row(); b.conf.Load().Eject > 0 && row.Side == fault.Backend && !row.Unsent {
		if v, out := b.eject(m, o, now); out {
			return b.again(v, p, o)
		}
	}
	cause := b.cause(o)
	if cause == NoCause && !o.Fault.Row().Unsent {
		if w.Troubled() && o.Fault == fault.None {
			b.g.live.Lock()
			w.Recover()
			b.g.live.Unlock()
		}
		return b.again(Verdict{}, p, o)
	}

	v := Verdict{member: m, name: b.name}
	b.g.live.Lock()
	if cause != NoCause && w.Fail(now) {
		v.Error, v.Cause, v.Status, v.RetryAt = true, cause, o.Status, now.Add(m.Retry)
	}
	// A member that ignores errors is not failed over from either: it keeps
	// its share, as in httpd.
	if o.Fault.Row().Unsent && w.Flags()&live.IgnoreErrors == 0 && p.attempts < b.set.maxAttempts {
		v.Again = true
		p.attempts++
		p.addTried(m)
	}
	b.g.live.Unlock()
	if v.Again {
		b.Release(p)
		return v
	}
	return b.again(v, p, o)
}

// cause finds why o puts a member into error; NoCause: it does not.
func (b *Balancer) cause(o Outcome) Cause {
	if o.Fault == fault.ReadTimeout && b.conf.Load().FailOnTimeout {
		return CauseTimeout
	}
	for _, row := range &blame {
		if o.Fault == row.kind {
			return row.cause
		}
	}
	if o.Status != 0 && slices.Contains(b.conf.Load().FailOnStatus, o.Status) {
		return CauseStatus
	}
	return NoCause
}

// Why says in a few words why the member was put into error; f is the fault of
// the attempt, nil when the member answered.
func (v Verdict) Why(f *fault.Fault) string {
	switch v.Cause {
	case CauseStatus:
		return fmt.Sprintf("answered %d (failonstatus)", v.Status)
	case CauseTimeout:
		return "no answer in time (failontimeout)"
	case CauseEject:
		return fmt.Sprintf("ejected for %v: %s", v.Hold, v.Detail)
	}
	if f == nil {
		return ""
	}
	text := map[fault.Kind]string{
		fault.ConnectFailed: "connect failed", fault.ConnectTimeout: "no connection in time",
		fault.Unresolved: "its name has no address", fault.TLSDisabled: "TLS is not enabled",
		fault.TLSFailed: "TLS handshake failed", fault.PingTimeout: "no answer to the ping",
	}[f.Kind]
	err := f.Err
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner // "connection refused" says it without the address before it
	}
	if err != nil {
		text += ": " + err.Error()
	}
	return text
}

// Line is the error log's line about a member put into error: httpd's module,
// id and text; ok is false when there is none to write.
func (v Verdict) Line() (module, id, text string, ok bool) {
	switch v.Cause {
	case CauseConnect:
		return "proxy", "AH00959", fmt.Sprintf("ap_proxy_connect_backend disabling worker for (%s) for %ds",
			v.member.Host(), int(v.member.Retry/time.Second)), true
	case CauseStatus:
		return "proxy_balancer", "AH01174", fmt.Sprintf("%s: Forcing worker (%s) into error state due to status code %d matching 'failonstatus' balancer parameter",
			v.name, v.member.URL(), v.Status), true
	case CauseTimeout:
		return "proxy_balancer", "AH02460", fmt.Sprintf("%s: Forcing worker (%s) into error state due to timeout and 'failontimeout' parameter being set",
			v.name, v.member.URL()), true
	case CauseEject:
		return "proxy_balancer", "AH01174", fmt.Sprintf("%s: Forcing worker (%s) into error state for %v: %s",
			v.name, v.member.URL(), v.Hold, v.Detail), true
	}
	return "", "", "", false
}
