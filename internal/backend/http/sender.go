package http

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"sallyport/internal/backend"
	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	"sallyport/internal/pipe"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h1"
)

// sender streams what readAhead left of a request body while the exchange's
// goroutine waits for the answer, which may come first (413, a server that
// echoes). It has a goroutine of its own for that time; release joins it.
//
// Unlike httpd, which reads the answer once it has sent all of the request:
// what both sides say passes at once, because they may wait for each other.
type sender struct {
	c       *conn
	body    *message.Body
	chunked bool
	hold    bool // wait for a 100 before sending
	running bool
	done    chan struct{}
	stop    atomic.Bool
	mu      sync.Mutex
	err     error // why the body could not be read from the client
	werr    error // why it could not be written
	whole   bool
}

// startSender begins to stream, once the head is out and the backend wants
// the body. It may write to the client, so the exchange must not be Waiting.
func (c *conn) startSender() error {
	s := c.sender
	if s == nil || s.running || s.hold {
		return nil
	}
	if a, ok := s.body.Reader.(interface{ Ask() error }); ok {
		if err := a.Ask(); err != nil {
			return err
		}
	}
	c.req.Streaming = true
	s.running = true
	s.done = make(chan struct{})
	go s.run()
	return nil
}

// run streams. While it waits for the client the backend need not say anything:
// its time-out is off, and the client has one of its own.
func (s *sender) run() {
	defer close(s.done)
	err, werr := s.stream()
	s.c.Guard.Arm(s.c.work.Timeout) // for the answer
	if err != nil || werr != nil {
		s.fail(err, werr)
		return
	}
	s.mu.Lock()
	s.whole = !s.stop.Load()
	s.mu.Unlock()
}

// stream sends the body to its end, or until stopped: by the kernel alone
// where it can be done, else through a buffer. err is the client's fault, werr
// the backend's.
func (s *sender) stream() (err, werr error) {
	if src, ok := s.body.Reader.(exchange.SpliceSource); ok && !s.chunked && s.c.Raw != nil && src.Spliceable() >= spliceFrom {
		if p := pipe.Get(src.Spliceable()); p != nil {
			defer pipe.Put(p)
			return s.splice(src, p)
		}
	}
	b := buffer.GetLarge()
	defer buffer.Put(b)
	head := 0
	if s.chunked {
		head = 16 // room for a chunk head in front
	}
	var pre [32]byte
	for !s.stop.Load() {
		s.c.Guard.Disarm()
		n, err := s.body.Read(b[head : len(b)-2])
		s.c.Guard.Arm(s.c.work.Timeout)
		if n > 0 {
			p := b[head : head+n]
			if s.chunked {
				h := wire.AppendChunkHead(pre[:0], int64(n))
				copy(b[head-len(h):], h)
				p = append(b[head-len(h):head+n], '\r', '\n')
			}
			if werr := s.write(p); werr != nil {
				return nil, werr
			}
		}
		if err == io.EOF {
			if s.chunked {
				return nil, s.write(lastChunk)
			}
			return nil, nil
		}
		if err != nil {
			return err, nil
		}
	}
	return nil, nil
}

var lastChunk = []byte("0\r\n\r\n")

func (s *sender) splice(src exchange.SpliceSource, p *pipe.Pipe) (err, werr error) {
	for src.Spliceable() > 0 && !s.stop.Load() {
		s.c.Guard.Disarm()
		err := src.FillPipe(p)
		s.c.Guard.Arm(s.c.work.Timeout)
		if err != nil {
			return err, nil
		}
		for p.Held() > 0 {
			n, werr := p.Drain(s.c.Raw)
			if werr = s.wrote(n, werr); werr != nil {
				return nil, werr
			}
		}
	}
	return nil, nil
}

func (s *sender) write(p []byte) error {
	for {
		n, err := s.c.Net.Write(p)
		p = p[n:]
		if err = s.wrote(n, err); err != nil || len(p) == 0 {
			return err
		}
	}
}

// wrote counts n bytes, which give the backend new time, and says whether an
// error of the write is final. The deadline of the connection bounds both
// directions, so one that strikes may be meant for who waits for the answer
// (over TLS the connection below has asked that already).
func (s *sender) wrote(n int, err error) error {
	if n > 0 {
		s.mu.Lock()
		s.c.sent += int64(n)
		s.mu.Unlock()
		s.c.Guard.Arm(s.c.work.Timeout)
	}
	if s.c.TLS == nil && errors.Is(err, os.ErrDeadlineExceeded) && !s.stop.Load() && s.c.Guard.Expired() == watch.Spurious {
		return nil
	}
	return err
}

// fail records the end. If the client's body broke, the backend must not take
// it for complete: the wait for the answer ends.
func (s *sender) fail(err, werr error) {
	s.mu.Lock()
	s.err, s.werr = err, werr
	s.mu.Unlock()
	if err != nil {
		s.c.Guard.Wake()
	}
}

func (s *sender) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

func (s *sender) fault() *fault.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return backend.BodyFault(s.err)
}

// complete reports whether the whole body has gone out.
func (s *sender) complete() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.whole
}

// join waits for the goroutine. An answer that is complete before the body
// means the rest is not wanted: the sender is stopped, and the connection is
// not used again. It reports whether the whole body went out.
func (s *sender) join() bool {
	if !s.running {
		return false
	}
	select {
	case <-s.done:
	default:
		s.stop.Store(true)
		s.c.Guard.Wake() // ends a blocked write
		if st, ok := s.body.Reader.(interface{ Stop() }); ok {
			st.Stop() // ends a blocked read from the client
		}
		<-s.done
	}
	return s.complete()
}
