package h1

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/message"
	"sallyport/internal/rawio"
)

// secure is the TLS of one client connection: crypto/tls above, sock below.
//
// A tls.Conn that is asked to read inside of RawConn.Read's callback must not
// block. sock then answers "nothing yet" with a temporary error, which a
// tls.Conn passes on and forgets; half a record waits in it for the rest. So a
// TLS connection waits, is parked and is woken like a clear one.
type secure struct {
	*tls.Conn
	sock sock
}

// sock is the socket as the tls.Conn sees it. The time-outs of the guard that
// mean nothing end here: to a tls.Conn any failed write is the last.
type sock struct {
	net.Conn                  // the TCP connection
	c        *conn            // nil: handed over, nothing but the TCP connection
	shown    *tls.Certificate // to the client
	got      int64            // bytes read during the handshake
	shaking  bool
	hurried  bool   // a write that would block fails
	corked   bool   // records gather in held
	held     []byte // from buffer.GetLarge; nil when empty
}

// again is "nothing yet" in the callback of RawConn.Read.
type again struct{}

func (again) Error() string   { return "no bytes yet" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

// maxRecord is the most that a record of TLS holds (RFC 8446 §5.1).
const maxRecord = 16 << 10

var (
	errAgain   net.Error = again{}
	errBlocked           = errors.New("the client does not take what is sent")
)

// NoteCertificate implements exchange.CertificateNoter.
func (s *sock) NoteCertificate(c *tls.Certificate) { s.shown = c }

// NetConn is the TCP connection, for the front that this one is handed over to.
func (s *sock) NetConn() net.Conn { return s.Conn }

// Read implements net.Conn.
func (s *sock) Read(p []byte) (int, error) {
	switch {
	case s.c == nil:
		return s.Conn.Read(p)
	case s.c.inside:
		n, err := rawio.Read(s.c.fd, p)
		switch {
		case n > 0:
			return n, nil
		case err == syscall.EAGAIN:
			return 0, errAgain
		case err == nil:
			return 0, io.EOF
		}
		return 0, err
	case !s.shaking:
		return s.Conn.Read(p)
	}
	n, err := s.c.sip(p)
	if n > 0 {
		s.got += int64(n)
		s.c.guard.Arm(s.c.readLimit(&s.c.set.Handshake, s.got))
	}
	return n, err
}

// sip is a blocking read from the socket itself, mindful of the guard.
func (c *conn) sip(p []byte) (int, error) {
	for {
		n, err := c.nc.Read(p)
		if err == nil || n > 0 {
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := timeout(&c.guard); err != nil {
			return 0, err
		}
	}
}

// Write implements net.Conn.
func (s *sock) Write(p []byte) (int, error) {
	switch {
	case s.c == nil:
		return s.Conn.Write(p)
	case !s.corked:
		return s.put(p)
	}
	if s.held == nil {
		s.held = buffer.GetLarge()[:0]
	}
	if len(s.held)+len(p) > cap(s.held) {
		if err := s.uncork(); err != nil {
			return 0, err
		}
		if len(p) > cap(s.held) {
			return s.put(p)
		}
	}
	s.held = append(s.held, p...)
	return len(p), nil
}

// uncork sends what is held.
func (s *sock) uncork() error {
	if len(s.held) == 0 {
		return nil
	}
	_, err := s.put(s.held)
	s.held = s.held[:0]
	return err
}

// put writes p whole, or fails for good.
func (s *sock) put(p []byte) (n int, err error) {
	if s.hurried || s.c.inside {
		n, err = rawio.Write(s.c.fd, p)
		if err != nil && err != syscall.EAGAIN {
			return 0, err
		}
		n = max(n, 0)
		if n < len(p) && s.hurried {
			return n, errBlocked
		}
	}
	for n < len(p) {
		m, err := s.Conn.Write(p[n:])
		n += m
		switch {
		case err == nil:
		case s.shaking:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				return n, err
			}
			if err := timeout(&s.c.guard); err != nil {
				return n, err
			}
		case s.c.kit == nil || s.c.out.set == nil || !s.c.out.again(err, m > 0):
			return n, err
		case m > 0:
			s.c.out.arm()
		}
	}
	return n, nil
}

// hasHello reports that the client has begun to speak, in the callback of
// RawConn.Read: only then is a goroutine spent on its handshake.
func hasHello(fd uintptr) bool { return !rawio.Silent(int(fd)) }

// shake makes the handshake of a connection whose client has begun to speak.
// c.next tells what comes of it.
func (c *conn) shake() {
	c.fresh = false
	if !c.begin() {
		c.next = hangUp
		return
	}
	cfg := c.visit.TLS()
	if cfg == nil { // since a reload
		c.visit.Leave()
		c.startWait()
		return
	}
	t := &secure{sock: sock{Conn: c.nc, c: c, shaking: true}}
	t.Conn = tls.Server(&t.sock, cfg)
	c.guard.Arm(c.readLimit(&c.set.Handshake, 0))
	err := t.Handshake()
	c.guard.Disarm()
	t.sock.shaking = false
	if err != nil {
		c.unshaken(err)
		return
	}
	c.tcp, c.secure = nil, t
	state := t.ConnectionState()
	c.client.TLS = c.visit.Secured(state, nil)
	if shown := t.sock.shown; shown != nil && c.client.TLS != nil {
		c.client.TLS.Local = shown.Leaf
	}
	stays := c.visit.Leave()
	switch {
	case state.NegotiatedProtocol == exchange.ProtoH2 && c.front.H2 != nil && stays:
		c.hand = &exchange.Handoff{}
		c.next = handOver
	case !stays, state.NegotiatedProtocol == "acme-tls/1":
		c.next = hangUp
	default:
		c.startWait()
	}
}

// unshaken ends a connection whose handshake has failed. A client that speaks
// HTTP gets a page about it (RFC 8446 knows no alert for that).
func (c *conn) unshaken(err error) {
	var rec tls.RecordHeaderError
	if !errors.As(err, &rec) || rec.Conn == nil || !likeHTTP(rec.RecordHeader) {
		c.visit.Secured(tls.ConnectionState{}, err)
		c.visit.Leave()
		c.next = goodbye
		if errors.Is(err, errTimeout) || errors.Is(err, io.EOF) {
			c.next = hangUp
		}
		return
	}
	c.newExchange()
	x := c.x
	// As httpd logs it: what was sent is gone into the handshake.
	x.Request.Method, x.Request.Target, x.RawPath = "GET", "/", "/"
	x.Request.Version = message.HTTP10
	x.KeepAlive = false
	x.Notes.Set("error-notes", plainNote)
	c.next = goodbye
	c.visit.Refuse(x, 400, "AH01996: SSL handshake failed: HTTP spoken on HTTPS port; trying to send HTML error page")
	c.finish()
}

const plainNote = "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />\n Instead use the HTTPS scheme to access this URL, please.<br />\n"

// likeHTTP reports that the first bytes look like a request line.
func likeHTTP(b [5]byte) bool {
	for i, c := range b {
		switch {
		case c >= 'A' && c <= 'Z':
		case i >= 3 && (c == ' ' || c == '/' || c == '*' || c == 'h'):
		default:
			return false
		}
	}
	return true
}

// closeNotify says goodbye in TLS if that can be said at once; nothing more
// can be written.
func (c *conn) closeNotify() {
	t := c.secure
	c.secure = nil
	t.now(func() { t.CloseWrite() })
}

// now lets f write without blocking; what the socket does not take at once is
// an error, and the last.
func (t *secure) now(f func()) {
	c := t.sock.c
	if c.raw == nil {
		f()
		return
	}
	t.sock.hurried = true
	c.raw.Control(func(uintptr) { f() })
	t.sock.hurried = false
}

// sip reads in the callback of RawConn.Read, with the errors of rawio.
func (t *secure) sip(p []byte) (int, error) {
	t.sock.c.inside = true
	n, err := t.Read(p)
	t.sock.c.inside = false
	if n > 0 {
		return n, nil // an end that came along is heard again
	}
	if err == errAgain {
		return 0, syscall.EAGAIN
	}
	return 0, err
}

// flushSecure sends the parts, in as few packets as there are buffers.
func (o *response) flushSecure(parts ...[]byte) error {
	s := &o.c.secure.sock
	s.corked = len(parts) > 1 || len(parts[0]) > maxRecord
	var err error
	for _, b := range parts {
		if len(b) == 0 {
			continue
		}
		if _, err = o.c.secure.Write(b); err != nil {
			break
		}
		o.x.BytesOut += int64(len(b))
	}
	s.corked = false
	if err == nil {
		err = s.uncork()
	}
	if s.held != nil {
		buffer.Put(s.held[:cap(s.held)])
		s.held = nil
	}
	if err != nil && o.err == nil {
		o.err = err
	}
	return err
}
