package ssl

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"

	"sallyport/internal/tlsconf"
)

// source is what the file, or the files of the directory, hold that a directive
// names: authorities or revocation lists. Who uses it sees newer files too,
// which a watcher reads.
type source[T any] struct {
	*tlsconf.List[T]
	path  string
	tree  bool // path is a directory
	parse func(text []byte) (items []T, left, err error)
	state [32]byte // of the files as last read
	stamp stamp    // of the files just before
}

// sources of either kind, as the watcher sees them.
type changing interface {
	name() string
	look(read func(string) ([]byte, error)) (bool, error)
}

func newSource[T any](directive, path string, parse func([]byte) ([]T, error, error)) *source[T] {
	return &source[T]{List: new(tlsconf.List[T]), path: path, tree: strings.HasSuffix(directive, "Path"), parse: parse}
}

func (s *source[T]) name() string { return s.path }

// files are those to be read.
func (s *source[T]) files() ([]string, error) {
	if !s.tree {
		return []string{s.path}, nil
	}
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return nil, fmt.Errorf("'%s' can't be read: %s", s.path, reason(err))
	}
	var list []string
	for _, e := range entries {
		name := filepath.Join(s.path, e.Name())
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			list = append(list, name)
		}
	}
	return list, nil
}

// load reads the files. left is about something that was left out. On an error
// nothing has changed but state and stamp. Of a directory's files those that
// hold something else are passed over.
func (s *source[T]) load(read func(string) ([]byte, error)) (left, err error) {
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	s.stamp = stampOf(files...)
	var texts [][]byte
	for _, f := range files {
		text, err := read(f)
		if err != nil {
			return nil, fmt.Errorf("'%s' can't be read: %s", f, reason(err))
		}
		texts = append(texts, text)
	}
	s.state = sum(texts...)
	var all []T
	seen := map[[32]byte]bool{} // links by hash lead to the same files
	for i, text := range texts {
		key := sha256.Sum256(text)
		if seen[key] {
			continue
		}
		seen[key] = true
		items, out, err := s.parse(text)
		if err == nil && out != nil {
			left = fmt.Errorf("'%s': %w", files[i], out)
		}
		if err != nil && !s.tree {
			return nil, fmt.Errorf("'%s': %w", files[i], err)
		}
		all = append(all, items...)
	}
	s.Set(all)
	return left, nil
}

// look reads the files again if they have changed.
func (s *source[T]) look(read func(string) ([]byte, error)) (bool, error) {
	files, err := s.files()
	if err != nil {
		files = nil
	}
	now := stampOf(files...)
	if err == nil && now == s.stamp && now.known {
		return false, nil
	}
	before := s.state
	_, err = s.load(read)
	if err != nil && s.state == before {
		// It can't be read at all; that is said once, too.
		if s.state = sum([]byte(err.Error())); s.state == before {
			return false, nil
		}
	}
	return s.state != before, err
}

// authorities reads the certificates of a file. Of a large list, one that can't
// be read is no harm: it is not trusted.
func authorities(text []byte) (list []*x509.Certificate, left, err error) {
	list, bad := certificates(text)
	if len(list) == 0 {
		list, err = tlsconf.ParseCertificates(text)
		return list, nil, err
	}
	if bad != nil {
		left = fmt.Errorf("a certificate is left out: %w", bad)
	}
	return list, left, nil
}

func revocations(text []byte) ([]*tlsconf.CRL, error, error) {
	list, err := tlsconf.ParseCRLs(text)
	return list, nil, err
}

// stamp tells files from newer ones without reading them. known is false where
// this process may not look.
type stamp struct {
	known bool
	sum   uint64
}

func stampOf(paths ...string) stamp {
	s, h := stamp{known: true}, fnv.New64a()
	for _, path := range paths {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			s.known = false
			continue
		}
		fmt.Fprintf(h, "%s\x00%d %d\n", path, info.ModTime().UnixNano(), info.Size())
	}
	s.sum = h.Sum64()
	return s
}

func sum(files ...[]byte) [32]byte {
	m := sha256.New()
	for _, f := range files {
		fmt.Fprintf(m, "%d\n", len(f))
		m.Write(f)
	}
	return [32]byte(m.Sum(nil))
}

// reason is the system's error alone.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
