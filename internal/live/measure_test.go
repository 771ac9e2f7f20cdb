package live

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	for i := range Buckets - 1 {
		end := BucketEnd(i)
		if got := bucketOf(end - 1); got != i {
			t.Errorf("the last of class %d (%v) is in %d", i, end-1, got)
		}
		if got := bucketOf(end); got != i+1 {
			t.Errorf("the end of class %d (%v) is in %d", i, end, got)
		}
	}
	if got := bucketOf(1000 * time.Hour); got != Buckets-1 {
		t.Errorf("forty days are in class %d", got)
	}
	if got := bucketOf(-1); got != 0 {
		t.Errorf("a clock that went back is in class %d", got)
	}
}

// TestQuantiles compares with what sorting says: never less, at most a quarter
// more.
func TestQuantiles(t *testing.T) {
	reg := NewRegistry()
	d := reg.Begin()
	w := d.Worker(WorkerKey{BalancerKey{"", "b"}, "http://a"}, Configured{})
	r := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for i := range 20000 {
		took := time.Duration(r.ExpFloat64() * float64(30*time.Millisecond))
		all = append(all, took)
		w.Count(uint64(i), 200, took)
	}
	w.Count(1, 0, time.Second)
	w.Count(2, 503, time.Microsecond)
	slices.Sort(all)
	var before, c Counts
	w.Counts(&c)
	if c.Failed != 1 || c.Responses[2] != 20000 || c.Errors() != 2 || c.Answered() != 20001 {
		t.Errorf("counts: %d failed, %v", c.Failed, c.Responses)
	}
	for _, q := range []float64{.5, .95, .99} {
		exact := all[int(q*float64(len(all)))]
		if got := c.Quantile(q); got < exact || got > exact*5/4+firstBucket {
			t.Errorf("p%v: %v, exactly %v", 100*q, got, exact)
		}
	}
	before = c
	for range 10 {
		w.Count(3, 404, 10*time.Millisecond)
	}
	w.Counts(&c)
	since := c.Since(&before)
	if since.Answered() != 10 || since.Errors() != 0 || since.Quantile(.99) < 10*time.Millisecond || since.Quantile(.01) > 13*time.Millisecond {
		t.Errorf("since: %d answers, p99 %v", since.Answered(), since.Quantile(.99))
	}
	if (&Counts{}).Quantile(.5) != 0 {
		t.Error("a quantile of nothing")
	}
}

func TestPlainWorkersCountNothing(t *testing.T) {
	w := NewRegistry().Begin().Worker(WorkerKey{URL: "http://a"}, Configured{})
	w.Count(0, 200, time.Second)
	var c Counts
	if w.Counts(&c); c.Answered() != 0 {
		t.Error("it has counted")
	}
}

func BenchmarkCount(b *testing.B) {
	w := NewRegistry().Begin().Worker(WorkerKey{BalancerKey{"", "b"}, "http://a"}, Configured{})
	b.RunParallel(func(pb *testing.PB) {
		id := rand.Uint64()
		for pb.Next() {
			w.Count(id, 200, 3*time.Millisecond)
		}
	})
}
