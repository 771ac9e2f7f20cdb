package ssl

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sallyport/internal/module"
	"sallyport/internal/modules/roomtest"
)

var rooms = []*module.Room{&Room}

// load compiles a virtual host with these lines and gives what was found.
func load(t *testing.T, dir, lines string) (found string, h *roomtest.House) {
	t.Helper()
	h, diags := roomtest.Compile(t, dir, "<VirtualHost *:443>\nServerName a.test\nSSLEngine on\n"+lines+"\n</VirtualHost>", rooms...)
	var out []string
	for _, d := range diags {
		out = append(out, strings.ReplaceAll(d.Text, dir+"/", ""))
	}
	return strings.Join(out, "\n"), h
}

func TestCertificatesAtLoad(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	mid := issue(t, "mid", root, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.DNSNames = true, x509.KeyUsageCertSign, nil
	})
	good, other := issue(t, "a.test", root, nil), issue(t, "b.test", root, nil)
	late := issue(t, "a.test", root, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Date(2020, 1, 2, 3, 4, 0, 0, time.UTC)
		c.NotBefore = c.NotAfter.Add(-time.Hour)
	})
	early := issue(t, "a.test", root, func(c *x509.Certificate) {
		c.NotBefore = time.Date(2120, 1, 2, 3, 4, 0, 0, time.UTC)
		c.NotAfter = c.NotBefore.Add(time.Hour)
	})
	lone := issue(t, "a.test", mid, func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://x/mid.der"} })
	wild := issue(t, "*.test", root, nil)
	write(t, dir, "good.pem", good.certPEM())
	write(t, dir, "good.key", good.keyPEM(t))
	write(t, dir, "other.pem", other.certPEM())
	write(t, dir, "other.key", other.keyPEM(t))
	write(t, dir, "late.pem", late.certPEM(), late.keyPEM(t))
	write(t, dir, "early.pem", early.certPEM(), early.keyPEM(t))
	write(t, dir, "lone.pem", lone.certPEM(), lone.keyPEM(t))
	write(t, dir, "whole.pem", lone.certPEM(), mid.certPEM(), lone.keyPEM(t))
	write(t, dir, "odd.pem", lone.certPEM(), root.certPEM(), lone.keyPEM(t))
	write(t, dir, "first.pem", mid.certPEM(), lone.certPEM(), mid.keyPEM(t))
	write(t, dir, "wild.pem", wild.certPEM(), wild.keyPEM(t))
	write(t, dir, "mid.pem", mid.certPEM())
	write(t, dir, "junk.pem", []byte("hello"))
	write(t, dir, "broken.pem", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	write(t, dir, "locked.key", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"))

	const at = "AH02561: Failed to configure certificate a.test:443: "
	for _, c := range []struct{ lines, want string }{
		{"SSLCertificateFile good.pem\nSSLCertificateKeyFile good.key", ""},
		{"SSLCertificateFile wild.pem", ""},
		{"SSLCertificateFile good.pem\nSSLCertificateKeyFile other.key",
			at + "AH02565: good.pem and good.key do not match: the private key does not belong to the certificate"},
		{"SSLCertificateFile good.pem", at + "good.pem: the file holds no private key (-----BEGIN PRIVATE KEY-----)"},
		{"SSLCertificateFile good.key", at + "good.key: the file holds a private key, and no certificate"},
		{"SSLCertificateFile junk.pem", at + "junk.pem: the file holds no certificate (-----BEGIN CERTIFICATE-----)"},
		{"SSLCertificateFile broken.pem", at + "broken.pem: certificate 1 of the file: x509: malformed certificate"},
		{"SSLCertificateFile good.pem\nSSLCertificateKeyFile locked.key",
			at + "AH02564: locked.key: the private key is encrypted; SSLPassPhraseDialog exec:/path/to/program can give its pass phrase, openssl pkey writes it without one"},
		{"SSLCertificateFile late.pem", "SSLCertificateFile: late.pem: the certificate has expired on 2020-01-02 03:04 UTC"},
		{"SSLCertificateFile early.pem", "SSLCertificateFile: early.pem: the certificate is not valid before 2120-01-02 03:04 UTC"},
		{"SSLCertificateFile other.pem\nSSLCertificateKeyFile other.key", "SSLCertificateFile: other.pem: the certificate is for b.test, and not for a.test"},
		{"SSLCertificateFile lone.pem", `SSLCertificateFile: lone.pem: the intermediate certificate "CN=mid" is missing: many clients will not trust the server without it`},
		{"SSLCertificateFile whole.pem", ""},
		{"SSLCertificateFile lone.pem\nSSLCertificateChainFile mid.pem", ""},
		{"SSLCertificateFile odd.pem", `SSLCertificateFile: odd.pem: the certificate behind "CN=a.test" is that of "CN=root" and not of its issuer "CN=mid"`},
		{"SSLCertificateFile good.pem\nSSLCertificateKeyFile good.key\nSSLCertificateKeyFile other.key", "SSLCertificateKeyFile: there is no SSLCertificateFile for this key"},
		{"", "AH02572: Failed to configure at least one certificate and key for a.test:443"},
	} {
		if c.lines == "SSLCertificateFile good.pem\nSSLCertificateKeyFile other.key" {
			c.want = strings.Replace(c.want, "good.key", "other.key", 1)
		}
		if got, _ := load(t, dir, c.lines); got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.lines, got, c.want)
		}
	}
	got, _ := load(t, dir, "SSLCertificateFile first.pem")
	if !strings.Contains(got, "the first certificate is a CA's and not a server's") {
		t.Errorf("a CA's certificate first: %s", got)
	}
}

