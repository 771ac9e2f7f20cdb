package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/certs/pebbletest"
)

// acmeSite is a site that an authority can reach.
type acmeSite struct {
	*site
	ca *pebbletest.Pebble
}

func newACMESite(t *testing.T) *acmeSite {
	s := &acmeSite{newSite(t), pebbletest.Start(t, pebbletest.Options{})}
	s.port = strconv.Itoa(s.ca.HTTPPort)
	return s
}

// text fills in what only the authority knows.
func (s *acmeSite) text(config string) string {
	user := ""
	if os.Geteuid() == 0 {
		user = "User nobody\nGroup nogroup\n"
	}
	return user + strings.NewReplacer("$HTTPS", strconv.Itoa(s.ca.TLSPort), "$CA", s.ca.Directory, "$CAROOT", s.path("ca.pem")).Replace(
		strings.ReplaceAll(config, "$CAFILE", s.path("ca.pem")))
}

// reply is what came for one https request.
type reply struct {
	status int
	header http.Header
	cert   *x509.Certificate
	proto  string
}

// https asks for a path of a host, wherever its name leads. roots nil: whatever
// certificate comes will do.
func (s *acmeSite) https(host, path string, roots *x509.CertPool) (reply, error) {
	c := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, InsecureSkipVerify: roots == nil},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.ca.TLSPort)))
		},
	}}
	res, err := c.Get("https://" + host + path)
	if err != nil {
		return reply{}, err
	}
	res.Body.Close()
	return reply{res.StatusCode, res.Header, res.TLS.PeerCertificates[0], res.Proto}, nil
}

// http asks by http, without following where it leads.
func (s *acmeSite) http(method, host, path string) (int, http.Header) {
	s.t.Helper()
	q, err := http.NewRequest(method, s.url(path), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	q.Host = host
	c := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode, res.Header
}

// await polls for a minute.
func (s *acmeSite) await(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not in time: %s\n%s", what, s.read("error.log"))
		}
	}
}

// trusted waits for an answer that a client with the authority's root trusts.
func (s *acmeSite) trusted(host, path string) reply {
	s.t.Helper()
	var r reply
	var err error
	s.await("a certificate for "+host, func() bool {
		r, err = s.https(host, path, s.ca.Issuer(s.t))
		return err == nil
	})
	return r
}

// TestAutoHTTPS: one line in a virtual host, from nothing to renewed trust,
// over failures, reloads and a restart.
func TestAutoHTTPS(t *testing.T) {
	s := newACMESite(t)
	data, err := os.ReadFile(s.ca.RootFile)
	if err != nil {
		t.Fatal(err)
	}
	s.write("ca.pem", string(data))
	config := func(authority, more string) {
		s.write("httpd.conf", prelude+s.text(`
MDStoreDir $ROOT/md
MDCertificateAuthority `+authority+`
MDCACertificateFile $CAFILE
MDPortMap http:$PORT https:$HTTPS
MDContactEmail web@example.org
`+more+`
<VirtualHost 127.0.0.1:$PORT>
  ServerName a.test
  ServerAlias b.test
  AutoHTTPS On
  ProxyPass "/" "`+backend(t, "one")+`/"
</VirtualHost>
`))
	}
	config("https://127.0.0.1:1/dir", "")
	if r := sallyport(t, "-t", "-d", s.root, "-f", "httpd.conf"); r.code != 0 || strings.Contains(r.err, "warn") {
		t.Error(r)
	}
	if _, err := os.Stat(s.path("md")); err == nil {
		t.Error("-t has made the store")
	}
	f := s.serve()
	s.await("a failure in the log", func() bool { return strings.Contains(s.read("error.log"), "next try at") })
	r, err := s.https("a.test", "/x", nil)
	if err != nil || r.status != 503 || r.header.Get("Retry-After") == "" || r.cert.Subject.CommonName != "Sallyport temporary certificate" {
		t.Errorf("without a certificate: %+v, %v", r, err)
	}
	if code, h := s.http("GET", "a.test", "/x"); code != 503 || h.Get("Location") != "" {
		t.Errorf("http without a certificate: %d, %v", code, h)
	}

	config(s.ca.Directory, "")
	f.reload(syscall.SIGUSR1)
	r = s.trusted("a.test", "/x")
	if r.status != 200 || r.proto != "HTTP/2.0" && r.proto != "HTTP/1.1" || r.header.Get("Strict-Transport-Security") != "" {
		t.Errorf("%+v", r)
	}
	serial := r.cert.SerialNumber.String()
	if r, err := s.https("b.test", "/", s.ca.Issuer(t)); err != nil || r.status != 200 {
		t.Errorf("the alias: %+v, %v", r, err)
	}
	for _, c := range []struct {
		method, host, path string
		code               int
		to                 string
	}{
		{"GET", "a.test", "/x/%41?y=1&z", 301, "https://a.test/x/%41?y=1&z"},
		{"GET", "B.test:" + s.port, "/", 301, "https://b.test/"},
		{"POST", "a.test", "/x?", 308, "https://a.test/x?"},
		{"GET", "other.test", "/", 301, "https://a.test/"},
		{"GET", "a.test", "/.well-known/acme-challenge/nobody-asked", 404, ""},
	} {
		if code, h := s.http(c.method, c.host, c.path); code != c.code || h.Get("Location") != c.to {
			t.Errorf("%s %s %s: %d to %q", c.method, c.host, c.path, code, h.Get("Location"))
		}
	}

	config(s.ca.Directory, "MDRequireHttps permanent")
	f.reload(syscall.SIGUSR1)
	if r := s.trusted("a.test", "/"); r.cert.SerialNumber.String() != serial || r.header.Get("Strict-Transport-Security") != "max-age=15768000" {
		t.Errorf("after a reload: serial %v, was %v; %v", r.cert.SerialNumber, serial, r.header)
	}
	f.stop()
	s.serve()
	// At once: nothing is waited for, nothing asked.
	if r, err := s.https("a.test", "/", s.ca.Issuer(t)); err != nil || r.cert.SerialNumber.String() != serial {
		t.Errorf("after a restart: %+v, %v", r, err)
	}
	if n := strings.Count(s.read("error.log"), "AH10059"); n != 1 {
		t.Errorf("%d certificates were obtained", n)
	}
	checkStore(t, s.path("md"))
}

