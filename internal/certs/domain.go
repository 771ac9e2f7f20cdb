package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/errorlog"
)

// Domain is one managed domain: its certificates now, and the work of keeping
// them. Handshakes and requests ask it at any time.
type Domain struct {
	manager *Manager
	store   *Store
	spec    atomic.Pointer[Spec]
	shown   atomic.Pointer[shown]
	wake    chan struct{}      // something has changed: look again
	cancel  context.CancelFunc // of its goroutine; under manager.mu; nil: none

	mu      sync.Mutex // for job, told and suggest
	job     job
	told    map[string]time.Time // when an event was last told
	suggest time.Time            // when the authority wants it renewed (ARI); zero: not known
	asked   time.Time            // when it was asked for that
}

// shown is what handshakes get.
type shown struct {
	certs []*tls.Certificate // in the order of Spec.Keys; one at least
	ready bool               // they are real
}

// job is how the last attempt went. It outlives the process in the store.
type job struct {
	Name     string    `json:"name"`
	Errors   int       `json:"errors"` // in a row
	Last     time.Time `json:"last-run"`
	Next     time.Time `json:"next-run,omitzero"`
	Problem  string    `json:"problem,omitempty"`
	Order    string    `json:"order,omitempty"` // Spec.order of the attempt
	Obtained time.Time `json:"obtained,omitzero"`
}

// Spec is what is wanted of the domain now.
func (d *Domain) Spec() *Spec { return d.spec.Load() }

// Ready reports whether there is a certificate that a client can trust.
func (d *Domain) Ready() bool {
	s := d.shown.Load()
	return s != nil && s.ready
}

// Certificate is the certificate for a handshake: the first that the client can
// use. For any goroutine; it answers from memory.
func (d *Domain) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	s := d.shown.Load()
	if s == nil {
		return nil, nil // never prepared
	}
	for _, c := range s.certs[:len(s.certs)-1] {
		if hello.SupportsCertificate(c) == nil {
			return c, nil
		}
	}
	return s.certs[len(s.certs)-1], nil
}

// Certificates are those shown now; temporary ones are left out.
func (d *Domain) Certificates() []*tls.Certificate {
	if s := d.shown.Load(); s != nil && s.ready {
		return s.certs
	}
	return nil
}

// Trial is how the last attempt to obtain a certificate went.
type Trial struct {
	Errors     int // in a row
	Last, Next time.Time
	Problem    string
	Due        time.Time // when the next certificate is to be obtained; zero: never
}

// Trial tells it.
func (d *Domain) Trial() Trial {
	d.mu.Lock()
	t := Trial{d.job.Errors, d.job.Last, d.job.Next, d.job.Problem, time.Time{}}
	d.mu.Unlock()
	if s := d.Spec(); s.Renews() {
		t.Due = d.due(s, d.manager.now())
	}
	return t
}

// look has the goroutine see whether there is something to do.
func (d *Domain) look() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *Domain) logf(l errorlog.Level, format string, args ...any) {
	d.manager.log(l, format, args...)
}

// load puts what the store has to use, or files, or else a temporary
// certificate.
func (d *Domain) load(s *Spec) {
	now := d.manager.now()
	next := &shown{ready: true}
	if s.Renews() {
		for _, k := range s.Keys {
			c, _ := d.store.load(s.Name, k) // renew complains
			if c != nil && now.Before(c.Leaf.NotAfter) && coversAny(c.Leaf, s) {
				next.certs = append(next.certs, c)
			}
		}
	}
	if len(next.certs) == 0 {
		next.certs = s.Static
	}
	if len(next.certs) == 0 {
		if old := d.shown.Load(); old != nil && !old.ready && coversAll(old.certs[0].Leaf, s) && now.Before(old.certs[0].Leaf.NotAfter.Add(-time.Hour)) {
			return // the temporary one of before will do; its job is known
		}
		c, err := temporary(s.Names, now)
		if err != nil {
			d.logf(errorlog.Error, "%s: make a temporary certificate: %v", s.Name, err)
			return
		}
		next = &shown{certs: []*tls.Certificate{c}}
	}
	if s.Stapling && next.ready {
		next.certs = d.withStaples(next.certs, now)
	}
	d.shown.Store(next)
	d.mu.Lock()
	if d.job.Last.IsZero() {
		d.job = d.store.loadJob(s.Name)
	}
	d.mu.Unlock()
}

// coversAny reports a certificate that is good for one of the names: better
// than a temporary one while the others are missing.
func coversAny(c *x509.Certificate, s *Spec) bool {
	return slices.ContainsFunc(s.Names, func(n string) bool { return slices.Contains(c.DNSNames, n) || covers(c.DNSNames, n) })
}

func coversAll(c *x509.Certificate, s *Spec) bool {
	return !slices.ContainsFunc(s.Names, func(n string) bool { return !slices.Contains(c.DNSNames, n) && !covers(c.DNSNames, n) })
}

