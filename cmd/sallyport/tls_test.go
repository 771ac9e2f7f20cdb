package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"os/user"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certify writes tls/c.pem and tls/c.key, which only their owner may read, in a
// directory that only he may enter.
func (s *site) certify(serial int64, key bool) {
	s.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"main.test"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		s.t.Fatal(err)
	}
	bare, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("tls/c.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	if key {
		s.write("tls/c.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bare})))
	}
	for name, mode := range map[string]os.FileMode{"tls/c.pem": 0o600, "tls/c.key": 0o600, "tls": 0o700} {
		if err := os.Chmod(s.path(name), mode); err != nil {
			s.t.Fatal(err)
		}
	}
}

// shown is the serial number of the certificate that the site shows.
func (s *site) shown() int64 {
	s.t.Helper()
	c, err := tls.Dial("tcp", "127.0.0.1:"+s.port, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// A key that only root may read is read at the start, and at a reload after
// root's rights were given up; a reload with a bad one keeps what serves.
func TestKeysOfRoot(t *testing.T) {
	s := newSite(t)
	user1 := ""
	if os.Geteuid() == 0 {
		if _, err := user.Lookup("nobody"); err == nil {
			user1 = "User nobody\nGroup nogroup\n"
		}
	}
	s.write("logs/x", "")
	conf := strings.Replace(prelude, "$ROOT/error.log", "$ROOT/logs/error.log", 1) + user1 +
		"SSLEngine on\nSSLCertificateFile tls/c.pem\nSSLCertificateKeyFile tls/c.key\n"
	s.write("httpd.conf", conf)
	s.certify(1, true)
	f := s.serve()
	if got := s.shown(); got != 1 {
		t.Fatalf("certificate %d", got)
	}
	reload := func(want string) {
		t.Helper()
		count := func() int { return strings.Count(s.read("logs/error.log"), want) }
		before := count()
		f.signal(syscall.SIGUSR1)
		f.until(want, func() bool { return count() > before })
	}
	s.certify(2, true)
	reload("resuming normal operations")
	if got := s.shown(); got != 2 {
		t.Errorf("after a reload: certificate %d", got)
	}
	s.certify(3, false)
	reload("the running configuration stays")
	if got := s.shown(); got != 2 || !strings.Contains(s.read("logs/error.log"), "AH02565") {
		t.Errorf("after a bad reload: certificate %d\n%s", got, s.read("logs/error.log"))
	}
	f.stop()
}

// What is wrong with a certificate shows with -t, with file, line and reason.
func TestCertificateCheck(t *testing.T) {
	s := newSite(t)
	s.write("httpd.conf", prelude+"SSLEngine on\nSSLCertificateFile tls/c.pem\nSSLCertificateKeyFile tls/c.key\n")
	s.certify(1, true)
	if r := sallyport(t, "-t", "-d", s.root, "-f", "httpd.conf"); r.code != 0 || strings.Contains(r.err, "tls/c.pem") {
		t.Errorf("a good one: %v", r)
	}
	s.certify(2, false)
	r := sallyport(t, "-t", "-d", s.root, "-f", "httpd.conf")
	for _, want := range []string{"line 7 of " + s.path("httpd.conf"), "AH02565: " + s.path("tls/c.pem") + " and " + s.path("tls/c.key") + " do not match"} {
		if r.code != 1 || !strings.Contains(r.err+r.out, want) {
			t.Errorf("%q is missing: %v", want, r)
		}
	}
}
