package proxytest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"time"
)

// madeCert is what a `ca` or `cert` line asks for.
type madeCert struct {
	name, by  string // by: the authority's name; "" signs itself
	authority bool
	cn        string
	dns       []string
	ips       []net.IP
	// from and to bound its validity, in hours from now.
	from, to time.Duration
	revoked  bool
	// ocsp, of an authority: a responder answers for what it has issued, at
	// $OCSPNAME. Of others: ocspURL is what stands in it, "none" for nothing.
	ocsp    bool
	ocspURL string
	unknown bool // to the responder
	ext     []pkix.Extension
}

// declareCert reads `ca NAME [by=CA] [ocsp]` and
// `cert NAME [by=CA] [cn=X] [dns=A,B] [ip=A,B] [expired|future] [revoked|unknown] [url=URL|none] [ext=OID:TEXT]`.
func (s *Script) declareCert(words []string) error {
	if len(words) < 2 || !reName.MatchString(words[1]) || s.cert(words[1]) != nil {
		return fmt.Errorf("%s wants a new NAME", words[0])
	}
	m := &madeCert{name: words[1], authority: words[0] == "ca", cn: words[1], from: -24 * time.Hour, to: 24 * time.Hour}
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "by":
			if ca := s.cert(value); ca == nil || !ca.authority {
				return fmt.Errorf("no authority %q above", value)
			}
			m.by = value
		case "cn":
			m.cn = value
		case "dns":
			m.dns = strings.Split(value, ",")
		case "ip":
			for _, a := range strings.Split(value, ",") {
				m.ips = append(m.ips, net.ParseIP(a))
			}
		case "expired":
			m.from, m.to = -48*time.Hour, -24*time.Hour
		case "future":
			m.from, m.to = 24*time.Hour, 48*time.Hour
		case "revoked":
			m.revoked = true
		case "unknown":
			m.unknown = true
		case "ocsp":
			m.ocsp = true
		case "url":
			m.ocspURL = value
		case "ext":
			id, text, _ := strings.Cut(value, ":")
			var e pkix.Extension
			for n := range strings.SplitSeq(id, ".") {
				i, err := strconv.Atoi(n)
				if err != nil {
					return fmt.Errorf("ext=%s: no object ID", value)
				}
				e.Id = append(e.Id, i)
			}
			var err error
			if e.Value, err = asn1.MarshalWithParams(text, "utf8"); err != nil {
				return err
			}
			m.ext = append(m.ext, e)
		default:
			return fmt.Errorf("%s: unknown word %q", words[0], w)
		}
	}
	s.Certs = append(s.Certs, m)
	return nil
}

func (s *Script) cert(name string) *madeCert {
	for _, m := range s.Certs {
		if m.name == name {
			return m
		}
	}
	return nil
}

// keyPair is a certificate that was made.
type keyPair struct {
	*madeCert
	cert    *x509.Certificate
	key     *ecdsa.PrivateKey
	certPEM []byte // its own alone
	chain   [][]byte
}

func (k *keyPair) forTLS() tls.Certificate {
	return tls.Certificate{Certificate: k.chain, PrivateKey: k.key, Leaf: k.cert}
}

