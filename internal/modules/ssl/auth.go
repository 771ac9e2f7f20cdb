package ssl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"sallyport/internal/tlsconf"
)

// clientAuth is what a server asks of client certificates. Immutable, but for
// what files hold.
type clientAuth struct {
	verify verify
	// asked says that clients are asked for one although verify is none: some
	// section wants it, and decides (hooks.go).
	asked bool
	depth int
	trust *tlsconf.Trust
	check crlCheck
	ocsp  *ocspCheck // nil: no responder is asked
	files string     // the paths of the CAs and CRLs
}

// errIssuer is behind the errors that optional_no_ca forgives.
var errIssuer = errors.New("unknown issuer")

// verifyClient checks a client's chain, the client's own certificate first, with
// depth CAs above it at most. What it says reads as OpenSSL says it. ask also
// asks OCSP responders, where SSLOCSPEnable says so.
func (a *clientAuth) verifyClient(chain []*x509.Certificate, depth int, now time.Time, ask bool) error {
	known := a.trust.Now()
	opts := x509.VerifyOptions{Roots: known.Roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range known.Between {
		opts.Intermediates.AddCert(c)
	}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	found, err := chain[0].Verify(opts)
	if err != nil {
		return explain(chain, err, now)
	}
	err = nil
	for _, way := range found { // any that passes will do
		if err = a.passes(known, way, depth, now); err != nil {
			continue
		}
		if ask && a.ocsp != nil {
			err = a.ocsp.chain(way, now)
		}
		if err == nil {
			return nil
		}
	}
	return err
}

// passes checks what x509.Verify does not.
func (a *clientAuth) passes(known *tlsconf.Trusted, way []*x509.Certificate, depth int, now time.Time) error {
	if len(way)-1 > depth {
		return fmt.Errorf("certificate chain too long (chain has %d certificates, but maximum allowed are only %d)", len(way)-1, depth)
	}
	if !a.check.leaf {
		return nil
	}
	for i, c := range way {
		if i > 0 && !a.check.chain {
			break
		}
		switch standing, _ := known.Standing(c, way[min(i+1, len(way)-1)], now); standing {
		case tlsconf.Revoked:
			return errRevoked
		case tlsconf.NotYet:
			return errors.New("CRL is not yet valid")
		case tlsconf.Stale:
			return errors.New("CRL has expired")
		case tlsconf.Unlisted:
			if !a.check.lenient {
				return errors.New("unable to get certificate CRL")
			}
		}
	}
	return nil
}

var errRevoked = errors.New("certificate revoked")

// explain puts an error of x509 into OpenSSL's words.
func explain(chain []*x509.Certificate, err error, now time.Time) error {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	leaf := chain[0]
	switch {
	case errors.As(err, &unknown) && bytes.Equal(leaf.RawSubject, leaf.RawIssuer):
		return fmt.Errorf("self-signed certificate%w", hidden{})
	case errors.As(err, &unknown) && len(chain) == 1:
		return fmt.Errorf("unable to verify the first certificate%w", hidden{})
	case errors.As(err, &unknown):
		return fmt.Errorf("unable to get local issuer certificate%w", hidden{})
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		for _, c := range chain {
			switch {
			case now.Before(c.NotBefore):
				return errors.New("certificate is not yet valid")
			case now.After(c.NotAfter):
				return errors.New("certificate has expired")
			}
		}
		return errors.New("certificate has expired")
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return errors.New("unsuitable certificate purpose")
	}
	return err
}

// hidden is errIssuer without its text.
type hidden struct{}

func (hidden) Error() string   { return "" }
func (hidden) Is(e error) bool { return e == errIssuer }

// forgiven reports an error that optional_no_ca does not mind.
func forgiven(err error) bool { return errors.Is(err, errIssuer) }

// digest is what requests of one virtual host may rely on at another's: files
// are compared by their names, for what they hold may change.
func (a *clientAuth) digest() [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %v %d %v %s %s", a.verify, a.asked, a.depth, a.check, a.files, a.ocsp.words()))
}