// run looks after the domain until ctx ends.
func (d *Domain) run(ctx context.Context) {
	if s := d.Spec(); !d.Ready() {
		d.logf(errorlog.Warn, "%s: there is no certificate yet; clients get a temporary one and '503 Service Unavailable' for now", s.Name)
	}
	if wait := d.Spec().InitialDelay; wait > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
	for {
		wait := d.step(ctx)
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-d.wake:
			t.Stop()
		case <-t.C:
		}
	}
}

// step does what is due and returns how long to wait then.
func (d *Domain) step(ctx context.Context) time.Duration {
	s := d.Spec()
	next := d.manager.now().Add(d.pause(s))
	if s.Renews() {
		if at := d.keep(ctx, s); at.Before(next) {
			next = at
		}
	}
	now := d.manager.now()
	d.warn(ctx, s, now)
	if at := d.staple(ctx, s, now); at.Before(next) {
		next = at
	}
	return max(next.Sub(d.manager.now()), time.Second)
}

// keep obtains what is due and returns when something will be.
func (d *Domain) keep(ctx context.Context, s *Spec) time.Time {
	now := d.manager.now()
	d.adopt(s, now)
	if !d.Ready() {
		d.load(s) // a temporary certificate ends, too
	}
	d.askSuggestion(ctx, s, now)
	due := d.due(s, now)
	if due.After(now) {
		return due
	}
	d.mu.Lock()
	j := d.job
	d.mu.Unlock()
	if j.Order != s.order() || !now.Before(j.Next) {
		d.attempt(ctx, s)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.job.Next
}

// adopt shows what another process has put into the store.
func (d *Domain) adopt(s *Spec, now time.Time) {
	shown := d.Certificates()
	for _, k := range s.Keys {
		c, _ := d.store.load(s.Name, k) // renew complains
		if c != nil && coversAll(c.Leaf, s) && now.Before(c.Leaf.NotAfter) &&
			!slices.ContainsFunc(shown, func(o *tls.Certificate) bool { return o.Leaf.Equal(c.Leaf) }) {
			d.load(s)
			d.mu.Lock()
			d.suggest, d.asked = time.Time{}, time.Time{} // they were about the old one
			d.mu.Unlock()
			return
		}
	}
}

// pause is the time between two looks at a certificate that is well: every
// CheckInterval, give or take a half, so that not all servers ask at once.
func (d *Domain) pause(s *Spec) time.Duration {
	return s.CheckInterval/2 + rand.N(s.CheckInterval)
}

// due is when a certificate has to be obtained: the first of them all.
func (d *Domain) due(s *Spec, now time.Time) time.Time {
	var first time.Time
	for _, k := range s.Keys {
		c, err := d.store.load(s.Name, k)
		if err != nil || c == nil || !coversAll(c.Leaf, s) {
			return now
		}
		at := c.Leaf.NotAfter.Add(-s.RenewWindow.Before(c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)))
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.suggest.IsZero() && d.suggest.Before(first) {
		return d.suggest
	}
	return first
}

// attempt obtains what is due, once, and remembers how it went.
func (d *Domain) attempt(ctx context.Context, s *Spec) {
	select {
	case d.manager.busy <- struct{}{}:
		defer func() { <-d.manager.busy }()
	case <-ctx.Done():
		return
	}
	d.mu.Lock()
	j := d.job
	d.mu.Unlock()
	if j.Order != s.order() {
		j.Errors = 0
	}
	err := d.renew(ctx, s, j.Errors)
	if ctx.Err() != nil {
		return // not its fault: the domain is gone, or the process stops
	}
	now := d.manager.now()
	j.Name, j.Last, j.Order = s.Name, now, s.order()
	if err == nil {
		// However short the new certificate's life may be.
		j.Errors, j.Problem, j.Next, j.Obtained = 0, "", now.Add(s.RetryDelay), now
	} else {
		j.Errors++
		j.Problem = err.Error()
		j.Next = now.Add(backoff(s.RetryDelay, j.Errors))
		var later *laterError
		if errors.As(err, &later) && len(s.Authorities) == 1 && later.at.After(j.Next) {
			j.Next = later.at
		}
	}
	d.mu.Lock()
	d.job = j
	d.mu.Unlock()
	if err := d.store.saveJob(s.Name, j); err != nil {
		d.logf(errorlog.Warn, "%s: remember the attempt: %v", s.Name, err)
	}
	if err != nil {
		d.logf(errorlog.Error, "AH10056: processing %s: %v", s.Name, err)
		d.logf(errorlog.Error, "AH10057: %s: encountered error for the %d. time, next try at %s (in %s)",
			s.Name, j.Errors, j.Next.UTC().Format(time.RFC1123), j.Next.Sub(now).Round(time.Second))
		d.tellOnce(ctx, s, "errored", time.Hour, now)
	}
}

// maxBackoff is the longest wait between two tries.
const maxBackoff = 24 * time.Hour

// backoff is the wait after so many failures in a row: it doubles, and is
// between half and all of that, so that many do not come together.
func backoff(first time.Duration, failures int) time.Duration {
	wait := first
	for ; failures > 1 && wait < maxBackoff; failures-- {
		wait *= 2
	}
	wait = min(wait, maxBackoff)
	return wait/2 + rand.N(wait/2+1)
}

// renew obtains the certificates that are due; failures is how many attempts
// have failed before.
func (d *Domain) renew(ctx context.Context, s *Spec, failures int) error {
	unlock, err := d.store.lock(ctx, s.Name)
	if err != nil {
		return err
	}
	defer unlock()
	now := d.manager.now()
	if d.adopt(s, now); d.due(s, now).After(now) {
		return nil // somebody else has obtained it
	}
	if err := d.tell(ctx, s, "renewing"); err != nil {
		return err
	}
	authority := s.Authorities[failures/max(s.RetryFailover, 1)%len(s.Authorities)]
	d.logf(errorlog.Info, "%s: obtaining certificates from %s", s.Name, authority)
	for _, k := range s.Keys {
		c, err := d.store.load(s.Name, k)
		if err != nil {
			d.logf(errorlog.Error, "%s: %v; another is obtained", s.Name, err)
		}
		if c != nil && coversAll(c.Leaf, s) && d.fresh(s, c.Leaf) {
			continue
		}
		var old *x509.Certificate
		if c != nil {
			old = c.Leaf
		}
		if err := d.obtain(ctx, s, k, authority, old); err != nil {
			return err
		}
	}
	d.mu.Lock()
	d.suggest, d.asked = time.Time{}, time.Time{}
	d.mu.Unlock()
	d.load(s)
	if cs := d.Certificates(); len(cs) > 0 {
		d.logf(errorlog.Notice, "AH10059: The Managed Domain %s has been setup: its certificate is in use, valid until %s", s.Name, cs[0].Leaf.NotAfter.UTC().Format(time.RFC1123))
	}
	for _, event := range []string{"renewed", "installed"} {
		if err := d.tell(ctx, s, event); err != nil {
			d.logf(errorlog.Error, "%s: MDMessageCmd: %v", s.Name, err)
		}
	}
	if len(s.Notify) > 0 {
		if err := run(ctx, s.Notify, s.Name); err != nil {
			d.logf(errorlog.Error, "AH10108: %s: MDNotifyCmd: %v", s.Name, err)
		}
	}
	return nil
}

// fresh reports a certificate that need not be replaced now.
func (d *Domain) fresh(s *Spec, c *x509.Certificate) bool {
	now := d.manager.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	return now.Before(c.NotAfter.Add(-s.RenewWindow.Before(c.NotAfter.Sub(c.NotBefore)))) &&
		(d.suggest.IsZero() || now.Before(d.suggest))
}

// warn tells of certificates that end soon, once a day.
func (d *Domain) warn(ctx context.Context, s *Spec, now time.Time) {
	for _, c := range d.Certificates() {
		left := c.Leaf.NotAfter.Sub(now)
		if left > s.WarnWindow.Before(c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)) {
			continue
		}
		if d.tellOnce(ctx, s, "expiring", 24*time.Hour, now) {
			d.logf(errorlog.Warn, "%s: its certificate ends in %s, at %s", s.Name, left.Round(time.Minute), c.Leaf.NotAfter.UTC().Format(time.RFC1123))
		}
		return
	}
}

