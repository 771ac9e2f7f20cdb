package ssl

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/tlsconf"
)

// holder is one certificate with its key, read from files; virtual hosts that
// name the same files share it. What it holds can be replaced while it serves:
// by newer files (watch.go), by a fresh OCSP response (staple.go).
type holder struct {
	cert, key, chain string // paths; key may be cert, chain may be ""
	pos              diag.Position
	dialog           string // program that prints the pass phrase; ""
	name             string // its server's, for messages and the dialog
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
	h.stamp = stampOf(h)
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

func sum(files ...[]byte) [32]byte {
	m := sha256.New()
	for _, f := range files {
		fmt.Fprintf(m, "%d\n", len(f))
		m.Write(f)
	}
	return [32]byte(m.Sum(nil))
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
	signer, err := tlsconf.ParseKey(key, h.passPhrase(list[0]))
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

// dialogTime is how long the program may take to print a pass phrase.
const dialogTime = 30 * time.Second

// passPhrase asks the program of SSLPassPhraseDialog; nil: there is none.
func (h *holder) passPhrase(leaf *x509.Certificate) func() ([]byte, error) {
	if h.dialog == "" {
		return nil
	}
	return func() ([]byte, error) {
		ctx, cancel := context.WithTimeout(context.Background(), dialogTime)
		defer cancel()
		words := strings.Fields(h.dialog)
		out, err := exec.CommandContext(ctx, words[0], append(words[1:], h.name, tlsconf.KeyType(leaf))...).Output()
		if err != nil {
			return nil, fmt.Errorf("SSLPassPhraseDialog %s: %w", words[0], err)
		}
		line, _, _ := bytes.Cut(out, []byte("\n"))
		return bytes.TrimRight(line, "\r"), nil
	}
}

// readAll reads the files of an SSLCA… directive pair: one file, and all in a
// directory.
func readAll(read func(string) ([]byte, error), file, dir conf.Opt[string], take func([]byte) error) *problem {
	if file.Is {
		if p := readOne(read, file.V, file.Pos, take, false); p != nil {
			return p
		}
	}
	if !dir.Is {
		return nil
	}
	entries, err := os.ReadDir(dir.V)
	if err != nil {
		return &problem{dir.Pos, fmt.Sprintf("%s can't be read: %s", dir.V, reason(err))}
	}
	seen := map[[32]byte]bool{} // links by hash lead to the same files
	for _, e := range entries {
		path := filepath.Join(dir.V, e.Name())
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		p := readOne(read, path, dir.Pos, func(b []byte) error {
			if s := sha256.Sum256(b); !seen[s] {
				seen[s] = true
				return take(b)
			}
			return nil
		}, true)
		if p != nil {
			return p
		}
	}
	return nil
}

// problem is an error at a place in the configuration.
type problem struct {
	pos  diag.Position
	text string
}

// readOne reads a file; of a directory's files those that hold something else
// are passed over.
func readOne(read func(string) ([]byte, error), path string, pos diag.Position, take func([]byte) error, any bool) *problem {
	b, err := read(path)
	if err != nil {
		return &problem{pos, fmt.Sprintf("%s can't be read: %s", path, reason(err))}
	}
	if err := take(b); err != nil && !any {
		return &problem{pos, fmt.Sprintf("%s: %v", path, err)}
	}
	return nil
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