// makeCerts makes what the script declares and writes, for each, below the
// server root: tls/NAME.crt, tls/NAME.key, tls/NAME.pem (both), tls/NAME.full
// (with the authorities between the two), and for each authority tls/NAME.crl
// with what it has revoked.
func (r *run) makeCerts() error {
	r.certs = map[string]*keyPair{}
	revoked := map[string][]x509.RevocationListEntry{}
	now := time.Now()
	for i, m := range r.s.Certs {
		at := ""
		if by := r.certs[m.by]; by != nil && by.ocsp {
			at = r.vars["OCSP"+strings.ToUpper(m.by)]
		}
		switch m.ocspURL {
		case "":
		case "none":
			at = ""
		default:
			at = m.ocspURL
		}
		k, err := m.make(r.certs[m.by], int64(i+1), now, at)
		if err != nil {
			return fmt.Errorf("make certificate %s: %w", m.name, err)
		}
		r.certs[m.name] = k
		if m.ocsp {
			r.vars["OCSP"+strings.ToUpper(m.name)] = r.respond(k)
		}
		if m.revoked {
			revoked[m.by] = append(revoked[m.by], x509.RevocationListEntry{SerialNumber: k.cert.SerialNumber, RevocationTime: now.Add(-time.Hour)})
		}
		der, err := x509.MarshalECPrivateKey(k.key)
		if err != nil {
			return err
		}
		keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
		var all bytes.Buffer
		for _, c := range k.chain {
			pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: c})
		}
		all.Write(keyPEM)
		for name, data := range map[string][]byte{".crt": k.certPEM, ".key": keyPEM, ".full": all.Bytes(), ".pem": append(k.certPEM[:len(k.certPEM):len(k.certPEM)], keyPEM...)} {
			if err := r.write("tls/"+m.name+name, data); err != nil {
				return err
			}
		}
	}
	for name, k := range r.certs {
		if !k.authority {
			continue
		}
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(24 * time.Hour),
			RevokedCertificateEntries: revoked[name],
		}, k.cert, k.key)
		if err != nil {
			return err
		}
		if err := r.write("tls/"+name+".crl", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})); err != nil {
			return err
		}
	}
	return nil
}

func (m *madeCert) make(by *keyPair, serial int64, now time.Time, responder string) (*keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: m.cn},
		DNSNames: m.dns, IPAddresses: m.ips, NotBefore: now.Add(m.from), NotAfter: now.Add(m.to),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	t.ExtraExtensions = m.ext
	if responder != "" {
		t.OCSPServer = []string{responder}
	}
	if m.authority {
		t.IsCA = true
		t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	} else {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	parent, signer := t, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	k := &keyPair{madeCert: m, cert: c, key: key, certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	k.chain = [][]byte{der}
	if by != nil && by.by != "" { // a root is everybody's own
		k.chain = append(k.chain, by.chain...)
	}
	return k, nil
}

// tlsVersions by the words of the scripts.
var tlsVersions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// serverTLS is how a `backend NAME tls CERT …` speaks.
func (r *run) serverTLS(d Declared) (*tls.Config, error) {
	k := r.certs[d.Cert]
	if k == nil {
		return nil, fmt.Errorf("backend %s: no certificate %q", d.Name, d.Cert)
	}
	c := &tls.Config{Certificates: []tls.Certificate{k.forTLS()}, MinVersion: tls.VersionTLS10}
	for _, w := range d.Options {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "ask":
			ca := r.certs[value]
			if ca == nil {
				return nil, fmt.Errorf("backend %s: no authority %q", d.Name, value)
			}
			c.ClientCAs = x509.NewCertPool()
			c.ClientCAs.AddCert(ca.cert)
			c.ClientAuth = tls.RequireAndVerifyClientCert
		case "max":
			c.MaxVersion = tlsVersions[value]
		case "min":
			c.MinVersion = tlsVersions[value]
		default:
			return nil, fmt.Errorf("backend %s: unknown word %q", d.Name, w)
		}
	}
	return c, nil
}

// Secured is what a backend or a client knows of the TLS below a message.
type Secured struct {
	SNI, Version, Client, Cipher string
	Resumed                      bool
}

func securedOf(c net.Conn) *Secured {
	tc, ok := c.(*tls.Conn)
	if !ok {
		return nil
	}
	cs := tc.ConnectionState()
	s := &Secured{SNI: cs.ServerName, Resumed: cs.DidResume, Cipher: tls.CipherSuiteName(cs.CipherSuite), Version: strings.TrimPrefix(tls.VersionName(cs.Version), "TLS ")}
	if len(cs.PeerCertificates) > 0 {
		s.Client = cs.PeerCertificates[0].Subject.CommonName
	}
	return s
}

// check is `tls sni NAME`, `tls version 1.3`, `tls resumed yes`, `tls client CN`;
// "none" for what is not there.
func (s *Secured) check(text string) string {
	if s == nil {
		return "the connection is not over TLS"
	}
	word, want, _ := strings.Cut(text, " ")
	got := map[string]string{"sni": s.SNI, "version": s.Version, "client": s.Client, "cipher": s.Cipher, "resumed": map[bool]string{true: "yes", false: "no"}[s.Resumed]}[word]
	if got == "" {
		got = "none"
	}
	return differ("tls "+word, got, want)
}
