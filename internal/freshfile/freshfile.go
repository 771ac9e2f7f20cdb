// Package freshfile keeps what a file says in memory and reads it again when it
// has changed: password and group files, maps. A change is seen within a second,
// without a reload.
//
// Looking at the file costs one stat(2) per second and file, however many
// requests ask; one of them does it, the others take what is there. It knows
// nothing of what files hold: the parser is the caller's. A File lives in the
// configuration, so that each line which names one has its own.
package freshfile

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// every is how often the file is looked at, at most.
const every = time.Second

// settled is how old a change must be before size and time of a file tell
// reliably that there was no other since: clocks of file systems are coarse.
const settled = 3 * time.Second

// File is a file with its parsed content, a T that nobody changes. It is safe
// for concurrent use. Make one with New.
type File[T any] struct {
	Path  string
	parse func(text string) (T, error)

	mu   sync.Mutex
	last atomic.Pointer[reading[T]]
}

// reading is one look at the file. Immutable but for next.
type reading[T any] struct {
	value T
	err   error
	info  os.FileInfo // nil where err is set
	at    time.Time
	next  atomic.Int64 // when it is due again, in Unix nanoseconds
}

// New makes the File of a path; nothing is read before the first Get.
func New[T any](path string, parse func(text string) T) *File[T] {
	return NewChecked(path, func(text string) (T, error) { return parse(text), nil })
}

// NewChecked is New for a parser that may refuse a text. The content then stays
// as it was: perhaps the file is half written.
func NewChecked[T any](path string, parse func(text string) (T, error)) *File[T] {
	return &File[T]{Path: path, parse: parse}
}

// Get returns the content as of a second before now, or sooner. The error is
// that of reading the file or parsing it; it holds until a later look succeeds.
func (f *File[T]) Get(now time.Time) (T, error) {
	r := f.last.Load()
	if r != nil {
		due := r.next.Load()
		if now.UnixNano() < due || !r.next.CompareAndSwap(due, now.Add(every).UnixNano()) {
			return r.value, r.err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.last.Load(); l != r {
		return l.value, l.err // another one was faster
	}
	if r == nil || !r.stands(f.Path) {
		r = f.read(now, r)
		r.next.Store(now.Add(every).UnixNano())
		f.last.Store(r)
	}
	return r.value, r.err
}

// stands reports that the file is still the one that was read.
func (r *reading[T]) stands(path string) bool {
	if r.err != nil {
		return false
	}
	fi, err := os.Stat(path)
	return err == nil && os.SameFile(fi, r.info) && fi.Size() == r.info.Size() && fi.ModTime().Equal(r.info.ModTime()) &&
		r.at.Sub(fi.ModTime()) > settled
}

// read reads the file; before is the reading that it replaces, or nil.
func (f *File[T]) read(now time.Time, before *reading[T]) *reading[T] {
	r := &reading[T]{at: now}
	// Looked at first: to open a pipe would wait for a writer.
	if r.info, r.err = os.Stat(f.Path); r.err != nil {
		return r
	}
	if !r.info.Mode().IsRegular() {
		r.err = &os.PathError{Op: "read", Path: f.Path, Err: errors.New("not a plain file")}
		return r
	}
	text, err := os.ReadFile(f.Path)
	if err != nil {
		r.err = err
		return r
	}
	if r.value, r.err = f.parse(string(text)); r.err != nil && before != nil {
		r.value = before.value
	}
	return r
}
