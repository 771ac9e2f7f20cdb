package balancer_test

import (
	"fmt"
	"testing"
	"time"

	"sallyport/internal/balancer"
	"sallyport/internal/live"
)

// many makes a balancer of n members with the factors of cycle in turn.
func many(method string, n int, sticky bool, cycle ...int32) *balancer.Balancer {
	reg := live.NewRegistry()
	key := live.BalancerKey{Name: "x"}
	d := reg.Begin()
	var members []*balancer.Member
	for i := range n {
		url := fmt.Sprintf("http://m%d", i)
		w := d.Worker(live.WorkerKey{Balancer: key, URL: url}, live.Configured{Factor: cycle[i%len(cycle)], Route: fmt.Sprintf("r%d", i)})
		members = append(members, &balancer.Member{Worker: w, Retry: time.Minute})
	}
	c := balancer.Config{Method: methods(method), MaxAttempts: -1, Separator: '.'}
	if sticky {
		c.StickyCookie, c.StickyPath = "ROUTEID", "routeid"
	}
	b := balancer.New("balancer://x", d.Balancer(key), c, members)
	d.Commit()
	return b
}

var allMethods = []string{
	"byrequests", "bybusyness", "bytraffic", "leastconn", "random2", "byresponsetime", "byhash",
}

var (
	good  = balancer.Outcome{Status: 200, Sent: 150, Received: 1024}
	start = time.Now()
)

// turn is all the balancer does for one request.
func turn(b *balancer.Balancer, r balancer.Request, p *balancer.Pick) {
	p.Reset()
	if b.Elect(start, r, p).Refused() {
		panic("refused")
	}
	b.Done(p, good, start)
	b.Release(p)
}

func BenchmarkElection(b *testing.B) {
	for _, method := range allMethods {
		for _, n := range []int{2, 16, 1000} {
			for _, f := range [][]int32{{100}, {100, 300, 500, 200}} {
				b.Run(fmt.Sprintf("%s/%d/factors=%d", method, n, min(len(f), n)), func(b *testing.B) {
					bal := many(method, n, false, f...)
					r := balancer.Request{URL: "/a/b?c=d", Key: 4711, HasKey: true}
					var p balancer.Pick
					b.ReportAllocs()
					for b.Loop() {
						turn(bal, r, &p)
					}
				})
			}
		}
	}
}

func BenchmarkSession(b *testing.B) {
	for _, n := range []int{2, 16, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bal := many("byrequests", n, true, 100)
			var rs []balancer.Request
			for i := range 64 {
				rs = append(rs, balancer.Request{URL: "/a/b?c=d", Cookie: fmt.Sprintf("lang=en; ROUTEID=x.r%d", i*7919%n)})
			}
			var p balancer.Pick
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				turn(bal, rs[i%64], &p)
			}
		})
	}
}

func BenchmarkParallel(b *testing.B) {
	bal := many("byrequests", 16, false, 100)
	r := balancer.Request{URL: "/a/b?c=d"}
	b.RunParallel(func(pb *testing.PB) {
		var p balancer.Pick
		for pb.Next() {
			turn(bal, r, &p)
		}
	})
}

// TestAllocations: an election allocates nothing, with or without a session.
func TestAllocations(t *testing.T) {
	for _, method := range allMethods {
		bal := many(method, 16, true, 100, 250)
		var p balancer.Pick
		for _, r := range []balancer.Request{
			{URL: "/"},
			{URL: "/", Key: 4711, HasKey: true},
			{URL: "/x;routeid=a.r3"},
			{URL: "/x", Cookie: "a=b; ROUTEID=.r7; c=d"},
			{URL: "/x", Cookie: "a=b; ROUTEID=.nosuch; c=d"},
		} {
			if n := testing.AllocsPerRun(100, func() { turn(bal, r, &p) }); n != 0 {
				t.Errorf("%s %+v: %v allocations", method, r, n)
			}
		}
	}
}
