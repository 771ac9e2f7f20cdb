package balancer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"time"
)

// Signer makes and reads the session cookie of stickycookie=: which member a
// client belongs to and until when, signed so that nobody but this balancer
// can say so. The member is named by a hash of its URL: the cookie tells
// nothing about the backends, and survives restarts and works on every node
// that has the same secret.
type Signer struct {
	Name string
	// Secret is the key of the signature.
	Secret []byte
	// TTL is how long a cookie is believed; it is renewed after half of it.
	TTL time.Duration
}

const signature = 16 // bytes of the HMAC that are kept

// Seal makes the cookie's value.
func (s *Signer) Seal(balancer string, m *Member, now time.Time) string {
	var b [16 + signature]byte
	binary.BigEndian.PutUint64(b[:], m.id)
	binary.BigEndian.PutUint64(b[8:], uint64(now.Add(s.TTL).Unix()))
	copy(b[16:], s.sum(balancer, b[:16]))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// open reads a value; ok is false for any that Seal has not made for this
// balancer or whose time is over.
func (s *Signer) open(balancer, value string, now time.Time) (id uint64, until time.Time, ok bool) {
	var b [16 + signature]byte
	if base64.RawURLEncoding.DecodedLen(len(value)) != len(b) {
		return 0, until, false
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(value)); err != nil {
		return 0, until, false
	}
	if !hmac.Equal(b[16:], s.sum(balancer, b[:16])) {
		return 0, until, false
	}
	until = time.Unix(int64(binary.BigEndian.Uint64(b[8:])), 0)
	return binary.BigEndian.Uint64(b[:]), until, now.Before(until)
}

func (s *Signer) sum(balancer string, data []byte) []byte {
	h := hmac.New(sha256.New, s.Secret)
	h.Write([]byte(balancer))
	h.Write([]byte{0})
	h.Write(data)
	return h.Sum(nil)[:signature]
}

// signed finds the member of the balancer's own cookie.
func (b *Balancer) signed(cookies string, now time.Time, p *Pick) *Member {
	s := b.conf.Load().Signer
	v, ok := cookieValue(cookies, s.Name)
	if !ok {
		return nil
	}
	id, until, ok := s.open(b.name, v, now)
	if !ok {
		return nil
	}
	for _, m := range b.g.members {
		if m.id == id {
			p.reseal = until.Sub(now) < s.TTL/2
			return m
		}
	}
	return nil
}

// SetCookie is the Set-Cookie value the client is to be sent with the answer;
// "" when it has a good one. secure says that the client's connection is.
func (p *Pick) SetCookie(now time.Time, secure bool) string {
	if !p.reseal || p.Member == nil {
		return ""
	}
	s := p.balancer.conf.Load().Signer
	if s == nil {
		return "" // an edit has taken the cookie away meanwhile
	}
	v := s.Name + "=" + s.Seal(p.balancer.name, p.Member, now) + "; Path=/; HttpOnly; SameSite=Lax"
	if secure {
		v += "; Secure"
	}
	return v
}

// identity names a member in every process.
func identity(url string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(url))
	return Mix(h.Sum64())
}
