package certs

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxPatience bounds for how long an authority may send us away.
const maxPatience = 7 * 24 * time.Hour

// laterError is an attempt that the authority does not want to see again before
// a time (RFC 8555 §6.6: rateLimited with Retry-After; or 503).
type laterError struct {
	error
	at time.Time
}

func (e *laterError) Unwrap() error { return e.error }

// patience notes what an authority's answers say about coming back.
type patience struct {
	http.RoundTripper
	mu sync.Mutex
	at time.Time // zero: nothing
}

// RoundTrip implements http.RoundTripper.
func (p *patience) RoundTrip(q *http.Request) (*http.Response, error) {
	res, err := p.RoundTripper.RoundTrip(q)
	if err == nil && (res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable) {
		p.note(res.Header.Get("Retry-After"), time.Now())
	}
	return res, err
}

// note reads a Retry-After field (RFC 9110 §10.2.3).
func (p *patience) note(field string, now time.Time) {
	at, err := http.ParseTime(field)
	if n, bad := strconv.ParseUint(field, 10, 32); bad == nil {
		at, err = now.Add(time.Duration(n)*time.Second), nil
	}
	if err != nil {
		return
	}
	if last := now.Add(maxPatience); at.After(last) {
		at = last
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if at.After(p.at) {
		p.at = at
	}
}

// about gives an error the time that was noted.
func (p *patience) about(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || p.at.IsZero() {
		return err
	}
	return &laterError{err, p.at}
}
