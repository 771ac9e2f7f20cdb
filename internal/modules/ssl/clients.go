package ssl

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/module"
	"sallyport/internal/tlsconf"
)

// clients sets up what is asked of client certificates.
func (bd *builder) clients(f *front, cfg *tls.Config) {
	a := &clientAuth{verify: f.d.Verify.V, depth: f.d.Depth.Or(1), roots: x509.NewCertPool(), check: f.s.CRLCheck.V}
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
	all := sha256.New()
	var cas []*x509.Certificate
	bd.problem(readAll(bd.read, f.s.CAFile, f.s.CAPath, func(b []byte) error {
		list, err := tlsconf.ParseCertificates(b)
		cas = append(cas, list...)
		return err
	}), "AH02210: Failed to load SSLCACertificateFile: ")
	for _, c := range cas {
		all.Write(c.Raw)
		if c.CheckSignatureFrom(c) == nil {
			a.roots.AddCert(c)
		} else {
			a.between = append(a.between, c)
		}
	}
	if cas == nil && (a.verify == verifyRequire || a.verify == verifyOptional) {
		bd.warn(f.d.Verify.Pos, "AH01896: SSLVerifyClient: there is no SSLCACertificateFile or SSLCACertificatePath: no client certificate will be accepted", "")
	}
	bd.problem(readAll(bd.read, f.s.CRLFile, f.s.CRLPath, func(b []byte) error {
		list, err := tlsconf.ParseCRLs(b)
		for _, l := range list {
			a.crls = append(a.crls, l)
			all.Write(l.Raw)
		}
		return err
	}), "AH01899: Unable to configure X.509 CRL storage: ")
	if a.check.leaf && !f.s.CRLFile.Is && !f.s.CRLPath.Is {
		bd.fail(f.s.CRLCheck.Pos, "AH01899: CRL checking has been enabled, but neither SSLCARevocationFile nor SSLCARevocationPath is configured", "")
	}
	all.Sum(a.identity[:0])

	names := cas
	if f.s.NamesFile.Is || f.s.NamesPath.Is {
		names = nil
		bd.problem(readAll(bd.read, f.s.NamesFile, f.s.NamesPath, func(b []byte) error {
			list, err := tlsconf.ParseCertificates(b)
			names = append(names, list...)
			return err
		}), "AH02211: Failed to load SSLCADNRequestFile: ")
	}
	cfg.ClientCAs = x509.NewCertPool()
	for _, c := range names {
		cfg.ClientCAs.AddCert(c)
	}
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
	err := a.verifyClient(cs.PeerCertificates, a.depth, time.Now())
	if err != nil && a.verify == verifyOptionalNoCA && forgiven(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("AH02039: Certificate Verification: Error: %w", err)
	}
	return nil
}

func (bd *builder) problem(p *problem, before string) {
	if p != nil {
		bd.fail(p.pos, before+p.text, "")
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
