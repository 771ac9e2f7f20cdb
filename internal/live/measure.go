package live

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// measure counts a member's answers for people: how long they took and how
// many went wrong. It is written for every request, by many cores: stripes
// keep them off each other's lines.
type measure struct {
	stripes [measureStripes]struct {
		buckets   [Buckets]atomic.Uint32
		failed    atomic.Uint32
		responses [6]atomic.Uint32 // by the status' hundreds
		_         [64]byte
	}
}

const measureStripes = 4

// Buckets is how many classes of answer times there are: four to each
// doubling, from 64 µs to an hour.
const Buckets = 4*26 + 1

const firstBucket = 64 * time.Microsecond

// bucketOf is the class of a time.
func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0)) / uint64(firstBucket/4)
	if n < 4 {
		return 0
	}
	octave := bits.Len64(n) - 3
	return min(1+4*octave+int(n>>octave&3), Buckets-1)
}

// BucketEnd is where a class of answer times ends.
func BucketEnd(i int) time.Duration {
	if i == 0 {
		return firstBucket
	}
	octave, quarter := (i-1)/4, (i-1)%4
	return firstBucket * time.Duration(uint64(5+quarter)<<octave) / 4
}

// Count takes in one attempt at a member: took is the time to the response's
// head and status its code; 0 when the member gave no valid answer. stripe is
// any number that differs between connections. No lock needed. Workers outside
// of balancers count nothing.
func (w *Worker) Count(stripe uint64, status int, took time.Duration) {
	m := w.measured
	if m == nil {
		return
	}
	s := &m.stripes[stripe%measureStripes]
	if status == 0 {
		s.failed.Add(1)
		return
	}
	s.responses[min(status/100, 5)].Add(1)
	s.buckets[bucketOf(took)].Add(1)
}

// Counts is what a member has counted so far. The numbers wrap around: only
// the difference of two of them means something.
type Counts struct {
	Buckets   [Buckets]uint32
	Failed    uint32    // attempts without a valid answer
	Responses [6]uint32 // by the status' hundreds
}

// Counts adds up what was counted into c.
func (w *Worker) Counts(c *Counts) {
	*c = Counts{}
	m := w.measured
	if m == nil {
		return
	}
	for i := range m.stripes {
		s := &m.stripes[i]
		for k := range s.buckets {
			c.Buckets[k] += s.buckets[k].Load()
		}
		c.Failed += s.failed.Load()
		for k := range s.responses {
			c.Responses[k] += s.responses[k].Load()
		}
	}
}

// Since is what came after old.
func (c *Counts) Since(old *Counts) (d Counts) {
	for i := range c.Buckets {
		d.Buckets[i] = c.Buckets[i] - old.Buckets[i]
	}
	d.Failed = c.Failed - old.Failed
	for i := range c.Responses {
		d.Responses[i] = c.Responses[i] - old.Responses[i]
	}
	return d
}

// Answered is the number of answers.
func (c *Counts) Answered() (n uint32) {
	for _, v := range c.Responses {
		n += v
	}
	return n
}

// Errors is the number of attempts without a valid answer and of answers from
// 500 on.
func (c *Counts) Errors() uint32 { return c.Failed + c.Responses[5] }

// Quantile is the time within which the share q of the answers came, to the
// end of its class (at most a quarter too long); 0 without answers.
func (c *Counts) Quantile(q float64) time.Duration {
	all := uint64(0)
	for _, n := range c.Buckets {
		all += uint64(n)
	}
	if all == 0 {
		return 0
	}
	want := uint64(q*float64(all) + .999999)
	seen := uint64(0)
	for i, n := range c.Buckets {
		if seen += uint64(n); seen >= max(want, 1) {
			return BucketEnd(i)
		}
	}
	return BucketEnd(Buckets - 1)
}
