package live

import "time"

// The transitions of a worker's health. Each wants the balancer locked and
// says whether it changed anything; none looks at a clock.

// Fail puts the worker into error (httpd's IN_ERROR). One that ignores errors
// does not change. A failure during an error period begins a new one.
func (w *Worker) Fail(now time.Time) bool {
	if w.Flags()&IgnoreErrors != 0 {
		return false
	}
	w.errorAt, w.hold = now, 0
	w.fails++
	if w.probes != nil {
		w.probes.Passes = 0 // passes count from the trouble on
	}
	w.troubled.Store(true)
	w.setFlags(w.Flags() | InError)
	return true
}

// RetryDue forgives an error that is older than retry: the flag is cleared and
// the next failure begins a new period. A stopped worker is never retried.
// (httpd: ap_proxy_retry_worker.)
func (w *Worker) RetryDue(now time.Time, retry time.Duration) bool {
	if f := w.Flags(); f&InError == 0 || f&Stopped != 0 || !now.After(w.errorAt.Add(w.Hold(retry))) {
		return false
	}
	return w.Forgive()
}

// Forgive ends an error period, whatever its age (httpd's forced recovery).
func (w *Worker) Forgive() bool {
	if w.Flags()&InError == 0 {
		return false
	}
	w.retries++
	w.hold = 0
	w.troubled.Store(true)
	w.setFlags(w.Flags() &^ InError)
	return true
}

// Recover notes a success: counting of failures starts again. A worker that
// went into error meanwhile stays there; whoever put it there knew better.
func (w *Worker) Recover() bool {
	if w.Flags()&InError != 0 || !w.Troubled() {
		return false
	}
	w.calm()
	return true
}

// ProbePassed ends error and failed health together. Counting the passes is
// package health's business. An ejected worker stays in error for its time:
// its answers to requests were bad, whatever it answers to checks.
func (w *Worker) ProbePassed() bool {
	f := w.Flags()
	if w.Ejected() {
		w.setFlags(f &^ HealthFailed)
		return f&HealthFailed != 0
	}
	if f&Health == 0 {
		return false
	}
	w.calm()
	w.healed = true
	w.setFlags(f &^ Health)
	return true
}

// Ejected reports an error that eject= began; locked.
func (w *Worker) Ejected() bool { return w.Flags()&InError != 0 && w.hold > 0 }

// ProbeFailed takes the worker out until a probe passes.
func (w *Worker) ProbeFailed() bool {
	f := w.Flags()
	w.setFlags(f | HealthFailed)
	return f&HealthFailed == 0
}

// Hold is how long the present error lasts: retry, unless the worker was
// ejected; locked.
func (w *Worker) Hold(retry time.Duration) time.Duration {
	if w.hold > 0 {
		return w.hold
	}
	return retry
}

func (w *Worker) calm() {
	w.errorAt, w.retries, w.fails, w.hold = time.Time{}, 0, 0, 0
	w.troubled.Store(false)
}

// Troubled reports whether the worker has failed since its last success; no
// lock needed.
func (w *Worker) Troubled() bool { return w.troubled.Load() }

// ErrorAt is when the worker last went into error, zero if not since its last
// success; locked.
func (w *Worker) ErrorAt() time.Time { return w.errorAt }

// Retries counts the error periods forgiven since the last success; locked.
func (w *Worker) Retries() uint32 { return w.retries }

// Fails counts the failures since the last success; locked.
func (w *Worker) Fails() uint32 { return w.fails }

// Cause is why a worker is in error, in words for people, and since when.
type Cause struct {
	At   time.Time
	Text string
}

// SetCause notes why the worker went into error; no lock needed.
func (w *Worker) SetCause(at time.Time, text string) { w.cause.Store(&Cause{at, text}) }

// Cause is what SetCause noted last; nil: nothing yet. It stays when the error
// is over; no lock needed.
func (w *Worker) Cause() *Cause { return w.cause.Load() }
