package md

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sallyport/internal/certs"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
	"sallyport/internal/modules/unixd"
)

// group is one managed domain of a configuration on its way.
type group struct {
	names   []string
	pos     diag.Position
	set     settings // merged
	decl    *domain  // nil: AutoHTTPS made it
	manual  bool
	spec    *certs.Spec
	live    *certs.Domain // nil with -t
	servers []*module.ServerBuild
}

// builder brings domains and virtual hosts together.
type builder struct {
	b      *module.Build
	global global
	ports  ports
	read   func(string) ([]byte, error)
	groups []*group
	shown  bool // some section has the handler md-status
}

func compile(b *module.Build) func(*module.Plan) {
	bd := &builder{b: b, read: b.Env.ReadFile}
	if bd.read == nil {
		bd.read = os.ReadFile
	}
	main := server.Of(b.Servers[0].Source.Conf)
	if main != nil {
		bd.global = main.Global
	}
	bd.ports = portsOf(main)
	for _, sb := range b.Servers {
		bd.collect(sb)
	}
	for _, sb := range b.Servers {
		bd.auto(sb)
	}
	for _, sb := range b.Servers {
		bd.match(sb)
	}
	bd.overlaps()
	var draft *certs.Draft
	if b.Env.Certs != nil && !b.Env.Test {
		draft = b.Env.Certs.Draft(bd.store())
		b.Open(module.Opening{Open: draft.Prepare})
	}
	if len(bd.groups) == 0 {
		return nil
	}
	if draft != nil {
		b.Challenge = b.Env.Certs.TLSProof
	}
	of := make([]*group, len(b.Servers))
	for _, g := range bd.groups {
		bd.finish(g)
		if draft != nil {
			g.live = draft.Add(g.spec)
		}
		for _, sb := range g.servers {
			of[sb.Server.Index] = g
			bd.wish(sb, g)
		}
	}
	bd.shown = core.Handled(b, statusHandler)
	return func(p *module.Plan) { bd.furnish(p, of[p.Server.Server.Index]) }
}

// collect takes the domains that stand in a server, with the settings around
// them.
func (bd *builder) collect(sb *module.ServerBuild) {
	own := server.Of(sb.Source.Conf)
	if own == nil {
		return
	}
	merged := server.Of(sb.Conf)
	for _, d := range own.Domains {
		if slices.ContainsFunc(bd.groups, func(g *group) bool { return g.decl == d }) {
			continue
		}
		set := *conf.Overlay(&merged.Set, &d.Set)
		bd.groups = append(bd.groups, &group{
			names: slices.Clone(d.Names), pos: d.Pos, set: set, decl: d,
			manual: d.Manual.Over(set.Manual).V,
		})
	}
}

// auto makes a domain of each virtual host with AutoHTTPS whose names are in
// none.
func (bd *builder) auto(sb *module.ServerBuild) {
	s := server.Of(sb.Conf)
	if s == nil || !s.Auto.V || s.Twin == plain {
		return
	}
	if sb.Source.Main {
		if len(bd.b.Servers) == 1 {
			bd.b.Warn(s.Auto.Pos, "AutoHTTPS has no effect: there is no <VirtualHost>", "put ServerName and what it serves into one")
		}
		return
	}
	if !slices.Contains(bd.b.Config.Modules, "ssl_module") {
		bd.b.Fail(s.Auto.Pos, "AutoHTTPS needs the module ssl", "add LoadModule ssl_module modules/mod_ssl.so")
		return
	}
	name := strings.ToLower(sb.Server.Name)
	if own := core.Server.Of(sb.Source.Conf); own == nil || !own.Name.Is {
		bd.b.Fail(s.Auto.Pos, "AutoHTTPS: the virtual host has no ServerName to get a certificate for", "add a ServerName line")
		return
	}
	if !isName(name) || !strings.Contains(name, ".") {
		bd.b.Fail(s.Auto.Pos, "AutoHTTPS: no authority gives a certificate for the ServerName '"+name+"'", "it must be a DNS name such as www.example.org")
		return
	}
	if bd.at(name) != nil {
		return
	}
	set := s.Set
	if !set.Agreement.Is {
		set.Agreement = conf.Opt[string]{V: "accepted", Is: true, Pos: s.Auto.Pos}
	}
	if !set.Keys.Is {
		set.Keys = conf.Opt[[]certs.Key]{V: autoKeys, Is: true, Pos: s.Auto.Pos}
	}
	bd.groups = append(bd.groups, &group{names: []string{name}, pos: s.Auto.Pos, set: set})
}

