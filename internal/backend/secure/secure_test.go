package secure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"sallyport/internal/tlsconf"
)

type pair struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

var serial int64

func made(t *testing.T, by *pair, c x509.Certificate) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial++
	c.SerialNumber = big.NewInt(serial)
	c.BasicConstraintsValid = true
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	if c.IsCA {
		c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	p := &pair{&c, key}
	if by == nil {
		by = p
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, by.Certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	if p.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return p
}

func list(t *testing.T, by *pair, next time.Time, revoked ...*pair) *x509.RevocationList {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: next.Add(-time.Hour), NextUpdate: next}
	for _, r := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: r.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, by.Certificate, by.key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// talk lets a client under the options talk to a server that shows the chain.
func talk(t *testing.T, o Options, name string, server *tls.Config) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s := tls.Server(c, server)
		defer s.Close()
		s.SetDeadline(time.Now().Add(10 * time.Second))
		io.Copy(s, s)
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(o).Dial(nc, name, nil, nil, time.Now().Add(10*time.Second))
	if err != nil {
		return err
	}
	defer c.Close()
	b := make([]byte, 8)
	if n, err := c.TryRead(b); n > 0 || err == nil {
		t.Errorf("nothing was sent, but a read that does not wait says %d, %v", n, err)
	} else if err != ErrWouldBlock { // the server's last word
		return err
	}
	c.Write([]byte("hello"))
	_, err = io.ReadFull(c, b[:5])
	return err
}

func trusting(cas ...*x509.Certificate) *tlsconf.Trust {
	return &tlsconf.Trust{CAs: []*tlsconf.List[*x509.Certificate]{tlsconf.NewList(cas)}, Partial: true}
}

