package module

import (
	"bytes"
	"slices"
	"sync"
)

// Secrets are the pass phrases that have opened a private key in the life of the
// process. A nil Secrets knows none and learns none.
type Secrets struct {
	mu   sync.Mutex
	list [][]byte
}

// All are the pass phrases; not to be changed.
func (s *Secrets) All() [][]byte {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// Add learns one.
func (s *Secrets) Add(phrase []byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.list, func(p []byte) bool { return bytes.Equal(p, phrase) }) {
		s.list = append(s.list, phrase)
	}
}
