package ssl

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"sallyport/internal/authz"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/exprvars"
	"sallyport/internal/message"
	"sallyport/internal/module"
	"sallyport/internal/tlsconf"
	"sallyport/internal/tlsvars"
)

// furnish adds the hooks of one Place. auth is what its server asks of client
// certificates; nil where it has no TLS. any: some server has.
func furnish(p *module.Plan, auth *clientAuth, policy sniPolicy, any bool) {
	d := dir.Of(p.Dir)
	if d == nil {
		d = new(dirConf)
	}
	g := &guard{d: d, auth: auth, policy: policy}
	if any {
		p.Hook(exchange.Read, module.First, g.read)
	}
	g.section(p)
	if d.RequireSSL.V || d.UserName.Is || len(d.Requires) > 0 || g.suites != nil || g.verify {
		p.Hook(exchange.Access, module.First, g.access)
	}
	if any {
		p.Hook(exchange.Auth, module.First, g.authenticate)
		p.Hook(exchange.Fixup, module.Middle, g.fixup)
	}
}

// guard is the directives of one Place at work.
type guard struct {
	d      *dirConf
	auth   *clientAuth
	policy sniPolicy
	suites []uint16 // of SSLCipherSuite in a section
	verify bool     // the section asks more of certificates than the server
	depth  int
}

// section finds what a section asks beyond its server.
func (g *guard) section(p *module.Plan) {
	if spec := g.d.Ciphers; spec.Is {
		if c, err := tlsconf.ParseCiphers(spec.V); err == nil {
			g.suites = append([]uint16{0}, c.IDs...)
		}
	}
	if g.auth == nil {
		return
	}
	g.depth = g.d.Depth.Or(1)
	want := g.d.Verify.V
	g.verify = want != verifyNone && (want != g.auth.verify || g.depth < g.auth.depth)
}

// read is mod_ssl's post_read_request: whether the request may come by this
// connection at all.
func (g *guard) read(x *exchange.Exchange) exchange.Verdict {
	t := x.Client.TLS
	if t == nil || x.Prev != nil {
		return exchange.Declined
	}
	srv, sni := x.Server, t.State.ServerName
	switch {
	case sni != "":
		if x.Request.Authority == "" {
			x.Logf(errorlog.Error, "ssl", "AH02031: Hostname %s provided via SNI, but no hostname provided in HTTP request", sni)
			return exchange.Status(400)
		}
	case t.Host.StrictSNI || srv.TLS != nil && srv.TLS.Host.StrictSNI:
		x.Notes.Set("error-notes", "Reason: The client software did not provide a hostname using Server Name Indication (SNI), which is required to access this server.<br />\n")
		x.Logf(errorlog.Info, "ssl", "AH02033: No hostname was provided via SNI for a name based virtual host")
		return exchange.Status(403)
	}
	if srv.TLS == nil || srv.TLS.Host == t.Host || g.agree(srv.TLS.Host, t.Host) {
		return exchange.Declined
	}
	given := "provided via SNI"
	if sni == "" {
		sni, given = t.Host.Name, "(default host as no SNI was provided)"
	}
	x.Logf(errorlog.Error, "ssl", "AH02032: Hostname %s %s and hostname %s provided via HTTP have no compatible SSL setup for policy '%s'",
		sni, given, srv.Name, g.policy)
	return exchange.Status(421)
}

// agree reports whether a request for host a may come by a connection whose
// handshake was made for b (SSLVHostSNIPolicy).
func (g *guard) agree(a, b *exchange.TLSHost) bool {
	switch g.policy {
	case sniInsecure:
		return true
	case sniStrict:
		return a.ID == b.ID && a.Name == b.Name
	case sniSecure:
		if a.Server != b.Server {
			return false
		}
	}
	return a.Client == b.Client
}

// access is mod_ssl's access_checker.
func (g *guard) access(x *exchange.Exchange) exchange.Verdict {
	t := x.Client.TLS
	if g.d.RequireSSL.V && t == nil {
		x.Logf(errorlog.Error, "ssl", "AH02219: access to %s failed, reason: SSL connection required", x.MappedName())
		return forbid(x)
	}
	if t != nil {
		if v := g.promises(x, t); v != exchange.Declined {
			return v
		}
	}
	if n := g.d.UserName; n.Is && t != nil {
		if user := exprvars.TLS(x, n.V); user != "" {
			x.User = user
		} else {
			x.Logf(errorlog.Warn, "ssl", "AH02227: Failed to set r->user to '%s'", n.V)
		}
	}
	for _, c := range g.d.Requires {
		if !c.Eval(exprvars.Of(x), nil) {
			x.Logf(errorlog.Info, "ssl", "AH02266: Access to %s denied for %s (requirement expression not fulfilled)", x.MappedName(), x.Client.Text())
			x.Logf(errorlog.Info, "ssl", "AH02228: Failed expression: %s", c)
			return forbid(x)
		}
	}
	return exchange.Declined
}

