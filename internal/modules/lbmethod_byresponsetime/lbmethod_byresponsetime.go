// Package lbmethod_byresponsetime is the room of lbmethod=byresponsetime,
// which httpd lacks: two members are drawn by lot, and the one that will
// probably answer sooner serves: response time of late (a peak-sensitive
// moving average, see live.Worker.Pace) times the requests it would then have
// in hand, divided by its factor.
package lbmethod_byresponsetime

import (
	"sallyport/internal/balancer"
	"sallyport/internal/module"
)

// Room provides lbmethod=byresponsetime.
var Room = module.Room{
	Name:    "lbmethod_byresponsetime",
	Static:  true,
	Methods: map[string]func() balancer.Method{"byresponsetime": func() balancer.Method { return Method{} }},
}

// Method draws two and takes the one that promises the sooner answer.
type Method struct{}

// Name implements balancer.Method.
func (Method) Name() string { return "byresponsetime" }

// Paced implements balancer.Paced.
func (Method) Paced() {}

// Pick implements balancer.Method.
func (Method) Pick(c *balancer.Candidates) int {
	a := c.Any()
	if n := c.Len(); n > 1 {
		// The other of the pair: any but a, each as likely as the next.
		b := (a + 1 + int(c.Random()%uint64(n-1))) % n
		if load(c, b) < load(c, a) {
			a = b
		}
	}
	return a
}

// load is the wait to expect. One of unknown pace is asked first, so that it
// becomes known, but is not sent everything at once.
func load(c *balancer.Candidates, i int) float64 {
	w := c.Member(i).Worker
	pace := max(float64(w.Pace(c.Now())), 1)
	return pace * float64(w.Busy()+1) / float64(c.Factor(i))
}
