package ssl

import (
	"crypto/tls"
	"crypto/x509"

	"sallyport/internal/backend/secure"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/module"
	"sallyport/internal/tlsconf"
)

// proxyConf is what the SSLProxy… directives say about the backends that a
// server, or the requests of a <Proxy> section, lead to. The files have been
// read: a request may lay several sections over one another, and nothing can be
// wrong then any more.
type proxyConf struct {
	Engine conf.Opt[bool]
	Verify conf.Opt[secure.Verify]
	Depth  conf.Opt[int]

	CAFile, CAPath   conf.Opt[*source[*x509.Certificate]]
	CRLFile, CRLPath conf.Opt[*source[*tlsconf.CRL]]
	CRLCheck         conf.Opt[crlCheck]

	CheckName, CheckCN, CheckExpire conf.Opt[bool]

	OwnFile, OwnPath conf.Opt[*machine]
	OwnChain         conf.Opt[[]*x509.Certificate]

	Protocols conf.Opt[versions]
	Suites    conf.Opt[[]uint16]
}

var far = conf.NewDirKey[proxyConf]("ssl")

// Backends returns how the requests of a Place speak TLS with backends; nil
// where SSLProxyEngine is off. dir is the Place's merged configuration.
func Backends(dir conf.Vector) *secure.Settings {
	p := far.Of(dir)
	if p == nil || !p.Engine.V {
		return nil
	}
	return secure.New(p.options())
}

// Anywhere reports whether SSLProxyEngine is on somewhere in a configuration.
func Anywhere(b *module.Build) bool {
	on := func(v conf.Vector) bool {
		p := far.Of(v)
		return p != nil && p.Engine.V
	}
	for _, sb := range b.Servers {
		if on(sb.Dir) {
			return true
		}
		for _, sec := range sb.Source.Sections {
			if on(sec.Dir) {
				return true
			}
		}
	}
	return false
}

func (p *proxyConf) options() secure.Options {
	o := secure.Options{
		Verify:      p.Verify.V,
		Depth:       p.Depth.Or(1),
		NoCRLOK:     p.CRLCheck.V.lenient,
		CheckExpire: p.CheckExpire.Or(true),
		Suites:      p.Suites.V,
	}
	o.Trust = &tlsconf.Trust{Partial: true}
	for _, s := range []*source[*x509.Certificate]{p.CAFile.V, p.CAPath.V} {
		if s != nil {
			o.Trust.CAs = append(o.Trust.CAs, s.List)
		}
	}
	for _, s := range []*source[*tlsconf.CRL]{p.CRLFile.V, p.CRLPath.V} {
		if s != nil {
			o.Trust.CRLs = append(o.Trust.CRLs, s.List)
		}
	}
	switch {
	case p.CRLCheck.V.chain:
		o.Revocation = secure.RevocationChain
	case p.CRLCheck.V.leaf:
		o.Revocation = secure.RevocationLeaf
	}
	// Either one switched off switches both off; the old comparison with the
	// common name alone is had only by On for it and Off for the other.
	name, cn := p.CheckName, p.CheckCN
	switch {
	case name.Or(true) && (cn.Or(true) || name.Is):
		o.CheckName = true
	case cn.Is && cn.V:
		o.CheckCN = true
	}
	if v := p.Protocols; v.Is {
		o.Min, o.Max = v.V.bounds()
	}
	if p.OwnChain.Is { // trusted too, as the manual warns
		o.Trust.CAs = append(o.Trust.CAs, tlsconf.NewList(p.OwnChain.V))
	}
	own := append(p.OwnFile.V.list(), p.OwnPath.V.list()...)
	pool := append(append(p.OwnFile.V.between(), p.OwnPath.V.between()...), p.OwnChain.V...)
	for _, k := range own {
		o.Own = append(o.Own, withChain(k, pool))
	}
	return o
}

// bounds are the lowest and the highest version of a set.
func (v versions) bounds() (least, most uint16) {
	for i, n := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		if v&(1<<i) == 0 {
			continue
		}
		if least == 0 {
			least = n
		}
		most = n
	}
	return least, most
}

// gap reports a version that the bounds include and the set does not.
func (v versions) gap() bool {
	for v != 0 && v&1 == 0 {
		v >>= 1
	}
	return v&(v+1) != 0
}

// checkProxy says what only the whole of a server can show.
func checkProxy(b *module.Build) {
	told := map[diag.Position]bool{}
	for _, sb := range b.Servers {
		checkFar(b, far.Of(sb.Dir), told)
		for _, sec := range sb.Source.Sections {
			if far.Of(sec.Dir) != nil {
				checkFar(b, far.Of(conf.Merge(sb.Dir, sec.Dir)), told)
			}
		}
	}
}

// proxySources are the lists that the SSLProxy… directives of a configuration
// name.
func proxySources(b *module.Build) (out []changing) {
	take := func(v conf.Vector) {
		p := far.Of(v)
		if p == nil {
			return
		}
		for _, s := range []*source[*x509.Certificate]{p.CAFile.V, p.CAPath.V} {
			if s != nil {
				out = append(out, s)
			}
		}
		for _, s := range []*source[*tlsconf.CRL]{p.CRLFile.V, p.CRLPath.V} {
			if s != nil {
				out = append(out, s)
			}
		}
	}
	for _, sb := range b.Servers {
		take(sb.Source.Dir)
		for _, sec := range sb.Source.Sections {
			take(sec.Dir)
		}
	}
	return out
}

