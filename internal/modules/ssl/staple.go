package ssl

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"

	"sallyport/internal/errorlog"
	"sallyport/internal/responder"
)

// stapler keeps the OCSP response of one certificate fresh (SSLUseStapling). A
// handshake never waits for it: it takes what is there.
//
// Unlike httpd: responses are fetched in the background, the first one right
// after the start, because a client should not wait for a responder; and only
// good ones are sent, unless SSLStaplingReturnResponderErrors says otherwise in
// so many words.
type stapler struct {
	h       *holder
	url     string
	wait    time.Duration // for the responder
	skew    time.Duration
	age     time.Duration // 0: as old as the responder says
	keep    time.Duration
	retry   time.Duration
	errors  bool
	next    time.Time // when to ask again
	failed  bool      // the last time
	expires time.Time // of what is stapled; zero: nothing is
}

// newStapler reads the directives; nil where the certificate can't be stapled,
// with why.
func newStapler(h *holder, s *serverConf) (*stapler, string) {
	sec := func(n int) time.Duration { return time.Duration(n) * time.Second }
	st := &stapler{h: h, url: s.StapleURL.V, wait: sec(s.StapleWait.Or(10)), skew: sec(s.StapleSkew.Or(300)),
		age: sec(max(s.StapleAge.Or(-1), 0)), keep: sec(s.StapleKeep.Or(3600)), retry: sec(s.StapleRetry.Or(600)),
		errors: s.StapleErrors.V}
	switch {
	case h.issuer.Load() == nil:
		return nil, "AH02217: SSLUseStapling: " + h.cert + " does not hold its issuer's certificate, so its OCSP responder can't be asked"
	case st.address() == "":
		return nil, "AH02218: SSLUseStapling: " + h.cert + " names no OCSP responder, and there is no SSLStaplingForceURL"
	}
	return st, ""
}

// address is the responder's URL.
func (st *stapler) address() string {
	if st.url != "" {
		return st.url
	}
	for _, u := range st.h.leaf().OCSPServer {
		if strings.HasPrefix(u, "http://") {
			return u
		}
	}
	return ""
}

// renew asks the responders of certificates that are due.
func (w *watcher) renew(ctx context.Context) {
	for _, h := range w.holders {
		st := h.staple
		now := time.Now()
		if st == nil || now.Before(st.next) {
			continue
		}
		der, until, err := st.ask(ctx, now)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			st.next = now.Add(st.retry)
			if !st.failed {
				w.logf(errorlog.Error, "AH01941: OCSP response for %s: %v; trying again every %v", h.cert, err, st.retry)
			}
			st.failed = true
			if !st.expires.IsZero() && now.After(st.expires) {
				st.expires = time.Time{}
				h.setStaple(nil)
			}
			continue
		}
		st.failed, st.expires = false, until
		st.next = now.Add(st.keep)
		if half := now.Add(until.Sub(now) / 2); half.Before(st.next) {
			st.next = half
		}
		h.setStaple(der)
	}
}

// setStaple puts a response beside the certificate.
func (h *holder) setStaple(der []byte) {
	c := *h.current.Load()
	c.OCSPStaple = der
	h.current.Store(&c)
}

// ask gets a response from the responder and checks it.
func (st *stapler) ask(ctx context.Context, now time.Time) (der []byte, until time.Time, err error) {
	issuer := st.h.issuer.Load()
	if issuer == nil {
		return nil, until, errors.New("the issuer's certificate is not in the file any more")
	}
	q := responder.Question{URL: st.address(), Cert: st.h.leaf(), Issuer: issuer, Timeout: st.wait, Skew: st.skew, MaxAge: st.age}
	r, err := q.Ask(ctx)
	if err != nil {
		return nil, until, err
	}
	if r.Status == ocsp.Unknown && !st.errors {
		return nil, until, errors.New("the responder does not know the certificate")
	}
	if until = r.NextUpdate; until.IsZero() {
		until = now.Add(st.keep)
	}
	return r.Raw, until, nil
}
