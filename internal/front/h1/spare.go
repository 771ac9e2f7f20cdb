package h1

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// spare is the goroutines that have served a connection to its end and wait for
// the next. The stack of a new goroutine is small, and to let it grow to what an
// exchange needs costs more than the connection itself.
type spare struct {
	once sync.Once
	next chan *conn    // nobody sends unless somebody waits
	end  chan struct{} // closed by close
	idle atomic.Int32
	max  int32
}

func (s *spare) init() {
	s.once.Do(func() {
		s.next, s.end = make(chan *conn), make(chan struct{})
		s.max = int32(4 * runtime.GOMAXPROCS(0))
	})
}

// run has a goroutine run the connection.
func (s *spare) run(c *conn) {
	s.init()
	select {
	case s.next <- c:
	default:
		go s.serve(c)
	}
}

func (s *spare) serve(c *conn) {
	for c != nil {
		c.run()
		if s.idle.Add(1) > s.max {
			s.idle.Add(-1)
			return
		}
		select {
		case c = <-s.next:
		case <-s.end:
			c = nil
		}
		s.idle.Add(-1)
	}
}

// close ends those that wait, and the others when they are done; once.
func (s *spare) close() {
	s.init()
	close(s.end)
}
