package secure

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"hash"

	"sallyport/internal/tlsconf"
)

// Verify is SSLProxyVerify: what is asked of the chain of a backend's
// certificate.
type Verify uint8

const (
	VerifyNone         Verify = iota // nothing
	VerifyOptional                   // must be good, as with Require: servers always send one
	VerifyOptionalNoCA               // may end at an authority that is not known
	VerifyRequire
)

// Revocation is SSLProxyCARevocationCheck: whose revocation is looked up.
type Revocation uint8

const (
	RevocationNone  Revocation = iota
	RevocationLeaf             // of the backend's own certificate
	RevocationChain            // of all but the root
)

// Options are what a configuration says. Certificates and lists have been read.
type Options struct {
	Verify Verify
	// Depth is how many certificates may stand above the backend's own.
	Depth int
	// Trust has the authorities, for the chain, and their revocation lists; nil,
	// or without authorities, no chain is good.
	Trust      *tlsconf.Trust
	Revocation Revocation
	// NoCRLOK: a certificate whose issuer has no list is not revoked.
	NoCRLOK bool

	// CheckName compares every name in the certificate with the one asked for;
	// CheckCN only its common name. CheckExpire looks at its dates.
	CheckName, CheckCN, CheckExpire bool

	// Min and Max are TLS versions; 0: the library's. Suites is for TLS 1.2 and
	// below; nil: the library's.
	Min, Max uint16
	Suites   []uint16

	// Own are the certificates this side can show, chains included.
	Own []tls.Certificate
}

// Settings are Options ready for use. Immutable.
type Settings struct {
	// Key is equal for equal options, over reloads too: connections made under
	// different keys must not be shared. It does not change with the Trust's
	// lists: as towards clients, what they say counts for new connections.
	Key string

	o    Options
	base tls.Config
}

// New makes Settings.
func New(o Options) *Settings {
	if o.Trust == nil {
		o.Trust = new(tlsconf.Trust)
	}
	s := &Settings{o: o, Key: digest(&o)}
	s.base = tls.Config{
		// Our own check, in VerifyConnection, takes its place: the library
		// knows only all or nothing.
		InsecureSkipVerify: true,
		MinVersion:         o.Min,
		MaxVersion:         o.Max,
		CipherSuites:       o.Suites,
	}
	if len(o.Own) > 0 {
		s.base.GetClientCertificate = s.choose
	}
	return s
}

// config is the library's view for one connection to name.
func (s *Settings) config(name string, alpn []string, cache tls.ClientSessionCache) *tls.Config {
	c := s.base.Clone()
	c.ServerName = name // left out of the hello by the library where it is an address
	c.NextProtos = alpn
	c.ClientSessionCache = cache
	c.VerifyConnection = func(cs tls.ConnectionState) error { return s.verify(&cs, name) }
	return c
}

// choose picks the certificate to show: the first that one of the authorities
// the backend names has issued, or the first at all when it names none
// (mod_ssl's ssl_callback_proxy_cert).
func (s *Settings) choose(ask *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	for i := range s.o.Own {
		if own := &s.o.Own[i]; ask.SupportsCertificate(own) == nil {
			return own, nil
		}
	}
	return new(tls.Certificate), nil // none: the backend decides
}

// digest names the options by their content.
func digest(o *Options) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %d %t %t %t %t %d %d %v\n", o.Verify, o.Depth, o.Revocation, o.NoCRLOK,
		o.CheckName, o.CheckCN, o.CheckExpire, o.Min, o.Max, o.Suites)
	for _, list := range o.Trust.CAs {
		for _, c := range list.Get() {
			part(h, 'a', c.Raw)
		}
	}
	for _, list := range o.Trust.CRLs {
		for _, l := range list.Get() {
			part(h, 'r', l.Raw)
		}
	}
	for i := range o.Own {
		for _, c := range o.Own[i].Certificate {
			part(h, 'c', c)
		}
		part(h, '.', nil)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func part(h hash.Hash, kind byte, b []byte) {
	fmt.Fprintf(h, "%c%d:", kind, len(b))
	h.Write(b)
}
