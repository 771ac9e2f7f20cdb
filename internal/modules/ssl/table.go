package ssl

import (
	"slices"

	"sallyport/internal/conf"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
)

// Room is mod_ssl.
var Room = module.Room{
	Name:       "ssl",
	Directives: slices.Concat(directives, proxyDirectives),
	Compile:    compile,
}

// directives are those of TLS towards clients.
var directives = []conf.Directive{
	{Name: "SSLEngine", In: conf.Servers, Args: conf.One, Set: server.Do(setEngine),
		Help: "SSL switch for the protocol engine ('on', 'off')"},
	{Name: "SSLCertificateFile", In: conf.Servers, Args: conf.One, Set: server.Do(addCertificate),
		Help: "SSL Server Certificate file ('/path/to/file' - PEM or DER encoded)"},
	{Name: "SSLCertificateKeyFile", In: conf.Servers, Args: conf.One, Set: server.Do(addKey),
		Help: "SSL Server Private Key file ('/path/to/file' - PEM or DER encoded)"},
	{Name: "SSLCertificateChainFile", In: conf.Servers, Args: conf.One, Set: file(func(s *serverConf) *conf.Opt[string] { return &s.Chain }),
		Help: "SSL Server CA Certificate Chain file ('/path/to/file' - PEM encoded)"},
	{Name: "SSLPassPhraseDialog", In: conf.InServer, Args: conf.One, Set: server.Do(setDialog),
		Help: "how the pass phrase of an encrypted key is found ('builtin', '|/path/to/program', 'exec:/path/to/program')"},

	{Name: "SSLProtocol", In: conf.Servers, Args: conf.Raw, Set: server.Do(setProtocol),
		Help: "Enable or disable various SSL protocols ('[+-][TLSv1|TLSv1.1|TLSv1.2|TLSv1.3] ...')"},
	{Name: "SSLCipherSuite", In: conf.Anywhere, Args: conf.OneTwo, Set: setCiphers,
		Help: "Colon-delimited list of permitted SSL Ciphers, optionally preceded by a protocol"},
	{Name: "SSLHonorCipherOrder", In: conf.Servers, Args: conf.Flag, Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.HonorOrder }),
		Help: "Use the server's cipher ordering preference"},
	{Name: "SSLPolicy", In: conf.Servers, Args: conf.One, Set: server.Do(setPolicy),
		Help: "protocols and ciphers by the name of a recommendation ('modern', 'intermediate', 'old')"},
	{Name: "SSLOpenSSLConfCmd", In: conf.Servers, Args: conf.Two, Set: server.Do(setConfCmd),
		Help: "OpenSSL configuration command"},

	{Name: "SSLCACertificateFile", In: conf.Servers, Args: conf.One, Set: file(func(s *serverConf) *conf.Opt[string] { return &s.CAFile }),
		Help: "SSL CA Certificate file ('/path/to/file' - PEM encoded)"},
	{Name: "SSLCACertificatePath", In: conf.Servers, Args: conf.One, Set: file(func(s *serverConf) *conf.Opt[string] { return &s.CAPath }),
		Help: "SSL CA Certificate path ('/path/to/dir' - contains PEM encoded files)"},
	{Name: "SSLCADNRequestFile", In: conf.Servers, Args: conf.One, Set: file(func(s *serverConf) *conf.Opt[string] { return &s.NamesFile }),
		Help: "SSL CA Distinguished Name file ('/path/to/file' - PEM encoded to derive acceptable CA names to request)"},
	{Name: "SSLCADNRequestPath", In: conf.Servers, Args: conf.One, Set: file(func(s *serverConf) *conf.Opt[string] { return &s.NamesPath }),
		Help: "SSL CA Distinguished Name path ('/path/to/dir' - PEM files of acceptable CA names to request)"},
	{Name: "SSLCARevocationFile", In: conf.Servers, Args: conf.One, Set: file(func(s *serverConf) *conf.Opt[string] { return &s.CRLFile }),
		Help: "SSL CA Certificate Revocation List (CRL) file ('/path/to/file' - PEM encoded)"},
	{Name: "SSLCARevocationPath", In: conf.Servers, Args: conf.One, Set: file(func(s *serverConf) *conf.Opt[string] { return &s.CRLPath }),
		Help: "SSL CA Certificate Revocation List (CRL) path ('/path/to/dir' - contains PEM encoded files)"},
	{Name: "SSLCARevocationCheck", In: conf.Servers, Args: conf.Raw, Set: server.Do(setCRLCheck),
		Help: "SSL CA Certificate Revocation List (CRL) checking mode ('chain', 'leaf', 'none')"},
	{Name: "SSLVerifyClient", In: conf.Anywhere, Args: conf.One, Set: dir.Do(setVerify),
		Help: "SSL Client verify type ('none', 'optional', 'require', 'optional_no_ca')"},
	{Name: "SSLVerifyDepth", In: conf.Anywhere, Args: conf.One, Set: dir.Do(setDepth),
		Help: "SSL Client verify depth ('N' - number of intermediate certificates)"},

	{Name: "SSLUserName", In: conf.Anywhere, Args: conf.One, Set: dir.Text(func(d *dirConf) *conf.Opt[string] { return &d.UserName }),
		Help: "Set user name to SSL variable value"},
	{Name: "SSLOptions", In: conf.Anywhere, Args: conf.Raw, Set: dir.Do(setOptions),
		Help: "Set one or more options to configure the SSL engine ('[+-]option[=value] ...')"},
	{Name: "SSLRequireSSL", In: conf.Sections, Args: conf.Raw, Set: dir.Do(setRequireSSL),
		Help: "Require the SSL protocol for the per-directory context"},
	{Name: "SSLRequire", In: conf.Sections, Args: conf.Raw, Set: dir.Do(addRequire),
		Help: "Require a boolean expression to evaluate to true for granting access"},
	{Name: "SSLStrictSNIVHostCheck", In: conf.Servers, Args: conf.Flag, Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.StrictSNI }),
		Help: "Strict SNI virtual host checking"},
	{Name: "SSLVHostSNIPolicy", In: conf.InServer, Args: conf.One, Set: server.Do(setSNIPolicy),
		Help: "SSL VirtualHost SNI compatibility policy setting ('strict', 'secure', 'authonly', 'insecure')"},

	{Name: "SSLSessionTickets", In: conf.Servers, Args: conf.Flag, Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.Tickets }),
		Help: "Enable or disable TLS session tickets"},
	{Name: "SSLSessionTicketKeyFile", In: conf.Servers, Args: conf.One, Set: file(func(s *serverConf) *conf.Opt[string] { return &s.TicketKey }),
		Help: "TLS session ticket encryption/decryption key file (48 bytes of random data)"},
	core.Accept("SSLSessionCache", conf.InServer, conf.One, "SSL Session Cache storage", whyTickets, checkCache),
	{Name: "SSLSessionCacheTimeout", In: conf.Servers, Args: conf.One, Set: server.Do(setSessionTimeout),
		Help: "how long a session may be resumed ('N' - number of seconds)"},

	{Name: "SSLUseStapling", In: conf.Servers, Args: conf.Flag, Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.Stapling }),
		Help: "SSL switch for the OCSP Stapling protocol"},
	core.Accept("SSLStaplingCache", conf.InServer, conf.One, "SSL Stapling Response Cache storage", whyMemory, checkCache),
	{Name: "SSLStaplingResponseTimeSkew", In: conf.Servers, Args: conf.One, Set: seconds(func(s *serverConf) *conf.Opt[int] { return &s.StapleSkew }),
		Help: "maximum time difference in OCSP responses"},
	{Name: "SSLStaplingResponderTimeout", In: conf.Servers, Args: conf.One, Set: seconds(func(s *serverConf) *conf.Opt[int] { return &s.StapleWait }),
		Help: "how long an OCSP responder may take"},
	{Name: "SSLStaplingResponseMaxAge", In: conf.Servers, Args: conf.One, Set: seconds(func(s *serverConf) *conf.Opt[int] { return &s.StapleAge }),
		Help: "maximum age of OCSP responses"},
	{Name: "SSLStaplingStandardCacheTimeout", In: conf.Servers, Args: conf.One, Set: seconds(func(s *serverConf) *conf.Opt[int] { return &s.StapleKeep }),
		Help: "how long a good OCSP response is used before another is asked for"},
	{Name: "SSLStaplingErrorCacheTimeout", In: conf.Servers, Args: conf.One, Set: seconds(func(s *serverConf) *conf.Opt[int] { return &s.StapleRetry }),
		Help: "how long to wait after an OCSP responder has failed"},
	{Name: "SSLStaplingForceURL", In: conf.Servers, Args: conf.One, Set: server.Do(setStapleURL),
		Help: "URL of the OCSP responder, in place of the certificate's"},
	{Name: "SSLStaplingReturnResponderErrors", In: conf.Servers, Args: conf.Flag, Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.StapleErrors }),
		Help: "pass an OCSP response on that is not good"},
	core.Accept("SSLStaplingFakeTryLater", conf.Servers, conf.Flag, "send a made-up response when the OCSP responder fails", whyNoFake, nil),

	{Name: "SSLOCSPEnable", In: conf.Servers, Args: conf.Raw, Set: server.Do(setOCSP),
		Help: "Enable use of OCSP to verify client certificates ('on', 'leaf', 'off')"},
	{Name: "SSLOCSPDefaultResponder", In: conf.Servers, Args: conf.One, Set: server.Do(setOCSPURL),
		Help: "URL of the default OCSP Responder"},
	{Name: "SSLOCSPOverrideResponder", In: conf.Servers, Args: conf.Flag, Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.OCSPOverride }),
		Help: "Force use of the default responder URL"},
	{Name: "SSLOCSPResponseTimeSkew", In: conf.Servers, Args: conf.One, Set: seconds(func(s *serverConf) *conf.Opt[int] { return &s.OCSPSkew }),
		Help: "Maximum time difference in OCSP responses"},
	{Name: "SSLOCSPResponseMaxAge", In: conf.Servers, Args: conf.One, Set: seconds(func(s *serverConf) *conf.Opt[int] { return &s.OCSPAge }),
		Help: "Maximum age of OCSP responses"},
	{Name: "SSLOCSPResponderTimeout", In: conf.Servers, Args: conf.One, Set: seconds(func(s *serverConf) *conf.Opt[int] { return &s.OCSPWait }),
		Help: "OCSP responder query timeout"},
	{Name: "SSLOCSPUseRequestNonce", In: conf.Servers, Args: conf.Flag, Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.OCSPNonce }),
		Help: "Whether OCSP queries use a nonce or not"},
	{Name: "SSLOCSPProxyURL", In: conf.Servers, Args: conf.One, Set: server.Do(setOCSPProxy),
		Help: "Proxy URL to use for OCSP requests"},
	{Name: "SSLOCSPNoVerify", In: conf.Servers, Args: conf.Flag, Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.OCSPNoVerify }),
		Help: "Do not verify OCSP Responder certificate"},
	{Name: "SSLOCSPResponderCertificateFile", In: conf.Servers, Args: conf.One, Set: file(func(s *serverConf) *conf.Opt[string] { return &s.OCSPSigners }),
		Help: "Trusted OCSP responder certificates"},

	{Name: "SSLCompression", In: conf.Servers, Args: conf.Flag, Set: refuseOn("TLS compression tells attackers what is inside (CRIME); it stays off"),
		Help: "Enable SSL level compression"},
	{Name: "SSLInsecureRenegotiation", In: conf.Servers, Args: conf.Flag, Set: refuseOn("clients can't renegotiate at all"),
		Help: "Enable support for insecure renegotiation"},
	core.Accept("SSLRenegBufferSize", conf.InDirectory|conf.InFiles|conf.InLocation|conf.InProxy|conf.InIf, conf.One,
		"memory for a request body while the connection is renegotiated", "a connection is never renegotiated", nil),
	{Name: "SSLFIPS", In: conf.InServer, Args: conf.Flag, Set: refuseOn("run Sallyport with GODEBUG=fips140=on for that"),
		Help: "Enable FIPS-140 mode"},
	{Name: "SSLCryptoDevice", In: conf.InServer, Args: conf.One, Set: server.Do(setDevice),
		Help: "SSL external Crypto Device usage ('builtin')"},
	{Name: "SSLRandomSeed", In: conf.InServer, Args: conf.TwoThree, Set: server.Do(setSeed),
		Help: "SSL Pseudo Random Number Generator seeding source ('startup|connect builtin|file:/path|exec:/path [bytes]')"},
	{Name: "SSLSRPVerifierFile", In: conf.Servers, Args: conf.One, Set: server.Do(noSRP), Help: "SRP verifier file"},
	{Name: "SSLSRPUnknownUserSeed", In: conf.Servers, Args: conf.One, Set: server.Do(noSRP), Help: "SRP seed for unknown users"},
}

// The reasons of directives that do nothing.
const (
	whyTickets = "sessions are resumed by tickets, which need no cache"
	whyMemory  = "OCSP responses are kept in memory"
	whyNoFake  = "clients do better without an OCSP response than with a made-up one"
)
