package live

import (
	"math"
	"sync/atomic"
	"time"
)

// pace is how fast a worker answers of late: a moving average of the time to
// the response's head, which jumps to a slower answer at once and forgets it
// over PaceDecay ("peak EWMA"). Two atomics that are not read as one: a value
// with its neighbour's stamp is off by one answer at most.
type pace struct {
	bits atomic.Uint64 // float64, nanoseconds
	at   atomic.Int64  // unix nanoseconds of the last answer
}

// PaceDecay is the time after which an answer weighs 1/e.
const PaceDecay = 10 * time.Second

// Pace is the worker's response time now; 0: not known. A worker that is not
// asked is taken for faster as time goes by, so that it is asked again.
func (w *Worker) Pace(now time.Time) time.Duration {
	v := math.Float64frombits(w.pace.bits.Load())
	if v == 0 {
		return 0
	}
	return time.Duration(v * decay(now.UnixNano()-w.pace.at.Load()))
}

// SetPace takes in one answer; no lock needed.
func (w *Worker) SetPace(took time.Duration, now time.Time) {
	stamp := now.UnixNano()
	for {
		old := w.pace.bits.Load()
		v, t := math.Float64frombits(old), float64(max(took, 1))
		if v > 0 && t < v {
			k := decay(stamp - w.pace.at.Load())
			t = v*k + t*(1-k)
		}
		if w.pace.bits.CompareAndSwap(old, math.Float64bits(t)) {
			w.pace.at.Store(stamp)
			return
		}
	}
}

func decay(age int64) float64 { return math.Exp(-float64(max(age, 0)) / float64(PaceDecay)) }

// Rise notes that the worker may serve. When this is news for others who could
// serve all the while, ramp is how long it takes to come to its full share:
// slowstart= begins now; 0: it has it at once; locked.
func (w *Worker) Rise(now time.Time, ramp time.Duration) {
	if w.up || !w.Usable() {
		return
	}
	w.up, w.healed, w.risen, w.rampFor = true, false, time.Time{}, 0
	if ramp > 0 {
		w.risen, w.rampFor = now, ramp
	}
}

// Healed reports that a health check ended the time the worker was out; false
// again after Rise; locked.
func (w *Worker) Healed() bool { return w.healed }

// Up reports whether Rise has noted it; locked.
func (w *Worker) Up() bool { return w.up }

// Risen is when a slow start began, and its length; zero: not at all; locked.
func (w *Worker) Risen() (time.Time, time.Duration) { return w.risen, w.rampFor }

// window counts a worker's answers of late, for eject=. Guarded by the
// balancer's lock.
type window struct {
	from      time.Time
	good, bad int
}

// Answers are counted for WindowLength, or until there are WindowAnswers, but
// not for longer than WindowMost; then the count begins anew.
const (
	WindowLength  = 10 * time.Second
	WindowMost    = time.Minute
	WindowAnswers = 20
)

// Note counts an answer and returns the counts since the window began; locked.
func (w *Worker) Note(bad bool, now time.Time) (all, failed int) {
	c := &w.window
	if age := now.Sub(c.from); age > WindowMost || age > WindowLength && c.good+c.bad >= WindowAnswers {
		// What was good ends a row of ejections.
		if !c.from.IsZero() && c.bad == 0 && c.good > 0 {
			w.ejected = 0
		}
		*c = window{from: now}
	}
	if bad {
		c.bad++
	} else {
		c.good++
	}
	return c.good + c.bad, c.bad
}

// Errors counts the answers of the window and those that were bad; locked.
func (w *Worker) Errors() (all, failed int) { return w.window.good + w.window.bad, w.window.bad }

// Eject puts the worker into error for longer each time in a row: first, then
// twice as long, up to sixty-four times; locked.
func (w *Worker) Eject(now time.Time, first time.Duration) (hold time.Duration, ok bool) {
	if w.Flags()&InError != 0 || !w.Fail(now) {
		return 0, false
	}
	w.hold = first << min(w.ejected, 6)
	w.ejected++
	w.window = window{from: now}
	return w.hold, true
}
