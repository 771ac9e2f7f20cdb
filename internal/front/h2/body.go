package h2

import (
	"io"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h2"
)

// body is a stream as the reader of its request's content.
type body stream

// expects reports whether the client waits for a 100 before it sends.
func expects(x *exchange.Exchange) bool {
	v, ok := x.Request.Header.Known(message.Expect)
	return ok && message.EqualFold(v, "100-continue")
}

// Read implements io.Reader for message.Body.
func (b *body) Read(p []byte) (int, error) {
	s := (*stream)(b)
	if len(p) == 0 {
		return 0, nil
	}
	return s.receive(p, true)
}

// receive takes content, and waits for it. whole says that the end is an end
// only once all of a message has come.
func (s *stream) receive(p []byte, whole bool) (int, error) {
	c := s.c
	waits := false
	c.mu.Lock()
	for s.at == len(s.in) {
		var err error
		switch {
		case s.err == errBroken, s.err != nil && whole:
			err = io.ErrUnexpectedEOF
		case s.err != nil:
			err = s.err
		case s.stopped:
			err = errGone
		case s.remoteEnd:
			err = io.EOF
		case s.readLate:
			s.readLate = false
			if !whole || s.readEnd.Expired() == watch.Due {
				err = errTimeout
			}
		}
		if err != nil {
			c.mu.Unlock()
			if waits {
				s.readEnd.Disarm()
			}
			return 0, err
		}
		if !waits {
			waits = true
			c.mu.Unlock()
			s.watch()
			if s.expect && whole {
				if err := (*body)(s).Ask(); err != nil {
					return 0, err
				}
			}
			if whole {
				s.readEnd.Arm(s.patience())
			}
			c.mu.Lock()
			continue
		}
		s.cond.Wait()
	}
	n := copy(p, s.in[s.at:])
	if s.at += n; s.at == len(s.in) {
		s.in, s.at = s.in[:0], 0
	}
	s.x.BytesIn += s.bytesIn
	s.bytesIn = 0
	c.credit(s, n)
	c.mu.Unlock()
	if waits && whole {
		s.readEnd.Disarm()
	}
	return n, nil
}

// Whole takes the content in one piece, if all of it has come and that is no more
// than most; nil if not.
func (b *body) Whole(most int) []byte {
	s := (*stream)(b)
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(s.in) - s.at
	if !s.remoteEnd || s.err != nil || s.stopped || s.expect || n > most {
		return nil
	}
	p := make([]byte, n)
	copy(p, s.in[s.at:])
	s.in, s.at = s.in[:0], 0
	s.x.BytesIn += s.bytesIn
	s.bytesIn = 0
	c.credit(s, n)
	return p
}

// credit gives window back: of the stream, unless nothing more is to come on
// it, and of the connection. Under the lock.
func (c *conn) credit(s *stream, n int) {
	if n == 0 || c.dead {
		return
	}
	w := &c.write
	told := false
	if c.owed += n; c.owed >= connWindow/2 {
		w.out = wire.AppendUint32Frame(w.room(), wire.WindowUpdate, 0, uint32(c.owed))
		c.inWindow += int64(c.owed)
		c.owed, told = 0, true
	}
	if s != nil && !s.remoteEnd && !s.gone {
		if s.owed += n; s.owed >= c.h2.Window/2 {
			w.out = wire.AppendUint32Frame(w.room(), wire.WindowUpdate, s.id, uint32(s.owed))
			s.inWindow += int64(s.owed)
			s.owed, told = 0, true
		}
	}
	if told {
		c.kick()
	}
}

// Ask sends the 100 that the client waits for. For the exchange's goroutine.
func (b *body) Ask() error {
	s := (*stream)(b)
	s.watch() // before another goroutine reads
	if !s.expect || s.out.begun {
		return nil
	}
	s.expect = false
	return s.out.Inform(100, nil)
}

// Stop makes a blocked Read, and every later one, fail. For any goroutine.
func (b *body) Stop() {
	s := (*stream)(b)
	s.c.mu.Lock()
	s.stopped = true
	s.cond.Broadcast()
	s.c.mu.Unlock()
}

// trailers is message.Body.Trailer: valid behind the end of the content.
func (s *stream) trailers() *message.Header {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if !s.remoteEnd || len(s.trailer.Header.Fields) == 0 {
		return nil
	}
	return &s.trailer.Header
}