func checkFar(b *module.Build, p *proxyConf, told map[diag.Position]bool) {
	if p == nil || p.Verify.V == secure.VerifyNone {
		return
	}
	if at := p.CRLCheck; at.V.leaf && !p.CRLFile.Is && !p.CRLPath.Is && !told[at.Pos] {
		told[at.Pos] = true
		b.Fail(at.Pos, "CRL checking has been enabled, but neither SSLProxyCARevocationFile nor SSLProxyCARevocationPath is configured", "")
	}
	if at := p.Verify; !p.CAFile.Is && !p.CAPath.Is && !p.OwnChain.Is && at.V != secure.VerifyOptionalNoCA && !told[at.Pos] {
		told[at.Pos] = true
		b.Warn(at.Pos, "SSLProxyVerify: no authority is known: every backend will be refused", "SSLProxyCACertificateFile names some")
	}
}

const inProxy = conf.Servers | conf.InProxy

// proxyDirectives are those of TLS towards backends.
var proxyDirectives = []conf.Directive{
	{Name: "SSLProxyEngine", In: inProxy, Args: conf.Flag, Set: far.Flag(func(p *proxyConf) *conf.Opt[bool] { return &p.Engine }),
		Help: "SSL switch for the proxy protocol engine ('on', 'off')"},
	{Name: "SSLProxyProtocol", In: inProxy, Args: conf.Raw, Set: far.Do(setProxyProtocol),
		Help: "SSL Proxy: enable or disable SSL protocol flavors ('[+-][TLSv1|TLSv1.1|TLSv1.2|TLSv1.3] ...')"},
	{Name: "SSLProxyCipherSuite", In: inProxy, Args: conf.OneTwo, Set: far.Do(setProxyCiphers),
		Help: "SSL Proxy: colon-delimited list of permitted SSL ciphers, optionally preceded by a protocol"},
	{Name: "SSLProxyVerify", In: inProxy, Args: conf.One, Set: far.Do(setProxyVerify),
		Help: "SSL Proxy: whether to verify the remote certificate ('none', 'optional', 'require', 'optional_no_ca')"},
	{Name: "SSLProxyVerifyDepth", In: inProxy, Args: conf.One, Set: far.Do(setProxyDepth),
		Help: "SSL Proxy: maximum certificate verification depth ('N' - number of CA certificates above the backend's own)"},
	{Name: "SSLProxyCACertificateFile", In: inProxy, Args: conf.One,
		Set:  far.Do(setProxyCAs(func(p *proxyConf) *conf.Opt[*source[*x509.Certificate]] { return &p.CAFile })),
		Help: "SSL Proxy: file containing server certificates ('/path/to/file' - PEM encoded certificates)"},
	{Name: "SSLProxyCACertificatePath", In: inProxy, Args: conf.One,
		Set:  far.Do(setProxyCAs(func(p *proxyConf) *conf.Opt[*source[*x509.Certificate]] { return &p.CAPath })),
		Help: "SSL Proxy: directory containing server certificates ('/path/to/dir' - contains PEM encoded certificates)"},
	{Name: "SSLProxyCARevocationFile", In: inProxy, Args: conf.One,
		Set:  far.Do(setProxyCRLs(func(p *proxyConf) *conf.Opt[*source[*tlsconf.CRL]] { return &p.CRLFile })),
		Help: "SSL Proxy: CA Certificate Revocation List (CRL) file ('/path/to/file' - PEM encoded)"},
	{Name: "SSLProxyCARevocationPath", In: inProxy, Args: conf.One,
		Set:  far.Do(setProxyCRLs(func(p *proxyConf) *conf.Opt[*source[*tlsconf.CRL]] { return &p.CRLPath })),
		Help: "SSL Proxy: CA Certificate Revocation List (CRL) path ('/path/to/dir' - contains PEM encoded files)"},
	{Name: "SSLProxyCARevocationCheck", In: inProxy, Args: conf.Raw, Set: far.Do(setProxyCRLCheck),
		Help: "SSL Proxy: CA Certificate Revocation List (CRL) checking mode ('chain', 'leaf', 'none')"},
	{Name: "SSLProxyCheckPeerCN", In: inProxy, Args: conf.Flag, Set: far.Flag(func(p *proxyConf) *conf.Opt[bool] { return &p.CheckCN }),
		Help: "SSL Proxy: check the peer certificate's CN"},
	{Name: "SSLProxyCheckPeerName", In: inProxy, Args: conf.Flag, Set: far.Flag(func(p *proxyConf) *conf.Opt[bool] { return &p.CheckName }),
		Help: "SSL Proxy: check the peer certificate's name (must be present in subjectAltName extension or CN)"},
	{Name: "SSLProxyCheckPeerExpire", In: inProxy, Args: conf.Flag, Set: far.Flag(func(p *proxyConf) *conf.Opt[bool] { return &p.CheckExpire }),
		Help: "SSL Proxy: check the peer certificate's expiration date"},
	{Name: "SSLProxyMachineCertificateFile", In: inProxy, Args: conf.One,
		Set:  far.Do(setMachine(func(p *proxyConf) *conf.Opt[*machine] { return &p.OwnFile })),
		Help: "SSL Proxy: file containing client certificates ('/path/to/file' - PEM encoded certificates)"},
	{Name: "SSLProxyMachineCertificatePath", In: inProxy, Args: conf.One,
		Set:  far.Do(setMachine(func(p *proxyConf) *conf.Opt[*machine] { return &p.OwnPath })),
		Help: "SSL Proxy: directory containing client certificates ('/path/to/dir' - contains PEM encoded certificates)"},
	{Name: "SSLProxyMachineCertificateChainFile", In: inProxy, Args: conf.One,
		Set:  far.Do(setOwnChain),
		Help: "SSL Proxy: file containing issuing certificates of the client certificate ('/path/to/file' - PEM encoded certificates)"},
}
