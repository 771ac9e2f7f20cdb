// Package chart remembers the last hour of every balancer's members, for the
// people who look at them: requests, errors, answer times, requests in hand
// and whether the member could serve, in steps of ten seconds. Beside that it
// knows the rates of the last seconds and the answer times of the last minute.
//
// It lives as long as the process, so that a reload does not wipe it out, can be
// made bytes of for the next process (keep.go), and fills itself only while
// somebody wants it. It reads counters of package live
// and no clock: whoever owns a ticker calls Tick once a second.
package chart

import (
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/live"
)

// Step is what one Sample covers; Steps of them are kept.
const (
	Step  = 10 * time.Second
	Steps = 360
)

// rateSeconds is what rates are averaged over, timeSteps the steps that Now's
// answer times are taken from.
const (
	rateSeconds = 5
	timeSteps   = 6
)

// Sample is what happened at one member within one Step.
type Sample struct {
	Requests, Errors uint32
	P50, P95, P99    uint32 // microseconds; 0: nothing was answered
	Busy             uint32 // most requests in hand that were seen
	Down             bool   // at some moment it could not serve
}

// Now is how a member does at present.
type Now struct {
	Rate, ErrorRate     float64 // requests and errors per second
	Sent, Received      float64 // bytes per second to and from it
	P50, P95, P99       time.Duration
	Requests, Errors    uint32    // of the minute the times are of
	Failed, ServerError uint32    // the Errors: no valid answer; status 500 and above
	Since               time.Time // of the present flags, within a second; zero: unknown
}

// Recorder is all that is remembered. Safe for use by many goroutines. The zero
// Recorder is ready.
type Recorder struct {
	wanted atomic.Int32

	mu      sync.Mutex
	members map[live.WorkerKey]*series
	step    int64 // number of the present step since 1970
	ticks   uint64
}

// series is one member.
type series struct {
	seen    uint64 // tick it was last seen at
	recent  [rateSeconds + 1]second
	n       int // of recent that are filled
	at      int // the latest of recent
	marks   [timeSteps + 1]live.Counts
	marked  int // of marks that are filled; marks[0] is the latest
	samples [Steps]Sample
	first   int64 // step the samples begin at
	last    int64 // the latest that has ended; first-1: none
	latest  live.Counts
	busy    uint32
	down    bool
	flags   live.Flags
	since   time.Time
}

// second is what was counted until one moment.
type second struct {
	at               time.Time
	requests, errors uint32
	sent, received   int64
}

// Want switches recording on, until it has been switched off as often.
func (r *Recorder) Want(on bool) {
	if on {
		r.wanted.Add(1)
	} else {
		r.wanted.Add(-1)
	}
}

// Wanted reports whether anybody wants it.
func (r *Recorder) Wanted() bool { return r.wanted.Load() > 0 }

// Tick takes in what the members have counted until now. Members that are no
// longer among them are forgotten after an hour.
func (r *Recorder) Tick(now time.Time, members []*live.Worker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.members == nil {
		r.members = map[live.WorkerKey]*series{}
	}
	r.ticks++
	step := now.UnixNano() / int64(Step)
	turned := step != r.step
	r.step = step
	var c live.Counts
	for _, w := range members {
		s := r.members[w.Key()]
		w.Counts(&c)
		if s != nil && s.n == 0 { // it comes from the process before
			s.flags = w.Flags()
		}
		if s == nil {
			s = &series{first: step, last: step - 1, flags: w.Flags()}
			s.marks[0], s.marked = c, 1
			r.members[w.Key()] = s
		} else if turned {
			s.turn(&c, step)
		}
		s.tick(w, &c, now)
		s.seen = r.ticks
	}
	if turned {
		for key, s := range r.members {
			if r.ticks-s.seen > Steps*uint64(Step/time.Second) {
				delete(r.members, key)
			}
		}
	}
}

// tick notes a moment.
func (s *series) tick(w *live.Worker, c *live.Counts, now time.Time) {
	s.latest = *c
	s.at = (s.at + 1) % len(s.recent)
	s.recent[s.at] = second{now, c.Answered() + c.Failed, c.Errors(), w.Transferred(), w.Read()}
	s.n = min(s.n+1, len(s.recent))
	s.busy = max(s.busy, uint32(w.Busy()))
	flags := w.Flags()
	s.down = s.down || !flags.Usable()
	if flags != s.flags {
		s.flags, s.since = flags, now
	}
}

// turn ends a step; c is what was counted until then.
func (s *series) turn(c *live.Counts, step int64) {
	d := c.Since(&s.marks[0])
	copy(s.marks[1:], s.marks[:timeSteps])
	s.marks[0] = *c
	s.marked = min(s.marked+1, len(s.marks))
	// Steps without a tick (the machine slept) stay empty.
	last := step - 1
	for i := max(s.last+1, last-Steps); i < last; i++ {
		s.samples[i%Steps] = Sample{}
	}
	s.samples[last%Steps] = Sample{
		Requests: d.Answered() + d.Failed, Errors: d.Errors(),
		P50: micros(d.Quantile(.5)), P95: micros(d.Quantile(.95)), P99: micros(d.Quantile(.99)),
		Busy: s.busy, Down: s.down,
	}
	s.busy, s.down = 0, false
	s.last = last
}

func micros(d time.Duration) uint32 { return uint32(min(d.Microseconds(), 1<<32-1)) }

// Now tells how a member does; ok is false for one that is not known.
func (r *Recorder) Now(key live.WorkerKey) (n Now, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.members[key]
	if s == nil {
		return Now{}, false
	}
	newest := s.recent[s.at]
	oldest := s.recent[(s.at-s.n+1+len(s.recent))%len(s.recent)]
	if secs := newest.at.Sub(oldest.at).Seconds(); secs > 0 {
		n.Rate = float64(newest.requests-oldest.requests) / secs
		n.ErrorRate = float64(newest.errors-oldest.errors) / secs
		n.Sent = max(float64(newest.sent-oldest.sent), 0) / secs
		n.Received = max(float64(newest.received-oldest.received), 0) / secs
	}
	n.Since = s.since
	d := s.latest.Since(&s.marks[s.marked-1])
	n.P50, n.P95, n.P99 = d.Quantile(.5), d.Quantile(.95), d.Quantile(.99)
	n.Requests, n.Errors, n.Failed, n.ServerError = d.Answered()+d.Failed, d.Errors(), d.Failed, d.Responses[5]
	return n, true
}

// Hour returns a member's last samples, the oldest first, and when the last
// one ended.
func (r *Recorder) Hour(key live.WorkerKey) (list []Sample, end time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.members[key]
	if s == nil || s.last < s.first {
		return nil, time.Time{}
	}
	for i := max(s.first, s.last-Steps+1); i <= s.last; i++ {
		list = append(list, s.samples[i%Steps])
	}
	return list, time.Unix(0, (s.last+1)*int64(Step))
}
