// Package lbmethod_random2 is the room of lbmethod=random2, which httpd lacks:
// two members are drawn by lot, each as likely as its factor is large, and the
// one less in use serves. With many members it costs the same as with two, and
// many balancers in front of the same members do not all run to the one that
// has just become free.
package lbmethod_random2

import (
	"sallyport/internal/balancer"
	"sallyport/internal/module"
)

// Room provides lbmethod=random2.
var Room = module.Room{
	Name:    "lbmethod_random2",
	Static:  true,
	Methods: map[string]func() balancer.Method{"random2": func() balancer.Method { return Method{} }},
}

// Method draws two and takes the less busy.
type Method struct{}

// Name implements balancer.Method.
func (Method) Name() string { return "random2" }

// Pick implements balancer.Method.
func (Method) Pick(c *balancer.Candidates) int {
	a := c.Weighed()
	b := c.Weighed()
	for try := 0; a == b && try < 3 && c.Len() > 1; try++ {
		b = c.Weighed()
	}
	if a != b && c.Member(b).Worker.Busy()*c.Factor(a) < c.Member(a).Worker.Busy()*c.Factor(b) {
		a = b
	}
	return a
}
