package exchange

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync"
	"sync/atomic"
)

// TLS is a client's connection over TLS, once its handshake is done. The front
// (h1, h2, h3) makes it by Visit.Secured; everybody may read it, nobody changes
// it but room ssl, which keeps Memo.
type TLS struct {
	State tls.ConnectionState
	// Local is the certificate that the client was shown; for a resumed session
	// the first of the host's. nil where that is not known.
	Local *x509.Certificate
	// Host is the virtual host whose certificate and rules the handshake was
	// made with: the one that the client named (SNI), else the default of the
	// address.
	Host *TLSHost
	// Memo is package tlsvars's: what it has made of this connection.
	Memo sync.Map
}

// CertificateNoter is a net.Conn below a TLS handshake that wants to know which
// certificate was chosen: tls.ClientHelloInfo.Conn of the fronts.
type CertificateNoter interface{ NoteCertificate(*tls.Certificate) }

// TLSHost is what a handshake promised on behalf of one virtual host. A request
// for another host may come by the same connection only if the two promise the
// same (SSLVHostSNIPolicy). It outlives its snapshot on connections that do, so
// it refers to nothing of that.
type TLSHost struct {
	Name string // ServerName
	// ID tells hosts of one snapshot apart: "file:line", "" for the main server.
	ID string
	// Server and Client are digests: of the certificates, protocols and ciphers;
	// of what is asked of client certificates.
	Server, Client [32]byte
	// Leaf is the host's first certificate as it is now.
	Leaf func() *x509.Certificate
	// Verify checks a client's certificate, which comes first in chain; nil
	// where none is asked for.
	Verify func(chain []*x509.Certificate) error
	// StrictSNI is SSLStrictSNIVHostCheck.
	StrictSNI bool
}

// ClientCertificateError ends a handshake: the client's certificate was not good
// enough.
type ClientCertificateError struct{ Err error }

func (e *ClientCertificateError) Error() string { return "client certificate: " + e.Err.Error() }
func (e *ClientCertificateError) Unwrap() error { return e.Err }

// ServerTLS is TLS with the clients of one virtual host, made by room ssl when
// the configuration is built (Server.TLS; nil where SSLEngine is off).
type ServerTLS struct {
	// Config is ready for handshakes, with the application protocols of the
	// host; NoALPN is the same without, for clients that speak none of them.
	Config, NoALPN *tls.Config
	// QUIC is the same for HTTP/3; nil where the host does not speak it.
	QUIC *tls.Config
	Host *TLSHost
	// Names takes the place of the configurations' ClientCAs, which clients are
	// told of, once their files have changed.
	Names atomic.Pointer[x509.CertPool]
}

// For is the configuration that answers a hello.
func (t *ServerTLS) For(hello *tls.ClientHelloInfo) *tls.Config {
	for _, p := range hello.SupportedProtos {
		if slices.Contains(t.Config.NextProtos, p) {
			return t.named(t.Config)
		}
	}
	return t.named(t.NoALPN)
}

// ForQUIC is the same for a connection of QUIC; nil where there is none.
func (t *ServerTLS) ForQUIC() *tls.Config {
	if t.QUIC == nil {
		return nil
	}
	return t.named(t.QUIC)
}

func (t *ServerTLS) named(c *tls.Config) *tls.Config {
	if names := t.Names.Load(); names != nil {
		c = c.Clone() // with the keys of its session tickets
		c.ClientCAs = names
	}
	return c
}
