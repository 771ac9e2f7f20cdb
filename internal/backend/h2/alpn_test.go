package h2

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/backend/secure"
	"sallyport/internal/fault"
)

// TestALPN: with protocols= the backend chooses, and may change its mind.
func TestALPN(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	var h2 atomic.Bool
	both := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h2", "http/1.1"}}
	old := both.Clone()
	old.NextProtos = []string{"http/1.1"}
	conf := both.Clone()
	conf.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if h2.Load() {
			return both, nil
		}
		return old, nil
	}
	var closing atomic.Bool // the backend closes each connection of HTTP/1.1
	srv := &http.Server{TLSConfig: conf, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if closing.Load() && q.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		b, _ := io.ReadAll(q.Body)
		io.WriteString(w, q.Proto+" "+string(b))
	})}
	r := newRig(t, func(w *backend.Worker) {
		w.TLS = secure.New(secure.Options{})
		w.Target.Scheme, w.Target.TLS, w.Target.ALPN = "https", w.TLS.Key, "h2,http/1.1"
	})
	go srv.ServeTLS(r.ln, "", "")
	t.Cleanup(func() { srv.Close() })
	post := func(want string) {
		t.Helper()
		r.want(request{method: "POST", path: "/", body: strings.NewReader("abc"), length: 3}, 200, want+" abc")
	}
	post("HTTP/1.1")
	post("HTTP/1.1")
	closing.Store(true)
	post("HTTP/1.1")
	h2.Store(true)
	post("HTTP/2.0")
	post("HTTP/2.0")
	if g := r.group(); len(g.sessions) != 1 {
		t.Errorf("%d sessions", len(g.sessions))
	}
	h2.Store(false)
	r.group().Prune(true)
	post("HTTP/1.1")

	// An h2:// target is spoken to over HTTP/2 or not at all.
	only := newRig(t, func(w *backend.Worker) {
		*w = *r.work
		w.Target.Scheme, w.Target.ALPN = "h2", "h2"
	})
	if res := only.do(request{method: "GET", path: "/"}); res.f == nil || res.f.Kind != fault.TLSFailed || res.f.Code() != 503 {
		t.Errorf("%v", res.f)
	}
}
