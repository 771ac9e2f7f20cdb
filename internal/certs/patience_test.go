package certs

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/certs/pebbletest"
)

// TestRateLimited: an authority that says when to come back is not asked before;
// another one may be.
func TestRateLimited(t *testing.T) {
	ca := pebbletest.Start(t, pebbletest.Options{})
	u, err := url.Parse(ca.Directory)
	if err != nil {
		t.Fatal(err)
	}
	behind := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: u.Scheme, Host: u.Host})
			p.Out.Host = p.In.Host
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
	}
	var orders atomic.Int32
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "order-plz") && orders.Add(1) > 0 {
			w.Header().Set("Retry-After", "7200")
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Replay-Nonce", "none")
			w.WriteHeader(http.StatusTooManyRequests)
			io.WriteString(w, `{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many certificates already issued","status":429}`)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	defer front.Close()
	r := newRig(t, ca)
	limited := func(s *Spec) {
		s.Authorities = []string{front.URL + "/dir"}
		s.Roots.AddCert(front.Certificate())
	}
	d := r.use(r.spec(limited))
	r.until("the refusal", func() bool { return strings.Contains(r.lines(), "encountered error for the 1. time") })
	if !strings.Contains(r.lines(), "rateLimited - too many certificates already issued") {
		t.Errorf("the log lacks the reason:\n%s", r.lines())
	}
	d.mu.Lock()
	wait := d.job.Next.Sub(d.job.Last)
	d.mu.Unlock()
	if wait < 7100*time.Second || orders.Load() != 1 {
		t.Errorf("%d orders, and the next in %v", orders.Load(), wait)
	}
	r.use(r.spec(func(s *Spec) {
		limited(s)
		s.Authorities, s.RetryFailover = append(s.Authorities, ca.Directory), 1
	}))
	r.until("the other authority", d.Ready)
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for field, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-1": 0, "1.5": 0, "0": 0, "120": 2 * time.Minute, "Fri, 02 Jan 2026 03:05:05 GMT": time.Minute,
		"4294967295": maxPatience, "99999999999": 0, "Fri, 02 Jan 2036 03:05:05 GMT": maxPatience,
	} {
		p := new(patience)
		p.note(field, now)
		var later *laterError
		got := time.Duration(0)
		if errors.As(p.about(errors.New("no")), &later) {
			got = later.at.Sub(now)
		}
		if got != want {
			t.Errorf("%q: %v, want %v", field, got, want)
		}
	}
}
