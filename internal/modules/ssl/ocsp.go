package ssl

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"sallyport/internal/errorlog"
	"sallyport/internal/responder"
	"sallyport/internal/tlsconf"
)

// ocspCheck asks responders about client certificates (SSLOCSPEnable).
//
// Unlike httpd: an answer is remembered as long as a session could be resumed,
// SSLSessionCacheTimeout, and not beyond its own end; httpd asks nothing when a
// session is resumed, and here the certificate is looked at then, too.
type ocspCheck struct {
	leafOnly, noURLOK  bool
	url                string // SSLOCSPDefaultResponder; ""
	override           bool
	skew, age, timeout time.Duration
	nonce, noVerify    bool
	proxy              *url.URL
	signers            *tlsconf.List[*x509.Certificate]
	signersFile        string
	keep               time.Duration
	logf               func(l errorlog.Level, format string, args ...any)

	mu   sync.Mutex
	good map[[32]byte]time.Time // certificate and issuer: until when
}

// maxRemembered bounds ocspCheck.good.
const maxRemembered = 10_000

// newOCSP reads the directives; nil where SSLOCSPEnable is off.
func (bd *builder) newOCSP(f *front) *ocspCheck {
	s := f.s
	if !s.OCSP.V.on {
		return nil
	}
	sec := func(n int) time.Duration { return time.Duration(n) * time.Second }
	srv := f.sb.Server
	o := &ocspCheck{leafOnly: s.OCSP.V.leaf, noURLOK: s.OCSP.V.noURLOK, url: s.OCSPURL.V, override: s.OCSPOverride.V,
		skew: sec(s.OCSPSkew.Or(300)), age: sec(max(s.OCSPAge.Or(-1), 0)), timeout: sec(s.OCSPWait.Or(10)), nonce: s.OCSPNonce.Or(true),
		noVerify: s.OCSPNoVerify.V, proxy: s.OCSPProxy.V, keep: sec(s.SessionTimeout.Or(300)), good: map[[32]byte]time.Time{},
		logf: func(l errorlog.Level, format string, args ...any) {
			srv.Log.Logf(l, "ssl", errorlog.Facts{}, format, args...)
		}}
	if at := s.OCSPSigners; at.Is {
		o.signersFile = at.V
		o.signers = bd.authorities("SSLOCSPResponderCertificateFile", at, "")
	}
	if o.override && o.url == "" {
		bd.fail(s.OCSPOverride.Pos, "SSLOCSPOverrideResponder On: there is no SSLOCSPDefaultResponder", "")
	}
	return o
}

// words are the settings as text, "" for none.
func (o *ocspCheck) words() string {
	if o == nil {
		return ""
	}
	return fmt.Sprint(o.leafOnly, o.noURLOK, o.url, o.override, o.skew, o.age, o.timeout, o.nonce, o.noVerify, o.proxy, o.signersFile)
}

// chain asks about a chain that has been found good otherwise, from the top
// down; the root answers for itself.
func (o *ocspCheck) chain(way []*x509.Certificate, now time.Time) error {
	for i := len(way) - 2; i >= 0; i-- {
		if o.leafOnly && i > 0 {
			continue
		}
		if err := o.one(way[i], way[i+1], now); err != nil {
			return err
		}
	}
	return nil
}

// errUnknown is what the log says behind the reason.
var errUnknown = errors.New("application verification failure")

func (o *ocspCheck) one(c, issuer *x509.Certificate, now time.Time) error {
	key := sha256.Sum256(append(append([]byte(nil), c.Raw...), issuer.RawSubjectPublicKeyInfo...))
	if o.remembers(key, now) {
		return nil
	}
	to := o.address(c)
	if to == "" {
		if o.noURLOK {
			return nil
		}
		o.logf(errorlog.Error, "AH01918: no OCSP responder specified in certificate and no default configured [subject: %s]", c.Subject)
		return errUnknown
	}
	q := responder.Question{URL: to, Cert: c, Issuer: issuer, Timeout: o.timeout, Proxy: o.proxy, Nonce: o.nonce,
		Skew: o.skew, MaxAge: o.age, Trusted: o.signers.Get(), NoVerify: o.noVerify}
	r, err := q.Ask(context.Background())
	if err != nil {
		id := "AH01976: failed to ask the OCSP responder"
		if errors.Is(err, responder.ErrAnswer) {
			id = "AH01925: failed to verify the OCSP response"
		}
		o.logf(errorlog.Error, "%s: %v [subject: %s]", id, err, c.Subject)
		return errUnknown
	}
	switch r.Status {
	case ocsp.Good:
		until := now.Add(o.keep)
		if !r.NextUpdate.IsZero() && r.NextUpdate.Before(until) {
			until = r.NextUpdate
		}
		o.remember(key, now, until)
		o.logf(errorlog.Info, "AH03239: OCSP validation completed, certificate status: good (0, -1) [subject: %s]", c.Subject)
		return nil
	case ocsp.Revoked:
		o.logf(errorlog.Error, "AH03239: OCSP validation completed, certificate status: revoked (1, %d) [subject: %s]", r.RevocationReason, c.Subject)
		return errRevoked
	}
	o.logf(errorlog.Error, "AH03239: OCSP validation completed, certificate status: unknown (2, -1) [subject: %s]", c.Subject)
	return errUnknown
}

// address is the responder's URL; "" for none.
func (o *ocspCheck) address(c *x509.Certificate) string {
	if o.override {
		return o.url
	}
	if len(c.OCSPServer) > 0 {
		if u := c.OCSPServer[0]; strings.HasPrefix(strings.ToLower(u), "http://") {
			return u
		}
		o.logf(errorlog.Error, "AH01920: cannot handle OCSP responder URI '%s'", c.OCSPServer[0])
	}
	return o.url
}

func (o *ocspCheck) remembers(key [32]byte, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	until, ok := o.good[key]
	return ok && now.Before(until)
}

func (o *ocspCheck) remember(key [32]byte, now, until time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.good) >= maxRemembered {
		for k, u := range o.good {
			if !now.Before(u) {
				delete(o.good, k)
			}
		}
		if len(o.good) >= maxRemembered {
			clear(o.good)
		}
	}
	o.good[key] = until
}
