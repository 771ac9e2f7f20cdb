package ssl

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/tlsconf"
)

// setProxyCAs makes the setter of a directive that names a file of
// certificates, or with a name ending in Path a directory of such files.
func setProxyCAs(field func(*proxyConf) *conf.Opt[*source[*x509.Certificate]]) func(*conf.Cmd, *proxyConf, []string) error {
	return setSource(field, authorities, "holds no certificate", "PEM certificates")
}

// setProxyCRLs is the same for revocation lists.
func setProxyCRLs(field func(*proxyConf) *conf.Opt[*source[*tlsconf.CRL]]) func(*conf.Cmd, *proxyConf, []string) error {
	return setSource(field, revocations, "holds no revocation list", "PEM blocks of the type X509 CRL")
}

func setSource[T any](field func(*proxyConf) *conf.Opt[*source[T]], parse func([]byte) ([]T, error, error), none, expected string) func(*conf.Cmd, *proxyConf, []string) error {
	return func(c *conf.Cmd, p *proxyConf, args []string) error {
		path, err := existing(c, args[0])
		if err != nil {
			return err
		}
		s := newSource(c.Directive.Name, path, parse)
		left, err := s.load(c.ReadFile)
		if left != nil {
			c.Warn(c.Directive.Name+": "+left.Error(), "")
		}
		switch {
		case err != nil:
			return &diag.Err{Text: c.Directive.Name + ": " + err.Error(), Expected: expected, Word: 1}
		case len(s.Get()) == 0 && s.tree: // files may come
			c.Warn(c.Directive.Name+": '"+path+"' "+none, "")
		case len(s.Get()) == 0:
			return &diag.Err{Text: c.Directive.Name + ": '" + path + "' " + none, Expected: expected, Word: 1}
		}
		*field(p) = conf.Some(c, s)
		return nil
	}
}

func setOwnChain(c *conf.Cmd, p *proxyConf, args []string) error {
	var list []*x509.Certificate
	err := eachFile(c, args[0], func(_ string, text []byte) error {
		found, _, err := authorities(text)
		list = append(list, found...)
		return err
	})
	if err == nil {
		p.OwnChain = conf.Some(c, list)
	}
	return err
}

// machine are the certificates this side can show to a backend.
type machine struct {
	own    []tls.Certificate
	others []*x509.Certificate // authorities that stood beside them
}

func (m *machine) list() []tls.Certificate {
	if m == nil {
		return nil
	}
	return m.own
}

func (m *machine) between() []*x509.Certificate {
	if m == nil {
		return nil
	}
	return m.others
}

func setMachine(field func(*proxyConf) *conf.Opt[*machine]) func(*conf.Cmd, *proxyConf, []string) error {
	return func(c *conf.Cmd, p *proxyConf, args []string) error {
		m := &machine{}
		err := eachFile(c, args[0], m.add)
		if err == nil && len(m.own) == 0 && strings.HasSuffix(c.Directive.Name, "Path") {
			c.Warn(c.Directive.Name+": no client certs found for SSL proxy in '"+args[0]+"'", "")
		} else if err == nil && len(m.own) == 0 {
			err = &diag.Err{Text: c.Directive.Name + ": '" + args[0] + "' holds no certificate with its private key",
				Expected: "PEM certificates and, in the same file, their keys", Word: 1}
		}
		if err != nil {
			return err
		}
		*field(p) = conf.Some(c, m)
		return nil
	}
}

