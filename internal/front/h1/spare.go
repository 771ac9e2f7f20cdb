package h1

import (
	"runtime"
	"slices"
	"sync"
)

// spare is the goroutines that have served a connection to its end and wait for
// the next. The stack of a new goroutine is small, and to let it grow to what an
// exchange needs costs half as much as all else that a connection needs.
type spare struct {
	mu     sync.Mutex
	idle   []hand // the last is the one whose stack the cache still holds
	unused int    // the fewest that were idle at a time since the last trim
	over   bool   // close was called
}

// hand is where one goroutine waits: it holds one connection. close closes it.
type hand chan *conn

// sparesPerCore bounds those that wait.
const sparesPerCore = 32

// run has a goroutine run the connection.
func (s *spare) run(c *conn) {
	s.mu.Lock()
	n := len(s.idle)
	if n == 0 {
		s.mu.Unlock()
		go s.serve(c)
		return
	}
	h := s.idle[n-1]
	s.idle = s.idle[:n-1]
	s.unused = min(s.unused, n-1)
	s.mu.Unlock()
	h <- c
}

func (s *spare) serve(c *conn) {
	h := make(hand, 1)
	for ok := true; ok; c, ok = <-h {
		c.run()
		if !s.wait(h) {
			return
		}
	}
}

// wait puts h among the idle. False: it is not needed.
func (s *spare) wait(h hand) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || len(s.idle) >= sparesPerCore*runtime.GOMAXPROCS(0) {
		return false
	}
	s.idle = append(s.idle, h)
	return true
}

// trim ends those that nobody has needed since the last trim.
func (s *spare) trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.idle[:s.unused] {
		close(h)
	}
	s.idle = slices.Delete(s.idle, 0, s.unused)
	s.unused = len(s.idle)
}

// close ends those that wait, and the others when they are done; once.
func (s *spare) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for _, h := range s.idle {
		close(h)
	}
	s.idle, s.unused = nil, 0
}
