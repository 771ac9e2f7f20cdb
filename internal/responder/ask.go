package responder

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Question is what is asked, and what is asked of the answer.
type Question struct {
	URL          string
	Cert, Issuer *x509.Certificate
	// Timeout bounds the whole exchange; 0 is 10 s.
	Timeout time.Duration
	// Proxy is the HTTP proxy to go through; nil: the environment's, if any.
	Proxy *url.URL
	// Nonce sends a random number, which the answer must bring back (RFC 9654).
	Nonce bool
	// Skew is how far the responder's clock and ours may be apart.
	Skew time.Duration
	// MaxAge is how old an answer may be; 0: as long as it says itself.
	MaxAge time.Duration
	// Trusted may sign answers, beside the issuer and those it has appointed.
	Trusted []*x509.Certificate
	// NoVerify takes answers whoever signed them.
	NoVerify bool
}

const (
	defaultTimeout = 10 * time.Second
	maxAnswer      = 64 << 10 // bytes
)

// ErrAnswer is behind the errors about an answer that came and counts for nothing.
var ErrAnswer = errors.New("not a usable answer")

type unusable struct{ error }

func (unusable) Is(e error) bool { return e == ErrAnswer }

// Ask asks. The answer's Status is one of ocsp.Good, Revoked and Unknown, its Raw
// what can be stapled.
func (q *Question) Ask(ctx context.Context) (*ocsp.Response, error) {
	text, err := ocsp.CreateRequest(q.Cert, q.Issuer, nil)
	if err != nil {
		return nil, err
	}
	var nonce []byte
	if q.Nonce {
		nonce = make([]byte, 32)
		rand.Read(nonce)
		if text, err = withNonce(text, nonce); err != nil {
			return nil, err
		}
	}
	der, err := q.post(ctx, text)
	if err != nil {
		return nil, err
	}
	r, err := q.check(der, nonce, time.Now())
	if err != nil {
		return nil, unusable{fmt.Errorf("the answer of %s: %w", q.URL, err)}
	}
	return r, nil
}

// post sends a question (RFC 6960 A.1). Connections are not kept.
func (q *Question) post(ctx context.Context, text []byte) ([]byte, error) {
	wait := q.Timeout
	if wait <= 0 {
		wait = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.URL, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	req.Header.Set("Accept", "application/ocsp-response")
	proxy := http.ProxyFromEnvironment
	if q.Proxy != nil {
		proxy = http.ProxyURL(q.Proxy)
	}
	client := http.Client{Transport: &http.Transport{Proxy: proxy, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", q.URL, res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("%s answers with more than %d bytes", q.URL, maxAnswer)
	}
	return b, err
}

// check reads an answer and says what is wrong with it.
func (q *Question) check(der, nonce []byte, now time.Time) (*ocsp.Response, error) {
	r, said, err := read(der, q.Cert, q.Issuer)
	if err != nil {
		return nil, err
	}
	if nonce != nil && !bytes.Equal(said.nonce(), nonce) {
		return nil, errors.New("its nonce is not the one that was sent; SSLOCSPUseRequestNonce Off is for responders that know none")
	}
	if !q.NoVerify {
		if err := q.signed(r, now); err != nil {
			return nil, err
		}
	}
	const day = time.RFC1123
	switch {
	case r.ThisUpdate.After(now.Add(q.Skew)):
		return nil, fmt.Errorf("it is from the future, %s", r.ThisUpdate.UTC().Format(day))
	case !r.NextUpdate.IsZero() && r.NextUpdate.Add(q.Skew).Before(now):
		return nil, fmt.Errorf("it was good until %s", r.NextUpdate.UTC().Format(day))
	case q.MaxAge > 0 && now.Sub(r.ThisUpdate) > q.MaxAge+q.Skew:
		return nil, fmt.Errorf("it is older than allowed, of %s", r.ThisUpdate.UTC().Format(day))
	}
	return r, nil
}

// Read reads an answer that Ask has given, and somebody kept.
func Read(der []byte, cert, issuer *x509.Certificate) (*ocsp.Response, error) {
	r, _, err := read(der, cert, issuer)
	return r, err
}

// read sees to it that an answer is about the certificate; who signed it is not
// looked at.
func read(der []byte, cert, issuer *x509.Certificate) (*ocsp.Response, *said, error) {
	r, err := ocsp.ParseResponseForCert(der, cert, nil)
	if err != nil {
		return nil, nil, err
	}
	s, err := parse(r.TBSResponseData)
	if err != nil {
		return nil, nil, err
	}
	if !s.about(cert, issuer) {
		return nil, nil, errors.New("it is about another authority's certificate")
	}
	return r, s, nil
}

// signed checks who speaks (RFC 6960 §4.2.2.2): the issuer, somebody whom the
// issuer has given a certificate for that very purpose, or one of Trusted.
func (q *Question) signed(r *ocsp.Response, now time.Time) error {
	for _, c := range q.Trusted {
		if r.CheckSignatureFrom(c) == nil {
			return nil
		}
	}
	if r.CheckSignatureFrom(q.Issuer) == nil {
		return nil
	}
	by := r.Certificate // its signature over r has been checked by the parser
	switch {
	case by == nil:
		return errors.New("it is not signed by the certificate's issuer, nor does it bring the signer's certificate")
	case q.Issuer.CheckSignature(by.SignatureAlgorithm, by.RawTBSCertificate, by.Signature) != nil || !bytes.Equal(by.RawIssuer, q.Issuer.RawSubject):
		return fmt.Errorf("it is signed by %q, whom the certificate's issuer does not know", by.Subject)
	case !slices.Contains(by.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning):
		return fmt.Errorf("it is signed by %q, whose certificate is not for that (OCSPSigning)", by.Subject)
	case now.Before(by.NotBefore) || now.After(by.NotAfter):
		return fmt.Errorf("it is signed by %q, whose certificate is out of date", by.Subject)
	}
	return nil
}