// at finds the domain that has a name itself.
func (bd *builder) at(name string) *group {
	for _, g := range bd.groups {
		if slices.Contains(g.names, name) {
			return g
		}
	}
	return nil
}

// match finds the domain of a virtual host, and adds the host's names to it
// unless that is not wanted.
func (bd *builder) match(sb *module.ServerBuild) {
	if sb.Source.Main && !bd.global.Base.V {
		return
	}
	names := []string{strings.ToLower(sb.Server.Name)}
	var aliases []string
	for _, a := range sb.Server.Aliases {
		aliases = append(aliases, strings.ToLower(strings.TrimSuffix(a, ".")))
	}
	if !bd.global.NamesOnly.V {
		names = append(names, aliases...)
	}
	var found *group
	for _, g := range bd.groups {
		if !slices.ContainsFunc(names, func(n string) bool { return has(g.names, n) }) {
			continue
		}
		if found != nil {
			if exact := slices.Contains(g.names, names[0]); exact != slices.Contains(found.names, names[0]) {
				if exact {
					found = g
				}
				continue
			}
			bd.b.Fail(sb.Source.Pos, fmt.Sprintf("AH10042: conflict: two Managed Domains match to virtual host %s: %s (%s) and %s (%s)",
				sb.Server.Name, found.names[0], place(found.pos), g.names[0], place(g.pos)), "")
			return
		}
		found = g
	}
	if found == nil {
		return
	}
	found.servers = append(found.servers, sb)
	for _, n := range append([]string{strings.ToLower(sb.Server.Name)}, aliases...) {
		switch {
		case has(found.names, n):
		case found.manual:
			bd.b.Warn(sb.Source.Pos, fmt.Sprintf("AH10040: Virtual Host %s matches Managed Domain '%s', but the name/alias %s itself is not managed. A requested MD certificate will not match it.",
				sb.Server.Name, found.names[0], n), "")
		case !isName(n):
			bd.b.Warn(sb.Source.Pos, "ServerAlias "+n+" can't stand in a certificate", "")
		default:
			found.names = append(found.names, n)
		}
	}
}

// has reports a name, or a wildcard above it.
func has(names []string, n string) bool {
	_, parent, _ := strings.Cut(n, ".")
	return slices.Contains(names, n) || slices.Contains(names, "*."+parent)
}

func place(p diag.Position) string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// overlaps complains about names in two domains, and domains without use.
func (bd *builder) overlaps() {
	for i, g := range bd.groups {
		for _, o := range bd.groups[:i] {
			for _, n := range g.names {
				if slices.Contains(o.names, n) {
					bd.b.Fail(g.pos, "AH10038: two Managed Domains have an overlap in domain '"+n+"'", "the other stands at "+place(o.pos))
				}
			}
		}
		if len(g.servers) == 0 && g.set.Mode.V != certs.Always {
			bd.b.Warn(g.pos, "AH10045: No VirtualHost matches Managed Domain "+g.names[0], "its certificate is not obtained")
		}
	}
	bd.groups = slices.DeleteFunc(bd.groups, func(g *group) bool { return len(g.servers) == 0 && g.set.Mode.V != certs.Always })
}

// store is where certificates live. Started as root it is given to User, whom
// the server becomes.
func (bd *builder) store() *certs.Store {
	st := &certs.Store{Dir: bd.global.Store.Or(filepath.Join(bd.b.Config.Root, defaultStore)), UID: -1, GID: -1}
	if u := unixd.Process.Of(bd.b.Config.Main.Conf); u != nil && u.User.Is {
		st.UID, st.GID = u.User.V.UID, u.User.V.GID
		if u.Group.Is {
			st.GID = u.Group.V.GID
		}
	}
	return st
}

