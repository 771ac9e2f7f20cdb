// Package lbmethod_byrequests is the room of mod_lbmethod_byrequests: the
// default lbmethod. Members take turns, each as often as its factor says.
//
// The standings it goes by are kept by package balancer, since sessions that
// stay with their member count in them too.
package lbmethod_byrequests

import (
	"sallyport/internal/balancer"
	"sallyport/internal/module"
)

// Room provides lbmethod=byrequests.
var Room = module.Room{
	Name:    "lbmethod_byrequests",
	Methods: map[string]func() balancer.Method{"byrequests": func() balancer.Method { return Method{} }},
}

// Method picks the member that has waited longest for its factor's share.
type Method struct{}

// Name implements balancer.Method.
func (Method) Name() string { return "byrequests" }

// Pick implements balancer.Method.
func (Method) Pick(c *balancer.Candidates) int {
	i := c.Highest()
	c.Charge(i)
	return i
}
