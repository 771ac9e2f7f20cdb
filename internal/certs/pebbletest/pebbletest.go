// Package pebbletest runs Pebble, the test authority of Let's Encrypt, and its
// DNS server, on loopback, for tests that obtain certificates.
package pebbletest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"sallyport/internal/freeport"
)

// Pebble is a running authority.
type Pebble struct {
	Directory string // its URL
	RootFile  string // PEM: what its own certificate is checked with
	// HTTPPort and TLSPort are where it looks for challenges, on 127.0.0.1.
	HTTPPort, TLSPort int
	// DNS is the management URL of its DNS server, which says 127.0.0.1 for
	// every name: POST /set-txt and /clear-txt.
	DNS string

	manage string
	client *http.Client
}

// Options say how the authority behaves.
type Options struct {
	EABKey, EABMAC string        // external account binding required; "": not
	Validity       time.Duration // of its certificates; 0: five years
}

// Start runs the two programs until the test ends; it is skipped where they are
// not installed.
func Start(t testing.TB, o Options) *Pebble {
	t.Helper()
	for _, name := range []string{"pebble", "pebble-challtestsrv"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed (Debian: pebble)", name)
		}
	}
	dir := t.TempDir()
	ports := freePorts(t, 6)
	p := &Pebble{
		Directory: fmt.Sprintf("https://127.0.0.1:%d/dir", ports[0]),
		manage:    fmt.Sprintf("https://127.0.0.1:%d", ports[1]),
		HTTPPort:  ports[2], TLSPort: ports[3],
		DNS:      fmt.Sprintf("http://127.0.0.1:%d", ports[5]),
		RootFile: filepath.Join(dir, "cert.pem"),
	}
	certificate(t, p.RootFile, filepath.Join(dir, "key.pem"))
	cfg := map[string]any{
		"listenAddress": fmt.Sprintf("127.0.0.1:%d", ports[0]), "managementListenAddress": fmt.Sprintf("127.0.0.1:%d", ports[1]),
		"certificate": p.RootFile, "privateKey": filepath.Join(dir, "key.pem"),
		"httpPort": p.HTTPPort, "tlsPort": p.TLSPort,
	}
	if o.Validity > 0 {
		cfg["certificateValidityPeriod"] = int(o.Validity / time.Second)
	}
	if o.EABKey != "" {
		cfg["externalAccountBindingRequired"] = true
		cfg["externalAccountMACKeys"] = map[string]string{o.EABKey: o.EABMAC}
	}
	b, err := json.Marshal(map[string]any{"pebble": cfg})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	dns := fmt.Sprintf("127.0.0.1:%d", ports[4])
	run(t, nil, "pebble-challtestsrv", "-dns01", dns, "-http01", "", "-https01", "", "-tlsalpn01", "",
		"-management", fmt.Sprintf("127.0.0.1:%d", ports[5]), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "")
	// No waiting, no authorizations remembered: each attempt must prove anew.
	run(t, []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=5", "PEBBLE_AUTHZREUSE=0"},
		"pebble", "-config", file, "-dnsserver", dns)
	p.client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: Pool(t, p.RootFile)},
	}}
	for _, url := range []string{p.Directory, p.DNS} {
		for end := time.Now().Add(30 * time.Second); ; {
			res, err := p.client.Get(url)
			if err == nil {
				res.Body.Close()
				break
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return p
}

// Issuer is the root that Pebble signs certificates with, in the end.
func (p *Pebble) Issuer(t testing.TB) *x509.CertPool {
	t.Helper()
	res, err := p.client.Get(p.manage + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("no certificate: %q", text)
	}
	return pool
}

// Pool reads a PEM file.
func Pool(t testing.TB, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

func run(t testing.TB, env []string, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), env...)
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
		if t.Failed() {
			b := out.Bytes()
			t.Logf("%s:\n%s", name, b[max(0, len(b)-3000):])
		}
	})
}

func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var out []int
	for range n {
		p, err := freeport.New()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// certificate makes the authority's own, signed by itself.
func certificate(t testing.TB, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pebble"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: k}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