// checkStore: what is in the store belongs to the user that the server runs as,
// and is for nobody else.
func checkStore(t *testing.T, dir string) {
	t.Helper()
	keys := 0
	err := filepath.WalkDir(filepath.Join(dir, "domains"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !d.IsDir() && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		if st := info.Sys().(*syscall.Stat_t); os.Geteuid() == 0 && st.Uid == 0 {
			t.Errorf("%s belongs to root", path)
		}
		if strings.HasPrefix(d.Name(), "privkey") {
			keys++
		}
		return nil
	})
	if err != nil || keys == 0 {
		t.Errorf("%d keys, %v", keys, err)
	}
}

// TestTakeOver: a configuration with mod_md runs as it stands, and the
// certificates that httpd has obtained are in use at once.
func TestTakeOver(t *testing.T) {
	bin := apache(t)
	s := newACMESite(t)
	data, err := os.ReadFile(s.ca.RootFile)
	if err != nil {
		t.Fatal(err)
	}
	s.write("ca.pem", string(data))
	s.write("htdocs/index.html", "hello")
	var modules strings.Builder
	for _, m := range []string{"mpm_event", "authz_core", "dir", "socache_shmcb", "ssl", "http2", "md"} {
		fmt.Fprintf(&modules, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
	}
	s.write("httpd.conf", modules.String()+prelude+s.text(`
DefaultRuntimeDir $ROOT
Listen 127.0.0.1:$HTTPS https
DocumentRoot $ROOT/htdocs
Protocols h2 http/1.1 acme-tls/1
MDStoreDir $ROOT/md
MDCertificateAuthority $CA
MDCACertificateFile $CAFILE
MDCertificateAgreement accepted
MDContactEmail web@example.org
MDPortMap http:$PORT https:$HTTPS
MDPrivateKeys secp256r1 RSA
MDCAChallenges tls-alpn-01 http-01
MDRequireHttps temporary
MDomain a.test
<VirtualHost *:$PORT>
  ServerName a.test
</VirtualHost>
<VirtualHost *:$HTTPS>
  ServerName a.test
  ServerAlias b.test
  SSLEngine on
</VirtualHost>
`))
	ctl := func(what string) {
		t.Helper()
		cmd := exec.Command(bin, "-d", s.root, "-f", s.path("httpd.conf"), "-k", what)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("httpd -k %s: %v\n%s\n%s", what, err, out, s.read("error.log"))
		}
	}
	ctl("start")
	t.Cleanup(func() { exec.Command(bin, "-d", s.root, "-f", s.path("httpd.conf"), "-k", "stop").Run() })
	staged := filepath.Join("md", "staging", "a.test", "pubcert.pem")
	s.await("httpd's certificate", func() bool {
		return s.read(staged) != "" && strings.Contains(s.read(filepath.Join("md", "staging", "a.test", "job.json")), `"finished": true`)
	})
	ctl("graceful")
	s.trusted("a.test", "/")
	block, _ := pem.Decode([]byte(s.read(filepath.Join("md", "domains", "a.test", "pubcert.secp256r1.pem"))))
	if block == nil {
		t.Fatal("httpd has not put its certificate into the store")
	}
	ctl("stop")
	s.await("the end of httpd", func() bool { return s.read("httpd.pid") == "" })

	if r := sallyport(t, "-t", "-d", s.root, "-f", "httpd.conf"); r.code != 0 || strings.Contains(r.err, "acme-tls") {
		t.Error(r)
	}
	s.serve()
	ours, err := s.https("a.test", "/", s.ca.Issuer(t))
	if err != nil || !bytes.Equal(ours.cert.Raw, block.Bytes) || ours.status != 200 {
		t.Errorf("%+v, %v", ours, err)
	}
	if _, err := s.https("b.test", "/", s.ca.Issuer(t)); err != nil {
		t.Error(err)
	}
	for method, code := range map[string]int{"GET": 302, "POST": 307} {
		if got, h := s.http(method, "a.test", "/q?r"); got != code || h.Get("Location") != "https://a.test/q?r" {
			t.Errorf("%s: %d to %q", method, got, h.Get("Location"))
		}
	}
	checkStore(t, s.path("md"))
}
