//go:build !linux

package pool

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// dialAddr connects to one address.
func dialAddr(ctx context.Context, to netip.AddrPort, source netip.Addr, deadline time.Time) (net.Conn, error) {
	d := net.Dialer{Deadline: deadline, KeepAlive: -1}
	if source.IsValid() {
		d.LocalAddr = &net.TCPAddr{IP: source.AsSlice()}
	}
	return d.DialContext(ctx, "tcp", to.String())
}
