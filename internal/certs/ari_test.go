package certs

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestSuggestion: the authority may want a certificate renewed long before its
// window begins (RFC 9773). No authority at hand speaks that, so this one says
// no more than what is asked here.
func TestSuggestion(t *testing.T) {
	var start atomic.Int64 // of the window it suggests
	var asked, ordered atomic.Int32
	ca := httptest.NewUnstartedServer(nil)
	ca.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/dir":
			fmt.Fprintf(w, `{"newNonce":"%[1]s/nonce","newAccount":"%[1]s/account","newOrder":"%[1]s/order","renewalInfo":"%[1]s/info"}`, ca.URL)
		case strings.HasPrefix(r.URL.Path, "/info/"):
			asked.Add(1)
			from := time.Unix(start.Load(), 0)
			fmt.Fprintf(w, `{"suggestedWindow":{"start":%q,"end":%q}}`, from.Format(time.RFC3339), from.Add(10*time.Second).Format(time.RFC3339))
		default:
			ordered.Add(1)
			http.Error(w, `{"type":"urn:ietf:params:acme:error:serverInternal","detail":"no more today"}`, http.StatusInternalServerError)
		}
	})
	ca.StartTLS()
	t.Cleanup(ca.Close)

	signed := newAuthority(t)
	r := newRig(t, nil)
	k := Key{Curve: "secp256r1"}
	if err := r.store.open(); err != nil {
		t.Fatal(err)
	}
	if err := r.store.save("a.test", k, signed.pair.PrivateKey.(signer), chainOf(signed.pair)); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate())
	spec := func(ari bool) *Spec {
		return r.spec(func(s *Spec) {
			s.Authorities, s.Roots, s.ARI = []string{ca.URL + "/dir"}, roots, ari
			s.RenewWindow, s.RetryDelay = Window{Fixed: time.Minute}, time.Hour
		})
	}
	start.Store(time.Now().Add(30 * time.Minute).Unix())
	d := r.use(spec(true))
	r.until("the suggestion", func() bool { return d.Trial().Due.Before(time.Now().Add(40 * time.Minute)) })
	if asked.Load() != 1 || ordered.Load() != 0 {
		t.Errorf("an order before its time:\n%s", r.lines())
	}
	// Another process asks anew, and now the authority is in a hurry.
	start.Store(time.Now().Add(-time.Minute).Unix())
	r.restart()
	r.use(spec(false))
	r.restart()
	before := asked.Load()
	r.use(spec(true))
	r.until("an attempt", func() bool { return ordered.Load() > 0 && strings.Contains(r.lines(), "next try at") })
	if asked.Load() == before {
		t.Error("nothing was asked")
	}
}
