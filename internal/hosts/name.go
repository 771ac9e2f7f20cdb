package hosts

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"sallyport/internal/exchange"
)

// patience bounds one look-up.
const patience = 5 * time.Second

// resolver is the part of net.Resolver that is needed.
type resolver interface {
	LookupAddr(ctx context.Context, addr string) ([]string, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Name looks up the client's name, in lower case and without a final dot; ""
// when it has none. With double the name counts only if it leads back to the
// address. What was found is remembered on the connection. It may take as long
// as the DNS does.
func Name(c *exchange.Client, double bool) string { return name(net.DefaultResolver, c, double) }

func name(r resolver, c *exchange.Client, double bool) string {
	addr := c.Addr.Addr().Unmap().WithZone("")
	h := c.Name.Load()
	if h == nil || h.Addr != addr || double && !h.Double {
		h = lookup(r, addr, double)
		c.Name.Store(h)
	}
	if double && !h.Verified {
		return ""
	}
	return h.Name
}

func lookup(r resolver, addr netip.Addr, double bool) *exchange.Hostname {
	h := &exchange.Hostname{Addr: addr, Double: double}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	names, err := r.LookupAddr(ctx, addr.String())
	if err != nil || len(names) == 0 {
		return h
	}
	h.Name = strings.ToLower(strings.TrimSuffix(names[0], "."))
	if double {
		h.Verified = leadsTo(ctx, r, h.Name, addr)
	}
	return h
}

func leadsTo(ctx context.Context, r resolver, name string, addr netip.Addr) bool {
	found, err := r.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return false
	}
	for _, a := range found {
		if a.Unmap().WithZone("") == addr {
			return true
		}
	}
	return false
}

// LeadsTo reports whether the name resolves to the address, now.
func LeadsTo(name string, addr netip.Addr) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return leadsTo(ctx, net.DefaultResolver, name, addr.Unmap().WithZone(""))
}

// InDomain reports whether a host's name is the domain or ends in it, whole
// labels compared, without regard to case. The domain may begin with a dot.
func InDomain(domain, host string) bool {
	n := len(host) - len(domain)
	if n < 0 || !strings.EqualFold(host[n:], domain) {
		return false
	}
	return n == 0 || strings.HasPrefix(domain, ".") || host[n-1] == '.'
}
