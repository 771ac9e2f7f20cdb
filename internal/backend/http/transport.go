// Package http carries exchanges to HTTP/1.1 backends over pooled connections:
// transport.go (one round trip, and the one safe repetition), request.go (what
// is sent), response.go (what comes back), tunnel.go (after a 101). The grammar
// is wire/h1's; which headers a backend is sent is modules/proxy's.
package http

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"sallyport/internal/backend"
	"sallyport/internal/backend/pool"
	"sallyport/internal/backend/secure"
	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/rawio"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h1"
)

// Transport implements backend.Transport for http targets.
type Transport struct{}

// conn is the HTTP side of one pooled connection. It belongs to the exchange
// that got the connection.
type conn struct {
	*pool.Conn
	port string // our own, in text
	pool *pool.Pool
	work *backend.Worker
	x    *exchange.Exchange
	req  *backend.Request

	out  [3][]byte // what is still to be sent of head and the body's first bytes
	head []byte    // the request's head; borrowed until it is sent
	in   []byte    // read buffer; nil while waiting for an answer
	r, w int       // unread: in[r:w]

	step   func(uintptr) bool // receive, as a value made once
	unsent bool               // receive has not yet sent out
	werr   error              // the backend took the head and not all of the rest
	peek   bool               // receive is not to wait: see errWouldBlock
	n      int                // result of receive
	err    error

	framing wire.Framing
	left    int64 // of a counted body
	chunks  wire.Chunked
	bodyEnd bool
	bodyErr error
	keep    bool
	sender  *sender // streams a large request body; nil without

	sent, read int64
	frame      int64 // of read: what is neither a status line nor content
}

// ErrHTTP2 is the cause of a fault: the backend has chosen HTTP/2 in the TLS
// handshake.
var ErrHTTP2 = errors.New("the backend chose HTTP/2")

// Start implements backend.Transport.
func (t *Transport) Start(x *exchange.Exchange, w *backend.Worker, r *backend.Request) (backend.Reply, *fault.Fault) {
	if f := r.ReadAhead(); f != nil {
		return nil, f
	}
	p := w.Pool.(*pool.Pool)
	for fresh := r.Fresh; ; fresh = true {
		pc, f := p.Get(w, pool.Want{Hint: x.Client.ID, Fresh: fresh, ServerName: r.ServerName, From: x.Client.Addr, To: x.Client.Local})
		if f != nil {
			return nil, f
		}
		c, _ := pc.Proto.(*conn)
		if c == nil {
			c = &conn{Conn: pc, pool: p, port: portOf(pc.Net.LocalAddr())}
			c.step = c.receive
			pc.Proto = c
		}
		c.begin(x, w, r)
		if !pc.Reused && w.Target.ALPN != "" && pc.TLS.Protocol() == "h2" {
			c.giveUp()
			return nil, &fault.Fault{Kind: fault.TLSFailed, Err: ErrHTTP2}
		}
		if pc.Reused && c.stale() {
			// Nothing was sent: any request may take a fresh connection. What
			// came unasked must not answer it, safe to repeat or not.
			c.giveUp()
			continue
		}
		f = c.roundTrip()
		if f == nil {
			return c, nil
		}
		again := pc.Reused && c.read == 0 && r.Replay && !r.Streaming &&
			(f.Kind == fault.ClosedEarly || f.Kind == fault.SendFailed)
		f.Reused = pc.Reused
		c.giveUp()
		if !again {
			return nil, f
		}
		// The backend closed an idle connection while the request was on its
		// way. Unlike httpd, which then closes the client's connection too:
		// the request is safe to send again, so it is.
	}
}

func (c *conn) begin(x *exchange.Exchange, w *backend.Worker, r *backend.Request) {
	c.x, c.work, c.req = x, w, r
	c.sent, c.read, c.frame = 0, 0, 0
	c.bodyEnd, c.bodyErr, c.sender, c.werr = false, nil, nil, nil
	c.keep = true
}

// stale looks whether the backend has closed the connection or sent something
// unasked: a body where none belongs, an answer too many. The connection is
// ours alone, so its descriptor is open.
func (c *conn) stale() bool {
	if c.TLS != nil {
		return c.Closed() || !c.TLS.Quiet()
	}
	return c.Closed() || c.FD >= 0 && !rawio.Silent(c.FD)
}

// roundTrip sends the request and reads the head of the answer into x.Out.
func (c *conn) roundTrip() *fault.Fault {
	if !c.writeHead() {
		return &fault.Fault{Kind: fault.ClientBody, Status: 400, Err: errors.New("line break in a request field")}
	}
	timeout := c.work.Timeout
	if c.work.Ping > 0 && c.req.Expect {
		timeout = c.work.Ping
	}
	c.unsent = true
	if !c.x.Down.Waiting(&c.Guard) {
		return &fault.Fault{Kind: fault.ClientGone}
	}
	c.Guard.Arm(timeout)
	f := c.fill()
	if f == nil {
		f = c.readHead()
	}
	c.Guard.Disarm()
	c.x.Down.Waiting(nil)
	return f
}

