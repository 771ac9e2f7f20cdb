package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// authority signs one certificate and answers for it.
type authority struct {
	*httptest.Server
	pair   *tls.Certificate
	status atomic.Int32 // ocsp.Good …; -1: out of order
	life   time.Duration
	asked  atomic.Int32
}

func newAuthority(t *testing.T) *authority {
	a := &authority{life: time.Hour}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, SubjectKeyId: []byte{1, 2, 3}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	if ca, err = x509.ParseCertificate(caDER); err != nil {
		t.Fatal(err)
	}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked.Add(1)
		q, _ := io.ReadAll(r.Body)
		req, err := ocsp.ParseRequest(q)
		status := int(a.status.Load())
		if err != nil || status < 0 {
			http.Error(w, "out of order", 500)
			return
		}
		der, err := ocsp.CreateResponse(ca, ca, ocsp.Response{Status: status, SerialNumber: req.SerialNumber,
			ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(a.life), RevokedAt: time.Now()}, caKey)
		if err != nil {
			t.Error(err)
		}
		w.Write(der)
	}))
	t.Cleanup(a.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"a.test", "b.test"}, OCSPServer: []string{a.URL},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pair = &tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key, Leaf: leaf}
	return a
}

// staple is the response that a handshake gets.
func staple(t *testing.T, d *Domain) []byte {
	t.Helper()
	c, err := d.Certificate(&tls.ClientHelloInfo{})
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	return c.OCSPStaple
}

func TestStapling(t *testing.T) {
	a := newAuthority(t)
	r := newRig(t, nil)
	spec := func() *Spec {
		return r.spec(func(s *Spec) {
			s.Static, s.Stapling, s.StapleWindow = []*tls.Certificate{a.pair}, true, Window{Percent: 33}
			s.Message = []string{"sh", "-c", "exit 0"}
		})
	}
	d := r.use(spec())
	r.until("a response", func() bool { return staple(t, d) != nil })
	first := staple(t, d)
	if res, err := ocsp.ParseResponse(first, nil); err != nil || res.Status != ocsp.Good || a.pair.OCSPStaple != nil {
		t.Errorf("%v, %v", res, err)
	}
	// A reload and a restart show it at once, whatever the responder does.
	a.status.Store(-1)
	r.use(spec())
	if string(staple(t, d)) != string(first) {
		t.Error("a reload has lost the response")
	}
	asked := a.asked.Load()
	r.restart()
	if d = r.use(spec()); string(staple(t, d)) != string(first) {
		t.Error("a restart has lost the response")
	}
	if a.asked.Load() != asked {
		t.Error("a fresh response was asked for again")
	}
	if r.use(r.spec(func(s *Spec) { s.Static = []*tls.Certificate{a.pair} })); staple(t, d) != nil {
		t.Error("stapled without MDStapling")
	}
}

// TestStaplingRefused: what says no good is not passed on, and told.
func TestStaplingRefused(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		life   time.Duration
		want   string
	}{
		"revoked": {ocsp.Revoked, time.Hour, "was revoked"}, "unknown": {ocsp.Unknown, time.Hour, "does not know"},
		"stale": {ocsp.Good, -time.Second, "it is good from"}, "out of order": {-1, time.Hour, "500 Internal"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			a.status.Store(int32(c.status))
			a.life = c.life
			r := newRig(t, nil)
			d := r.use(r.spec(func(s *Spec) {
				s.Static, s.Stapling, s.StapleWindow = []*tls.Certificate{a.pair}, true, Window{Percent: 33}
			}))
			r.until("the complaint", func() bool { return strings.Contains(r.lines(), c.want) })
			if staple(t, d) != nil {
				t.Error("stapled")
			}
		})
	}
}

type signer = crypto.Signer

// chainOf is a certificate with its issuers in PEM.
func chainOf(c *tls.Certificate) (text []byte) {
	for _, der := range c.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}
