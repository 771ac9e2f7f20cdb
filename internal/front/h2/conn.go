// Package h2 is the front door for HTTP/2 (RFC 9113): it turns the frames of
// one client connection into exchanges, one per stream, and their responses
// back into frames. It is a sibling of front/h1, from which it gets connections
// that begin with HTTP/2's preface or ask for it, and from the TLS handshake
// those that chose "h2". The frames' bytes are wire/h2's, what makes a request
// a sound one is front/bridge's, everything a configuration decides the
// house's (exchange.House).
//
// In the order the data meets the files: conn.go (the life of a connection),
// park.go (its rest), read.go (frames that come), stream.go (one request), body.go (its content),
// response.go (the Downstream), write.go (frames that go), tunnel.go (WebSocket).
//
// One goroutine reads and never waits for anything but the client, so that a
// slow stream stops nobody; each stream has one for its exchange. A connection
// without streams has none after a second: it waits in the watcher. Frames that
// go are put into one buffer under the connection's lock, and whoever finds
// nobody writing writes.
package h2

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/http2/hpack"

	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/front/bridge"
	"sallyport/internal/rawio"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h2"
)

// connWindow is how many bytes of request bodies may wait to be read on all
// streams of a connection together: it bounds what a client can make us hold.
const connWindow = 1 << 20

// headBudget is how many bytes of header sections the open streams of one
// connection may hold together; another stream is refused then.
const headBudget = 1 << 20

// lingerFor is how long the client gets to read our last words before the
// connection is closed for good.
const lingerFor = time.Second

// Front serves HTTP/2 connections. All fields are set before the first Serve.
type Front struct {
	Watch *watch.Watcher

	running atomic.Int64 // connections and streams, which have a goroutine each
}

// Running counts goroutines, as front/h1 does.
func (f *Front) Running() int { return int(f.running.Load()) }

// conn is one client connection.
type conn struct {
	front  *Front
	nc     net.Conn
	raw    syscall.RawConn // of a TCP connection without TLS; else nil
	sock   syscall.RawConn // of the TCP connection, also below TLS; nil: it can't park
	fd     int             // of it; -1
	visit  exchange.Visit
	client *exchange.Client
	guard  watch.Guard // idleness; wakes the reader
	set    *exchange.ServerSettings
	h2     *exchange.HTTP2

	draining atomic.Bool // Drain was called
	unwanted atomic.Bool // Shed was called
	state    atomic.Uint32
	ticket   watch.Ticket // while parked

	// The reader's own.
	in       []byte // read buffer; unread is in[r:w]
	r, w     int
	step     func(uintptr) bool
	n        int // what step has read
	err      error
	dec      *hpack.Decoder
	block    block // the header block being received
	limit    int   // bytes of a header section
	greets   bool  // the client's first SETTINGS have come
	missteps int   // stream errors

	write writer

	mu       sync.Mutex
	streams  map[uint32]*stream
	free     []*stream // for reuse
	last     uint32    // highest stream of the client
	open     int       // streams that count against MaxStreams
	busy     int       // goroutines of streams
	heads    int       // bytes of their header sections
	resets   resets
	calm     watch.Calm
	dead     bool          // nothing can be sent or received any more
	away     bool          // the final GOAWAY is out: no new streams
	noted    bool          // the first GOAWAY of a drain is out
	bye      bool          // the client has sent GOAWAY
	inWindow int64         // what the client may still send
	owed     int           // bytes read since the last WINDOW_UPDATE
	window   int64         // what we may still send on all streams
	initial  int64         // on a new stream
	since    time.Duration // of the watcher's clock: when the last stream ended
	rest     time.Duration // how long the connection may be idle from then on
	idle     sync.Cond
}

// Serve serves a connection until it ends or rests. The client has chosen
// HTTP/2, by ALPN or otherwise; h.Early holds what was read from it already.
func (f *Front) Serve(h *exchange.Handoff) {
	f.running.Add(1)
	defer f.running.Add(-1)
	c := &conn{front: f, nc: h.Conn, fd: -1, client: h.Client, visit: h.Visit}
	c.set = c.visit.Enter()
	c.visit.Leave()
	c.h2 = c.set.Versions.HTTP2
	if c.h2 == nil { // a reload has just taken it away
		c.nc.Close()
		c.visit.Bye()
		return
	}
	socket := h.Conn
	for {
		t, ok := socket.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		socket = t.NetConn() // below TLS
	}
	if tcp, ok := socket.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { c.fd = int(fd) })
			c.sock = raw
			if socket == h.Conn {
				c.raw = raw
			}
		}
	}
	c.step = c.ready
	c.limit = bridge.Limit(c.set)
	c.streams = map[uint32]*stream{}
	c.idle.L = &c.mu
	c.inWindow, c.window, c.initial = connWindow, 65535, 65535
	c.dec = hpack.NewDecoder(4096, c.field)
	c.dec.SetMaxStringLength(c.limit)
	c.write.enc = hpack.NewEncoder(&c.write.block)
	c.calm.Begin(f.Watch.Now())
	f.Watch.Add(&c.guard, c)
	f.Watch.Add(&c.write.guard, &c.write)
	c.write.c = c

	c.rest = c.set.Timeout
	c.restart()
	c.greet()
	if h.Request == nil || c.upgraded(h) {
		c.in = buffer.GetSmall()
		if len(h.Early) > len(c.in) {
			c.in = make([]byte, max(buffer.Large, len(h.Early)))
		}
		c.w = copy(c.in, h.Early)
		if err := c.read(c.preface()); err == errParked {
			return
		}
	}
	c.end()
}

