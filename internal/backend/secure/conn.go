package secure

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"sallyport/internal/rawio"
	"sallyport/internal/watch"
)

// Conn is a TLS connection to a backend. Reading and writing may go on at the
// same time; everything else belongs to the connection's owner.
type Conn struct {
	*tls.Conn
	sock *socket
}

// ErrWouldBlock says that a TryRead found nothing.
var ErrWouldBlock error = wouldBlock{}

// wouldBlock looks like a time-out to crypto/tls, which would take any other
// error for the end of the connection.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "nothing there yet" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

// Dial does the handshake on a connected socket, until the deadline. name is
// what the certificate must be for, and the name in the hello; "" for neither.
// On an error nc is closed.
func (s *Settings) Dial(nc net.Conn, name string, alpn []string, cache tls.ClientSessionCache, deadline time.Time) (*Conn, error) {
	sock := &socket{Conn: nc}
	sock.step, sock.push = sock.read, sock.write
	sc, ok := nc.(syscall.Conn)
	if !ok {
		nc.Close()
		return nil, errors.New("not a socket")
	}
	var err error
	if sock.raw, err = sc.SyscallConn(); err != nil {
		nc.Close()
		return nil, err
	}
	c := &Conn{tls.Client(sock, s.config(name, alpn, cache)), sock}
	nc.SetDeadline(deadline)
	if err := c.Handshake(); err != nil {
		nc.Close()
		return nil, err
	}
	nc.SetDeadline(time.Time{})
	return c, nil
}

// Protocol is what ALPN chose; "" for nothing.
func (c *Conn) Protocol() string { return c.ConnectionState().NegotiatedProtocol }

// Socket is the connection below.
func (c *Conn) Socket() net.Conn { return c.sock.Conn }

// Guard lets g judge the deadlines that strike from now on: a late one must not
// reach crypto/tls, which gives a connection up after a write that failed. With
// nil they are the caller's again.
func (c *Conn) Guard(g *watch.Guard) { c.sock.guard = g }

// TryRead is Read that does not wait: ErrWouldBlock when no whole record is there.
func (c *Conn) TryRead(p []byte) (int, error) {
	c.sock.look = true
	n, err := c.Read(p)
	c.sock.look = false
	if errors.Is(err, ErrWouldBlock) {
		err = ErrWouldBlock
	}
	return n, err
}

// Quiet reports that nothing unasked has come: no byte of content, no end.
func (c *Conn) Quiet() bool {
	var b [1]byte
	_, err := c.TryRead(b[:])
	return err == ErrWouldBlock
}

// Close says good-bye as far as that needs no waiting, and closes.
func (c *Conn) Close() error {
	c.sock.last.Store(true)
	return c.Conn.Close()
}

// socket is the TCP side. It reads and writes without the scheduler's
// bookkeeping (see rawio), and knows deadlines that are none.
type socket struct {
	net.Conn
	raw   syscall.RawConn
	guard *watch.Guard
	look  bool        // Read must not wait
	last  atomic.Bool // Write must not wait

	step, push func(uintptr) bool // read and write, as values made once
	in, out    []byte             // of the call under way
	n, sent    int
	err, werr  error
}

func (s *socket) Read(p []byte) (int, error) {
	if s.look {
		s.in = p
		if err := s.raw.Control(func(fd uintptr) { s.read(fd) }); err != nil {
			return 0, err
		}
		if s.n == 0 && s.err == nil {
			return 0, ErrWouldBlock
		}
		return s.n, s.err
	}
	for {
		s.in, s.n, s.err = p, 0, nil
		err := s.raw.Read(s.step)
		if err == nil {
			err = s.err
		}
		if err != nil && s.spurious(err) {
			continue
		}
		return s.n, err
	}
}

// read is the callback of RawConn.Read.
func (s *socket) read(fd uintptr) bool {
	s.n, s.err = 0, nil
	n, err := rawio.Read(int(fd), s.in)
	switch {
	case n > 0:
		s.n = n
	case err == syscall.EAGAIN:
		return false
	case err != nil:
		s.err = os.NewSyscallError("read", err)
	default:
		s.err = io.EOF
	}
	return true
}

func (s *socket) Write(p []byte) (int, error) {
	s.out, s.sent = p, 0
	if s.last.Load() {
		s.raw.Control(func(fd uintptr) { s.write(fd) })
		return len(p), nil
	}
	for {
		s.werr = nil
		err := s.raw.Write(s.push)
		if err == nil {
			err = s.werr
		}
		if err != nil && s.spurious(err) {
			continue
		}
		return s.sent, err
	}
}

// write is the callback of RawConn.Write.
func (s *socket) write(fd uintptr) bool {
	for len(s.out) > 0 {
		n, err := rawio.Write(int(fd), s.out)
		switch {
		case err == nil:
			s.sent += n
			s.out = s.out[n:]
		case err == syscall.EAGAIN:
			return false
		default:
			s.werr = os.NewSyscallError("write", err)
			return true
		}
	}
	return true
}

// spurious reports that a deadline struck that nobody means any more.
func (s *socket) spurious(err error) bool {
	return s.guard != nil && errors.Is(err, os.ErrDeadlineExceeded) && s.guard.Expired() == watch.Spurious
}

// SetWriteDeadline is crypto/tls's in Close, where nothing waits.
func (s *socket) SetWriteDeadline(t time.Time) error {
	if s.last.Load() {
		return nil
	}
	return s.Conn.SetWriteDeadline(t)
}
