package file

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"sallyport/internal/cluster"
)

// Store is a cluster.Store whose log is in a file.
type Store struct {
	*cluster.Log
	path  string
	owner Owner

	mu   sync.Mutex
	seen [sha256.Size]byte // of the file as we last read or wrote it
	none bool              // there was none
}

// Owner is the user that the server becomes: to whom the file and its
// directory are given while it is root. The zero Owner is this process.
type Owner struct {
	Is       bool
	UID, GID int
}

// ErrChanged refuses a change: somebody else has written the file.
var ErrChanged = errors.New("somebody has changed the file of edits meanwhile; reload Sallyport to take that over")

// Open reads the file; that there is none is no error. An error says what is
// wrong with it: then nothing of it is used.
func Open(path string, owner Owner) (*Store, error) {
	s := &Store{path: path, owner: owner}
	text, err := s.read()
	if err != nil {
		return nil, err
	}
	var state cluster.State
	if !s.none {
		if state, err = parse(text); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	s.Log = cluster.NewLog(state, s.keep)
	return s, nil
}

// Adopt makes a store at path that begins with what another one knew. There
// must be no file, which is written with the next change.
func Adopt(path string, owner Owner, state cluster.State) *Store {
	s := &Store{path: path, owner: owner, none: true}
	s.Log = cluster.NewLog(state, s.keep)
	return s
}

// Path is the file's.
func (s *Store) Path() string { return s.path }

// Changed reports that the file is another than the one this store knows.
func (s *Store) Changed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed()
}

func (s *Store) changed() bool {
	text, err := load(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return !s.none
	}
	return err != nil || s.none || sha256.Sum256(text) != s.seen
}

func (s *Store) read() ([]byte, error) {
	text, err := load(s.path)
	s.none = errors.Is(err, fs.ErrNotExist)
	if s.none {
		return nil, nil
	}
	s.seen = sha256.Sum256(text)
	return text, err
}

// maxFile bounds what is read.
const maxFile = 64 << 20

func load(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s is no plain file of at most %d bytes", path, maxFile)
	}
	return os.ReadFile(path)
}

// Prepare makes the directory of the file, and gives it to the owner.
func (s *Store) Prepare() error {
	dir := filepath.Dir(s.path)
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return s.give(dir, syscall.O_DIRECTORY)
}

// give makes something that this process has just made the owner's. Nobody can
// have put a link in its place: that is not followed.
func (s *Store) give(path string, flags int) error {
	if !s.owner.Is || os.Geteuid() != 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|flags, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Chown(s.owner.UID, s.owner.GID)
}

// keep puts a state into the file.
func (s *Store) keep(state cluster.State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed() {
		return ErrChanged
	}
	text := print(state)
	var old []byte
	had := !s.none
	if had {
		old, _ = os.ReadFile(s.path)
	}
	if err := s.write(text); err != nil {
		// Where only the directory could not be synced the new text is there
		// already; the change is refused, so it must not be.
		if now, rerr := os.ReadFile(s.path); rerr == nil && sha256.Sum256(now) == sha256.Sum256(text) {
			if had {
				s.write(old)
			} else {
				os.Remove(s.path)
			}
		}
		return fmt.Errorf("keep the edit: %w", err)
	}
	s.seen, s.none = sha256.Sum256(text), false
	return nil
}

func (s *Store) write(text []byte) error { return Replace(s.path, text, s.owner) }

// Replace makes text the content of a file, which is given to the owner, as a
// whole: whatever happens, the old content is there or the new one. When it
// returns without an error the new one is on the disk.
func Replace(path string, text []byte, owner Owner) (err error) {
	dir, name := filepath.Split(path)
	fresh := filepath.Join(dir, "."+name+".new")
	os.Remove(fresh) // of a process that was killed
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(fresh)
		}
	}()
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if err == nil && owner.Is && os.Geteuid() == 0 {
		err = f.Chown(owner.UID, owner.GID)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(fresh, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

var _ cluster.Store = (*Store)(nil)
