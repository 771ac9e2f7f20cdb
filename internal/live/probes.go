package live

import "time"

// Check is one health check of a worker, as it ended.
type Check struct {
	At     time.Time // when it began
	Took   time.Duration
	Passed bool
	// Status is the answer's status code; 0: it has none, or there was none.
	Status int
	// Reason says in one line what was wrong, or what the answer was.
	Reason string
}

// KeptChecks is how many checks a worker remembers.
const KeptChecks = 16

// Probes is what the health checks of a worker have found; guarded by the
// balancer's lock. What follows from it is package health's business.
type Probes struct {
	Passes, Fails int // in a row; one of them is zero
	// Passed and Failed count all checks since the worker is known.
	Passed, Failed int64

	ring [KeptChecks]Check
	n    int // checks noted
}

// Probes is the worker's to read and change; locked.
func (w *Worker) Probes() *Probes {
	if w.probes == nil {
		w.probes = &Probes{}
	}
	return w.probes
}

// Note keeps a check and counts it.
func (p *Probes) Note(c Check) {
	if c.Passed {
		p.Passes, p.Fails = p.Passes+1, 0
		p.Passed++
	} else {
		p.Passes, p.Fails = 0, p.Fails+1
		p.Failed++
	}
	p.ring[p.n%KeptChecks] = c
	p.n++
}

// Last is the latest check; ok is false when there was none yet.
func (p *Probes) Last() (c Check, ok bool) {
	if p.n == 0 {
		return Check{}, false
	}
	return p.ring[(p.n-1)%KeptChecks], true
}

// Checks lists the worker's last health checks, the latest first, and how many
// passed and failed since it is known. It takes the balancer's lock. For the
// console, metrics and whoever wants to know why a member is out.
func (w *Worker) Checks() (last []Check, passed, failed int64) {
	w.bal.Lock()
	defer w.bal.Unlock()
	p := w.probes
	if p == nil {
		return nil, 0, 0
	}
	last = make([]Check, min(p.n, KeptChecks))
	for i := range last {
		last[i] = p.ring[(p.n-1-i)%KeptChecks]
	}
	return last, p.Passed, p.Failed
}

// Advice is what a member says about itself in the answer to a check
// (hcagent=on). The zero Advice says nothing.
type Advice struct {
	// Percent scales the factor, 1 to 100 and above; 0: it stays.
	Percent int32
	// Drain asks for no new sessions, unless an operator said otherwise.
	Drain bool
}

func (a Advice) factor(f int32) int32 {
	if a.Percent <= 0 {
		return f
	}
	return int32(max(int64(f)*int64(a.Percent)/100, 1))
}

// Advice is what holds; locked.
func (w *Worker) Advice() Advice { return w.advice }

// Advise lays the member's own word over the configuration until it says
// something else; locked. It reports whether that is news.
func (w *Worker) Advise(a Advice) bool {
	if w.advice == a {
		return false
	}
	w.advice = a
	w.relay(w.conf)
	return true
}
