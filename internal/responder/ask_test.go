package responder

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

type pair struct {
	*x509.Certificate
	key crypto.Signer
}

var serial int64

func issue(t *testing.T, by *pair, name string, usage ...x509.ExtKeyUsage) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, ExtKeyUsage: usage,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: by == nil}
	if name == "late" {
		c.NotAfter = time.Now().Add(-time.Minute)
	}
	parent, signer := c, crypto.Signer(key)
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &pair{c, key}
}

// answer is what the responder of a test says.
type answer struct {
	about, signer *pair // whose issuer's hashes; who signs
	enclose       bool  // the signer's certificate goes along
	status        int
	this, next    time.Duration // from now
	http          int
	body          []byte
	number        *big.Int
}

func (a *answer) make(t *testing.T, number *big.Int) []byte {
	r := ocsp.Response{Status: a.status, SerialNumber: number, ThisUpdate: time.Now().Add(a.this), NextUpdate: time.Now().Add(a.next), RevokedAt: time.Now()}
	if a.number != nil {
		r.SerialNumber = a.number
	}
	if a.enclose {
		r.Certificate = a.signer.Certificate
	}
	der, err := ocsp.CreateResponse(a.about.Certificate, a.signer.Certificate, r, a.signer.key)
	if err != nil {
		t.Error(err)
	}
	return der
}

func TestAsk(t *testing.T) {
	root, other := issue(t, nil, "root"), issue(t, nil, "root")
	leaf := issue(t, root, "leaf")
	appointed, plain, late := issue(t, root, "appointed", x509.ExtKeyUsageOCSPSigning), issue(t, root, "plain", x509.ExtKeyUsageClientAuth), issue(t, root, "late", x509.ExtKeyUsageOCSPSigning)
	foreign := issue(t, other, "foreign", x509.ExtKeyUsageOCSPSigning)
	const hour = time.Hour
	for _, c := range []struct {
		what   string
		a      answer
		q      Question
		want   string // part of the error
		status int
	}{
		{"good", answer{about: root, signer: root, next: hour}, Question{}, "", ocsp.Good},
		{"revoked", answer{about: root, signer: root, next: hour, status: ocsp.Revoked}, Question{}, "", ocsp.Revoked},
		{"unknown", answer{about: root, signer: root, next: hour, status: ocsp.Unknown}, Question{}, "", ocsp.Unknown},
		{"appointed signer", answer{about: root, signer: appointed, enclose: true, next: hour}, Question{}, "", ocsp.Good},
		{"a signer not named", answer{about: root, signer: appointed, next: hour}, Question{}, "nor does it bring the signer's certificate", 0},
		{"any certificate of the issuer's", answer{about: root, signer: plain, enclose: true, next: hour}, Question{}, "not for that (OCSPSigning)", 0},
		{"appointed once", answer{about: root, signer: late, enclose: true, next: hour}, Question{}, "out of date", 0},
		{"another authority", answer{about: root, signer: other, next: hour}, Question{}, "it is not signed by", 0},
		{"another authority's appointed", answer{about: root, signer: foreign, enclose: true, next: hour}, Question{}, "whom the certificate's issuer does not know", 0},
		{"trusted", answer{about: root, signer: other, next: hour}, Question{Trusted: []*x509.Certificate{plain.Certificate, other.Certificate}}, "", ocsp.Good},
		{"not looked at", answer{about: root, signer: other, next: hour}, Question{NoVerify: true}, "", ocsp.Good},
		{"the number of another authority", answer{about: other, signer: other, next: hour}, Question{Trusted: []*x509.Certificate{other.Certificate}}, "another authority's certificate", 0},
		{"another number", answer{about: root, signer: root, next: hour, number: big.NewInt(4711)}, Question{}, "no response matching", 0},
		{"future", answer{about: root, signer: root, this: hour, next: 2 * hour}, Question{Skew: time.Minute}, "from the future", 0},
		{"future within the skew", answer{about: root, signer: root, this: hour, next: 2 * hour}, Question{Skew: 2 * hour}, "", ocsp.Good},
		{"over", answer{about: root, signer: root, this: -2 * hour, next: -hour}, Question{Skew: time.Minute}, "it was good until", 0},
		{"too old", answer{about: root, signer: root, this: -2 * hour, next: hour}, Question{MaxAge: hour}, "older than allowed", 0},
		{"no nonce", answer{about: root, signer: root, next: hour}, Question{Nonce: true}, "its nonce", 0},
		{"500", answer{http: 500}, Question{}, "answers 500", 0},
		{"redirect", answer{http: 302}, Question{}, "answers 302", 0},
		{"nonsense", answer{body: []byte("<html>")}, Question{}, "asn1", 0},
		{"much", answer{body: make([]byte, maxAnswer+1)}, Question{}, "more than 65536 bytes", 0},
		{"try later", answer{body: ocsp.TryLaterErrorResponse}, Question{}, "try later", 0},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			question, err := ocsp.ParseRequest(body)
			switch {
			case err != nil:
				t.Errorf("%s: the question: %v", c.what, err)
			case c.a.http != 0:
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.a.http)
			case c.a.body != nil:
				w.Write(c.a.body)
			default:
				w.Write(c.a.make(t, question.SerialNumber))
			}
		}))
		c.q.URL, c.q.Cert, c.q.Issuer = srv.URL, leaf.Certificate, root.Certificate
		r, err := c.q.Ask(t.Context())
		switch {
		case c.want == "" && (err != nil || r.Status != c.status):
			t.Errorf("%s: %v, %v", c.what, r, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.what, err, c.want)
		}
		if err != nil && errors.Is(err, ErrAnswer) != (c.a.http == 0 && c.what != "much") {
			t.Errorf("%s: about an answer or not: %v", c.what, err)
		}
		srv.Close()
	}
}