func TestUnreadableKey(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	good := issue(t, "a.test", root, nil)
	write(t, dir, "good.pem", good.certPEM())
	key := write(t, dir, "good.key", good.keyPEM(t))
	bd := &builder{read: func(path string) ([]byte, error) {
		if path == key {
			return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrPermission}
		}
		return os.ReadFile(path)
	}}
	h := &holder{cert: dir + "/good.pem", key: key, read: bd.read}
	if err := h.load(); err == nil || err.Error() != key+" can't be read: permission denied" {
		t.Errorf("got %v", err)
	}
}

// An encrypted key opens with what the program of SSLPassPhraseDialog prints.
func TestPassPhrase(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not there")
	}
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	good := issue(t, "a.test", root, nil)
	write(t, dir, "good.pem", good.certPEM())
	plain := write(t, dir, "good.key", good.keyPEM(t))
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
	}
	run("pkcs8", "-topk8", "-in", plain, "-out", dir+"/new.key", "-passout", "pass:open sesame")
	run("pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512", "-in", plain, "-out", dir+"/sha512.key", "-passout", "pass:open sesame")
	run("ec", "-in", plain, "-out", dir+"/old.key", "-aes256", "-passout", "pass:open sesame")
	ask, wrong := dir+"/ask.sh", dir+"/wrong.sh"
	for path, text := range map[string]string{ask: "#!/bin/sh\necho \"$1 $2\" > " + dir + "/asked\necho open sesame\n", wrong: "#!/bin/sh\necho no\n"} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"new.key", "sha512.key", "old.key"} {
		with := func(program string) string {
			_, diags := roomtest.Compile(t, dir, "SSLPassPhraseDialog exec:"+program+"\n<VirtualHost *:443>\nServerName a.test\nSSLEngine on\nSSLCertificateFile good.pem\nSSLCertificateKeyFile "+key+"\n</VirtualHost>", rooms...)
			if len(diags) == 0 {
				return ""
			}
			return diags[0].Text
		}
		if got := with(ask); got != "" {
			t.Errorf("%s: %s", key, got)
		}
		if got, _ := os.ReadFile(dir + "/asked"); string(got) != "a.test:443 RSA\n" {
			t.Errorf("the program was called with %q", got)
		}
		if got := with(wrong); !strings.Contains(got, "AH02561") {
			t.Errorf("%s with a wrong pass phrase: %q", key, got)
		}
	}
}

// shake makes a handshake with the server that a configuration has for an
// address, and returns what each side says.
func shake(t *testing.T, h *roomtest.House, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	return shakeWith(t, h.Snap.Servers[1].Server.TLS.Config, client)
}

func TestKindsOfKeys(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	ec, rs := issue(t, "a.test", root, nil), issueRSA(t, "a.test", root)
	write(t, dir, "ec.pem", ec.certPEM(), ec.keyPEM(t))
	write(t, dir, "rsa.pem", rs.certPEM(), rs.keyPEM(t))
	found, h := load(t, dir, "SSLCertificateFile rsa.pem\nSSLCertificateFile ec.pem")
	if found != "" {
		t.Fatal(found)
	}
	for suite, want := range map[uint16]x509.PublicKeyAlgorithm{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:   x509.RSA,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: x509.ECDSA,
	} {
		cs, err := shake(t, h, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if err != nil || cs.PeerCertificates[0].PublicKeyAlgorithm != want {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
		}
	}
	cs, err := shake(t, h, &tls.Config{})
	if err != nil || cs.PeerCertificates[0].PublicKeyAlgorithm != x509.ECDSA || cs.CurveID != tls.X25519MLKEM768 {
		t.Errorf("everything: %v, %v", err, cs.CurveID)
	}
}

func TestCRLNeedsFile(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	ec := issue(t, "a.test", root, nil)
	write(t, dir, "ec.pem", ec.certPEM(), ec.keyPEM(t))
	write(t, dir, "root.pem", root.certPEM())
	write(t, dir, "none.crl", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte{1}}))
	for lines, want := range map[string]string{
		"SSLCARevocationCheck chain":                               "AH01899: CRL checking has been enabled, but neither SSLCARevocationFile nor SSLCARevocationPath is configured",
		"SSLCARevocationCheck chain\nSSLCARevocationFile none.crl": "AH01899: Unable to configure X.509 CRL storage: 'none.crl': revocation list 1 of the file: x509: malformed crl",
	} {
		got, _ := load(t, dir, "SSLCertificateFile ec.pem\nSSLCACertificateFile root.pem\nSSLVerifyClient require\n"+lines)
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", lines, got, want)
		}
	}
	if got, _ := load(t, dir, "SSLCertificateFile ec.pem\nSSLVerifyClient require"); !strings.Contains(got, "AH01896") {
		t.Errorf("no CA: %s", got)
	}
}

