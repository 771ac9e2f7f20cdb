package tlsconf

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"sync"
	"sync/atomic"
	"time"
)

// List is certificates, or revocation lists, that can be replaced while they are
// used: what the file that a directive names holds now. The zero List is empty.
type List[T any] struct {
	now     atomic.Pointer[[]T]
	version atomic.Uint64
}

// NewList makes a List.
func NewList[T any](items []T) *List[T] {
	l := new(List[T])
	l.Set(items)
	return l
}

// Get is what the list holds; not to be changed. A nil List is empty.
func (l *List[T]) Get() []T {
	if l == nil {
		return nil
	}
	if p := l.now.Load(); p != nil {
		return *p
	}
	return nil
}

// Set replaces it.
func (l *List[T]) Set(items []T) {
	l.now.Store(&items)
	l.version.Add(1)
}

// Trust is authorities and what they have revoked, of Lists that may change.
type Trust struct {
	CAs  []*List[*x509.Certificate]
	CRLs []*List[*CRL]
	// Partial: a chain may end at any of CAs, not only at those that signed
	// themselves.
	Partial bool

	now atomic.Pointer[Trusted]
}

// Trusted is a Trust at one moment. Immutable.
type Trusted struct {
	Roots *x509.CertPool
	// Between are the CAs that are no roots; none where Partial.
	Between []*x509.Certificate
	// Count is that of all CAs.
	Count int

	crls    map[string][]*CRL // by the issuer's name
	version uint64
}

// Now is the Trust as it stands.
func (t *Trust) Now() *Trusted {
	var version uint64 // each only grows, and so their sum tells every change
	for _, l := range t.CAs {
		version += l.version.Load()
	}
	for _, l := range t.CRLs {
		version += l.version.Load()
	}
	if n := t.now.Load(); n != nil && n.version == version {
		return n
	}
	n := &Trusted{Roots: x509.NewCertPool(), crls: map[string][]*CRL{}, version: version}
	for _, l := range t.CAs {
		for _, c := range l.Get() {
			n.Count++
			if t.Partial || c.CheckSignatureFrom(c) == nil {
				n.Roots.AddCert(c)
			} else {
				n.Between = append(n.Between, c)
			}
		}
	}
	for _, l := range t.CRLs {
		for _, r := range l.Get() {
			n.crls[string(r.RawIssuer)] = append(n.crls[string(r.RawIssuer)], r)
		}
	}
	t.now.Store(n)
	return n
}

// CRL is a revocation list, ready to be asked.
type CRL struct {
	*x509.RevocationList
	serials map[string]time.Time // since when

	first *pkix.CertificateList // of version 1; else nil

	mu     sync.Mutex
	signer *x509.Certificate // who is known to have signed it
}

// NewCRL makes a CRL.
func NewCRL(l *x509.RevocationList) *CRL {
	c := &CRL{RevocationList: l, serials: make(map[string]time.Time, len(l.RevokedCertificateEntries))}
	for i := range l.RevokedCertificateEntries {
		e := &l.RevokedCertificateEntries[i]
		c.serials[string(e.SerialNumber.Bytes())] = e.RevocationTime
	}
	return c
}

// parseCRL reads a list in DER. Those of version 1 are what openssl ca writes
// unless it is told of extensions.
func parseCRL(der []byte) (*CRL, error) {
	l, err := x509.ParseRevocationList(der)
	if err == nil {
		return NewCRL(l), nil
	}
	//lint:ignore SA1019 what took its place reads version 2 alone
	old, e := x509.ParseDERCRL(der)
	if e != nil || old.TBSCertList.Version != 0 {
		return nil, err
	}
	var tbs struct {
		Algorithm, Issuer asn1.RawValue
	}
	if _, e := asn1.Unmarshal(old.TBSCertList.Raw, &tbs); e != nil {
		return nil, err
	}
	l = &x509.RevocationList{Raw: der, RawIssuer: tbs.Issuer.FullBytes, ThisUpdate: old.TBSCertList.ThisUpdate, NextUpdate: old.TBSCertList.NextUpdate}
	for _, r := range old.TBSCertList.RevokedCertificates {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: r.SerialNumber, RevocationTime: r.RevocationTime})
	}
	c := NewCRL(l)
	c.first = old
	return c, nil
}

// by reports whether issuer has signed the list: looked at once, for a list may
// be long.
func (c *CRL) by(issuer *x509.Certificate) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.signer != nil && bytes.Equal(c.signer.RawSubjectPublicKeyInfo, issuer.RawSubjectPublicKeyInfo) {
		return true
	}
	err := error(nil)
	if c.first == nil {
		err = c.CheckSignatureFrom(issuer)
	} else {
		//lint:ignore SA1019 as in parseCRL
		err = issuer.CheckCRLSignature(c.first)
	}
	if err != nil {
		return false
	}
	c.signer = issuer
	return true
}

// Standing is what the revocation lists say about a certificate.
type Standing uint8

const (
	Unlisted Standing = iota // there is no list of its issuer
	Good
	Revoked
	NotYet // its issuer's list is from the future
	Stale  // its issuer's list is out of date
)

// Standing looks a certificate up in the lists of its issuer. at is when it was
// revoked.
func (t *Trusted) Standing(c, issuer *x509.Certificate, now time.Time) (s Standing, at time.Time) {
	for _, l := range t.crls[string(c.RawIssuer)] {
		if !l.by(issuer) {
			continue
		}
		if at, yes := l.serials[string(c.SerialNumber.Bytes())]; yes {
			return Revoked, at
		}
		switch {
		case s == Good:
		case now.Before(l.ThisUpdate):
			s = NotYet
		case !l.NextUpdate.IsZero() && now.After(l.NextUpdate):
			s = Stale
		default:
			s = Good
		}
	}
	return s, at
}
