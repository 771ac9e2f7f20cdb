package tlsconf

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ErrEncrypted says that a key can't be read without its pass phrase.
var ErrEncrypted = errors.New("the private key is encrypted")

// ParseCertificates reads the certificates of a file, in PEM among whatever else
// is in it, or one in DER.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := data; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" && b.Type != "TRUSTED CERTIFICATE" && b.Type != "X509 CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the file: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		if c, err := x509.ParseCertificate(data); err == nil {
			return append(out, c), nil
		}
		if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
			return nil, errors.New("the file holds a private key, and no certificate")
		}
		return nil, errors.New("the file holds no certificate (-----BEGIN CERTIFICATE-----)")
	}
	return out, nil
}

// ParseKey reads the first private key of a file, in PEM or DER. pass gives the
// pass phrase of an encrypted one; nil, or no pass phrase: ErrEncrypted.
func ParseKey(data []byte, pass func() ([]byte, error)) (crypto.Signer, error) {
	for rest := data; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		switch b.Type {
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			der := b.Bytes
			if b.Headers["DEK-Info"] != "" {
				var err error
				if der, err = unlock(pass, func(p []byte) ([]byte, error) {
					//lint:ignore SA1019 RFC 1423's encryption is weak, and what old keys have
					return x509.DecryptPEMBlock(b, p)
				}); err != nil {
					return nil, err
				}
			}
			return parseKey(der)
		case "ENCRYPTED PRIVATE KEY":
			der, err := unlock(pass, func(p []byte) ([]byte, error) { return decryptPKCS8(b.Bytes, p) })
			if err != nil {
				return nil, err
			}
			return parseKey(der)
		}
	}
	if k, err := parseKey(data); err == nil {
		return k, nil
	}
	return nil, errors.New("the file holds no private key (-----BEGIN PRIVATE KEY-----)")
}

func unlock(pass func() ([]byte, error), open func([]byte) ([]byte, error)) ([]byte, error) {
	if pass == nil {
		return nil, ErrEncrypted
	}
	p, err := pass()
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, ErrEncrypted
	}
	return open(p)
}

// parseKey reads a key in PKCS #8, PKCS #1 or SEC 1.
func parseKey(der []byte) (crypto.Signer, error) {
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if r, e := x509.ParsePKCS1PrivateKey(der); e == nil {
			return r, nil
		}
		if c, e := x509.ParseECPrivateKey(der); e == nil {
			return c, nil
		}
		return nil, fmt.Errorf("the private key can't be read: %w", err)
	}
	s, ok := k.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the private key is of a kind that can't sign (%T)", k)
	}
	return s, nil
}

// ParseCRLs reads the revocation lists of a file, in PEM or one in DER.
func ParseCRLs(data []byte) ([]*CRL, error) {
	var out []*CRL
	for rest := data; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "X509 CRL" {
			continue
		}
		l, err := parseCRL(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("revocation list %d of the file: %w", len(out)+1, err)
		}
		out = append(out, l)
	}
	if len(out) == 0 {
		if l, err := parseCRL(data); err == nil {
			return append(out, l), nil
		}
		return nil, errors.New("the file holds no revocation list (-----BEGIN X509 CRL-----)")
	}
	return out, nil
}
