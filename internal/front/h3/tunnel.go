package h3

import (
	"errors"
	"io"
	"os"
	"time"
)

// Upgrade hands the stream over once the head has been sent (RFC 9220).
func (o *response) Upgrade() (io.ReadWriteCloser, error) {
	if !o.s.tunnel {
		return nil, errors.New("upgrade: not an extended CONNECT")
	}
	if err := o.Flush(); err != nil {
		return nil, err
	}
	return (*tunnel)(o.s), nil
}

// tunnel is a stream after an extended CONNECT.
type tunnel stream

// Read implements io.Reader; the end of the client's half is io.EOF.
func (t *tunnel) Read(p []byte) (int, error) {
	s := (*stream)(t)
	n, err := s.receive(p)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && err != io.EOF {
		s.bodyErr = err
	}
	return n, err
}

// Write sends at once. The exchange counts the tunnel's bytes itself.
func (t *tunnel) Write(p []byte) (int, error) {
	s := (*stream)(t)
	n, err := s.out.Write(p)
	s.x.BodyOut -= int64(n)
	s.x.BytesOut -= int64(n)
	if err == nil {
		err = s.out.Flush()
	}
	return n, err
}

// CloseWrite ends our half.
func (t *tunnel) CloseWrite() error { return (*stream)(t).out.End(nil) }

// Close ends our half too: what the client still sends is refused when the
// exchange lets go of the stream.
func (t *tunnel) Close() error { return (*stream)(t).out.End(nil) }

// SetReadDeadline bounds reading.
func (t *tunnel) SetReadDeadline(at time.Time) error { return t.qs.SetReadDeadline(at) }

// SetWriteDeadline bounds writing.
func (t *tunnel) SetWriteDeadline(at time.Time) error { return t.qs.SetWriteDeadline(at) }