// finish makes a group's Spec and checks what it needs.
func (bd *builder) finish(g *group) {
	s := &g.set
	g.spec = &certs.Spec{
		Name: g.names[0], Names: g.names, Keys: s.Keys.Or(defaultKeys),
		Authorities: s.Authorities.Or([]string{letsEncrypt}),
		Contact:     s.Contact.V, Agreed: s.Agreement.V != "",
		EABKey: s.Binding.V.key, EABMAC: s.Binding.V.mac,
		Profile: s.Profile.V, MustProfile: s.MustProfile.V,
		DNSCommand: s.DNSCommand.V, DNSVersion: bd.global.DNSVersion.Or(1),
		Mode: s.Mode.V, RenewWindow: s.RenewWindow.Or(defaultRenew), WarnWindow: s.WarnWindow.Or(defaultWarn),
		ARI: s.ARI.Or(true), MustStaple: s.MustStaple.V, Stapling: s.Stapling.V, StapleWindow: s.StapleWindow.Or(defaultRenew),
		RetryDelay: s.RetryDelay.Or(defaultDelay), RetryFailover: s.RetryFailover.Or(defaultFailover),
		CheckInterval: bd.global.Interval.Or(defaultInterval), InitialDelay: bd.global.Delay.V,
		Message: s.Message.V, Notify: s.Notify.V,
	}
	if g.spec.Contact == "" && len(g.servers) > 0 {
		if admin := g.servers[0].Server.Admin; strings.Contains(admin, "@") && !strings.HasPrefix(admin, "you@") {
			g.spec.Contact = strings.TrimPrefix(admin, "mailto:")
		}
	}
	g.spec.Roots = bd.roots(s)
	if s.Proxy.Is {
		g.spec.Proxy, _ = url.Parse(s.Proxy.V) // its setter has read it
	}
	bd.static(g)
	bd.challenges(g)
	for _, o := range []conf.Opt[[]string]{s.DNSCommand, s.Message, s.Notify} {
		if o.Is && len(o.V) > 0 {
			if _, err := exec.LookPath(o.V[0]); err != nil {
				bd.b.Warn(o.Pos, o.V[0]+" can't be run: "+err.Error(), "")
			}
		}
	}
	if g.spec.Renews() && !g.spec.Agreed {
		bd.b.Warn(g.pos, "the terms of the certificate authority are not accepted: no certificate is obtained for "+g.names[0], "add MDCertificateAgreement accepted")
	}
}

// roots is what authority and proxy are checked with; nil: the system's.
func (bd *builder) roots(s *settings) *x509.CertPool {
	var pool *x509.CertPool
	for i, f := range []conf.Opt[string]{s.CAFile, s.ProxyCAFile} {
		if f.V == "" {
			continue
		}
		text, err := bd.read(f.V)
		if err != nil {
			bd.b.Fail(f.Pos, "can't read the certificates in "+f.V+": "+err.Error(), "")
			continue
		}
		if pool == nil {
			pool = x509.NewCertPool()
			if i == 1 { // only the proxy's are special
				if sys, err := x509.SystemCertPool(); err == nil {
					pool = sys
				}
			}
		}
		if !pool.AppendCertsFromPEM(text) {
			bd.b.Fail(f.Pos, f.V+" holds no certificate", "expected PEM: -----BEGIN CERTIFICATE-----")
		}
	}
	return pool
}

// static reads certificates from files.
func (bd *builder) static(g *group) {
	if g.decl == nil {
		return
	}
	for i, c := range g.decl.Certs {
		keyFile := c
		if i < len(g.decl.Keys) {
			keyFile = g.decl.Keys[i]
		}
		chain, err := bd.read(c.V)
		if err != nil {
			bd.b.Fail(c.Pos, "MDCertificateFile: "+err.Error(), "")
			continue
		}
		key, err := bd.read(keyFile.V)
		if err != nil {
			bd.b.Fail(keyFile.Pos, "MDCertificateKeyFile: "+err.Error(), "")
			continue
		}
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			bd.b.Fail(c.Pos, "certificate "+c.V+" with key "+keyFile.V+": "+err.Error(), "")
			continue
		}
		g.spec.Static = append(g.spec.Static, &pair)
	}
	for _, k := range g.decl.Keys[min(len(g.decl.Certs), len(g.decl.Keys)):] {
		bd.b.Fail(k.Pos, "MDCertificateKeyFile without an MDCertificateFile", "")
	}
}

