package h1

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// Upgrade hands the connection over once the 101 has been written; it is
// closed when the exchange ends.
func (o *response) Upgrade() (io.ReadWriteCloser, error) {
	if o.c.inside {
		return nil, errors.New("upgrade: the connection is being read")
	}
	if err := o.Flush(); err != nil {
		return nil, err
	}
	o.upgraded = true
	o.c.guard.Still() // from here on, whoever has the tunnel sets deadlines
	return &tunnel{o.c.stream(), o.c, o}, nil
}

// tunnel is the client's side after an upgrade: bytes that came along with the
// head first, then the socket.
type tunnel struct {
	net.Conn
	c *conn
	o *response
}

func (t *tunnel) Read(p []byte) (int, error) {
	if t.c.r < t.c.w {
		n := copy(p, t.c.in[t.c.r:t.c.w])
		t.c.r += n
		t.c.shrink()
		return n, nil
	}
	return t.Conn.Read(p)
}

// Close ends both directions.
func (t *tunnel) Close() error {
	t.c.hang.cancel() // the descriptor's number is free from here on
	return t.Conn.Close()
}

// CloseWrite passes a half-close on.
func (t *tunnel) CloseWrite() error {
	if cw, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Socket gives the descriptor to read from directly; nil while bytes that
// came along with the head are still unread, or where there is none.
func (t *tunnel) Socket() syscall.Conn {
	if t.c.r < t.c.w || t.c.tcp == nil {
		return nil
	}
	return t.c.tcp
}

// SetDeadline bounds both directions.
func (t *tunnel) SetDeadline(d time.Time) error { return t.Conn.SetDeadline(d) }
