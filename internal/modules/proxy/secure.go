package proxy

import (
	"net"
	"strings"
	"sync/atomic"

	"sallyport/internal/backend/secure"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
)

// overs are the forms of a link over TLS: one for each of the settings that
// requests came with, mostly one. The list is replaced, never changed.
type overs struct{ list atomic.Pointer[[]*link] }

// over returns the link whose connections were made under the settings.
func (l *link) over(s *secure.Settings, h *house) *link {
	for {
		old := l.overs.list.Load()
		if old != nil {
			for _, o := range *old {
				if o.TLS == s || o.TLS.Key == s.Key {
					return o
				}
			}
		}
		n := l.copy()
		n.TLS = s
		n.Target.TLS = s.Key
		switch {
		case l.stray:
			n.Pool = h.loose(n.Target)
			return n
		case h.pools != nil:
			n.Pool = h.pools.For(n.Target)
		}
		list := []*link{n}
		if old != nil {
			list = append(list, *old...)
		}
		if l.overs.list.CompareAndSwap(old, &list) {
			return n
		}
	}
}

// last is the form over TLS that was needed last; nil before the first request.
func (l *link) last() *link {
	if list := l.overs.list.Load(); list != nil {
		return (*list)[0]
	}
	return nil
}

// forms are the link itself, or over TLS those that have connections.
func (l *link) forms() []*link {
	if list := l.overs.list.Load(); list != nil {
		return *list
	}
	return []*link{l}
}

// copy is a link of its own with what l says.
func (l *link) copy() *link {
	return &link{
		Worker: l.Worker, scheme: l.scheme, transport: l.transport, live: l.live, host: l.host, path: l.path,
		upgrade: l.upgrade, ping: l.ping, secure: l.secure, protocols: l.protocols, serverName: l.serverName, stray: l.stray,
	}
}

// serverNameFor is the name that a backend's certificate must bear: the host of
// the worker's URL, or with ProxyPreserveHost the one the client asked for.
func (h *handler) serverNameFor(host string, l *link) string {
	if !h.preserveHost {
		return l.serverName
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// disabled answers a request whose backend wants TLS where it is not switched on.
func disabled(x *exchange.Exchange, l *link) *fault.Fault {
	x.Logf(errorlog.Error, "ssl", "AH01961: SSL Proxy requested for %s but not enabled [Hint: SSLProxyEngine]", x.Server.Name)
	return &fault.Fault{Kind: fault.TLSDisabled}
}
