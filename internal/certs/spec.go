package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Spec is what is wanted of one managed domain. Nobody changes it once a Draft
// has it.
type Spec struct {
	Name  string   // of the domain: its first DNS name
	Names []string // DNS names, lower case; "*.example.org" needs dns-01
	Keys  []Key    // one certificate for each

	Authorities []string       // directory URLs, tried in turn
	Roots       *x509.CertPool // what authority and proxy are checked with; nil: the system's
	Proxy       *url.URL       // HTTP proxy on the way there; nil: none
	Contact     string         // mail address; "": none
	Agreed      bool           // the authority's terms are accepted
	EABKey      string         // external account binding: key id, "": none
	EABMAC      string         // base64url
	Profile     string
	MustProfile bool // fail where the authority has no such profile

	Challenges []string // "http-01", "tls-alpn-01", "dns-01": those that can work
	DNSCommand []string // program and arguments; dns-01 only
	DNSVersion int      // of its arguments: 1 or 2

	Mode         Mode
	RenewWindow  Window
	WarnWindow   Window
	ARI          bool // ask the authority when to renew (RFC 9773)
	MustStaple   bool
	Stapling     bool // send OCSP responses along
	StapleWindow Window

	RetryDelay    time.Duration // after the first failure; doubles
	RetryFailover int           // failures until the next authority's turn
	CheckInterval time.Duration
	InitialDelay  time.Duration // before the first look after a start

	// Static are certificates from files; with them nothing is obtained unless
	// Mode is Always.
	Static []*tls.Certificate

	Message []string // told about events: program and arguments
	Notify  []string // told about new certificates
}

// Mode says whether certificates are obtained at all.
type Mode uint8

const (
	Auto   Mode = iota // unless there are static ones
	Always             // in any case
	Manual             // never
)

func (m Mode) String() string { return [...]string{"auto", "always", "manual"}[m] }

// Renews reports whether certificates are to be obtained.
func (s *Spec) Renews() bool { return s.Mode == Always || s.Mode == Auto && len(s.Static) == 0 }

// Window is a time before the end of a certificate: fixed, or a share of its
// whole life.
type Window struct {
	Fixed   time.Duration
	Percent int // of the life; counts where Fixed is 0
}

// Before is the window's length for a life of this length: never so long that
// a new certificate would be due at once.
func (w Window) Before(life time.Duration) time.Duration {
	most := life / 10 * 9
	if w.Fixed > 0 {
		return min(w.Fixed, most)
	}
	return min(life/100*time.Duration(w.Percent), most)
}

// Key is a kind of private key.
type Key struct {
	Curve string // "secp256r1", "secp384r1", "secp521r1"; "": RSA
	Bits  int    // of RSA
}

// Kind names it in files and reports: the curve, or "rsa".
func (k Key) Kind() string {
	if k.Curve != "" {
		return k.Curve
	}
	return "rsa"
}

// KindOf is the Kind of a certificate's key.
func KindOf(c *tls.Certificate) string {
	if k, ok := c.Leaf.PublicKey.(*ecdsa.PublicKey); ok {
		switch k.Curve {
		case elliptic.P384():
			return "secp384r1"
		case elliptic.P521():
			return "secp521r1"
		}
		return "secp256r1"
	}
	return "rsa"
}

// order is a digest of what decides how an attempt to obtain a certificate goes:
// while it stays, a failed attempt's waiting time counts over a reload.
func (s *Spec) order() string {
	proxy := ""
	if s.Proxy != nil {
		proxy = s.Proxy.String()
	}
	names := slices.Sorted(slices.Values(s.Names))
	b, _ := json.Marshal([]any{names, s.Keys, s.Authorities, proxy, s.Contact, s.Agreed, s.EABKey, s.EABMAC,
		s.Profile, s.MustProfile, s.Challenges, s.DNSCommand, s.DNSVersion, s.Mode, s.MustStaple})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Covers reports whether the domain has the name, itself or by a wildcard.
func (s *Spec) Covers(host string) bool { return covers(s.Names, host) }

func covers(names []string, host string) bool {
	for _, n := range names {
		if n == host {
			return true
		}
		if rest, ok := strings.CutPrefix(n, "*."); ok {
			if label, parent, _ := strings.Cut(host, "."); label != "" && parent == rest {
				return true
			}
		}
	}
	return false
}
