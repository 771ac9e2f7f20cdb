// Package lbmethod_bybusyness is the room of mod_lbmethod_bybusyness: the
// member with the fewest requests in hand serves next; factors decide between
// equally busy ones only.
package lbmethod_bybusyness

import (
	"sallyport/internal/balancer"
	"sallyport/internal/module"
)

// Room provides lbmethod=bybusyness.
var Room = module.Room{
	Name:    "lbmethod_bybusyness",
	Methods: map[string]func() balancer.Method{"bybusyness": func() balancer.Method { return Method{} }},
}

// Method picks the least busy member, of several the one byrequests would.
type Method struct{}

// Name implements balancer.Method.
func (Method) Name() string { return "bybusyness" }

// Pick implements balancer.Method.
func (Method) Pick(c *balancer.Candidates) int {
	best := 0
	least := c.Member(0).Worker.Busy()
	for i := 1; i < c.Len(); i++ {
		busy := c.Member(i).Worker.Busy()
		if busy < least || busy == least && c.Standing(i) > c.Standing(best) {
			best, least = i, busy
		}
	}
	c.Charge(best)
	return best
}
