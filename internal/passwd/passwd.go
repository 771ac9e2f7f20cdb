package passwd

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/go-crypt/x/yescrypt"
	htpasswd "github.com/tg123/go-htpasswd"
)

// Kind is how a hash was made.
type Kind uint8

const (
	// Unknown: nothing matches it, because it is no hash (a password in clear,
	// "*") or made in a way that is not known here.
	Unknown  Kind = iota
	SHA1          // {SHA}
	APR1          // $apr1$, what htpasswd makes by default
	MD5           // $1$
	Bcrypt        // $2y$ and its kin
	SHA256        // $5$
	SHA512        // $6$
	Yescrypt      // $y$
	DES           // 13 letters; only 8 letters of the password count
)

// KindOf tells how a stored hash was made; Unknown too where it is misshapen.
func KindOf(stored string) Kind {
	switch {
	case strings.HasPrefix(stored, "{SHA}"):
		if len(stored) == len("{SHA}")+base64.StdEncoding.EncodedLen(sha1.Size) {
			return SHA1
		}
	case strings.HasPrefix(stored, "$apr1$"):
		return salted(stored, "$apr1$", 22, APR1)
	case strings.HasPrefix(stored, "$1$"):
		return salted(stored, "$1$", 22, MD5)
	case strings.HasPrefix(stored, "$2") && len(stored) == 60 && stored[3] == '$':
		return Bcrypt
	case strings.HasPrefix(stored, "$5$"):
		return salted(stored, "$5$", 43, SHA256)
	case strings.HasPrefix(stored, "$6$"):
		return salted(stored, "$6$", 86, SHA512)
	case strings.HasPrefix(stored, "$y$"):
		return Yescrypt
	case len(stored) == 13 && strings.Trim(stored, alphabet) == "":
		return DES
	}
	return Unknown
}

// salted checks the shape PREFIX[rounds=N$]SALT$HASH.
func salted(stored, prefix string, hash int, k Kind) Kind {
	rest := stored[len(prefix):]
	if n, ok := strings.CutPrefix(rest, "rounds="); ok && (k == SHA256 || k == SHA512) {
		digits, after, found := strings.Cut(n, "$")
		rounds, err := strconv.Atoi(digits)
		if !found || err != nil || rounds < 1000 || rounds > 999999999 || strconv.Itoa(rounds) != digits {
			return Unknown
		}
		rest = after
	}
	salt, sum, found := strings.Cut(rest, "$")
	longest := 8
	if k == SHA256 || k == SHA512 {
		longest = 16
	}
	if !found || len(salt) > longest || len(sum) != hash || strings.Trim(sum, alphabet) != "" {
		return Unknown
	}
	return k
}

// alphabet is what crypt(3) spells hashes with.
const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Quick reports that a hash of this kind is tried in about a microsecond, so that
// it need not be remembered that it matched.
func (k Kind) Quick() bool { return k == SHA1 || k == Unknown }

// Match reports whether password is the one that stored was made of.
func Match(stored, password string) bool {
	var p htpasswd.EncodedPasswd
	var err error
	switch KindOf(stored) {
	case SHA1:
		sum := sha1.Sum([]byte(password))
		return same("{SHA}"+base64.StdEncoding.EncodeToString(sum[:]), stored)
	case APR1, MD5:
		p, err = htpasswd.AcceptMd5(stored)
	case Bcrypt:
		p, err = htpasswd.AcceptBcrypt(stored)
	case SHA256, SHA512:
		p, err = htpasswd.AcceptCryptSha(stored)
	case Yescrypt:
		sum, err := yescrypt.Hash([]byte(password), []byte(stored))
		return err == nil && len(sum) > 0 && same(string(sum), stored)
	case DES:
		return same(desCrypt(password, stored[:2]), stored)
	}
	return err == nil && p != nil && p.MatchesPassword(password)
}

// Digest is what htdigest stores for a user of a realm: RFC 7616 §3.4.2's A1,
// hashed with MD5.
func Digest(user, realm, password string) string {
	sum := md5.Sum([]byte(user + ":" + realm + ":" + password))
	return hex.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
