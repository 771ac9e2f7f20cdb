package ssl

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"sallyport/internal/diag"
	"sallyport/internal/tlsconf"
)

// holder is one certificate with its key, read from files; virtual hosts that
// name the same files share it. What it holds can be replaced while it serves:
// by newer files (watch.go), by a fresh OCSP response (staple.go).
type holder struct {
	cert, key, chain string // paths; key may be cert, chain may be ""
	pos              diag.Position
	secrets          *secrets
	name             string // its server's, for messages and the dialog
	number           int    // among its server's, from 0
	read             func(string) ([]byte, error)

	current atomic.Pointer[tls.Certificate]
	issuer  atomic.Pointer[x509.Certificate] // of the leaf; nil: not in the files
	state   [32]byte                         // of the files as last read
	stamp   stamp                            // of the files just before
	staple  *stapler                         // nil: not stapled
}

// leaf is the certificate that is served now.
func (h *holder) leaf() *x509.Certificate { return h.current.Load().Leaf }

// load reads the files. On an error nothing has changed but state and stamp.
func (h *holder) load() error {
	h.stamp = stampOf(h.cert, h.key, h.chain)
	cert, err := h.file(h.cert)
	if err != nil {
		return err
	}
	key, chain := cert, []byte(nil)
	if h.key != h.cert {
		if key, err = h.file(h.key); err != nil {
			return err
		}
	}
	if h.chain != "" {
		if chain, err = h.file(h.chain); err != nil {
			return err
		}
	}
	h.state = sum(cert, key, chain)
	c, issuer, err := h.pair(cert, key, chain)
	if err != nil {
		return err
	}
	if old := h.current.Load(); old != nil && bytes.Equal(old.Certificate[0], c.Certificate[0]) {
		c.OCSPStaple = old.OCSPStaple
	}
	h.issuer.Store(issuer)
	h.current.Store(c)
	return nil
}

func (h *holder) file(path string) ([]byte, error) {
	b, err := h.read(path)
	if err != nil {
		return nil, fmt.Errorf("%s can't be read: %s", path, reason(err))
	}
	return b, nil
}

// pair makes a certificate of the texts of the files.
func (h *holder) pair(cert, key, chain []byte) (c *tls.Certificate, issuer *x509.Certificate, err error) {
	list, err := tlsconf.ParseCertificates(cert)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", h.cert, err)
	}
	if chain != nil && len(list) == 1 {
		more, err := tlsconf.ParseCertificates(chain)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", h.chain, err)
		}
		list = append(list, more...)
	}
	signer, err := h.secrets.open(key, h.name, h.key, h.number)
	switch {
	case errors.Is(err, tlsconf.ErrEncrypted):
		return nil, nil, fmt.Errorf("AH02564: %s: %w; SSLPassPhraseDialog exec:/path/to/program can give its pass phrase, openssl pkey writes it without one", h.key, err)
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", h.key, err)
	}
	if c, err = h.join(list, signer); err != nil {
		return nil, nil, err
	}
	for _, x := range list[1:] {
		if list[0].CheckSignatureFrom(x) == nil {
			issuer = x
			break
		}
	}
	return c, issuer, nil
}

func (h *holder) join(list []*x509.Certificate, signer crypto.Signer) (*tls.Certificate, error) {
	c, err := tlsconf.Pair(list, signer)
	if err != nil {
		if h.key == h.cert {
			return nil, fmt.Errorf("AH02565: %s: %w", h.cert, err)
		}
		return nil, fmt.Errorf("AH02565: %s and %s do not match: %w", h.cert, h.key, err)
	}
	return c, nil
}

// better sorts certificates by what is to be offered first.
func better(list []*holder) []*holder {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b *holder) int { return rank(a) - rank(b) })
	return out
}

// rank puts the cheaper kinds of keys first: a client that takes them gets them.
func rank(h *holder) int {
	switch tlsconf.KeyType(h.leaf()) {
	case "ECDSA":
		return 0
	case "ED25519":
		return 1
	}
	return 2
}