// fill reads more of the answer; with unsent, it sends the request first.
func (c *conn) fill() *fault.Fault {
	for {
		c.n, c.err = 0, nil
		var err error
		if c.Raw != nil {
			// Sending inside the callback of RawConn.Read means that the
			// answer cannot come before we wait for it, so no read is spent
			// on learning that it is not there yet.
			err = c.Raw.Read(c.step)
		} else {
			c.receive(0)
		}
		if err == nil {
			err = c.err
		}
		if c.n > 0 {
			c.w += c.n
			c.read += int64(c.n)
			return nil
		}
		if err == errWouldBlock {
			return waitFault
		}
		if err == errClientGone {
			return &fault.Fault{Kind: fault.ClientGone}
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			switch c.Guard.Expired() {
			case watch.Due:
				if c.unsent {
					return &fault.Fault{Kind: fault.SendFailed, Err: err}
				}
				if c.work.Ping > 0 && c.sender != nil && c.sender.hold {
					return &fault.Fault{Kind: fault.PingTimeout}
				}
				return &fault.Fault{Kind: fault.ReadTimeout, Err: err}
			case watch.Woken:
				if c.sender != nil && c.sender.failed() {
					return c.sender.fault()
				}
				return &fault.Fault{Kind: fault.ClientGone}
			}
			continue
		}
		if c.TLS != nil && c.read == 0 && !c.Reused && alerted(err) {
			// In TLS 1.3 the backend judges our certificate after its own
			// side of the handshake is done.
			return &fault.Fault{Kind: fault.TLSFailed, Err: err, Detail: c.work.Target.Addr}
		}
		if c.werr != nil {
			err = c.werr
		}
		if (c.unsent || c.werr != nil) && err != nil {
			return &fault.Fault{Kind: fault.SendFailed, Err: err}
		}
		if err == io.EOF {
			err = nil
		}
		return &fault.Fault{Kind: fault.ClosedEarly, Err: err}
	}
}

// alerted reports that the other side has ended TLS with an alert.
func alerted(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

// errWouldBlock ends a fill that was only to look (peek); waitFault says so.
var (
	errWouldBlock = errors.New("nothing there yet")
	waitFault     = &fault.Fault{Err: errWouldBlock}
)

// receive is the callback of RawConn.Read, and with fd 0 its plain stand-in.
func (c *conn) receive(fd uintptr) bool {
	if c.unsent {
		if fd != 0 {
			if n, err := rawio.Writev(int(fd), &c.out); err == nil {
				c.sent += int64(n)
			}
		}
		for i := range c.out {
			if len(c.out[i]) == 0 {
				continue
			}
			n, err := c.Net.Write(c.out[i])
			c.sent += int64(n)
			if err == nil {
				continue
			}
			if c.sent < int64(len(c.head)) || errors.Is(err, os.ErrDeadlineExceeded) {
				c.err = err
				return true
			}
			// It may have answered by the head alone, and closed.
			c.werr, c.keep, c.sender = err, false, nil
			break
		}
		c.unsent = false
		// While we wait, another exchange has a use for it, and for what is in
		// the processor's cache.
		buffer.Put(c.head)
		c.head = nil
		if c.sender != nil && !c.sender.hold {
			c.x.Down.Waiting(nil)
			err := c.startSender()
			if !c.x.Down.Waiting(&c.Guard) || err != nil {
				c.err = errClientGone
				return true
			}
		}
		if fd != 0 {
			return false
		}
	}
	c.room()
	switch {
	case fd != 0:
	case c.peek && c.TLS != nil:
		c.peek = false
		if c.n, c.err = c.TLS.TryRead(c.in[c.w:]); c.err == secure.ErrWouldBlock {
			c.err = errWouldBlock
		}
		return true
	default:
		c.n, c.err = c.Net.Read(c.in[c.w:])
		return true
	}
	for {
		n, err := rawio.Read(int(fd), c.in[c.w:])
		switch {
		case n > 0:
			c.n = n
			return true
		case err == syscall.EAGAIN:
			if c.r == c.w {
				c.dropIn()
			}
			if c.peek {
				c.peek, c.err = false, errWouldBlock
				return true
			}
			return false
		case err != nil:
			c.err = os.NewSyscallError("read", err)
			return true
		default:
			c.err = io.EOF
			return true
		}
	}
}

func (c *conn) room() {
	switch {
	case c.in == nil:
		c.in = buffer.GetLarge()
		c.r, c.w = 0, 0
	case c.r == c.w:
		c.r, c.w = 0, 0
	case c.w < len(c.in):
	case c.r > 0:
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	default: // a head longer than the buffer; readHead bounds it
		big := make([]byte, 2*len(c.in))
		c.w = copy(big, c.in[:c.w])
		buffer.Put(c.in)
		c.in = big
	}
}

func (c *conn) dropIn() {
	buffer.Put(c.in)
	c.in, c.r, c.w = nil, 0, 0
}

// release ends the exchange on this connection: back to the pool if all of
// both messages has passed and nothing is in doubt, else closed.
func (c *conn) release() {
	ok := c.keep && c.bodyEnd && c.bodyErr == nil && c.r == c.w && !c.req.Close && !c.Closed()
	if c.sender != nil {
		ok = c.sender.join() && ok
		c.Guard.Disarm()
	}
	c.req.Sent, c.req.Received = c.sent, c.read-c.frame // the connection is another's in a moment
	c.tidy()
	if ok {
		c.Guard.Rest()
		c.pool.Put(c.Conn, c.work)
	} else {
		c.pool.Discard(c.Conn)
	}
}

// giveUp closes the connection.
func (c *conn) giveUp() {
	c.keep = false
	c.release()
}

func (c *conn) tidy() {
	if c.in != nil {
		c.dropIn()
	}
	buffer.Put(c.head)
	c.x, c.req, c.out, c.head, c.sender = nil, nil, [3][]byte{}, nil, nil
}

// LocalPort implements backend.Reply.
func (c *conn) LocalPort() string { return c.port }