func TestListsAtLoad(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	ec := issue(t, "a.test", root, nil)
	write(t, dir, "ec.pem", ec.certPEM(), ec.keyPEM(t))
	for lines, want := range map[string]string{
		"SSLCipherSuite HIGH:!aNULL":                                           "",
		"SSLCipherSuite NONSENSE":                                              `SSLCipherSuite: unknown word "NONSENSE"`,
		"SSLCipherSuite DHE-RSA-AES128-GCM-SHA256":                             "AH01898: Unable to configure permitted SSL ciphers: Sallyport has none of these",
		"SSLCipherSuite ECDHE+AESGCM:DHE-RSA-AES128-GCM-SHA256":                "SSLCipherSuite: Sallyport does not have DHE-RSA-AES128-GCM-SHA256",
		"SSLCipherSuite ECDHE+AESGCM:AES128-SHA":                               "SSLCipherSuite: weak and named one by one, hence offered: AES128-SHA",
		"SSLProtocol all -TLSv1.2 -TLSv1.3":                                    "SSLProtocol: no protocol is left",
		"SSLProtocol TLSv1.1 +TLSv1.3":                                         "SSLProtocol: the protocols must follow one upon the other, without a gap",
		"SSLCipherSuite TLSv1.3 TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256": "SSLCipherSuite TLSv1.3: Sallyport does not have TLS_AES_128_CCM_SHA256",
		"SSLOpenSSLConfCmd Curves X25519:X448":                                 "SSLOpenSSLConfCmd Groups: Sallyport does not have X448",
		"SSLOpenSSLConfCmd Options -SessionTicket,ServerPreference":            "SSLOpenSSLConfCmd Options ServerPreference has no effect: Sallyport does not use OpenSSL",
		"SSLOpenSSLConfCmd Protocol \"-ALL, TLSv1.2\"":                         "",
		"SSLOpenSSLConfCmd Protocol -ALL":                                      "SSLProtocol: no protocol is left",
		"SSLOpenSSLConfCmd Protocol TLSv9":                                     "SSLOpenSSLConfCmd Protocol: unknown protocol 'TLSv9'",
		"SSLOpenSSLConfCmd Grups X25519":                                       "'Grups': invalid OpenSSL configuration command",
		"SSLOpenSSLConfCmd ECDHParameters Automatic":                           "",
		"SSLCipherSuite PROFILE=SYSTEM":                                        "",
		"SSLCipherSuite HIGH:!foo:kDHX":                                        "SSLCipherSuite: passed over, as nothing that OpenSSL knows: !foo, kDHX",
		"SSLCipherSuite HIGH:@FOO":                                             `SSLCipherSuite: unknown word "@FOO"`,
		"SSLSessionTicketKeyFile ec.pem":                                       "",
		"SSLUseStapling on":                                                    "AH02217: SSLUseStapling: ec.pem does not hold its issuer's certificate, so its OCSP responder can't be asked",
	} {
		got, _ := load(t, dir, "SSLCertificateFile ec.pem\n"+lines)
		got, _, _ = strings.Cut(got, "\nSSLProtocol: TLS 1.0")
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", lines, got, want)
		}
	}
}

func TestMixedAddress(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	ec := issue(t, "a.test", root, func(c *x509.Certificate) { c.DNSNames = []string{"a.test", "b.test"} })
	write(t, dir, "ec.pem", ec.certPEM(), ec.keyPEM(t))
	const on = "SSLEngine on\nSSLCertificateFile ec.pem\n"
	host := func(name, lines string) string {
		return "<VirtualHost *:443>\nServerName " + name + "\n" + lines + "</VirtualHost>\n"
	}
	for text, want := range map[string]string{
		host("a.test", on) + host("b.test", on): "",
		host("a.test", on) + host("b.test", ""): "6: b.test has TLS by the rules of a.test, the first virtual host of *:443, and none of its own",
		host("a.test", "") + host("b.test", on): "4: b.test has no TLS, for a.test, the first virtual host of *:443, has none",
	} {
		if got := roomtest.NewAt(t, dir, text, rooms...).Warnings(); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}
