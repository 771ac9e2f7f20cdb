package snapshot

import (
	"crypto/tls"
	"errors"
	"net/netip"

	"sallyport/internal/exchange"
)

// challengeProtocol is the application protocol of the ACME challenge that is
// answered by a handshake (RFC 8737).
const challengeProtocol = "acme-tls/1"

type certify func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// secure makes what begins the handshakes of each address: a configuration
// that picks the virtual host by the name in the hello. Whether there is TLS at
// all is the default virtual host's word, as in httpd.
func (h *hosts) secure(challenge certify) {
	h.tls = opening(h.main, challenge, func(string) *exchange.Server { return h.main })
	for _, s := range h.byIP {
		s.tls = opening(s.Servers[0], challenge, s.named)
	}
	for _, s := range h.byAny {
		s.tls = opening(s.Servers[0], challenge, s.named)
	}
}

// opening is the configuration that a handshake begins with; nil where the
// default server has no TLS. A name that only a server without TLS goes by is
// the default's, too.
func opening(def *exchange.Server, challenge certify, named func(string) *exchange.Server) *tls.Config {
	if def.TLS == nil {
		return nil
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS10, // the chosen server's counts
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if challenge != nil && len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == challengeProtocol {
				return prove(hello, challenge)
			}
			return secured(def, named(hello.ServerName)).For(hello), nil
		},
	}
}

// secured is the TLS of the server that a client named.
func secured(def, named *exchange.Server) *exchange.ServerTLS {
	if named.TLS != nil {
		return named.TLS
	}
	return def.TLS
}

// prove is the configuration of a handshake that is a challenge's answer.
func prove(hello *tls.ClientHelloInfo, challenge certify) (*tls.Config, error) {
	cert, err := challenge(hello)
	if err != nil {
		return nil, err
	}
	if cert == nil {
		return nil, errors.New("no ACME challenge is under way for " + hello.ServerName)
	}
	return &tls.Config{Certificates: []tls.Certificate{*cert}, NextProtos: []string{challengeProtocol}, SessionTicketsDisabled: true}, nil
}

// TLS is how connections to the address are secured; nil: not at all.
func (a Address) TLS() *tls.Config {
	if a.set == nil {
		return a.snap.hosts.tls
	}
	return a.set.tls
}

// TLSHost is the virtual host that a handshake with this server name was made
// with.
func (a Address) TLSHost(name string) *exchange.TLSHost {
	def := a.Default()
	if a.set == nil || name == "" {
		return def.TLS.Host
	}
	return secured(def, a.set.named(name)).Host
}

// QUIC is the TLS of a QUIC connection to the host of that name; nil where it
// does not speak HTTP/3.
func (a Address) QUIC(name string) *tls.Config {
	srv := a.Default()
	if srv.TLS == nil {
		return nil
	}
	if a.set != nil && name != "" {
		if named := a.set.named(name); named.TLS != nil {
			srv = named
		}
	}
	if !srv.Core.Versions.Allows(exchange.ProtoH3) {
		return nil
	}
	return srv.TLS.ForQUIC()
}

// SpeaksQUIC reports whether some host that is reached at the address (the zero
// Addr or an unspecified one: any) speaks HTTP/3.
func (s *Snapshot) SpeaksQUIC(ip netip.Addr, port uint16) bool {
	speaks := func(srv *exchange.Server) bool {
		return srv.TLS != nil && srv.TLS.QUIC != nil && srv.Core.Versions.Allows(exchange.ProtoH3)
	}
	sets := false
	for _, u := range s.hosts.uses {
		set := u.set
		if set.Port != 0 && set.Port != port || set.IP.IsValid() && ip.IsValid() && !ip.IsUnspecified() && set.IP != ip {
			continue
		}
		sets = true
		if speaks(s.sites[u.server].build.Server) {
			return true
		}
	}
	return !sets && speaks(s.hosts.main)
}