// tellOnce runs the message command for an event unless that was done within
// the time. It reports whether the event was due.
func (d *Domain) tellOnce(ctx context.Context, s *Spec, event string, within time.Duration, now time.Time) bool {
	d.mu.Lock()
	last, was := d.told[event]
	if was && now.Sub(last) < within {
		d.mu.Unlock()
		return false
	}
	if d.told == nil {
		d.told = map[string]time.Time{}
	}
	d.told[event] = now
	d.mu.Unlock()
	if err := d.tell(ctx, s, event); err != nil {
		d.logf(errorlog.Error, "%s: MDMessageCmd: %v", s.Name, err)
	}
	return true
}

// askSuggestion asks the authority when it wants the certificate renewed
// (RFC 9773), every CheckInterval.
func (d *Domain) askSuggestion(ctx context.Context, s *Spec, now time.Time) {
	d.mu.Lock()
	skip := !s.ARI || !d.asked.IsZero() && now.Sub(d.asked) < s.CheckInterval/2
	if !skip {
		d.asked = now
	}
	d.mu.Unlock()
	if skip {
		return
	}
	for _, k := range s.Keys {
		c, err := d.store.load(s.Name, k)
		if err != nil || c == nil || len(c.Leaf.AuthorityKeyId) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		client := s.client(s.Authorities[0])
		if dir, err := client.GetDirectory(ctx); err == nil && dir.RenewalInfo != "" {
			if info, err := client.GetRenewalInfo(ctx, c.Leaf); err == nil && info.HasWindow() {
				d.mu.Lock()
				if d.suggest.IsZero() || info.SelectedTime.Before(d.suggest) {
					d.suggest = info.SelectedTime
				}
				d.mu.Unlock()
			}
		}
		client.HTTPClient.CloseIdleConnections()
		cancel()
		return
	}
}
