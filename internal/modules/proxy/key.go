package proxy

import (
	"net/netip"

	"sallyport/internal/balancer"
	"sallyport/internal/exchange"
	"sallyport/internal/workerconf"
)

// keyOf makes the key that lbmethod=byhash goes by of the items of key=. ok is
// false when the request has none of them.
func keyOf(x *exchange.Exchange, key *workerconf.Key) (hash uint64, ok bool) {
	for i := range key.Items {
		it := &key.Items[i]
		text := ""
		switch it.Kind {
		case 0:
			hash = balancer.HashKey(hash, it.Name)
			continue
		case 'a':
			addr := x.Client.Addr
			if it.Name == "c" {
				addr = x.Client.Remote
			}
			hash, ok = hashAddr(hash, addr.Addr()), true
			continue
		case 'i':
			text, _ = x.Request.Header.Joined(it.Name)
		case 'C':
			cookies, _ := x.Request.Header.Joined("Cookie")
			text, _ = balancer.Cookie(cookies, it.Name)
		case 'e':
			text = x.Getenv(it.Name)
		case 'U':
			text = x.Path
		case 'q':
			if x.HasQuery {
				hash, text = balancer.HashKey(hash, "?"), x.Query
			}
		case 'm':
			text = x.Request.Method
		case 'V':
			text = x.HostName()
		}
		if text != "" {
			ok = true
		}
		hash = balancer.HashKey(hash, text)
	}
	return hash, ok
}

func hashAddr(seed uint64, a netip.Addr) uint64 {
	b := a.As16()
	high, low := uint64(0), uint64(0)
	for i := range 8 {
		high, low = high<<8|uint64(b[i]), low<<8|uint64(b[8+i])
	}
	return balancer.Mix(balancer.Mix(seed+high) + low)
}
