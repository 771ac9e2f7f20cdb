package md

import (
	"sallyport/internal/certs"
	"sallyport/internal/conf"
	"sallyport/internal/module"
)

// Room is mod_md.
var Room = module.Room{
	Name:       "md",
	Directives: directives,
	Expand:     expand,
	Compile:    compile,
	Handlers:   []string{statusHandler},
}

var directives = []conf.Directive{
	{Name: "AutoHTTPS", In: conf.Servers, Args: conf.Flag, Help: "Serve a virtual host by https with a certificate that is obtained by itself, and redirect http there",
		Set: server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.Auto })},

	{Name: "MDomain", In: conf.Servers, Args: conf.Many, Help: "A group of server names with one certificate", Set: server.Do(setDomain)},
	{Name: "MDomain", In: conf.Servers, Args: conf.Many, Section: true, Help: "Short form for <MDomainSet> container.", Set: server.Do(openDomain)},
	{Name: "MDomainSet", In: conf.Servers, Args: conf.Many, Section: true, Help: "Container for a managed domain with common settings and certificate.", Set: server.Do(openDomain)},
	{Name: "MDMember", In: conf.Servers, Args: conf.Many, Help: "Define domain name(s) part of the Managed Domain. Use 'auto' or 'manual' to enable/disable auto adding names from virtual hosts.", Set: server.Do(setMember)},
	{Name: "MDMembers", In: conf.Servers, Args: conf.Many, Help: "Define domain name(s) part of the Managed Domain. Use 'auto' or 'manual' to enable/disable auto adding names from virtual hosts.", Set: server.Do(setMember)},
	{Name: "MDMatchNames", In: conf.Servers, Args: conf.One, Help: "Determines how DNS names are matched to vhosts.", Set: onlyGlobal(setMatchNames)},
	{Name: "MDBaseServer", In: conf.Servers, Args: conf.One, Help: "Allow managing of base server outside virtual hosts.", Set: onlyGlobal(globalFlag(func(g *global) *conf.Opt[bool] { return &g.Base }))},
	{Name: "MDPortMap", In: conf.Servers, Args: conf.Many, Help: "Declare the mapped ports 80 and 443 on the local server. E.g. 80:8000 to indicate that the server port 8000 is reachable as port 80 from the internet. Use 80:- to indicate that port 80 is not reachable from the outside.", Set: onlyGlobal(setPortMap)},
	{Name: "MDStoreDir", In: conf.Servers, Args: conf.One, Help: "the directory for file system storage of managed domain data.", Set: onlyGlobal(func(c *conf.Cmd, g *global, args []string) error {
		g.Store = conf.Some(c, c.Path(args[0]))
		return nil
	})},
	{Name: "MDStoreLocks", In: conf.Servers, Args: conf.One, Help: "Configure locking of store for updates.", Set: onlyGlobal(setStoreLocks)},

	{Name: "MDCertificateAuthority", In: conf.Servers, Args: conf.Many, Help: "URL(s) or known name(s) of CA issuing the certificates", Set: server.Do(setAuthority)},
	{Name: "MDCertificateAgreement", In: conf.Servers, Args: conf.One, Help: "either 'accepted' or the URL of CA Terms-of-Service agreement you accept", Set: text(func(s *settings) *conf.Opt[string] { return &s.Agreement })},
	{Name: "MDCertificateProtocol", In: conf.Servers, Args: conf.One, Help: "Protocol used to obtain/renew certificates", Set: server.Do(setProtocol)},
	{Name: "MDContactEmail", In: conf.Servers, Args: conf.One, Help: "Email address used for account registration", Set: text(func(s *settings) *conf.Opt[string] { return &s.Contact })},
	{Name: "MDExternalAccountBinding", In: conf.Servers, Args: conf.OneTwo, Help: "Set the external account binding keyid and hmac values to use at CA", Set: server.Do(setBinding)},
	{Name: "MDProfile", In: conf.Servers, Args: conf.One, Help: "The name of an CA profile to order certificates for.", Set: text(func(s *settings) *conf.Opt[string] { return &s.Profile })},
	{Name: "MDProfileMandatory", In: conf.Servers, Args: conf.One, Help: "Determines if a configured CA profile is mandatory.", Set: flag(func(s *settings) *conf.Opt[bool] { return &s.MustProfile })},
	{Name: "MDCACertificateFile", In: conf.Servers, Args: conf.One, Help: "Set the CA file to use for connections", Set: file(func(s *settings) *conf.Opt[string] { return &s.CAFile })},
	{Name: "MDHttpProxy", In: conf.Servers, Args: conf.One, Help: "URL of a HTTP(S) proxy to use for outgoing connections", Set: server.Do(setProxy)},
	{Name: "MDHttpProxyCACertificateFile", In: conf.Servers, Args: conf.One, Help: "Set the CA file to use for connections to the HTTP(S) proxy", Set: file(func(s *settings) *conf.Opt[string] { return &s.ProxyCAFile })},

	{Name: "MDCAChallenges", In: conf.Servers, Args: conf.Many, Help: "A list of challenge types to be used.", Set: server.Do(setChallenges)},
	{Name: "MDChallengeDns01", In: conf.Servers, Args: conf.Raw, Help: "Set the command for setup/teardown of dns-01 challenges", Set: command(func(s *settings) *conf.Opt[[]string] { return &s.DNSCommand })},
	{Name: "MDChallengeDns01Version", In: conf.Servers, Args: conf.One, Help: "Set the type of arguments to call `MDChallengeDns01` with", Set: onlyGlobal(setDNSVersion)},

	{Name: "MDPrivateKeys", In: conf.Servers, Args: conf.Many, Help: "set the type and parameters for private key generation", Set: server.Do(setKeys)},
	{Name: "MDMustStaple", In: conf.Servers, Args: conf.One, Help: "Enable/Disable the Must-Staple flag for new certificates.", Set: flag(func(s *settings) *conf.Opt[bool] { return &s.MustStaple })},
	{Name: "MDRenewMode", In: conf.Servers, Args: conf.One, Help: "Controls how renewal of Managed Domain certificates shall be handled.", Set: server.Do(setMode)},
	{Name: "MDDriveMode", In: conf.Servers, Args: conf.One, Help: "deprecated, older name for MDRenewMode", Set: server.Do(setMode)},
	{Name: "MDRenewWindow", In: conf.Servers, Args: conf.One, Help: "Time length for renewal before certificate expires (defaults to days).", Set: window(func(s *settings) *conf.Opt[certs.Window] { return &s.RenewWindow })},
	{Name: "MDWarnWindow", In: conf.Servers, Args: conf.One, Help: "When less time remains for a certificate, send our/log a warning (defaults to days)", Set: window(func(s *settings) *conf.Opt[certs.Window] { return &s.WarnWindow })},
	{Name: "MDRenewViaARI", In: conf.Servers, Args: conf.One, Help: "Enable/Disable ACME ARI (RFC 9773) to trigger renewals.", Set: flag(func(s *settings) *conf.Opt[bool] { return &s.ARI })},
	{Name: "MDRetryDelay", In: conf.Servers, Args: conf.One, Help: "Time length for first retry, doubled on every consecutive error.", Set: server.Do(setRetryDelay)},
	{Name: "MDRetryFailover", In: conf.Servers, Args: conf.One, Help: "The number of errors before a failover to another CA is triggered.", Set: server.Do(setRetryFailover)},
	{Name: "MDCheckInterval", In: conf.Servers, Args: conf.One, Help: "Time between certificate checks.", Set: onlyGlobal(setInterval)},
	{Name: "MDInitialDelay", In: conf.Servers, Args: conf.One, Help: "How long to delay the first certificate check.", Set: onlyGlobal(setInitialDelay)},
	{Name: "MDActivationDelay", In: conf.Servers, Args: conf.One, Help: "How long to delay activation of new certificates", Set: idle("new certificates are used at once")},
	{Name: "MDCertificateFile", In: conf.Servers, Args: conf.One, Help: "set the static certificate (chain) file to use for this domain.", Set: server.Do(setCertFile(func(d *domain) *[]conf.Opt[string] { return &d.Certs }))},
	{Name: "MDCertificateKeyFile", In: conf.Servers, Args: conf.One, Help: "set the static private key file to use for this domain.", Set: server.Do(setCertFile(func(d *domain) *[]conf.Opt[string] { return &d.Keys }))},

	{Name: "MDRequireHttps", In: conf.Servers, Args: conf.One, Help: "Redirect non-secure requests to the https: equivalent.", Set: server.Do(setRequire)},
	{Name: "MDMessageCmd", In: conf.Servers, Args: conf.Raw, Help: "Set the command run when a message about a domain is issued.", Set: command(func(s *settings) *conf.Opt[[]string] { return &s.Message })},
	{Name: "MDNotifyCmd", In: conf.Servers, Args: conf.Raw, Help: "Set the command to run when signup/renew of domain is complete.", Set: command(func(s *settings) *conf.Opt[[]string] { return &s.Notify })},
	{Name: "MDCertificateStatus", In: conf.Servers, Args: conf.One, Help: "On to see Managed Domain expose /.httpd/certificate-status.", Set: onlyGlobal(globalFlag(func(g *global) *conf.Opt[bool] { return &g.CertStatus }))},
	{Name: "MDServerStatus", In: conf.Servers, Args: conf.One, Help: "On to see Managed Domains in server-status.", Set: idle("the handler md-status shows managed domains, server-status does not")},
	{Name: "MDCertificateCheck", In: conf.Servers, Args: conf.Two, Help: "Set name and URL pattern for a certificate monitoring site.", Set: idle("server-status does not show managed domains")},
	{Name: "MDCertificateMonitor", In: conf.Servers, Args: conf.Two, Help: "Set name and URL pattern for a certificate monitoring site.", Set: idle("server-status does not show managed domains")},

	{Name: "MDStapling", In: conf.Servers, Args: conf.One, Help: "Enable/Disable OCSP Stapling for this/all Managed Domain(s).", Set: flag(func(s *settings) *conf.Opt[bool] { return &s.Stapling })},
	{Name: "MDStapleOthers", In: conf.Servers, Args: conf.One, Help: "Enable/Disable OCSP Stapling for certificates not in Managed Domains.", Set: idle("SSLUseStapling staples for certificates from files")},
	{Name: "MDStaplingKeepResponse", In: conf.Servers, Args: conf.One, Help: "The amount of time to keep an OCSP response in the store.", Set: idle("a newer OCSP response replaces the older one")},
	{Name: "MDStaplingRenewWindow", In: conf.Servers, Args: conf.One, Help: "Time length for renewal before OCSP responses expire (defaults to days).", Set: window(func(s *settings) *conf.Opt[certs.Window] { return &s.StapleWindow })},
}
