package remoteip

import (
	"net/netip"
	"strings"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// proxyList is the note with the proxies that were trusted, nearest first.
const proxyList = "remoteip-proxy-ip-list"

// peeler is what a server's exchanges are treated with.
type peeler struct {
	header, via string // via "": none
	proxies     []proxy
}

func compile(b *module.Build) func(*module.Plan) {
	b.Announced = announced(b)
	return func(p *module.Plan) {
		s := server.Of(p.Conf)
		if s == nil || !s.Header.Is {
			return
		}
		pl := &peeler{header: s.Header.V, via: s.ProxiesHeader.V, proxies: s.Proxies}
		p.Hook(exchange.Read, module.First, pl.read)
	}
}

// read finds the client of an exchange (remoteip_modify_request). What a proxy
// announced when it connected goes before anything a request says.
func (p *peeler) read(x *exchange.Exchange) exchange.Verdict {
	if x.Client.Announced {
		return exchange.Declined
	}
	value, ok := x.Request.Header.Joined(p.header)
	if !ok {
		return exchange.Declined
	}
	addr, rest, via := p.peel(x, value)
	if !addr.IsValid() {
		return exchange.Declined
	}
	x.Client = x.Client.For(netip.AddrPortFrom(addr, 0)) // nobody told the port
	if rest == "" {
		x.Request.Header.Del(p.header)
	} else {
		x.Request.Header.Set(p.header, rest)
	}
	if via != "" {
		x.Notes.Set(proxyList, via)
		if p.via != "" {
			x.Request.Header.Set(p.via, via)
		}
	}
	return exchange.Declined
}

// peel takes addresses off the right end of value for as long as the one who
// presents the next is trusted and what he presents can be. It returns the
// last one taken (the zero Addr: none), what is left of value, and the trusted
// proxies on the way, ", " between them.
func (p *peeler) peel(x *exchange.Exchange, value string) (addr netip.Addr, rest, via string) {
	presents := x.Client.Addr.Addr()
	internal := false
	rest = value
	for rest != "" {
		if len(p.proxies) > 0 {
			match := p.find(presents)
			if match == nil {
				break
			}
			internal = match.internal
		}
		i := strings.LastIndexByte(rest, ',')
		word := strings.Trim(rest[i+1:], " ")
		if word == "" {
			break
		}
		// Unlike httpd: it would look a name up in the DNS, for every request.
		a, err := netip.ParseAddr(word)
		if err != nil || a.Zone() != "" {
			x.Logf(errorlog.Debug, "remoteip", "AH01568: RemoteIP: Header %s value of %s cannot be parsed as a client IP", p.header, word)
			break
		}
		a = a.Unmap()
		if !internal && !public(a) {
			x.Logf(errorlog.Debug, "remoteip", "AH01569: RemoteIP: Header %s value of %s appears to be a private IP or nonsensical.  Ignored", p.header, word)
			break
		}
		if !internal {
			if via != "" {
				via += ", "
			}
			via += presents.Unmap().String()
		}
		addr, presents = a, a
		rest = rest[:max(i, 0)]
	}
	if addr.IsValid() {
		rest = strings.TrimSpace(rest)
	}
	return addr, rest, via
}

// find returns the first pattern that trusts the address; nil: none.
func (p *peeler) find(a netip.Addr) *proxy {
	for i := range p.proxies {
		if p.proxies[i].net.Contains(a) {
			return &p.proxies[i]
		}
	}
	return nil
}

// public reports an address that may come from a proxy that is not internal:
// not of the private, loopback and link-local blocks, and in IPv6 only global
// unicast (2000::/3).
func public(a netip.Addr) bool {
	if a.Is4() {
		return !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
	}
	return a.As16()[0]&0xe0 == 0x20
}