// promises checks that the handshake was good enough for a section.
//
// Unlike httpd: it would make another handshake. TLS 1.3 has none, and
// crypto/tls neither that of TLS 1.2 nor the request for a certificate
// afterwards; clients are asked for theirs when they connect instead.
func (g *guard) promises(x *exchange.Exchange, t *exchange.TLS) exchange.Verdict {
	if g.suites != nil && t.State.Version < 0x0304 && !contains(g.suites, t.State.CipherSuite) {
		x.Logf(errorlog.Error, "ssl", "AH02264: SSL cipher suite not renegotiated: access to %s denied using cipher %s", x.MappedName(), tlsconf.SuiteName(t.State.CipherSuite))
		return forbid(x)
	}
	if !g.verify {
		return exchange.Declined
	}
	want, chain := g.d.Verify.V, t.State.PeerCertificates
	if len(chain) == 0 {
		if want == verifyRequire {
			x.Logf(errorlog.Error, "ssl", "AH02263: access to %s denied: Client certificate missing", x.MappedName())
			return forbid(x)
		}
		return exchange.Declined
	}
	err := g.auth.verifyClient(chain, g.depth, time.Now(), true)
	if err == nil || want == verifyOptionalNoCA && forgiven(err) && g.auth.ocsp == nil {
		return exchange.Declined
	}
	x.Logf(errorlog.Error, "ssl", "AH02262: access to %s denied: Client verification failed: %v", x.MappedName(), err)
	return forbid(x)
}

func contains(list []uint16, id uint16) bool {
	for _, v := range list {
		if v == id {
			return true
		}
	}
	return false
}

// forbid refuses, whatever Satisfy says.
//
// Unlike httpd: a password does not make up for it without SSLOptions
// +StrictRequire either, for what is asked of the connection is not what a
// password proves.
func forbid(x *exchange.Exchange) exchange.Verdict {
	x.Notes.Set("ssl-access-forbidden", "1")
	return exchange.Status(403)
}

// authenticate is mod_ssl's check_user_id: a certificate in the place of a
// password (SSLOptions +FakeBasicAuth).
func (g *guard) authenticate(x *exchange.Exchange) exchange.Verdict {
	if x.Prev != nil || x.Sub > 0 || x.NeedUser == nil {
		return exchange.Declined
	}
	if v, ok := x.Request.Header.Known(message.Authorization); ok && forged(v) {
		x.Logf(errorlog.Error, "ssl", "AH02035: Encountered FakeBasicAuth spoof")
		return exchange.Status(403)
	}
	t := x.Client.TLS
	if t == nil || g.d.Options.set&fakeBasicAuth == 0 || len(t.State.PeerCertificates) == 0 || x.User != "" {
		return exchange.Declined
	}
	name := tlsvars.Slashes(t.State.PeerCertificates[0].RawSubject)
	x.Request.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":password")))
	return exchange.Declined
}

// forged reports an Authorization field that looks like one of ours.
func forged(v string) bool {
	scheme, rest, _ := strings.Cut(v, " ")
	if !message.EqualFold(scheme, "Basic") {
		return false
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	user, pass, _ := strings.Cut(string(b), ":")
	return err == nil && strings.HasPrefix(user, "/") && pass == "password"
}

// fixup sets the variables of the environment.
func (g *guard) fixup(x *exchange.Exchange) exchange.Verdict {
	t := x.Client.TLS
	if t == nil {
		return exchange.Declined
	}
	x.Env.Set("HTTPS", "on")
	if sni := t.State.ServerName; sni != "" {
		x.Env.Set("SSL_TLS_SNI", sni)
	}
	if o := g.d.Options.set; o&(stdEnvVars|exportCertData) != 0 {
		if o&stdEnvVars != 0 {
			tlsvars.Standard(x.Client, x.Env.Set)
		}
		if o&exportCertData != 0 {
			tlsvars.Exported(x.Client, x.Env.Set)
		}
		if o&legacyDN != 0 {
			legacy(x, t)
		}
	}
	return exchange.Declined
}

// legacy writes the names in OpenSSL's old way (LegacyDNStringFormat).
func legacy(x *exchange.Exchange, t *exchange.TLS) {
	if c := t.Local; c != nil {
		x.Env.Set("SSL_SERVER_S_DN", tlsvars.Slashes(c.RawSubject))
		x.Env.Set("SSL_SERVER_I_DN", tlsvars.Slashes(c.RawIssuer))
	}
	if len(t.State.PeerCertificates) > 0 {
		c := t.State.PeerCertificates[0]
		x.Env.Set("SSL_CLIENT_S_DN", tlsvars.Slashes(c.RawSubject))
		x.Env.Set("SSL_CLIENT_I_DN", tlsvars.Slashes(c.RawIssuer))
	}
}

// Providers are what mod_ssl adds to Require.
var Providers = []authz.Provider{
	{Name: "ssl", Module: "ssl", Parse: provider(func(x *exchange.Exchange) bool { return x.Client.TLS != nil })},
	{Name: "ssl-verify-client", Module: "ssl", Parse: provider(func(x *exchange.Exchange) bool {
		return x.Client.TLS != nil && len(x.Client.TLS.State.PeerCertificates) > 0
	})},
}

func provider(holds func(*exchange.Exchange) bool) func(string) (authz.Rule, error) {
	return func(args string) (authz.Rule, error) {
		if args != "" {
			return authz.Rule{}, errArguments
		}
		return authz.Rule{Check: func(x *exchange.Exchange) authz.Result {
			if holds(x) {
				return authz.Granted
			}
			return authz.Denied
		}}, nil
	}
}

var errArguments = errors.New("'Require ssl' does not take arguments")
