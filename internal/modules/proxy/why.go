package proxy

import (
	"sallyport/internal/conf"
	"sallyport/internal/exchange"
)

// explain names the variables by which a log line tells why a request went
// where it did. They are made only where the configuration mentions them.
type explain struct{ candidates, attempts bool }

const (
	varCandidates = "BALANCER_CANDIDATES"
	varAttempts   = "BALANCER_ATTEMPTS"
)

func explainFor(c *conf.Config) explain {
	return explain{c.Mentions(varCandidates), c.Mentions(varAttempts)}
}

// why puts what the last election saw, and every attempt with its end and the
// time it took, into the request's environment, when the exchange is over.
func (e explain) why(x *exchange.Exchange, rec *record) {
	if e.candidates && rec.pick.Why != "" {
		x.Env.Set(varCandidates, rec.pick.Why)
	}
	if e.attempts && len(rec.pick.Trail) > 0 {
		x.Env.Set(varAttempts, string(rec.pick.AppendTrail(nil)))
	}
}