// add takes the pairs of one file: every key with the certificate that has its
// public half, in whatever order. Certificates without a key must be
// authorities'.
func (m *machine) add(_ string, text []byte) error {
	certs, err := certificates(text)
	if err != nil {
		return err
	}
	var keys []crypto.Signer
	err = eachBlock(text, func(b *pem.Block) error {
		if !strings.HasSuffix(b.Type, "PRIVATE KEY") {
			return nil
		}
		if b.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") {
			return errors.New("the private key is encrypted; store it without a pass phrase (openssl pkey -in key.pem -out plain.pem)")
		}
		k, err := privateKey(b)
		if err == nil {
			keys = append(keys, k)
		}
		return err
	})
	if err != nil {
		return err
	}
	used := make([]bool, len(certs))
	for _, k := range keys {
		n := -1
		for i, c := range certs {
			if pub, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool }); ok && pub.Equal(c.PublicKey) && !used[i] {
				n = i
				break
			}
		}
		if n < 0 {
			return errors.New("a private key belongs to none of the certificates beside it")
		}
		used[n] = true
		m.own = append(m.own, tls.Certificate{Certificate: [][]byte{certs[n].Raw}, PrivateKey: k, Leaf: certs[n]})
	}
	for i, c := range certs {
		switch {
		case used[i]:
		case c.IsCA:
			m.others = append(m.others, c)
		default:
			return fmt.Errorf("the certificate of %s has no private key beside it", c.Subject)
		}
	}
	return nil
}

func privateKey(b *pem.Block) (crypto.Signer, error) {
	var k any
	var err error
	switch b.Type {
	case "RSA PRIVATE KEY":
		k, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		k, err = x509.ParseECPrivateKey(b.Bytes)
	default:
		k, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("the private key can't be read: %w", err)
	}
	s, ok := k.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private key is of a kind that can't sign")
	}
	return s, nil
}

// withChain lays the issuers found among others behind a certificate, up to a
// root, which a backend has itself.
func withChain(own tls.Certificate, others []*x509.Certificate) tls.Certificate {
	at := own.Leaf
	own.Certificate = own.Certificate[:1:1]
	for range len(others) {
		next := (*x509.Certificate)(nil)
		for _, c := range others {
			if c != at && bytes.Equal(c.RawSubject, at.RawIssuer) && at.CheckSignatureFrom(c) == nil {
				next = c
				break
			}
		}
		if next == nil || bytes.Equal(next.RawSubject, next.RawIssuer) {
			break
		}
		own.Certificate = append(own.Certificate, next.Raw)
		at = next
	}
	return own
}

// eachFile reads the file a directive names, or every plain file of the
// directory, and says which one is wrong.
func eachFile(c *conf.Cmd, word string, take func(path string, text []byte) error) error {
	path, err := existing(c, word)
	if err != nil {
		return err
	}
	files := []string{path}
	if strings.HasSuffix(c.Directive.Name, "Path") {
		entries, err := os.ReadDir(path)
		if err != nil {
			return &diag.Err{Text: c.Directive.Name + ": can't read '" + path + "': " + reason(err), Word: 1}
		}
		files = files[:0]
		for _, e := range entries {
			name := filepath.Join(path, e.Name())
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
				files = append(files, name)
			}
		}
	}
	for _, f := range files {
		text, err := c.ReadFile(f)
		if err != nil {
			return &diag.Err{Text: c.Directive.Name + ": can't read '" + f + "': " + reason(err), Word: 1}
		}
		if err := take(f, text); err != nil {
			return &diag.Err{Text: c.Directive.Name + ": '" + f + "': " + err.Error(), Word: 1}
		}
	}
	return nil
}

// certificates reads all certificates of a PEM text; the error is about the
// last that can't be read.
func certificates(text []byte) (list []*x509.Certificate, err error) {
	eachBlock(text, func(b *pem.Block) error {
		if b.Type != "CERTIFICATE" && b.Type != "X509 CERTIFICATE" && b.Type != "TRUSTED CERTIFICATE" {
			return nil
		}
		c, bad := x509.ParseCertificate(b.Bytes)
		if bad != nil {
			err = bad
			return nil
		}
		list = append(list, c)
		return nil
	})
	return list, err
}

func eachBlock(text []byte, take func(*pem.Block) error) error {
	for {
		b, rest := pem.Decode(text)
		if b == nil {
			return nil
		}
		if err := take(b); err != nil {
			return err
		}
		text = rest
	}
}
