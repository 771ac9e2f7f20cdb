package tickets

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
)

func server(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a.test"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// resumes connects once and tells whether the session was resumed.
func resumes(t *testing.T, srv *tls.Config, cache tls.ClientSessionCache) bool {
	t.Helper()
	a, b := connection(t)
	go func() {
		s := tls.Server(b, srv)
		s.Write([]byte("x"))
	}()
	c := tls.Client(a, &tls.Config{ServerName: "a.test", InsecureSkipVerify: true, ClientSessionCache: cache})
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().DidResume
}

func TestKeys(t *testing.T) {
	now := time.Now()
	k := New(now)
	one := server(t)
	next := &tls.Config{Certificates: one.Certificates}  // after a reload
	other := &tls.Config{Certificates: one.Certificates} // under other rules
	k.Attach(one, "x")
	k.Attach(next, "x")
	k.Attach(other, "y")
	cache := tls.NewLRUClientSessionCache(1)
	if resumes(t, one, cache) || !resumes(t, one, cache) || !resumes(t, next, cache) {
		t.Error("a session is not resumed under the same label")
	}
	if resumes(t, other, cache) {
		t.Error("a session is resumed under another label")
	}
	resumes(t, one, cache)
	k.Tend(now.Add(Rotation - time.Minute))
	if !resumes(t, one, cache) {
		t.Error("the key was changed too early")
	}
	k.Tend(now.Add(Rotation))
	if !resumes(t, one, cache) {
		t.Error("the key before does not open any more")
	}
	stale := tls.NewLRUClientSessionCache(1)
	resumes(t, one, stale)
	k.Tend(now.Add(2 * Rotation))
	k.Tend(now.Add(3 * Rotation))
	if resumes(t, one, stale) {
		t.Error("a key that was changed twice still opens")
	}
	k.Detach(one)
	if len(k.configs) != 2 {
		t.Error("Detach keeps the configuration")
	}
}

// connection gives both ends of one; a pipe would let both sides write at once
// and wait for each other.
func connection(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}
