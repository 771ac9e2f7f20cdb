package secure

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"sallyport/internal/tlsconf"
)

// CheckError says which of the configured checks a backend's certificate did
// not pass.
type CheckError struct {
	// Check names the directive's subject: "certificate chain", "revocation",
	// "expiry", "name".
	Check string
	// ID is mod_ssl's number for the case.
	ID  string
	Err error
}

func (e *CheckError) Error() string { return e.Check + ": " + e.Err.Error() }
func (e *CheckError) Unwrap() error { return e.Err }

// verify looks at what the backend has shown, in mod_ssl's order: the chain,
// the dates, the name. It runs for resumed sessions too.
func (s *Settings) verify(cs *tls.ConnectionState, name string) error {
	certs := cs.PeerCertificates
	if len(certs) == 0 {
		return &CheckError{"certificate chain", "AH02039", errors.New("the backend showed no certificate")}
	}
	now := time.Now()
	if s.o.Verify != VerifyNone {
		if err := s.chain(certs, now); err != nil {
			return err
		}
	}
	leaf := certs[0]
	if s.o.CheckExpire {
		switch {
		case now.Before(leaf.NotBefore):
			return &CheckError{"expiry", "AH02004", fmt.Errorf("the certificate of %s is valid from %s on", who(leaf), day(leaf.NotBefore))}
		case now.After(leaf.NotAfter):
			return &CheckError{"expiry", "AH02004", fmt.Errorf("the certificate of %s expired on %s", who(leaf), day(leaf.NotAfter))}
		}
	}
	switch {
	case name == "":
	case s.o.CheckName:
		if !matches(leaf, name) {
			return &CheckError{"name", "AH02411", fmt.Errorf("the certificate is for %s, not for %s", names(leaf), name)}
		}
	case s.o.CheckCN:
		if !matchCN(leaf.Subject.CommonName, name) {
			return &CheckError{"name", "AH02005", fmt.Errorf("the certificate's common name is %q, not %s", leaf.Subject.CommonName, name)}
		}
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format(time.RFC1123) }

// who names a certificate for a person.
func who(c *x509.Certificate) string {
	if s := c.Subject.String(); s != "" {
		return s
	}
	return names(c)
}

// names lists what a certificate is for.
func names(c *x509.Certificate) string {
	list := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	if cn := c.Subject.CommonName; cn != "" {
		list = append(list, cn)
	}
	if len(list) == 0 {
		return "no name"
	}
	if len(list) > 8 {
		list = append(list[:8], "…")
	}
	return strings.Join(list, ", ")
}

// chain builds and checks the way to a trusted authority.
func (s *Settings) chain(certs []*x509.Certificate, now time.Time) error {
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	known := s.o.Trust.Now()
	chains, err := certs[0].Verify(x509.VerifyOptions{
		Roots: known.Roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		var unknown x509.UnknownAuthorityError
		if s.o.Verify == VerifyOptionalNoCA && errors.As(err, &unknown) {
			return nil
		}
		if errors.As(err, &unknown) && known.Count == 0 {
			err = fmt.Errorf("%w, as no SSLProxyCACertificateFile is given", err)
		}
		return &CheckError{"certificate chain", "AH02039", fmt.Errorf("%s: %w", who(certs[0]), err)}
	}
	short := chains[:0:0]
	for _, c := range chains {
		if len(c)-1 <= s.o.Depth {
			short = append(short, c)
		}
	}
	if len(short) == 0 {
		return &CheckError{"certificate chain", "AH02040",
			fmt.Errorf("too long: %d certificates above the backend's own, SSLProxyVerifyDepth allows %d", len(chains[0])-1, s.o.Depth)}
	}
	if s.o.Revocation == RevocationNone {
		return nil
	}
	for _, c := range short {
		if err = s.revoked(known, c, now); err == nil {
			return nil
		}
	}
	return &CheckError{"revocation", "AH02039", err}
}

// revoked asks the lists about a chain.
func (s *Settings) revoked(known *tlsconf.Trusted, chain []*x509.Certificate, now time.Time) error {
	for i := 0; i+1 < len(chain); i++ {
		c, issuer := chain[i], chain[i+1]
		switch standing, at := known.Standing(c, issuer, now); standing {
		case tlsconf.Revoked:
			return fmt.Errorf("the certificate of %s was revoked on %s", who(c), day(at))
		case tlsconf.NotYet, tlsconf.Stale:
			return fmt.Errorf("the revocation list of %s is out of date", who(issuer))
		case tlsconf.Unlisted:
			if !s.o.NoCRLOK {
				return fmt.Errorf("no revocation list of %s", who(issuer))
			}
		}
		if s.o.Revocation == RevocationLeaf {
			break
		}
	}
	return nil
}

// matches compares name with all names of a certificate, "*." standing for one
// label (modssl_X509_match_name).
//
// Unlike httpd: the addresses in a certificate count too, because a backend
// named by its address has no other place to say so.
func matches(c *x509.Certificate, name string) bool {
	if ip := net.ParseIP(name); ip != nil {
		for _, a := range c.IPAddresses {
			if a.Equal(ip) {
				return true
			}
		}
	}
	for _, n := range c.DNSNames {
		if matchName(n, name) {
			return true
		}
	}
	return matchName(c.Subject.CommonName, name)
}

func matchName(pattern, name string) bool {
	if strings.EqualFold(pattern, name) {
		return pattern != ""
	}
	rest, ok := strings.CutPrefix(pattern, "*.")
	_, domain, dot := strings.Cut(name, ".")
	return ok && dot && rest != "" && strings.EqualFold(rest, domain)
}

func matchCN(cn, name string) bool { return matchName(cn, name) }
