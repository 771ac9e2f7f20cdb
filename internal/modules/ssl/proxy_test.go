package ssl

import (
	"crypto/x509"
	"strings"
	"testing"

	"sallyport/internal/modules/roomtest"
)

// TestProxyFilesAtLoad: what is wrong with a file for backends is said at its
// line.
func TestProxyFilesAtLoad(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	one, two := issue(t, "one", root, nil), issue(t, "two", root, nil)
	write(t, dir, "root.pem", root.certPEM())
	write(t, dir, "pair.pem", one.certPEM(), one.keyPEM(t))
	write(t, dir, "turned.pem", one.keyPEM(t), two.keyPEM(t), two.certPEM(), root.certPEM(), one.certPEM())
	write(t, dir, "mixed.pem", one.certPEM(), two.keyPEM(t))
	write(t, dir, "keyless.pem", one.certPEM())
	write(t, dir, "half.pem", one.certPEM(), one.keyPEM(t), two.certPEM())
	write(t, dir, "sealed.pem", one.certPEM(), []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	write(t, dir, "text.pem", []byte("nothing of the kind\n"))
	write(t, dir, "bad.pem", []byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	for _, c := range []struct{ lines, want string }{
		{"SSLProxyMachineCertificateFile pair.pem", ""},
		{"SSLProxyMachineCertificateFile turned.pem", ""},
		{"SSLProxyMachineCertificateFile mixed.pem", "'mixed.pem': a private key belongs to none of the certificates beside it"},
		{"SSLProxyMachineCertificateFile keyless.pem", "the certificate of CN=one has no private key beside it"},
		{"SSLProxyMachineCertificateFile half.pem", "the certificate of CN=two has no private key beside it"},
		{"SSLProxyMachineCertificateFile sealed.pem", "the private key is encrypted"},
		{"SSLProxyMachineCertificateFile text.pem", "holds no certificate with its private key"},
		{"SSLProxyMachineCertificateFile none.pem", "file 'none.pem' does not exist or is empty"},
		{"SSLProxyCACertificateFile root.pem", ""},
		{"SSLProxyCACertificateFile text.pem", "holds no certificate"},
		{"SSLProxyCACertificateFile bad.pem", "certificate 1 of the file: x509: malformed"},
		{"SSLProxyCARevocationFile root.pem", "holds no revocation list"},
		{"SSLProxyCARevocationCheck some", "Invalid argument 'some'"},
		{"SSLProxyVerify maybe", "Invalid argument 'maybe'"},
		{"SSLProxyVerifyDepth -1", "Invalid argument '-1'"},
		{"SSLProxyProtocol TLSv9", "Illegal protocol 'TLSv9'"},
		{"SSLProxyProtocol -all", "no protocol is left"},
		{"SSLProxyCipherSuite NONSENSE", "SSLProxyCipherSuite: "},
		{"SSLProxyVerify require", "no authority is known"},
		{"SSLProxyVerify require\nSSLProxyCACertificateFile root.pem", ""},
		{"SSLProxyVerify require\nSSLProxyCACertificateFile root.pem\nSSLProxyCARevocationCheck leaf", "neither SSLProxyCARevocationFile nor SSLProxyCARevocationPath"},
	} {
		_, diags := roomtest.Compile(t, dir, c.lines, rooms...)
		got := ""
		for _, d := range diags {
			got += strings.ReplaceAll(d.Text, dir+"/", "") + "\n"
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s\ngot  %s\nwant %s", c.lines, got, c.want)
		}
	}
}

func authority(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

// TestWithChain: a certificate is shown with those between it and the root, the
// root left out.
func TestWithChain(t *testing.T) {
	root := issue(t, "root", nil, nil)
	middle := issue(t, "middle", root, authority)
	leaf, other := issue(t, "leaf", middle, nil), issue(t, "other", root, authority)
	m := &machine{}
	if err := m.add("", []byte(string(leaf.certPEM())+string(leaf.keyPEM(t)))); err != nil {
		t.Fatal(err)
	}
	pool, err := certificates([]byte(string(root.certPEM()) + string(other.certPEM()) + string(middle.certPEM())))
	if err != nil {
		t.Fatal(err)
	}
	got := withChain(m.own[0], pool)
	if len(got.Certificate) != 2 {
		t.Fatalf("%d certificates are shown, want 2", len(got.Certificate))
	}
	if c, _ := x509.ParseCertificate(got.Certificate[1]); c.Subject.CommonName != "middle" {
		t.Errorf("behind it stands %s", c.Subject)
	}
}
