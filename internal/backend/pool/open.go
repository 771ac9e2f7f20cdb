package pool

import (
	"context"
	"net"
	"net/netip"
	"time"

	"sallyport/internal/backend"
)

// Open makes a connection that belongs to no pool: for a health check. Every
// address of the name is tried in turn until one answers, as for a request. It
// gives up at the deadline and when ctx ends.
func (r *Registry) Open(ctx context.Context, t *backend.Target, deadline time.Time) (net.Conn, error) {
	if t.Network == "unix" {
		return dialUnix(ctx, t.Addr, deadline)
	}
	addrs, err := r.Names.Dial(t.Addr)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		var to netip.AddrPort
		if to, err = netip.ParseAddrPort(a); err != nil {
			continue
		}
		var c net.Conn
		if c, err = dialAddr(ctx, to, t.Source, deadline); err == nil {
			return c, nil
		}
	}
	r.Names.Doubt(t.Addr)
	return nil, err
}

func dialUnix(ctx context.Context, path string, deadline time.Time) (net.Conn, error) {
	d := net.Dialer{Deadline: deadline}
	return d.DialContext(ctx, "unix", path)
}
