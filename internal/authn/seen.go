package authn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"sync"
	"time"
)

// What matched is remembered for fresh, by at most maxSeen users.
const (
	fresh   = 10 * time.Minute
	maxSeen = 8192
)

// mark stands for a user, a password and the stored hash they belong to: their
// SHA-256 under a key that only this process knows.
type mark [sha256.Size]byte

// seen is the memory of what matched.
type seen struct {
	key   [32]byte
	mu    *sync.RWMutex
	until map[mark]time.Time
}

func newSeen() seen {
	s := seen{mu: new(sync.RWMutex), until: map[mark]time.Time{}}
	rand.Read(s.key[:]) // never fails
	return s
}

func (s *seen) mark(user, password, stored string) (m mark) {
	h := hmac.New(sha256.New, s.key[:])
	var size [8]byte
	for _, part := range []string{user, password, stored} {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	h.Sum(m[:0])
	return m
}

func (s *seen) has(m mark, now time.Time) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return now.Before(s.until[m])
}

func (s *seen) add(m mark, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.until) >= maxSeen {
		evict(s.until, func(t time.Time) time.Time { return t })
	}
	s.until[m] = now.Add(fresh)
}

// evict drops the oldest of a few entries, by the time that age gives.
func evict[K comparable, V any](m map[K]V, age func(V) time.Time) {
	var oldest K
	var at time.Time
	n := 0
	for k, v := range m {
		if t := age(v); n == 0 || t.Before(at) {
			oldest, at = k, t
		}
		if n++; n == 16 {
			break
		}
	}
	delete(m, oldest)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
