package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"

	"sallyport/internal/errorlog"
	"sallyport/internal/responder"
)

// Bounds for responses about certificates (RFC 6960).
const (
	stapleTime  = 20 * time.Second // for a responder
	stapleSkew  = 5 * time.Minute  // between its clock and ours
	stapleRetry = 10 * time.Minute
)

// staple keeps the responses that go along with the certificates fresh
// (MDStapling) and returns when to look again. They are fetched ahead of time
// and survive a restart; no handshake waits for one.
func (d *Domain) staple(ctx context.Context, s *Spec, now time.Time) time.Time {
	sh := d.shown.Load()
	if !s.Stapling || sh == nil || !sh.ready {
		return now.Add(s.CheckInterval)
	}
	next := now.Add(s.CheckInterval)
	certs, changed := make([]*tls.Certificate, len(sh.certs)), false
	for i, c := range sh.certs {
		certs[i] = c
		url, issuer := responderOf(c)
		if url == "" {
			continue // it is done without, as with Let's Encrypt since 2025
		}
		der, r := d.stapled(c, issuer)
		due := now
		if r != nil {
			due = r.NextUpdate.Add(-s.StapleWindow.Before(r.NextUpdate.Sub(r.ThisUpdate)))
			if now.After(r.NextUpdate) {
				der = nil
			}
		}
		if !due.After(now) {
			fresh, r, err := ask(ctx, url, c.Leaf, issuer, now)
			if err != nil {
				due = now.Add(stapleRetry)
				if d.tellOnce(ctx, s, "ocsp-errored", time.Hour, now) && ctx.Err() == nil {
					d.logf(errorlog.Error, "%s: OCSP response from %s: %v; next try at %s", s.Name, url, err, due.UTC().Format(time.RFC1123))
				}
			} else {
				der = fresh
				due = r.NextUpdate.Add(-s.StapleWindow.Before(r.NextUpdate.Sub(r.ThisUpdate)))
				if err := d.store.write(der, "domains", dirOf(s.Name), "ocsp."+KindOf(c)+".der"); err != nil {
					d.logf(errorlog.Warn, "%s: keep the OCSP response: %v", s.Name, err)
				}
				d.tellOnce(ctx, s, "ocsp-renewed", 24*time.Hour, now)
			}
		}
		if due.Before(next) {
			next = due
		}
		if !bytes.Equal(c.OCSPStaple, der) {
			with := *c
			with.OCSPStaple = der
			certs[i], changed = &with, true
		}
	}
	if changed {
		// Only this goroutine and Settle change what is shown; Settle's goes
		// first, and has this looked at again.
		d.shown.CompareAndSwap(sh, &shown{certs: certs, ready: true})
	}
	return next
}

// responderOf is where to ask about a certificate, and who issued it; "" where
// that cannot be asked.
func responderOf(c *tls.Certificate) (url string, issuer *x509.Certificate) {
	if len(c.Certificate) < 2 {
		return "", nil
	}
	issuer, err := x509.ParseCertificate(c.Certificate[1])
	if err != nil {
		return "", nil
	}
	for _, u := range c.Leaf.OCSPServer {
		if strings.HasPrefix(u, "http://") || strings.HasPrefix(u, "https://") {
			return u, issuer
		}
	}
	return "", nil
}

// stapled is the response that a certificate has, or that lies in the store;
// nil: none that is about it.
func (d *Domain) stapled(c *tls.Certificate, issuer *x509.Certificate) ([]byte, *ocsp.Response) {
	der := c.OCSPStaple
	if der == nil {
		der, _ = d.store.read("domains", dirOf(d.Spec().Name), "ocsp."+KindOf(c)+".der")
	}
	r, err := responder.Read(der, c.Leaf, issuer)
	if err != nil {
		return nil, nil
	}
	return der, r
}

// withStaples puts responses that the store has beside certificates.
func (d *Domain) withStaples(list []*tls.Certificate, now time.Time) []*tls.Certificate {
	out := slices.Clone(list)
	for i, c := range list {
		url, issuer := responderOf(c)
		if url == "" {
			continue
		}
		if der, r := d.stapled(c, issuer); r != nil && now.Before(r.NextUpdate) {
			with := *c
			with.OCSPStaple = der
			out[i] = &with
		}
	}
	return out
}

// ask gets a response and checks that it may be sent: signed, good, in its time.
func ask(ctx context.Context, url string, leaf, issuer *x509.Certificate, now time.Time) ([]byte, *ocsp.Response, error) {
	q := responder.Question{URL: url, Cert: leaf, Issuer: issuer, Timeout: stapleTime, Skew: stapleSkew}
	r, err := q.Ask(ctx)
	switch {
	case err != nil:
		return nil, nil, err
	case r.Status == ocsp.Revoked:
		return nil, nil, fmt.Errorf("the certificate was revoked at %s", r.RevokedAt)
	case r.Status != ocsp.Good:
		return nil, nil, errors.New("the responder does not know the certificate")
	case r.NextUpdate.IsZero():
		return nil, nil, errors.New("it does not say until when it is good")
	case !now.Before(r.NextUpdate):
		return nil, nil, fmt.Errorf("it is good from %s to %s", r.ThisUpdate, r.NextUpdate)
	}
	return r.Raw, r, nil
}
