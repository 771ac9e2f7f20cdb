package health

import (
	"time"

	"sallyport/internal/live"
)

// spread is over how much time the first checks of a configuration's members
// are spread at most.
const spread = time.Second

// First is how long after the start a member's first check comes; random is
// from [0, 1).
//
// Unlike httpd: it comes at once, not one interval later.
func (r *Rules) First(random float64) time.Duration {
	if r.Jitter == 0 {
		return 0
	}
	return time.Duration(random * float64(min(r.Interval, spread)))
}

// Next is how long after the end of a check the next one comes. It takes the
// balancer's lock.
func (r *Rules) Next(w *live.Worker, random float64) time.Duration {
	d := r.Interval
	if r.Fast > 0 && r.Fast < d {
		b := w.Balancer()
		b.Lock()
		if w.Flags()&live.Health != 0 || w.Probes().Fails > 0 {
			d = r.Fast
		}
		b.Unlock()
	}
	return d + time.Duration((2*random-1)*float64(d)*float64(r.Jitter)/100)
}
