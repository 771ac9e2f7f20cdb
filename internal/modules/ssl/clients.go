package ssl

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/tlsconf"
)

// clients sets up what is asked of client certificates.
func (bd *builder) clients(f *front, cfg *tls.Config) {
	a := &clientAuth{verify: f.d.Verify.V, depth: f.d.Depth.Or(1), check: f.s.CRLCheck.V, trust: new(tlsconf.Trust)}
	f.auth = a
	wanted := conf.Opt[verify]{}
	if a.verify == verifyNone {
		if wanted = strictest(f.sb, bd.b.Servers[0]); wanted.V != verifyNone {
			a.asked = true
			bd.warn(wanted.Pos, "SSLVerifyClient in a section: every client of "+f.sb.Server.Name+" is asked for a certificate when it connects, and the section decides about it",
				"a connection is never renegotiated; SSLVerifyClient optional for the whole server says the same")
		}
	}
	if a.verify == verifyNone && !a.asked {
		return
	}
	s := f.s
	a.files = s.CAFile.V + "\x00" + s.CAPath.V + "\x00" + s.CRLFile.V + "\x00" + s.CRLPath.V
	cas := bd.trees("SSLCACertificate", "AH02210: Failed to load SSLCACertificateFile: ", s.CAFile, s.CAPath)
	a.trust.CAs = cas
	if !s.CAFile.Is && !s.CAPath.Is && (a.verify == verifyRequire || a.verify == verifyOptional) {
		bd.warn(f.d.Verify.Pos, "AH01896: SSLVerifyClient: there is no SSLCACertificateFile or SSLCACertificatePath: no client certificate will be accepted", "")
	}
	for _, at := range []conf.Opt[string]{s.CRLFile, s.CRLPath} {
		if at.Is {
			a.trust.CRLs = append(a.trust.CRLs, bd.revocations(at, at == s.CRLPath))
		}
	}
	if a.check.leaf && !s.CRLFile.Is && !s.CRLPath.Is {
		bd.fail(s.CRLCheck.Pos, "AH01899: CRL checking has been enabled, but neither SSLCARevocationFile nor SSLCARevocationPath is configured", "")
	}
	a.ocsp = bd.newOCSP(f)
	f.names = cas
	if s.NamesFile.Is || s.NamesPath.Is {
		f.names = bd.trees("SSLCADNRequest", "AH02211: Failed to load SSLCADNRequestFile: ", s.NamesFile, s.NamesPath)
	}
	cfg.ClientCAs = namesOf(f.names)
	cfg.ClientAuth = tls.RequestClientCert
	if a.verify == verifyRequire {
		cfg.ClientAuth = tls.RequireAnyClientCert
	}
	if a.verify != verifyNone {
		cfg.VerifyConnection = a.connection
	}
}

// connection checks the client's certificate during the handshake, and again
// whenever a session is resumed.
func (a *clientAuth) connection(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		if a.verify == verifyRequire {
			return errors.New("the client showed no certificate")
		}
		return nil
	}
	err := a.verifyClient(cs.PeerCertificates, a.depth, time.Now(), true)
	if err != nil && a.verify == verifyOptionalNoCA && forgiven(err) {
		if a.ocsp == nil {
			return nil
		}
		err = errors.New("cannot perform OCSP validation for cert if issuer has not been verified (optional_no_ca configured)")
	}
	if err != nil {
		return &exchange.ClientCertificateError{Err: err}
	}
	return nil
}

// trees are the lists of a pair of directives, …File and …Path.
func (bd *builder) trees(directive, before string, file, dir conf.Opt[string]) (out []*tlsconf.List[*x509.Certificate]) {
	if file.Is {
		out = append(out, bd.authorities(directive+"File", file, before))
	}
	if dir.Is {
		out = append(out, bd.authorities(directive+"Path", dir, before))
	}
	return out
}

// authorities reads the file, or the directory, of a directive; servers that
// name the same one share it.
func (bd *builder) authorities(directive string, at conf.Opt[string], before string) *tlsconf.List[*x509.Certificate] {
	for _, s := range bd.cas {
		if s.path == at.V {
			return s.List
		}
	}
	s := newSource(directive, at.V, authorities)
	bd.cas = append(bd.cas, s)
	left, err := s.load(bd.read)
	if left != nil {
		bd.warn(at.Pos, directive+": "+left.Error(), "")
	}
	if err != nil {
		bd.fail(at.Pos, before+err.Error(), "")
	}
	return s.List
}

func (bd *builder) revocations(at conf.Opt[string], tree bool) *tlsconf.List[*tlsconf.CRL] {
	for _, s := range bd.crls {
		if s.path == at.V {
			return s.List
		}
	}
	s := newSource("SSLCARevocationFile", at.V, revocations)
	s.tree = tree
	bd.crls = append(bd.crls, s)
	if _, err := s.load(bd.read); err != nil {
		bd.fail(at.Pos, "AH01899: Unable to configure X.509 CRL storage: "+err.Error(), "")
	}
	return s.List
}

// namesOf is the authorities that clients are told of.
func namesOf(lists []*tlsconf.List[*x509.Certificate]) *x509.CertPool {
	p := x509.NewCertPool()
	for _, l := range lists {
		for _, c := range l.Get() {
			p.AddCert(c)
		}
	}
	return p
}

// nameAuthorities tells clients of the authorities that the files hold now.
func (f *front) nameAuthorities() {
	if f.names != nil {
		f.tls.Names.Store(namesOf(f.names))
	}
}

// strictest finds a section of a server that wants client certificates.
func strictest(sb, main *module.ServerBuild) (out conf.Opt[verify]) {
	var look func(list []*conf.Section)
	look = func(list []*conf.Section) {
		for _, s := range list {
			if d := dir.Of(s.Dir); d != nil && d.Verify.V != verifyNone && out.V == verifyNone {
				out = d.Verify
			}
			look(s.Sections)
		}
	}
	look(sb.Source.Sections)
	if sb != main {
		look(main.Source.Sections)
	}
	return out
}
