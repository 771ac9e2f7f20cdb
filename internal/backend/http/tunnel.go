package http

import (
	"time"

	"sallyport/internal/backend/tunnel"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
)

// Tunnel implements backend.Reply.
func (c *conn) Tunnel(x *exchange.Exchange, idle time.Duration, halfClose bool) *fault.Fault {
	defer c.giveUp()
	back := tunnel.End(c.Net)
	if c.TLS != nil {
		c.TLS.Guard(nil) // the deadlines are the tunnel's from here
	}
	ahead := append([]byte(nil), c.in[c.r:c.w]...)
	c.dropIn() // a tunnel is silent mostly
	up, down, f := tunnel.Run(x, back, ahead, idle, halfClose)
	c.sent += up
	c.read += down
	return f
}