// greet sends our SETTINGS, and the window of the connection.
func (c *conn) greet() {
	var p []byte
	p = wire.AppendSetting(p, wire.MaxConcurrentStreams, uint32(c.h2.MaxStreams))
	if c.h2.Window != 65535 {
		p = wire.AppendSetting(p, wire.InitialWindowSize, uint32(c.h2.Window))
	}
	p = wire.AppendSetting(p, wire.MaxHeaderListSize, uint32(c.limit))
	if c.h2.WebSockets {
		p = wire.AppendSetting(p, wire.EnableConnectProtocol, 1)
	}
	p = wire.AppendSetting(p, wire.NoPriorities, 1)
	c.mu.Lock()
	c.write.out = wire.AppendHead(c.write.room(), wire.Head{Length: len(p), Type: wire.Settings})
	c.write.out = append(c.write.out, p...)
	c.write.out = wire.AppendUint32Frame(c.write.out, wire.WindowUpdate, 0, connWindow-65535)
	c.kick()
	c.mu.Unlock()
}

// fault is why a connection ends before its time (RFC 9113 §5.4.1).
type fault struct {
	code wire.Code
	text string
}

func (f *fault) Error() string { return f.code.String() + ": " + f.text }

var errIdle = errors.New("idle")

// read handles frames until the connection is to end, or rests: with errParked
// it belongs to somebody else. err: it is to end already.
func (c *conn) read(err error) error {
	for err == nil {
		err = c.frame()
	}
	if err == errParked {
		return err
	}
	code, last := wire.NoError, c.last
	var f *fault
	switch {
	case errors.As(err, &f):
		code = f.code
		c.log("connection closed with %s: %s", f.code, f.text)
	case err == errIdle:
	default: // the client has gone
		c.kill()
		return err
	}
	c.mu.Lock()
	if !c.dead {
		c.away = true
		c.write.out = wire.AppendGoAway(c.write.room(), last, code)
		c.kick()
	}
	c.mu.Unlock()
	if code != wire.NoError {
		c.abortAll()
	}
	c.linger()
	c.kill()
	return err
}

// preface reads the client's first words.
func (c *conn) preface() error {
	for n := 0; n < len(wire.Preface); {
		if c.r == c.w {
			if err := c.fill(); err != nil {
				return err
			}
		}
		for ; n < len(wire.Preface) && c.r < c.w; n, c.r = n+1, c.r+1 {
			if c.in[c.r] != wire.Preface[n] {
				return &fault{wire.ProtocolError, "the preface is not HTTP/2's"}
			}
		}
	}
	return nil
}

// fill reads more bytes. It returns errIdle when the connection is to be
// closed because nothing happens on it, or because the house shuts down.
func (c *conn) fill() error {
	for {
		if c.raw != nil {
			c.n, c.err = 0, nil
			if err := c.raw.Read(c.step); err != nil && c.err == nil && c.n == 0 {
				c.err = err
			}
		} else {
			c.room()
			c.n, c.err = c.nc.Read(c.in[c.w:])
		}
		if c.n > 0 {
			c.w += c.n
			return nil
		}
		if !errors.Is(c.err, os.ErrDeadlineExceeded) {
			return c.err
		}
		if err := c.woken(); err != nil {
			return err
		}
	}
}

// ready is the callback of RawConn.Read: a connection that waits holds no
// buffer.
func (c *conn) ready(fd uintptr) bool {
	c.room()
	n, err := rawio.Read(int(fd), c.in[c.w:])
	switch {
	case n > 0:
		c.n = n
	case err == syscall.EAGAIN:
		if c.r == c.w {
			buffer.Put(c.in)
			c.in, c.r, c.w = nil, 0, 0
		}
		return false
	case err != nil:
		c.err = os.NewSyscallError("read", err)
	default:
		c.err = net.ErrClosed
	}
	return true
}

