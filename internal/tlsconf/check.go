package tlsconf

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Pair joins a certificate, those that follow it and its key.
func Pair(chain []*x509.Certificate, key crypto.Signer) (*tls.Certificate, error) {
	leaf := chain[0]
	pub, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil, fmt.Errorf("the certificate's key is of a kind that TLS does not use here (%s)", leaf.PublicKeyAlgorithm)
	}
	if !pub.Equal(key.Public()) {
		return nil, errMismatch
	}
	c := &tls.Certificate{PrivateKey: key, Leaf: leaf}
	for _, x := range chain {
		c.Certificate = append(c.Certificate, x.Raw)
	}
	return c, nil
}

var errMismatch = errors.New("the private key does not belong to the certificate")

// KeyType names the kind of a certificate's key as httpd does: RSA, ECDSA, …
func KeyType(c *x509.Certificate) string {
	switch c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA"
	case *ecdsa.PublicKey:
		return "ECDSA"
	case ed25519.PublicKey:
		return "ED25519"
	}
	return c.PublicKeyAlgorithm.String()
}

// Doubts says what clients may dislike about a chain that a server called by
// names is to send: each a sentence without a full stop.
func Doubts(chain []*x509.Certificate, names []string, now time.Time) (doubts []string) {
	leaf := chain[0]
	const day = "2006-01-02 15:04 MST"
	switch {
	case now.After(leaf.NotAfter):
		doubts = append(doubts, "the certificate has expired on "+leaf.NotAfter.UTC().Format(day))
	case now.Before(leaf.NotBefore):
		doubts = append(doubts, "the certificate is not valid before "+leaf.NotBefore.UTC().Format(day))
	}
	for _, c := range chain[1:] {
		if now.After(c.NotAfter) && !bytes.Equal(c.RawSubject, c.RawIssuer) {
			doubts = append(doubts, fmt.Sprintf("the intermediate certificate %q has expired on %s", c.Subject, c.NotAfter.UTC().Format(day)))
		}
	}
	if leaf.BasicConstraintsValid && leaf.IsCA && !selfSigned(leaf) {
		doubts = append(doubts, "the first certificate is a CA's and not a server's: put the server's first")
	}
	if len(names) > 0 && !covers(leaf, names[0]) {
		doubts = append(doubts, fmt.Sprintf("the certificate is for %s, and not for %s", Names(leaf), names[0]))
	}
	if d := gap(chain); d != "" {
		doubts = append(doubts, d)
	}
	return doubts
}

func selfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

// covers reports whether a certificate is good for a server name; the common
// name counts where there are no others, as with httpd.
func covers(c *x509.Certificate, name string) bool {
	if c.VerifyHostname(name) == nil {
		return true
	}
	if len(c.DNSNames)+len(c.IPAddresses) > 0 {
		return false
	}
	cn := c.Subject.CommonName
	if rest, ok := strings.CutPrefix(cn, "*."); ok {
		_, domain, _ := strings.Cut(name, ".")
		return strings.EqualFold(rest, domain)
	}
	return strings.EqualFold(cn, name)
}

// Names are those a certificate is for.
func Names(c *x509.Certificate) string {
	var out []string
	out = append(out, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	if len(out) == 0 {
		if c.Subject.CommonName == "" {
			return "nobody"
		}
		return c.Subject.CommonName
	}
	if n := len(out); n > 4 {
		out = append(out[:3], fmt.Sprintf("%d others", n-3))
	}
	return strings.Join(out, ", ")
}

// gap looks for a link that the chain lacks. That the last certificate's issuer
// is not there is normal for a root; a certificate that says where its issuer's
// is to be had (as public ones do) and comes alone was meant to have company.
func gap(chain []*x509.Certificate) string {
	for i := 0; i+1 < len(chain); i++ {
		if !bytes.Equal(chain[i].RawIssuer, chain[i+1].RawSubject) {
			return fmt.Sprintf("the certificate behind %q is that of %q and not of its issuer %q", chain[i].Subject, chain[i+1].Subject, chain[i].Issuer)
		}
	}
	if c := chain[0]; len(chain) == 1 && !selfSigned(c) && len(c.IssuingCertificateURL) > 0 {
		return fmt.Sprintf("the intermediate certificate %q is missing: many clients will not trust the server without it", c.Issuer)
	}
	return ""
}
