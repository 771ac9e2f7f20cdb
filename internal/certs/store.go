package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Store is the directory where certificates live (MDStoreDir):
//
//	domains/NAME/privkey.pem pubcert.pem      RSA
//	domains/NAME/privkey.CURVE.pem …          elliptic curves
//	domains/NAME/job.json                     how the last attempt went
//	accounts/…                                with authorities
//	challenges/NAME/acme-http-01.txt          for other nodes on the same files
//	locks/NAME                                held while a certificate is obtained
//
// Keys are readable by their owner alone. Files are replaced whole.
type Store struct {
	Dir string
	// UID and GID are who the files belong to, where root makes them: the user
	// that the server becomes. -1: nobody else.
	UID, GID int
}

// open makes the directories, and gives them to their owner where root runs it:
// a store that mod_md filled belongs to root.
func (s *Store) open() error {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("MDStoreDir: %w", err)
	}
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return fmt.Errorf("MDStoreDir: %w", err)
	}
	defer root.Close()
	for _, d := range []string{"domains", "accounts", "challenges", "locks"} {
		if err := root.Mkdir(d, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("MDStoreDir: %w", err)
		}
		if s.UID >= 0 && os.Geteuid() == 0 {
			if err := s.give(root, d); err != nil {
				return fmt.Errorf("MDStoreDir: %w", err)
			}
		}
	}
	if s.UID >= 0 && os.Geteuid() == 0 {
		return nil
	}
	return s.writable()
}

// give makes a directory below root its owner's, with all in it. What belongs to
// him already is left alone, for he may have put it there: root must not be
// made to give away another's file, by a link or while it looks.
func (s *Store) give(root *os.Root, dir string) error {
	if info, err := root.Lstat(dir); err != nil || owner(info) == s.UID {
		return err
	}
	return fs.WalkDir(root.FS(), dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := root.Lstat(path)
		if err != nil {
			return err
		}
		if info.Mode().IsDir() || info.Mode().IsRegular() && links(info) == 1 {
			return root.Lchown(path, s.UID, s.GID)
		}
		return nil
	})
}

// writable tries what a renewal will have to do.
func (s *Store) writable() error {
	f, err := os.CreateTemp(filepath.Join(s.Dir, "domains"), ".try")
	if err != nil {
		return fmt.Errorf("MDStoreDir %s: the user that Sallyport runs as must be able to write there: %w", s.Dir, err)
	}
	f.Close()
	return os.Remove(f.Name())
}

// write replaces a file.
func (s *Store) write(data []byte, parts ...string) error {
	path := filepath.Join(s.Dir, filepath.Join(parts...))
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func (s *Store) read(parts ...string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.Dir, filepath.Join(parts...)))
}

// remove forgets a file, and its directory when that is empty.
func (s *Store) remove(parts ...string) {
	path := filepath.Join(s.Dir, filepath.Join(parts...))
	os.Remove(path)
	os.Remove(filepath.Dir(path))
}

// dirOf is a name as a directory.
func dirOf(name string) string { return strings.ReplaceAll(name, "*", "_") }

func pairNames(k Key) (key, cert string) {
	if k.Curve == "" {
		return "privkey.pem", "pubcert.pem"
	}
	return "privkey." + k.Curve + ".pem", "pubcert." + k.Curve + ".pem"
}

// load reads the certificate of one kind; nil where there is none that can be
// used. Its Leaf is set.
func (s *Store) load(name string, k Key) (*tls.Certificate, error) {
	keyFile, certFile := pairNames(k)
	chain, err := s.read("domains", dirOf(name), certFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := s.read("domains", dirOf(name), keyFile)
	if err != nil {
		return nil, err
	}
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(s.Dir, "domains", dirOf(name), certFile), err)
	}
	return &c, nil
}

// save keeps a new certificate and its key.
func (s *Store) save(name string, k Key, key crypto.Signer, chain []byte) error {
	text, err := encodeKey(key)
	if err != nil {
		return err
	}
	keyFile, certFile := pairNames(k)
	// A crash between the two leaves a pair that does not fit, which load
	// refuses: a new one is obtained then.
	if err := s.write(text, "domains", dirOf(name), keyFile); err != nil {
		return err
	}
	return s.write(chain, "domains", dirOf(name), certFile)
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func decodeKey(text []byte) (crypto.Signer, error) {
	b, _ := pem.Decode(text)
	if b == nil {
		return nil, errors.New("no PEM block")
	}
	k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
	if err != nil {
		return nil, err
	}
	s, ok := k.(crypto.Signer)
	if !ok {
		return nil, errors.New("not a key for signatures")
	}
	return s, nil
}

// generate makes a private key.
func (k Key) generate() (crypto.Signer, error) {
	switch k.Curve {
	case "":
		return rsa.GenerateKey(rand.Reader, k.Bits)
	case "secp256r1":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "secp384r1":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "secp521r1":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	}
	return nil, errors.New("unknown curve " + k.Curve)
}

// loadJob reads how the last attempt went; the zero job where nothing is known.
func (s *Store) loadJob(name string) job {
	var j job
	if b, err := s.read("domains", dirOf(name), "sallyport-job.json"); err == nil {
		json.Unmarshal(b, &j)
	}
	return j
}

func (s *Store) saveJob(name string, j job) error {
	b, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return s.write(b, "domains", dirOf(name), "sallyport-job.json")
}
