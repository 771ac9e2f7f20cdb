package ssl

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/tlsconf"
)

// crlPEM is a list of what by has revoked.
func crlPEM(t *testing.T, by *issued, revoked ...*issued) []byte {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.cert.SerialNumber, RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, by.cert, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func signs(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
}

// Newer lists count at once; a bad one does not, and is complained of once.
func TestListsChange(t *testing.T) {
	dir := t.TempDir()
	root, other := issue(t, "root", nil, signs), issue(t, "other", nil, signs)
	good, bad := issue(t, "good", root, nil), issue(t, "bad", root, nil)
	write(t, dir, "ca.pem", root.certPEM())
	write(t, dir, "ca.crl", crlPEM(t, root))
	cas, crls := newSource("…File", dir+"/ca.pem", authorities), newSource("…File", dir+"/ca.crl", revocations)
	for _, s := range []changing{cas, crls} {
		if changed, err := s.look(os.ReadFile); !changed || err != nil {
			t.Fatal(changed, err)
		}
	}
	a := &clientAuth{check: crlCheck{leaf: true}, trust: &tlsconf.Trust{CAs: []*tlsconf.List[*x509.Certificate]{cas.List}, CRLs: []*tlsconf.List[*tlsconf.CRL]{crls.List}}}
	w := &watcher{sources: []changing{cas, crls}, read: os.ReadFile, log: new(exchange.Server), every: 2 * time.Millisecond}
	w.start()
	defer w.close()
	verdict := func(c *issued) string {
		if err := a.verifyClient([]*x509.Certificate{c.cert}, 1, time.Now(), false); err != nil {
			return err.Error()
		}
		return "good"
	}
	if verdict(good) != "good" || verdict(bad) != "good" {
		t.Fatalf("%s, %s", verdict(good), verdict(bad))
	}
	write(t, dir, "ca.crl", crlPEM(t, root, bad))
	until(t, "a newer list counts", func() bool { return verdict(bad) == "certificate revoked" })
	if got := verdict(good); got != "good" {
		t.Error(got)
	}
	write(t, dir, "ca.pem", other.certPEM(), []byte("\n"))
	until(t, "newer authorities count", func() bool { return strings.Contains(verdict(good), "unable to verify") })
	write(t, dir, "ca.pem", root.certPEM(), other.certPEM())
	until(t, "and again", func() bool { return verdict(good) == "good" })
}

func TestBadListKeepsTheOld(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, signs)
	bad := issue(t, "bad", root, nil)
	path := write(t, dir, "ca.crl", crlPEM(t, root, bad))
	s := newSource("SSLCARevocationFile", path, revocations)
	look := func(wantChanged bool, wantErr string) {
		t.Helper()
		changed, err := s.look(os.ReadFile)
		if changed != wantChanged || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%v, %v; want %v, %q", changed, err, wantChanged, wantErr)
		}
		if len(s.Get()) != 1 {
			t.Error("the list is gone")
		}
	}
	look(true, "")
	look(false, "")
	write(t, dir, "ca.crl", []byte("nonsense"))
	look(true, "holds no revocation list")
	look(false, "")
	os.Remove(path)
	look(true, "no such file")
	look(false, "")
	write(t, dir, "ca.crl", crlPEM(t, root, bad, root))
	look(true, "")
	look(false, "")
}

// A directory's files count as one list: newcomers too, links once, strangers
// not at all.
func TestTreeChanges(t *testing.T) {
	dir := t.TempDir()
	one, two := issue(t, "one", nil, nil), issue(t, "two", nil, nil)
	write(t, dir, "one.pem", one.certPEM())
	write(t, dir, "README", []byte("about this directory"))
	if err := os.Symlink("one.pem", dir+"/0a1b2c3d.0"); err != nil {
		t.Fatal(err)
	}
	s := newSource("SSLCACertificatePath", dir, authorities)
	for _, want := range []int{1, 2, 1} {
		if changed, err := s.look(os.ReadFile); !changed || err != nil || len(s.Get()) != want {
			t.Errorf("%v, %v, %d certificates, want %d", changed, err, len(s.Get()), want)
		}
		if want == 1 {
			write(t, dir, "two.pem", two.certPEM())
		} else {
			os.Remove(dir + "/two.pem")
		}
	}
}

// Clients are told of the authorities that the files hold now.
func TestNamesChange(t *testing.T) {
	dir := t.TempDir()
	root, other := issue(t, "root", nil, nil), issue(t, "other", nil, nil)
	own := issue(t, "a.test", root, nil)
	write(t, dir, "own.pem", own.certPEM(), own.keyPEM(t))
	write(t, dir, "ca.pem", root.certPEM())
	s := newSource("SSLCACertificateFile", dir+"/ca.pem", authorities)
	if _, err := s.load(os.ReadFile); err != nil {
		t.Fatal(err)
	}
	found, h := load(t, dir, "SSLCertificateFile own.pem\nSSLCACertificateFile ca.pem\nSSLVerifyClient optional")
	if found != "" {
		t.Fatal(found)
	}
	srv := h.Snap.Servers[1].Server.TLS
	told := func() (names string) {
		cfg := srv.For(&tls.ClientHelloInfo{})
		if _, err := shakeWith(t, cfg, &tls.Config{GetClientCertificate: func(q *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			for _, der := range q.AcceptableCAs {
				var n pkix.RDNSequence
				if _, err := asn1.Unmarshal(der, &n); err != nil {
					t.Error(err)
				}
				names += n.String() + " "
			}
			return new(tls.Certificate), nil
		}}); err != nil {
			t.Error(err)
		}
		return names
	}
	if got := told(); got != "CN=root " {
		t.Errorf("told of %q", got)
	}
	f := &front{tls: srv, names: []*tlsconf.List[*x509.Certificate]{s.List}}
	w := &watcher{sources: []changing{s}, fronts: []*front{f}, read: os.ReadFile, log: new(exchange.Server), every: 2 * time.Millisecond}
	w.start()
	defer w.close()
	write(t, dir, "ca.pem", root.certPEM(), other.certPEM())
	until(t, "newer names are told", func() bool { return told() == "CN=root CN=other " })
}
