// Package proxy_balancer is the room of mod_proxy_balancer. That it is loaded
// makes balancer:// targets work, which the room proxy asks for: that room
// reads BalancerMember and ProxySet, as httpd's mod_proxy does, and runs the
// exchange; package balancer elects. A configuration that names the module in
// LoadModule or <IfModule> finds it here.
package proxy_balancer

import "sallyport/internal/module"

// Room is mod_proxy_balancer.
var Room = module.Room{Name: "proxy_balancer", Handlers: []string{"balancer-manager"}}