// room makes space for the next read. A frame is at most MaxFrame long.
func (c *conn) room() {
	switch {
	case c.in == nil:
		c.in = buffer.GetSmall()
		c.r, c.w = 0, 0
	case c.r == c.w:
		c.r, c.w = 0, 0
	case c.w < len(c.in):
	case c.r > 0:
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	default:
		big := buffer.GetLarge()
		c.w = copy(big, c.in[c.r:c.w])
		c.r = 0
		buffer.Put(c.in)
		c.in = big
	}
}

// woken decides what a deadline means that has struck the reader.
func (c *conn) woken() error {
	v := c.guard.Expired()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return net.ErrClosed
	}
	quiet := c.open == 0 && c.busy == 0
	if c.draining.Load() {
		switch {
		case !c.noted:
			// First a warning, so that no request gets lost that is on its
			// way (RFC 9113 §6.8).
			c.noted = true
			c.write.out = wire.AppendGoAway(c.write.room(), wire.MaxWindow, wire.NoError)
			c.kick()
		case quiet && !c.block.on:
			return errIdle
		}
	}
	switch {
	case quiet && (c.bye || c.unwanted.Load()):
		return errIdle
	case v != watch.Due:
	case c.block.on:
		return errIdle
	case quiet && c.front.Watch.Now()-c.since >= c.rest-watch.Tick:
		return errIdle
	case quiet && c.canPark():
		return c.parkNow()
	case quiet:
		c.guard.Arm(max(c.rest-(c.front.Watch.Now()-c.since), watch.Tick))
	}
	return nil
}

// quieted is called under the lock when a stream has gone, or did not come
// about: the last one starts the clock of an idle connection.
func (c *conn) quieted() {
	if c.open > 0 || c.busy > 0 {
		c.guard.Disarm()
		return
	}
	c.rest = max(c.set.KeepAliveTimeout, watch.Tick)
	c.restart()
	if c.bye || c.draining.Load() || c.away {
		c.nc.SetReadDeadline(watch.Past)
	}
}

// SetDeadline lets the guard wake the reader.
func (c *conn) SetDeadline(t time.Time) error {
	err := c.nc.SetReadDeadline(t)
	if !t.IsZero() {
		c.unpark(nil)
	}
	return err
}

// Drain asks clients to go: each is told, and its connection closed once no
// exchange is under way on it. It may be called again and again.
func (f *Front) Drain() {
	f.Watch.Each(func(d watch.Deadliner) {
		if c, ok := d.(*conn); ok && c.front == f {
			c.draining.Store(true)
			c.SetDeadline(watch.Past)
		}
	})
}

// Close closes every connection, whatever it is doing.
func (f *Front) Close() {
	f.Watch.Each(func(d watch.Deadliner) {
		if c, ok := d.(*conn); ok && c.front == f && !c.unpark(c.kill) {
			go c.kill()
		}
	})
}

// kill ends everything on the connection at once.
func (c *conn) kill() {
	c.mu.Lock()
	was := c.dead
	c.dead = true
	c.idle.Broadcast()
	c.mu.Unlock()
	if !was {
		c.nc.Close()
	}
	c.abortAll()
}

// abortAll ends the exchanges of all streams.
func (c *conn) abortAll() {
	c.mu.Lock()
	for _, s := range c.streams {
		s.fail(errGone)
	}
	c.mu.Unlock()
}

// linger waits a moment for the client to take our last words and go, so that
// closing with unread bytes does not take them away.
func (c *conn) linger() {
	c.write.drain(lingerFor)
	if c.unwanted.Load() {
		return // room is wanted now
	}
	if cw, ok := c.nc.(interface{ CloseWrite() error }); !ok || cw.CloseWrite() != nil {
		return
	}
	c.nc.SetReadDeadline(time.Now().Add(lingerFor))
	b := buffer.GetLarge()
	defer buffer.Put(b)
	for {
		if _, err := c.nc.Read(b); err != nil {
			return
		}
	}
}

// end waits for the exchanges that are still under way, and lets go of all.
func (c *conn) end() {
	c.kill()
	c.mu.Lock()
	for c.busy > 0 || c.write.flushing {
		c.idle.Wait()
	}
	for _, s := range c.streams { // one whose header block never ended
		c.forget(s)
		c.recycle(s)
	}
	c.letGo(0)
	c.mu.Unlock()
	c.front.Watch.Remove(&c.guard)
	c.front.Watch.Remove(&c.write.guard)
	c.write.release()
	buffer.Put(c.in)
	c.in = nil
	c.visit.Bye()
}
