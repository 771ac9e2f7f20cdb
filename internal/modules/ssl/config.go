package ssl

import (
	"net/url"

	"sallyport/internal/conf"
	"sallyport/internal/expr"
)

var (
	server = conf.NewServerKey[serverConf]("ssl")
	dir    = &conf.Key[dirConf]{Room: "ssl", Dir: true, Merge: mergeDir}
)

// serverConf is what the directives say about TLS with the clients of one
// server. Paths are absolute.
type serverConf struct {
	Engine conf.Opt[engine]
	// Certs and Keys belong together by their order; a certificate without a
	// key file brings the key itself. Those of the main server come first.
	Certs, Keys []conf.Opt[string]
	Chain       conf.Opt[string]
	Dialog      conf.Opt[string] // SSLPassPhraseDialog

	Protocols  conf.Opt[versions]
	Ciphers    conf.Opt[string] // up to TLS 1.2, OpenSSL's language
	Ciphers13  conf.Opt[string] // OpenSSL's list of TLS 1.3 suites
	HonorOrder conf.Opt[bool]
	Groups     conf.Opt[string] // SSLOpenSSLConfCmd Groups or Curves

	CAFile, CAPath       conf.Opt[string]
	NamesFile, NamesPath conf.Opt[string] // SSLCADNRequestFile, …Path
	CRLFile, CRLPath     conf.Opt[string]
	CRLCheck             conf.Opt[crlCheck]

	StrictSNI conf.Opt[bool]
	SNIPolicy conf.Opt[sniPolicy]

	Tickets        conf.Opt[bool]
	TicketKey      conf.Opt[string]
	SessionTimeout conf.Opt[int] // seconds

	Stapling     conf.Opt[bool]
	StapleURL    conf.Opt[string]
	StapleErrors conf.Opt[bool]
	// In seconds.
	StapleSkew, StapleWait, StapleAge, StapleKeep, StapleRetry conf.Opt[int]

	OCSP                                  conf.Opt[ocspMode]
	OCSPURL                               conf.Opt[string]
	OCSPOverride, OCSPNonce, OCSPNoVerify conf.Opt[bool]
	OCSPSkew, OCSPAge, OCSPWait           conf.Opt[int] // seconds
	OCSPProxy                             conf.Opt[*url.URL]
	OCSPSigners                           conf.Opt[string] // a file
}

// dirConf is what the directives say in one section, or about a whole server.
type dirConf struct {
	Verify     conf.Opt[verify]
	Depth      conf.Opt[int]
	Ciphers    conf.Opt[string] // of a section
	UserName   conf.Opt[string] // the variable's name
	Options    options
	RequireSSL conf.Opt[bool]
	Requires   []*expr.Cond
}

func mergeDir(outer, inner *dirConf) *dirConf {
	d := conf.Overlay(outer, inner)
	d.Options = inner.Options.over(outer.Options)
	return d
}

// engine is the value of SSLEngine.
type engine uint8

const (
	engineOff engine = iota
	engineOn
)

// verify is the value of SSLVerifyClient.
type verify uint8

const (
	verifyNone verify = iota
	verifyOptional
	verifyRequire
	verifyOptionalNoCA
)

// crlCheck is the value of SSLCARevocationCheck.
type crlCheck struct {
	leaf, chain bool
	lenient     bool // no_crl_for_cert_ok
}

// ocspMode is the value of SSLOCSPEnable.
type ocspMode struct {
	on, leaf bool
	noURLOK  bool // no_ocsp_for_cert_ok
}

// sniPolicy is the value of SSLVHostSNIPolicy.
type sniPolicy uint8

const (
	sniSecure sniPolicy = iota
	sniStrict
	sniAuthOnly
	sniInsecure
)

func (p sniPolicy) String() string {
	return [...]string{"secure", "strict", "authonly", "insecure"}[p]
}

// versions is a set of protocol versions.
type versions uint8

const (
	tls10 versions = 1 << iota
	tls11
	tls12
	tls13
	allVersions = tls10 | tls11 | tls12 | tls13
)

// option is one word of SSLOptions.
type option uint8

const (
	stdEnvVars option = 1 << iota
	exportCertData
	fakeBasicAuth
	strictRequire
	optRenegotiate
	legacyDN
)

// options are the words of SSLOptions: set is nil-like (zero) where no line
// stands; add and del are the +words and -words.
type options struct {
	is       bool // some line without signs: what it says is all
	set      option
	add, del option
}

// over lays o over the outer options.
func (o options) over(outer options) options {
	if o.is {
		return o
	}
	outer.set = outer.set&^o.del | o.add
	outer.add = outer.add&^o.del | o.add
	outer.del = outer.del&^o.add | o.del
	return outer
}
