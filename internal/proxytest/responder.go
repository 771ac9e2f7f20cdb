package proxytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"golang.org/x/crypto/ocsp"
)

// respond starts the OCSP responder of an authority and returns its URL. It
// knows no nonces: SSLOCSPUseRequestNonce Off.
func (r *run) respond(ca *keyPair) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		question, err := ocsp.ParseRequest(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		now := time.Now()
		a := ocsp.Response{Status: ocsp.Unknown, SerialNumber: question.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Hour), Certificate: ca.cert}
		for _, k := range r.certs {
			switch {
			case k.by != ca.name || k.cert.SerialNumber.Cmp(question.SerialNumber) != 0 || k.unknown:
			case k.revoked:
				a.Status, a.RevokedAt = ocsp.Revoked, now.Add(-time.Hour)
			default:
				a.Status = ocsp.Good
			}
		}
		der, err := ocsp.CreateResponse(ca.cert, ca.cert, a, ca.key)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		w.Write(der)
	}))
	r.stops = append(r.stops, srv.Close)
	return srv.URL + "/"
}