// challenges finds out which types can work.
func (bd *builder) challenges(g *group) {
	s := g.spec
	switch {
	case g.set.Challenges.Is:
		for _, c := range g.set.Challenges.V {
			if c == certs.DNS01 && len(s.DNSCommand) == 0 {
				bd.b.Warn(g.set.Challenges.Pos, "dns-01 can't work without a command", "add MDChallengeDns01")
				continue
			}
			s.Challenges = append(s.Challenges, c)
		}
	default:
		if bd.global.TLS.Or(443) > 0 && bd.listens(bd.ports.https) {
			s.Challenges = append(s.Challenges, certs.TLSALPN01)
		}
		if bd.ports.http > 0 && bd.listens(bd.ports.http) {
			s.Challenges = append(s.Challenges, certs.HTTP01)
		}
		if len(s.DNSCommand) > 0 {
			s.Challenges = append(s.Challenges, certs.DNS01)
		}
	}
	if !s.Renews() {
		return
	}
	if len(s.Challenges) == 0 {
		bd.b.Warn(g.pos, "no certificate can be obtained for "+s.Name+": no challenge can reach this server", fmt.Sprintf("Listen at port %d or %d, say with MDPortMap which ports arrive there, or add MDChallengeDns01", 80, 443))
	}
	for _, n := range s.Names {
		if strings.HasPrefix(n, "*.") && !slices.Contains(s.Challenges, certs.DNS01) {
			bd.b.Fail(g.pos, "a certificate for "+n+" needs the challenge dns-01", "add MDChallengeDns01")
		}
	}
}

func (bd *builder) listens(port int) bool {
	p := core.Process.Of(bd.b.Config.Main.Conf)
	return p != nil && slices.ContainsFunc(p.Listen, func(l core.Listen) bool { return int(l.Port) == port })
}

// wish tells room ssl what the server is to show. A server without TLS is not
// given any by a managed domain, only by AutoHTTPS.
func (bd *builder) wish(sb *module.ServerBuild, g *group) {
	sb.TLS.Certificate = noCertificate
	if d := g.live; d != nil {
		sb.TLS.Certificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if sb.TLS.Files && !d.Ready() {
				return nil, nil // better than a temporary one
			}
			return d.Certificate(hello)
		}
	}
	sb.TLS.CertificateID = g.names[0]
	if s := server.Of(sb.Conf); s != nil && s.Twin == secure {
		sb.TLS.On = true
	}
}

func noCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }

// furnish gives a server's Places what they need; g is nil for servers without
// a domain.
func (bd *builder) furnish(p *module.Plan, g *group) {
	if m := bd.b.Env.Certs; m != nil {
		p.Hook(exchange.Read, module.First, func(x *exchange.Exchange) exchange.Verdict { return prove(x, m) })
	}
	if bd.shown {
		p.Hook(exchange.Handle, module.Middle, bd.status)
	}
	if g == nil || g.live == nil {
		return
	}
	st := &site{domain: g.live, require: g.set.Require.V, status: bd.global.CertStatus.Or(true), files: p.Server.TLS.Files}
	if s := server.Of(p.Conf); s != nil {
		st.twin = s.Twin
		st.files = st.files || st.twin == plain && slices.ContainsFunc(g.servers, func(sb *module.ServerBuild) bool { return sb.TLS.Files })
	}
	p.Hook(exchange.Read, module.First, st.read)
	if st.require != requireOff && st.twin != plain {
		p.Hook(exchange.Encoded, module.First, st.redirect)
	}
	if st.require == requirePermanent {
		p.Hook(exchange.Respond, module.Middle, st.strict)
	}
	if st.status {
		p.Hook(exchange.Handle, module.First, st.certificateStatus)
	}
}
