// Package lbmethod_leastconn is the room of lbmethod=leastconn, which httpd
// lacks: the member with the fewest requests in hand for its factor serves
// next. Unlike bybusyness, where factors only decide between equally busy
// members, one of factor 2 holds twice as many as one of factor 1.
package lbmethod_leastconn

import (
	"sallyport/internal/balancer"
	"sallyport/internal/module"
)

// Room provides lbmethod=leastconn.
var Room = module.Room{
	Name:    "lbmethod_leastconn",
	Static:  true,
	Methods: map[string]func() balancer.Method{"leastconn": func() balancer.Method { return Method{} }},
}

// Method picks the member least in use, of several the one byrequests would.
type Method struct{}

// Name implements balancer.Method.
func (Method) Name() string { return "leastconn" }

// Pick implements balancer.Method.
func (Method) Pick(c *balancer.Candidates) int {
	best := 0
	least, weight := c.Member(0).Worker.Busy(), c.Factor(0)
	for i := 1; i < c.Len(); i++ {
		busy, f := c.Member(i).Worker.Busy(), c.Factor(i)
		// busy/f against least/weight, without dividing.
		a, b := busy*weight, least*f
		if a < b || a == b && c.Standing(i) > c.Standing(best) {
			best, least, weight = i, busy, f
		}
	}
	c.Charge(best)
	return best
}
