package h2

import (
	"errors"
	"io"
	"os"
	"time"

	"sallyport/internal/watch"
)

// Upgrade hands the stream over once the head has been sent.
func (o *response) Upgrade() (io.ReadWriteCloser, error) {
	if !o.s.tunnel {
		return nil, errors.New("upgrade: not an extended CONNECT")
	}
	if err := o.Flush(); err != nil {
		return nil, err
	}
	o.s.watch()
	return (*tunnel)(o.s), nil
}

// tunnel is a stream after an extended CONNECT (RFC 8441): its DATA frames are
// the bytes of what was one connection in HTTP/1.1.
type tunnel stream

// Read implements io.Reader; the end of the client's half is io.EOF.
func (t *tunnel) Read(p []byte) (int, error) {
	n, err := (*stream)(t).receive(p, false)
	if err == errTimeout {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// Write sends at once.
func (t *tunnel) Write(p []byte) (int, error) {
	s := (*stream)(t)
	n, err := s.out.Write(p)
	// The exchange counts the tunnel's bytes itself.
	s.x.BodyOut -= int64(n)
	s.x.BytesOut -= int64(n)
	if err == nil {
		err = s.out.Flush()
	}
	return n, err
}

// CloseWrite ends our half of the stream.
func (t *tunnel) CloseWrite() error { return (*stream)(t).out.End(nil) }

// Close ends our half too: what the client still sends is refused when the
// exchange lets go of the stream.
func (t *tunnel) Close() error { return (*stream)(t).out.End(nil) }

// SetReadDeadline bounds reading; a time in the past wakes a blocked Read.
func (t *tunnel) SetReadDeadline(at time.Time) error {
	s := (*stream)(t)
	d := time.Until(at)
	s.c.mu.Lock()
	s.readLate = !at.IsZero() && d <= 0
	s.cond.Broadcast()
	s.c.mu.Unlock()
	if at.IsZero() || d <= 0 {
		s.readEnd.Disarm()
	} else {
		s.readEnd.Arm(d)
	}
	return nil
}

// SetWriteDeadline ends writing if the time is past. Else each frame has
// H2StreamTimeout.
func (t *tunnel) SetWriteDeadline(at time.Time) error {
	s := (*stream)(t)
	if !at.IsZero() && !at.After(watch.Past) {
		s.c.mu.Lock()
		s.cut = true
		s.cond.Broadcast()
		s.c.mu.Unlock()
	}
	return nil
}