// TestNonce: the number that was sent comes back inside of what is signed.
func TestNonce(t *testing.T) {
	root := issue(t, nil, "root")
	leaf := issue(t, root, "leaf")
	other := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		question, err := ocsp.ParseRequest(body)
		if err != nil {
			t.Error(err)
			return
		}
		var q struct {
			TBS struct {
				List       asn1.RawValue
				Extensions []pkix.Extension `asn1:"explicit,tag:2"`
			}
		}
		if _, err := asn1.Unmarshal(body, &q); err != nil || len(q.TBS.Extensions) != 1 {
			t.Errorf("the question: %v, %+v", err, q)
			return
		}
		if other {
			q.TBS.Extensions[0].Value[5] ^= 1
		}
		w.Write(withExtensions(t, (&answer{about: root, signer: root, next: time.Hour}).make(t, question.SerialNumber), root, q.TBS.Extensions))
	}))
	defer srv.Close()
	q := Question{URL: srv.URL, Cert: leaf.Certificate, Issuer: root.Certificate, Nonce: true}
	if r, err := q.Ask(t.Context()); err != nil || r.Status != ocsp.Good {
		t.Errorf("%v, %v", r, err)
	}
	other = true
	if _, err := q.Ask(t.Context()); err == nil || !strings.Contains(err.Error(), "its nonce") {
		t.Errorf("another nonce: %v", err)
	}
}

// withExtensions signs a response anew, with extensions.
func withExtensions(t *testing.T, der []byte, signer *pair, ext []pkix.Extension) []byte {
	t.Helper()
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type asn1.ObjectIdentifier
			Body []byte
		} `asn1:"explicit,tag:0"`
	}
	var basic struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(outer.Bytes.Body, &basic); err != nil {
		t.Fatal(err)
	}
	marshal := func(v any) []byte {
		b, err := asn1.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tail := marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: marshal(ext)})
	tbs := marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: append(basic.TBS.Bytes, tail...)})
	sum := sha256.Sum256(tbs)
	sig, err := signer.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	basic.TBS = asn1.RawValue{FullBytes: tbs}
	basic.Signature = asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}
	outer.Bytes.Body = marshal(basic)
	return marshal(outer)
}

// TestSlow: a responder has its time, and may stand behind a proxy.
func TestSlow(t *testing.T) {
	root := issue(t, nil, "root")
	leaf := issue(t, root, "leaf")
	stay := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "ocsp.test" {
			t.Errorf("the proxy is asked for %s", r.URL)
		}
		<-stay
	}))
	defer srv.Close()
	defer close(stay)
	proxy, _ := url.Parse(srv.URL)
	q := Question{URL: "http://ocsp.test/", Cert: leaf.Certificate, Issuer: root.Certificate, Timeout: 20 * time.Millisecond, Proxy: proxy}
	if _, err := q.Ask(t.Context()); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrAnswer) {
		t.Errorf("%v", err)
	}
}
