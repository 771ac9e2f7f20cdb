package tlsconf

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// A list of version 1, as openssl ca writes it, counts like others.
func TestOldCRL(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	authority := func(key *rsa.PrivateKey) *x509.Certificate {
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ca, stranger := authority(key), authority(other)
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(7), RevocationTime: time.Now()}}}, &x509.Certificate{
		RawSubject: ca.RawSubject, Subject: ca.Subject, SubjectKeyId: []byte{1}, KeyUsage: x509.KeyUsageCRLSign, PublicKeyAlgorithm: x509.RSA, PublicKey: &key.PublicKey}, key)
	if err != nil {
		t.Fatal(err)
	}
	der = firstVersion(t, der, key)
	if _, err := x509.ParseRevocationList(der); err == nil {
		t.Fatal("the list is not of version 1")
	}
	list, err := ParseCRLs(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	known := (&Trust{CRLs: []*List[*CRL]{NewList(list)}}).Now()
	for _, c := range []struct {
		serial int64
		issuer *x509.Certificate
		at     time.Duration
		want   Standing
	}{
		{7, ca, 0, Revoked}, {8, ca, 0, Good}, {8, ca, 2 * time.Hour, Stale}, {8, ca, -time.Hour, NotYet}, {7, stranger, 0, Unlisted},
	} {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(c.serial), RawIssuer: ca.RawSubject}
		if got, _ := known.Standing(leaf, c.issuer, time.Now().Add(c.at)); got != c.want {
			t.Errorf("%d by %p after %v: %d, want %d", c.serial, c.issuer, c.at, got, c.want)
		}
	}
}

// firstVersion takes from a list what version 2 added, and signs it anew.
func firstVersion(t *testing.T, der []byte, key *rsa.PrivateKey) []byte {
	t.Helper()
	var l pkix.CertificateList
	if _, err := asn1.Unmarshal(der, &l); err != nil {
		t.Fatal(err)
	}
	l.TBSCertList.Raw, l.TBSCertList.Version, l.TBSCertList.Extensions = nil, 0, nil
	tbs, err := asn1.Marshal(l.TBSCertList)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(tbs)
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	l.TBSCertList.Raw = tbs
	l.SignatureValue = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
	if der, err = asn1.Marshal(l); err != nil {
		t.Fatal(err)
	}
	return der
}
