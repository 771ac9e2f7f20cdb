package balancer

import (
	"strconv"
	"time"

	"sallyport/internal/fault"
	"sallyport/internal/live"
)

// Attempt is one try of an exchange at a member.
type Attempt struct {
	Member *Member
	Fault  fault.Kind
	Status int           // of the answer; 0: none
	Took   time.Duration // from the election to the end of the attempt
}

// AppendTrail prints the attempts of the exchange: "a:8080=connect_failed/1.1ms
// b:8080=200/15.0ms".
func (p *Pick) AppendTrail(to []byte) []byte {
	for i, a := range p.Trail {
		if i > 0 {
			to = append(to, ' ')
		}
		to = append(append(to, a.Member.Host()...), '=')
		if a.Fault != fault.None {
			to = append(to, a.Fault.String()...)
		} else {
			to = strconv.AppendInt(to, int64(a.Status), 10)
		}
		// Always in milliseconds, and in ASCII: logs escape the sign of micro.
		to = strconv.AppendFloat(append(to, '/'), float64(a.Took)/float64(time.Millisecond), 'f', 1, 64)
		to = append(to, "ms"...)
	}
	return to
}

// explained is how many members Pick.Why names.
const explained = 32

// explain tells the candidates and why others are none: "a:8080=candidate
// b:8080=error". It is made once per change of the candidates; locked.
func (g *group) explain() string {
	if g.why != "" {
		return g.why
	}
	var b []byte
	set := uint8(0)
	if len(g.cand.members) > 0 {
		set = g.cand.members[0].Worker.Settings().LBSet
	}
	for i, m := range g.members {
		if i == explained {
			b = append(append(b, " +"...), strconv.Itoa(len(g.members)-explained)...)
			break
		}
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(append(append(b, m.Host()...), '='), g.reason(m, set)...)
	}
	g.why = string(b)
	return g.why
}

// switchedOff are the flags by which people take a member out.
const switchedOff = live.InShutdown | live.Disabled | live.Stopped

// reason is why m is a candidate, or none.
func (g *group) reason(m *Member, set uint8) string {
	f := m.Worker.Flags()
	switch {
	case m.slot >= 0:
		if g.cand.share[m.slot] < Steps {
			return "slowstart"
		}
		return "candidate"
	case f&live.Stopped != 0:
		return "stopped"
	case f&switchedOff != 0:
		return "disabled"
	case f&live.HealthFailed != 0:
		return "unhealthy"
	case f&live.InError != 0:
		return "error"
	case f&live.Draining != 0:
		return "draining"
	case m.Worker.Full():
		return "full"
	case m.Worker.Settings().LBSet != set:
		return "lbset"
	case f&live.Standby != 0:
		return "standby"
	case f&live.Spare != 0:
		return "spare"
	}
	return "tried" // it failed this very request
}
