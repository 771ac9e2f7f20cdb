package api

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"sallyport/internal/exchange"
)

// Tokens are the programs that may come in without the Location's Require. A
// file has a line for each: its name, a colon, and the SHA-256 of its token in
// hexadecimal. Tokens are 256 random bits (NewToken), which no guessing finds,
// so that a hash without salt and delay is enough.
type Tokens struct{ list []token }

type token struct {
	name string
	sum  [sha256.Size]byte
}

// ParseTokens reads such a file.
func ParseTokens(file string, text []byte) (*Tokens, error) {
	t := &Tokens{}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		s := strings.TrimSpace(string(line))
		if s == "" || s[0] == '#' {
			continue
		}
		name, sum, ok := strings.Cut(s, ":")
		raw, err := hex.DecodeString(strings.TrimSpace(sum))
		if !ok || name == "" || err != nil || len(raw) != sha256.Size || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return nil, fmt.Errorf("%s:%d: expected a name, a colon and 64 hexadecimal digits, as `sallyport ctl token` prints them", file, n)
		}
		e := token{name: name}
		copy(e.sum[:], raw)
		t.list = append(t.list, e)
	}
	return t, nil
}

// NewToken makes a token for the program of that name, and its line in the
// file.
func NewToken(name string) (secret, line string) {
	var b [32]byte
	rand.Read(b[:])
	secret = "sp_" + base64.RawURLEncoding.EncodeToString(b[:])
	sum := sha256.Sum256([]byte(secret))
	return secret, name + ":" + hex.EncodeToString(sum[:])
}

// bearer is the token of a request; ok is false when it brings none.
func bearer(x *exchange.Exchange) (string, bool) {
	v, ok := x.Request.Header.Find("Authorization")
	if !ok || len(v) < 7 || !strings.EqualFold(v[:7], "bearer ") {
		return "", false
	}
	return strings.TrimSpace(v[7:]), true
}

// find tells whose token it is; "" nobody's.
func (t *Tokens) find(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	name := ""
	for i := range t.list {
		if subtle.ConstantTimeCompare(sum[:], t.list[i].sum[:]) == 1 {
			name = t.list[i].name
		}
	}
	return name
}

// byToken reports that the request came in by its token; see Head.
func (t *Tokens) byToken(x *exchange.Exchange) bool {
	if t == nil {
		return false
	}
	secret, ok := bearer(x)
	return ok && t.find(secret) != ""
}

// Head is the hook of phase Head, before anybody asks who comes: a request below Prefix with a good token
// is let in under the token's name, whatever Require says; one with a bad token
// is sent away. Without a token Require decides.
func (s *Site) Head(x *exchange.Exchange) exchange.Verdict {
	if _, ours := Rest(x.Path); !ours {
		return exchange.Declined
	}
	secret, ok := bearer(x)
	if !ok {
		return exchange.Declined
	}
	name := s.Tokens.find(secret)
	if name == "" {
		x.Always.Set("WWW-Authenticate", `Bearer realm="balancer-manager", error="invalid_token"`)
		c := &call{Site: s, x: x}
		c.fail(problem(401, "nobody has this token"))
		return exchange.Done
	}
	x.User = name
	x.Satisfied = x.Place
	return exchange.OK
}
