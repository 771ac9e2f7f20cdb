package ssl

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"sallyport/internal/exchange"
)

// shakeWith makes a handshake between two configurations and returns the
// client's view of it.
func shakeWith(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	a, b := connection(t)
	done := make(chan error, 1)
	go func() {
		c := tls.Server(b, server)
		err := c.Handshake()
		if err == nil {
			_, err = c.Write([]byte("x"))
		}
		done <- err
	}()
	client = client.Clone()
	client.InsecureSkipVerify, client.ServerName = true, "a.test"
	c := tls.Client(a, client)
	err := c.Handshake()
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	if err == nil {
		err = <-done
	}
	return c.ConnectionState(), err
}

// until polls for something that another goroutine does.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func startWatcher(t *testing.T, list ...*holder) {
	t.Helper()
	w := &watcher{holders: list, log: new(exchange.Server), every: 5 * time.Millisecond}
	w.start()
	t.Cleanup(w.close)
}

// Newer files are used while the server runs; a key without its certificate is
// not, nor is nonsense.
func TestFilesChange(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	one, two := issue(t, "a.test", root, nil), issue(t, "a.test", root, nil)
	h := &holder{cert: write(t, dir, "c.pem", one.certPEM()), key: write(t, dir, "k.pem", one.keyPEM(t))}
	var reads atomic.Int64
	h.read = func(path string) ([]byte, error) {
		reads.Add(1)
		return os.ReadFile(path)
	}
	if err := h.load(); err != nil {
		t.Fatal(err)
	}
	startWatcher(t, h)
	looked := func(n int64) func() bool { return func() bool { return reads.Load() >= n } }

	n := reads.Load()
	write(t, dir, "k.pem", two.keyPEM(t), []byte("\n"))
	until(t, "the new key is looked at", looked(n+2))
	if !h.leaf().Equal(one.cert) {
		t.Error("a key that does not belong to the certificate was used")
	}
	write(t, dir, "c.pem", two.certPEM(), []byte("\n\n"))
	until(t, "the new certificate is used", func() bool { return h.leaf().Equal(two.cert) })

	n = reads.Load()
	write(t, dir, "c.pem", []byte("nonsense"))
	until(t, "nonsense is looked at", looked(n+1))
	n = reads.Load()
	os.Remove(filepath.Join(dir, "c.pem"))
	until(t, "a missing file is looked for", looked(n+1))
	if !h.leaf().Equal(two.cert) {
		t.Error("nonsense was used")
	}
}

// answerer answers OCSP questions as its status says; 0 answers nothing useful.
type answerer struct {
	t      *testing.T
	ca     *issued
	status atomic.Int32 // ocsp's plus 1
	asked  atomic.Int32
	life   time.Duration
}

func (r *answerer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.asked.Add(1)
	body, _ := io.ReadAll(q.Body)
	req, err := ocsp.ParseRequest(body)
	status := r.status.Load()
	if err != nil || status == 0 {
		http.Error(w, "no", 500)
		return
	}
	now := time.Now()
	der, err := ocsp.CreateResponse(r.ca.cert, r.ca.cert, ocsp.Response{Status: int(status) - 1, SerialNumber: req.SerialNumber,
		ThisUpdate: now.Add(-time.Second), NextUpdate: now.Add(r.life), RevokedAt: now.Add(-time.Minute)}, r.ca.key)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.Write(der)
}

func TestStapling(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	r := &answerer{t: t, ca: root, life: time.Hour}
	srv := httptest.NewServer(r)
	defer srv.Close()
	one := issue(t, "a.test", root, func(c *x509.Certificate) { c.OCSPServer = []string{srv.URL} })
	h := &holder{cert: write(t, dir, "c.pem", one.certPEM(), root.certPEM(), one.keyPEM(t)), read: os.ReadFile}
	h.key = h.cert
	if err := h.load(); err != nil {
		t.Fatal(err)
	}
	st, why := newStapler(h, new(serverConf))
	if why != "" {
		t.Fatal(why)
	}
	st.retry, st.keep = 10*time.Millisecond, 10*time.Millisecond
	h.staple = st
	startWatcher(t, h)
	until(t, "it is tried again after an error", func() bool { return r.asked.Load() >= 2 })
	cfg := &tls.Config{GetCertificate: choose([]*holder{h}, nil)}
	if cs, err := shakeWith(t, cfg, &tls.Config{}); err != nil || cs.OCSPResponse != nil {
		t.Fatalf("without a response: %v, %d bytes", err, len(cs.OCSPResponse))
	}
	for _, want := range []int{ocsp.Good, ocsp.Revoked} {
		r.status.Store(int32(want) + 1)
		until(t, "a response is stapled", func() bool {
			cs, err := shakeWith(t, cfg, &tls.Config{})
			if err != nil || cs.OCSPResponse == nil {
				return false
			}
			res, err := ocsp.ParseResponse(cs.OCSPResponse, root.cert)
			if err != nil {
				t.Fatal(err)
			}
			return res.Status == want
		})
	}
	// The responder knows it no longer: the last answer is used while it lasts.
	r.status.Store(ocsp.Unknown + 1)
	n := r.asked.Load()
	until(t, "it is asked again", func() bool { return r.asked.Load() > n+1 })
	if cs, err := shakeWith(t, cfg, &tls.Config{}); err != nil || cs.OCSPResponse == nil {
		t.Errorf("the last good answer is gone: %v", err)
	}
}

func TestStaleStapleIsDropped(t *testing.T) {
	dir := t.TempDir()
	root := issue(t, "root", nil, nil)
	r := &answerer{t: t, ca: root, life: 2 * time.Second}
	r.status.Store(ocsp.Good + 1)
	srv := httptest.NewServer(r)
	defer srv.Close()
	one := issue(t, "a.test", root, func(c *x509.Certificate) { c.OCSPServer = []string{srv.URL} })
	h := &holder{cert: write(t, dir, "c.pem", one.certPEM(), root.certPEM(), one.keyPEM(t)), read: os.ReadFile}
	h.key = h.cert
	if err := h.load(); err != nil {
		t.Fatal(err)
	}
	h.staple, _ = newStapler(h, new(serverConf))
	h.staple.retry, h.staple.keep = 10*time.Millisecond, 10*time.Millisecond
	startWatcher(t, h)
	until(t, "a response is stapled", func() bool { return h.current.Load().OCSPStaple != nil })
	r.status.Store(0)
	until(t, "it is dropped when its time is over", func() bool { return h.current.Load().OCSPStaple == nil })
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
