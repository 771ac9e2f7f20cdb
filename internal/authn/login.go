package authn

import (
	"runtime"
	"sync/atomic"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/passwd"
)

// maxWaiting is how many logins may wait for their turn to be tried.
const maxWaiting = 64

// Guard stands between logins and the trying of passwords. It is safe for
// concurrent use; there is one per snapshot, so that a reload forgets.
type Guard struct {
	now      func() time.Time
	seen     seen
	throttle throttle
	turns    chan struct{}
	waiting  atomic.Int32
}

// NewGuard makes a Guard that lets limit failures in a row pass before it slows
// down; 0: any number. now is the clock.
func NewGuard(limit int, now func() time.Time) *Guard {
	return &Guard{
		now: now, seen: newSeen(), throttle: throttle{limit: limit},
		turns: make(chan struct{}, max(1, runtime.NumCPU()/2)),
	}
}

// Login is one attempt of a client to be somebody. It belongs to the goroutine
// of its exchange.
type Login struct {
	X              *exchange.Exchange
	User, Password string
	// Wait is how long the client shall wait before it tries again, where the
	// Result is Wait.
	Wait time.Duration
	// News says that this is the attempt that exhausted the patience: worth a
	// line in the log.
	News bool

	guard *Guard
	at    time.Time
}

// Login begins an attempt.
func (g *Guard) Login(x *exchange.Exchange, user, password string) Login {
	return Login{X: x, User: user, Password: password, guard: g, at: g.now()}
}

// Now is when the attempt began.
func (l *Login) Now() time.Time { return l.at }

// Verify tries the password against the user's stored hash.
func (l *Login) Verify(stored string) Result {
	return l.try(stored, passwd.KindOf(stored).Quick(), func() bool { return passwd.Match(stored, l.Password) })
}

// VerifyDigest tries it against what htdigest stored for a realm.
func (l *Login) VerifyDigest(realm, stored string) Result {
	return l.try(stored, true, func() bool {
		return same(passwd.Digest(l.User, realm, l.Password), stored)
	})
}

// Unknown tells that no provider knows the user. The time of trying decoy, the
// hash of another one, is taken all the same.
func (l *Login) Unknown(decoy string) Result {
	r := l.try("?"+decoy, decoy == "" || passwd.KindOf(decoy).Quick(), func() bool {
		if decoy != "" {
			passwd.Match(decoy, l.Password)
		}
		return false
	})
	if r == Denied {
		return NotFound
	}
	return r
}

func (l *Login) try(stored string, quick bool, match func() bool) Result {
	g := l.guard
	who := who{addr: network(l.X.Client.Addr.Addr()), user: shorten(l.User)}
	if l.Wait = g.throttle.held(who, l.at); l.Wait > 0 {
		return Wait
	}
	var mark mark
	if !quick {
		mark = g.seen.mark(l.User, l.Password, stored)
		if g.seen.has(mark, l.at) {
			return Granted
		}
		if g.waiting.Add(1) > maxWaiting {
			g.waiting.Add(-1)
			l.Wait = time.Second
			return Wait
		}
		g.turns <- struct{}{}
		g.waiting.Add(-1)
		defer func() { <-g.turns }()
		// Others may have tried the same meanwhile: with success, or too often.
		if g.seen.has(mark, l.at) {
			return Granted
		}
		if l.Wait = g.throttle.held(who, l.at); l.Wait > 0 {
			return Wait
		}
	}
	if !match() {
		l.News = g.throttle.failed(who, g.now())
		return Denied
	}
	if !quick {
		g.seen.add(mark, l.at)
	}
	g.throttle.passed(who, l.at)
	return Granted
}
