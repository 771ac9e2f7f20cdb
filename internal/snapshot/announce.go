package snapshot

import (
	"net/netip"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// announce finds out which connections begin with a PROXY header. Where
// several virtual hosts of one address differ the last one counts; where an
// address falls under several <VirtualHost> addresses, off beats on (httpd's
// proxy_protocol_enabled and proxy_protocol_disabled).
type announce struct {
	hosts  *hosts
	main   opinion
	sets   map[*Set]opinion
	except func(netip.Addr) bool
}

type opinion int8

const (
	none opinion = iota
	on
	off
)

func newAnnounce(a *module.Announced, h *hosts) *announce {
	if a == nil {
		return nil
	}
	of := func(srv *exchange.Server) opinion {
		switch yes, said := a.Of[srv.Index]; {
		case !said:
			return none
		case yes:
			return on
		}
		return off
	}
	out := &announce{hosts: h, main: of(h.main), sets: map[*Set]opinion{}, except: a.Except}
	note := func(s *Set) {
		for _, srv := range s.Servers {
			if o := of(srv); o != none {
				out.sets[s] = o
			}
		}
	}
	for _, s := range h.byIP {
		note(s)
	}
	for _, s := range h.byAny {
		note(s)
	}
	return out
}

// Announces reports whether any connection begins with a PROXY header.
func (s *Snapshot) Announces() bool { return s.announce != nil }

// Announced reports whether a connection begins with a PROXY header.
func (s *Snapshot) Announced(local, remote netip.AddrPort) bool {
	return s.Announces() && s.announce.at(local) && !s.announce.except(remote.Addr())
}

func (a *announce) at(local netip.AddrPort) bool {
	ip, port := local.Addr().Unmap(), local.Port()
	yes := false
	for _, o := range [...]opinion{
		a.main,
		a.sets[a.hosts.byIP[netip.AddrPortFrom(ip, port)]],
		a.sets[a.hosts.byIP[netip.AddrPortFrom(ip, 0)]],
		a.sets[a.hosts.byAny[port]],
		a.sets[a.hosts.byAny[0]],
	} {
		switch o {
		case on:
			yes = true
		case off:
			return false
		}
	}
	return yes
}
