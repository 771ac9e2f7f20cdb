// Package lbmethod_bytraffic is the room of mod_lbmethod_bytraffic: the member
// that has moved the fewest bytes for its factor serves next.
package lbmethod_bytraffic

import (
	"math"

	"sallyport/internal/balancer"
	"sallyport/internal/module"
)

// Room provides lbmethod=bytraffic.
var Room = module.Room{
	Name:    "lbmethod_bytraffic",
	Methods: map[string]func() balancer.Method{"bytraffic": func() balancer.Method { return Method{} }},
}

// Method picks the member with the least traffic per factor.
type Method struct{}

// Name implements balancer.Method.
func (Method) Name() string { return "bytraffic" }

// Pick implements balancer.Method.
func (Method) Pick(c *balancer.Candidates) int {
	best, least := 0, int64(math.MaxInt64)
	for i := range c.Len() {
		if t := traffic(c, i); t < least {
			best, least = i, t
		}
	}
	return best
}

// Joined implements balancer.Joiner.
//
// Unlike httpd: a member that comes late or comes back starts level with the
// one that has moved least. By lifetime bytes alone it would be sent every
// request until it has caught up with its siblings' whole past.
func (Method) Joined(c *balancer.Candidates, i int) {
	level := int64(math.MaxInt64)
	for k := range c.Len() {
		if c.Member(k).Worker.Offered() {
			level = min(level, traffic(c, k))
		}
	}
	if t := traffic(c, i); t < level {
		c.Member(i).Worker.History().Level += level - t
	}
}

// traffic weighs bytes sent and bytes received, each divided by the factor and
// cut to a whole number as httpd does, so that small bodies pick the same.
func traffic(c *balancer.Candidates, i int) int64 {
	w, f := c.Member(i).Worker, c.Factor(i)
	h := w.History()
	return (w.Transferred()-h.Sent)/f + (w.Read()-h.Read)/f + h.Level
}
