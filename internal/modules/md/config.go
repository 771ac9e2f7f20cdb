// Package md is mod_md, managed domains: certificates that are obtained and
// renewed by themselves. It also has AutoHTTPS, the short form that httpd lacks.
//
// # To the newcomer
//
// table.go lists the directives, config.go is what they write, words.go reads
// their words. expand.go turns a virtual host with AutoHTTPS into one for https
// and one that redirects to it, before anything is built. compile.go brings
// domains and virtual hosts together and tells package certs, which does the
// work, what is wanted; room ssl, which has the handshakes, gets a function that
// gives certificates. hooks.go answers challenges, redirects, and says 503 while
// there is no certificate yet; status.go shows how things stand.
package md

import (
	"time"

	"sallyport/internal/certs"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
)

// serverConf is the room's configuration of one server.
type serverConf struct {
	Set     settings
	Global  global    // of the main server
	Domains []*domain // whose MDomain stands in this server
	Auto    conf.Opt[bool]
	// Twin marks a server that expand made, or left, for one side of AutoHTTPS.
	Twin side

	inside *domain // whose section is being read
}

// side is a server's part in AutoHTTPS.
type side uint8

const (
	neither side = iota
	secure       // https
	plain        // http: redirects
)

var server = &conf.Key[serverConf]{Room: "md", Merge: func(outer, inner *serverConf) *serverConf {
	return &serverConf{
		Set:     *conf.Overlay(&outer.Set, &inner.Set),
		Global:  outer.Global,
		Domains: inner.Domains,
		Auto:    inner.Auto.Over(outer.Auto),
		Twin:    inner.Twin,
	}
}}

// domain is one MDomain line or <MDomainSet> section.
type domain struct {
	Pos    diag.Position
	Names  []string
	Manual conf.Opt[bool]
	Set    settings

	Certs, Keys []conf.Opt[string] // MDCertificateFile, …KeyFile; absolute
}

// settings are what the main server, a virtual host and a domain's section may
// each say; the innermost counts.
type settings struct {
	Authorities conf.Opt[[]string]
	CAFile      conf.Opt[string] // absolute; "": none
	Proxy       conf.Opt[string]
	ProxyCAFile conf.Opt[string]
	Agreement   conf.Opt[string]
	Contact     conf.Opt[string]
	Binding     conf.Opt[binding]
	Profile     conf.Opt[string]
	MustProfile conf.Opt[bool]

	Challenges conf.Opt[[]string]
	DNSCommand conf.Opt[[]string]

	Keys         conf.Opt[[]certs.Key]
	Mode         conf.Opt[certs.Mode]
	RenewWindow  conf.Opt[certs.Window]
	WarnWindow   conf.Opt[certs.Window]
	ARI          conf.Opt[bool]
	MustStaple   conf.Opt[bool]
	Stapling     conf.Opt[bool]
	StapleWindow conf.Opt[certs.Window]
	Manual       conf.Opt[bool] // MDMembers
	Require      conf.Opt[require]

	RetryDelay    conf.Opt[time.Duration]
	RetryFailover conf.Opt[int]

	Message conf.Opt[[]string]
	Notify  conf.Opt[[]string]
}

// global are settings of the process.
type global struct {
	Store      conf.Opt[string] // absolute
	HTTP, TLS  conf.Opt[int]    // MDPortMap: local ports; 0: not reachable
	Base       conf.Opt[bool]
	NamesOnly  conf.Opt[bool] // MDMatchNames servernames
	DNSVersion conf.Opt[int]
	Interval   conf.Opt[time.Duration]
	Delay      conf.Opt[time.Duration] // MDInitialDelay
	CertStatus conf.Opt[bool]
}

// binding is MDExternalAccountBinding.
type binding struct{ key, mac string }

// require is MDRequireHttps.
type require uint8

const (
	requireOff require = iota
	requireTemporary
	requirePermanent
)

// Defaults, as in httpd.
const (
	letsEncrypt     = "https://acme-v02.api.letsencrypt.org/directory"
	defaultStore    = "md"
	defaultDelay    = 30 * time.Second
	defaultFailover = 13
	defaultInterval = 12 * time.Hour
)

var (
	defaultRenew = certs.Window{Percent: 33}
	defaultWarn  = certs.Window{Percent: 10}
	defaultKeys  = []certs.Key{{Bits: 2048}}
	// autoKeys are those of AutoHTTPS: what every client of these days speaks,
	// at a fraction of the work.
	autoKeys = []certs.Key{{Curve: "secp256r1"}}
)

// authorities are the names that MDCertificateAuthority knows, in lower case.
var authorities = map[string]string{
	"letsencrypt":      letsEncrypt,
	"letsencrypt-test": "https://acme-staging-v02.api.letsencrypt.org/directory",
	"buypass":          "https://api.buypass.com/acme/directory",
	"buypass-test":     "https://api.test4.buypass.no/acme/directory",
}

// here are the settings that a directive writes to: those of the section it
// stands in, else the server's.
func (s *serverConf) here() *settings {
	if s.inside != nil {
		return &s.inside.Set
	}
	return &s.Set
}