// TestChecks: each check refuses what it is for, and says so.
func TestChecks(t *testing.T) {
	ca := func(by *pair, cn string) *pair {
		return made(t, by, x509.Certificate{IsCA: true, Subject: pkix.Name{CommonName: cn}})
	}
	root, strange := ca(nil, "root"), ca(nil, "strange")
	middle := ca(root, "middle")
	leaf := func(by *pair, c x509.Certificate) *pair {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		return made(t, by, c)
	}
	named := func(by *pair) *pair {
		return leaf(by, x509.Certificate{Subject: pkix.Name{CommonName: "app"}, DNSNames: []string{"app.test", "*.wild.test"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}})
	}
	good, foreign, deep := named(root), named(strange), named(middle)
	old := leaf(root, x509.Certificate{DNSNames: []string{"app.test"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	shows := func(list ...*pair) *tls.Config {
		c := tls.Certificate{PrivateKey: list[0].key}
		for _, p := range list {
			c.Certificate = append(c.Certificate, p.Raw)
		}
		return &tls.Config{Certificates: []tls.Certificate{c}}
	}
	own := func(p *pair) []tls.Certificate {
		return []tls.Certificate{{Certificate: [][]byte{p.Raw}, PrivateKey: p.key}}
	}
	asks := func(by *pair) *tls.Config {
		c := shows(good)
		c.ClientCAs = x509.NewCertPool()
		c.ClientCAs.AddCert(by.Certificate)
		c.ClientAuth = tls.RequireAndVerifyClientCert
		return c
	}
	trust := func(lists ...*x509.RevocationList) *tlsconf.Trust {
		tr := trusting(root.Certificate)
		for _, l := range lists {
			tr.CRLs = append(tr.CRLs, tlsconf.NewList([]*tlsconf.CRL{tlsconf.NewCRL(l)}))
		}
		return tr
	}
	later := time.Now().Add(time.Hour)
	for _, c := range []struct {
		what   string
		o      Options
		name   string
		server *tls.Config
		want   string // beginning of the error; "" for none
	}{
		{"nothing asked", Options{}, "other.test", shows(foreign), ""},
		{"good", Options{Verify: VerifyRequire, Depth: 1, Trust: trust(), CheckName: true, CheckExpire: true}, "app.test", shows(good), ""},
		{"name in capitals", Options{CheckName: true}, "App.Test", shows(good), ""},
		{"star", Options{CheckName: true}, "a.wild.test", shows(good), ""},
		{"star for two", Options{CheckName: true}, "a.b.wild.test", shows(good), "name: "},
		{"star for none", Options{CheckName: true}, "wild.test", shows(good), "name: "},
		{"common name", Options{CheckName: true}, "app", shows(good), ""},
		{"address", Options{CheckName: true}, "192.0.2.1", shows(good), ""},
		{"another address", Options{CheckName: true}, "192.0.2.2", shows(good), "name: the certificate is for app.test"},
		{"only the common name", Options{CheckCN: true}, "app.test", shows(good), "name: the certificate's common name"},
		{"expired", Options{CheckExpire: true}, "app.test", shows(old), "expiry: "},
		{"expired in the chain", Options{Verify: VerifyRequire, Depth: 1, Trust: trust()}, "app.test", shows(old), "certificate chain: "},
		{"unknown authority", Options{Verify: VerifyRequire, Depth: 1, Trust: trust()}, "app.test", shows(foreign), "certificate chain: CN=app: x509: certificate signed by unknown authority"},
		{"no authority", Options{Verify: VerifyRequire, Depth: 1}, "app.test", shows(good), "certificate chain: "},
		{"unknown authority let pass", Options{Verify: VerifyOptionalNoCA, Depth: 1, Trust: trust()}, "app.test", shows(foreign), ""},
		{"missing middle", Options{Verify: VerifyRequire, Depth: 2, Trust: trust()}, "app.test", shows(deep), "certificate chain: "},
		{"deep enough", Options{Verify: VerifyRequire, Depth: 2, Trust: trust()}, "app.test", shows(deep, middle), ""},
		{"too deep", Options{Verify: VerifyRequire, Depth: 1, Trust: trust()}, "app.test", shows(deep, middle), "certificate chain: too long"},
		{"not revoked", Options{Verify: VerifyRequire, Depth: 1, Revocation: RevocationChain, Trust: trust(list(t, root, later, foreign))}, "app.test", shows(good), ""},
		{"revoked", Options{Verify: VerifyRequire, Depth: 1, Revocation: RevocationLeaf, Trust: trust(list(t, root, later, good))}, "app.test", shows(good), "revocation: the certificate of CN=app was revoked"},
		{"middle revoked", Options{Verify: VerifyRequire, Depth: 2, Revocation: RevocationChain, Trust: trust(list(t, root, later, middle), list(t, middle, later))}, "app.test", shows(deep, middle), "revocation: the certificate of CN=middle"},
		{"middle revoked, leaf asked", Options{Verify: VerifyRequire, Depth: 2, Revocation: RevocationLeaf, Trust: trust(list(t, root, later, middle), list(t, middle, later))}, "app.test", shows(deep, middle), ""},
		{"no list", Options{Verify: VerifyRequire, Depth: 1, Revocation: RevocationLeaf, Trust: trust(list(t, strange, later))}, "app.test", shows(good), "revocation: no revocation list of CN=root"},
		{"no list is well", Options{Verify: VerifyRequire, Depth: 1, Trust: trust(), Revocation: RevocationLeaf, NoCRLOK: true}, "app.test", shows(good), ""},
		{"old list", Options{Verify: VerifyRequire, Depth: 1, Revocation: RevocationLeaf, Trust: trust(list(t, root, time.Now().Add(-time.Minute)))}, "app.test", shows(good), "revocation: the revocation list of CN=root is out of date"},
		{"a list somebody else signed", Options{Verify: VerifyRequire, Depth: 1, Revocation: RevocationLeaf,
			Trust: trust(list(t, ca(nil, "root"), later))}, "app.test", shows(good), "revocation: no revocation list"},
		{"own certificate", Options{Own: own(foreign)}, "app.test", asks(strange), ""},
		{"own of another authority", Options{Own: own(good)}, "app.test", asks(strange), "remote error: tls: "},
		{"second own", Options{Own: append(own(good), own(foreign)...)}, "app.test", asks(strange), ""},
		{"no common version", Options{Max: tls.VersionTLS12}, "app.test", func() *tls.Config { c := shows(good); c.MinVersion = tls.VersionTLS13; return c }(), "remote error: tls: protocol version not supported"},
	} {
		err := talk(t, c.o, c.name, c.server)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s…", c.what, err, c.want)
		}
		if is := errors.As(err, new(*CheckError)); is != (c.want != "" && !strings.HasPrefix(c.want, "remote")) {
			t.Errorf("%s: %T %v", c.what, err, err)
		}
	}
}

// TestKey: equal options have equal keys, others have not.
func TestKey(t *testing.T) {
	a := made(t, nil, x509.Certificate{IsCA: true}).Certificate
	b := made(t, nil, x509.Certificate{IsCA: true}).Certificate
	seen := map[string]int{}
	for i, o := range []Options{
		{}, {Verify: VerifyRequire}, {Depth: 1}, {CheckName: true}, {CheckCN: true}, {CheckExpire: true},
		{Min: tls.VersionTLS12}, {Max: tls.VersionTLS12}, {Suites: []uint16{1}}, {Revocation: RevocationLeaf}, {NoCRLOK: true},
		{Trust: trusting(a)}, {Trust: trusting(b)}, {Trust: trusting(a, b)},
		{Own: []tls.Certificate{{Certificate: [][]byte{a.Raw}}}}, {Own: []tls.Certificate{{Certificate: [][]byte{a.Raw, b.Raw}}}},
	} {
		k := New(o).Key
		if k != New(o).Key {
			t.Errorf("%d: two keys for the same", i)
		}
		if at, is := seen[k]; is {
			t.Errorf("%d and %d have the same key", at, i)
		}
		seen[k] = i
	}
}

// TestTrustChanges: what the lists hold counts for the next handshake.
func TestTrustChanges(t *testing.T) {
	root := made(t, nil, x509.Certificate{IsCA: true, Subject: pkix.Name{CommonName: "root"}})
	app := made(t, root, x509.Certificate{DNSNames: []string{"app.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	later := time.Now().Add(time.Hour)
	revoked := func(list *x509.RevocationList) []*tlsconf.CRL { return []*tlsconf.CRL{tlsconf.NewCRL(list)} }
	cas, crls := new(tlsconf.List[*x509.Certificate]), tlsconf.NewList(revoked(list(t, root, later)))
	s := New(Options{Verify: VerifyRequire, Depth: 1, Revocation: RevocationLeaf,
		Trust: &tlsconf.Trust{Partial: true, CAs: []*tlsconf.List[*x509.Certificate]{cas}, CRLs: []*tlsconf.List[*tlsconf.CRL]{crls}}})
	check := func(want string) {
		t.Helper()
		err := s.verify(&tls.ConnectionState{PeerCertificates: []*x509.Certificate{app.Certificate}}, "app.test")
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	check("certificate chain: ")
	cas.Set([]*x509.Certificate{root.Certificate})
	check("")
	crls.Set(revoked(list(t, root, later, app)))
	check("revocation: the certificate of app.test was revoked")
	crls.Set(revoked(list(t, root, later)))
	check("")
	cas.Set(nil)
	check("certificate chain: ")
}
