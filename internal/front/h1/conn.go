// Package h1 is the front door for HTTP/1.x: it turns the bytes of one client
// connection into exchanges and their responses back into bytes. It knows
// sockets, buffers and time-outs; the grammar is wire/h1's, everything a
// configuration decides is the house's (exchange.House).
//
// The life of a connection, in the order of the files: conn.go (waiting,
// serving, parking, closing), secure.go (TLS), body.go (the request's content), response.go
// (the Downstream), tunnel.go (after an upgrade).
//
// One goroutine serves an active connection. An idle one has neither
// goroutine nor buffer: it waits in the watcher.
package h1

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"sallyport/internal/buffer"
	"sallyport/internal/clock"
	"sallyport/internal/exchange"
	"sallyport/internal/message"
	"sallyport/internal/rawio"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h1"
)

// parkAfter is how long an idle connection keeps its goroutine: long enough
// that busy clients never pay for parking.
const parkAfter = time.Second

// From crowd connections with goroutines on, each is parked as soon as the
// watcher's clock can tell that it is idle: in a crowd most have little to do,
// and goroutines by the ten thousand would cost what parking is to save.
const crowd = 1024

// lingerFor is how long what a client still sends after the last response is
// read, so that closing with unread data does not reset the connection under
// that response. There is no limit in bytes: the client that sends the most is
// the one in the middle of an upload that was answered early.
const lingerFor = 2 * time.Second

// hangupAfter is how long an exchange waits for its backend before the client's
// connection is watched for a hang-up: fast exchanges never pay for that.
const hangupAfter = 100 * time.Millisecond

// skipBytes is how much of an unread request body is read and dropped to keep
// the connection; more is not worth it.
const skipBytes = 64 << 10

// Front serves client connections. All fields are set before the first Serve.
type Front struct {
	House exchange.House
	Watch *watch.Watcher
	// H2 serves a connection that goes over to HTTP/2, by ALPN or otherwise,
	// until it ends; nil: none does.
	H2 func(*exchange.Handoff)

	running atomic.Int64 // connections that have a goroutine
	closed  atomic.Bool  // Close was called
	spare   spare
}

// Running counts the connections that have a goroutine: those with an exchange
// under way and those that have been idle for a short time only.
func (f *Front) Running() int { return int(f.running.Load()) }

// Tend lets goroutines go that wait for a connection in vain. Call it about once
// a second.
func (f *Front) Tend() { f.spare.trim() }

var ids atomic.Uint64

// NextID numbers a client connection, of whatever front: unique within the
// process.
func NextID() uint64 { return ids.Add(1) }

// conn is one client connection. It is owned by the goroutine in run, or by
// nobody while parked. Others touch only guard, state and hang. It is all that
// an idle connection keeps (with its visit and socket): what only a goroutine
// needs is in kit.
type conn struct {
	*kit  // nil while parked
	front *Front
	nc    net.Conn        // the socket
	tcp   *net.TCPConn    // nc, where the kernel can splice and send files
	raw   syscall.RawConn // of tcp; nil: no readiness without reading
	fd    int             // only for the watcher; valid while nc is open
	visit exchange.Visit
	guard watch.Guard
	state atomic.Uint32 // active, idle, …, dying
	park  watch.Ticket

	client exchange.Client
	secure *secure // nil: clear

	since  time.Duration // when the wait for a request, its head or its body began
	late   bool          // dead has looked twice at this wait
	first  bool          // no request has come yet
	large  bool          // the last request needed a large buffer: the next may
	fresh  bool          // TLS is wanted and has not begun
	broken bool          // a response broke off: TLS must not end as if all were well
	set    *exchange.ServerSettings
	hang   hangup
}

// kit is what a connection needs while a goroutine serves it, from a pool.
type kit struct {
	step func(uintptr) bool // ready, of the connection that has the kit
	c    *conn

	in       []byte // read buffer; nil while there is nothing in it
	r, w     int    // unread: in[r:w]
	drained  bool   // the last read had room for more than there was
	searched int    // bytes of in[r:w] that HeadEnd has seen

	inside bool // within the callback of RawConn.Read: no blocking reads
	next   what // what run does when await returns

	x    *exchange.Exchange // being read or served
	hand *exchange.Handoff  // for handOver
	body body
	out  response
}

var kits = sync.Pool{New: func() any {
	k := new(kit)
	k.step = func(fd uintptr) bool { return k.c.ready(fd) }
	return k
}}

// equip gives the connection a kit.
func (c *conn) equip(k *kit) {
	k.c, k.out.c, k.body.c = c, c, c
	c.kit = k
}

// strip takes the kit away, empty.
func (c *conn) strip() *kit {
	k := c.kit
	c.shrink()
	if k.body.guarded {
		c.front.Watch.Remove(&k.body.guard)
		k.body.guarded = false
	}
	c.kit = nil
	k.c, k.out, k.body.c, k.body.err, k.searched = nil, response{}, nil, nil, 0
	return k
}

// The states of a connection, for those who are not its goroutine. Only the
// goroutine goes from active to idle and on to parked; whoever moves it away
// from idle, parking or parked owns what comes next, except that parking
// always belongs to the goroutine.
const (
	active  uint32 = iota
	idle           // waiting for the first byte of a request, with a goroutine
	parking        // about to be parked
	woken          // bytes came while it was parking
	parked         // waiting in the watcher
	dying          // to be closed
)

// what a connection does next.
type what uint8

const (
	wait     what = iota // for bytes
	block                // serve c.x where reads may block
	hangUp               // close at once
	goodbye              // close after the last response was read
	shake                // the TLS handshake
	handOver             // another front goes on with it
)

// stream is the socket, or the TLS above it; for the goroutine.
func (c *conn) stream() net.Conn {
	if c.secure != nil {
		return c.secure
	}
	return c.nc
}

// Serve takes over a client connection; it returns at once. from is the client
// that a proxy in front has announced; the zero value: nobody was.
func (f *Front) Serve(nc net.Conn, from netip.AddrPort) {
	c := &conn{front: f, nc: nc, fd: -1}
	c.client = exchange.Client{
		Remote: addrPort(nc.RemoteAddr()), Local: addrPort(nc.LocalAddr()),
		Since: clock.Now(), ID: ids.Add(1),
	}
	c.client.Addr = c.client.Remote
	if from.IsValid() {
		c.client.Addr, c.client.Announced = from, true
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		c.tcp = tcp
		if raw, err := tcp.SyscallConn(); err == nil {
			c.raw = raw
			raw.Control(func(fd uintptr) { c.fd = int(fd) })
		}
	}
	c.settle()
	f.spare.run(c)
}

// settle makes a new connection ready to run.
func (c *conn) settle() {
	c.hang.c = c
	c.visit = c.front.House.Admit(&c.client)
	c.front.Watch.Add(&c.guard, c)
	c.state.Store(idle)
	c.set = c.visit.Enter()
	c.fresh = c.visit.TLS() != nil
	c.visit.Leave()
	c.first = true
	c.startClock()
}

// Drain asks the connections that wait for a request to go. Those with an
// exchange under way are told by Visit.Leave when it ends.
func (f *Front) Drain() {
	f.Watch.Each(func(d watch.Deadliner) {
		if c, ok := d.(*conn); ok && c.front == f {
			c.dismiss()
		}
	})
}

// Shed closes up to n connections that have been idle for long enough to be
// parked, and says how many.
func (f *Front) Shed(n int) int {
	done := 0
	f.Watch.Each(func(d watch.Deadliner) {
		if c, ok := d.(*conn); ok && c.front == f && done < n && c.state.Load() == parked {
			c.dismiss()
			done++
		}
	})
	return done
}

// Close closes every connection, whatever it is doing. It does not wait for
// exchanges under way to notice.
func (f *Front) Close() {
	if !f.closed.Swap(true) {
		f.spare.close()
	}
	f.Watch.Each(func(d watch.Deadliner) {
		c, ok := d.(*conn)
		if !ok || c.front != f {
			return
		}
		c.dismiss()
		if c.state.Load() != dying {
			c.hang.cut()
			// Close waits for those who hold the descriptor: a goroutine
			// inside of RawConn.Read does.
			go c.nc.Close()
		}
	})
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// run serves the connection until it is closed or parked.
func (c *conn) run() {
	c.front.running.Add(1)
	defer c.front.running.Add(-1)
	c.equip(kits.Get().(*kit))
	for {
		c.next = wait
		c.await()
		if c.next == block {
			c.next = wait
			c.serve()
		}
		if c.next == shake {
			c.next = wait
			c.shake()
		}
		switch c.next {
		case wait:
			if c.overdue() {
				return
			}
		case hangUp:
			c.close()
			return
		case goodbye:
			c.linger()
			c.close()
			return
		case handOver:
			c.handOver()
			return
		}
	}
}

// await waits for bytes and serves the requests they make up. It returns when
// c.next says something else than wait, or when the guard fired.
func (c *conn) await() {
	if c.raw != nil {
		// The whole loop of waiting, reading and serving runs inside one
		// RawConn.Read, whose callback is called again each time bytes have
		// arrived: no read is spent on learning that there is nothing yet.
		err := c.raw.Read(c.step)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			c.next = hangUp
		}
		return
	}
	if c.fresh {
		c.next = shake
		return
	}
	for !c.buffered() {
		c.room()
		n, err := c.stream().Read(c.in[c.w:])
		c.filled(n)
		if n == 0 {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				c.ended()
			}
			return
		}
	}
}

// ready is the callback of RawConn.Read: true ends the wait, false waits for
// more bytes.
func (c *conn) ready(fd uintptr) bool {
	if c.fresh {
		if hasHello(fd) {
			c.next = shake
			return true
		}
		return false
	}
	once := false
	for {
		c.inside = true
		stop := c.buffered()
		c.inside = false
		if stop {
			return true
		}
		if once {
			c.shrink()
			return false
		}
		c.room()
		var n int
		var err error
		if c.secure == nil {
			n, err = rawio.Read(int(fd), c.in[c.w:])
		} else {
			n, err = c.secure.sip(c.in[c.w:])
		}
		switch {
		case n > 0:
			c.filled(n)
			// If there was no more than that, the next bytes will be told of:
			// to ask again would cost a system call per request. Only the end of
			// the stream may have come along untold; clients that say all at
			// once and leave do so at their first request, so others may learn
			// it late, when the connection is parked.
			once = c.drained && c.client.Served > 0 && c.secure == nil
		case err == syscall.EAGAIN:
			c.shrink()
			return false
		default:
			c.ended()
			return true
		}
	}
}

// ended: the client will send no more.
func (c *conn) ended() {
	switch {
	case c.x != nil: // gathering its body
		c.badHead(&wire.Problem{Status: 400, Text: "the request body ends early"}, "")
		c.finish()
	case c.r < c.w && c.begin():
		c.badHead(&wire.Problem{Status: 400, Text: "the head ends before its blank line"}, "")
		c.finish()
	default:
		c.next = hangUp
	}
}

func (c *conn) newExchange() {
	x := exchange.Get()
	x.Client, x.Down, x.Received = &c.client, &c.out, clock.Now()
	x.KeepAlive = true
	x.Request.Version = message.HTTP10 // until the head is parsed
	c.x = x
	c.out.begin(x, c.set)
}

// serve runs the exchange c.x and settles what it leaves behind.
func (c *conn) serve() {
	x := c.x
	c.guard.Disarm()
	if c.body.kind == wire.NoBody {
		c.shrink() // the head is a string by now
	}
	c.visit.Serve(x)
	switch {
	case c.out.upgraded || x.Aborted || c.out.err != nil:
		c.broken = x.Aborted || c.out.err != nil
		c.next = hangUp
	case !c.out.keep && c.said():
		c.next = hangUp
	case c.out.settings != nil:
		c.switched()
	case !c.out.keep || !c.body.skip():
		c.next = goodbye
	}
	c.guard.Rest()
	c.finish()
}

// finish ends an exchange, or the attempt at one.
func (c *conn) finish() {
	if !c.visit.Leave() && c.next == wait {
		c.next = goodbye
	}
	if c.x != nil {
		c.large = c.large && c.x.BytesIn > buffer.Small
		exchange.Put(c.x)
		c.x = nil
	}
	c.body.reset()
	c.client.Served++
	c.first = false
	if c.next == wait {
		c.startWait()
	}
}

// close ends the connection for good.
func (c *conn) close() {
	c.front.Watch.Remove(&c.guard)
	c.hang.cancel()
	if c.kit != nil {
		c.r = c.w
		kits.Put(c.strip())
	}
	if c.secure != nil && !c.broken {
		c.closeNotify()
	}
	c.nc.Close()
	c.visit.Bye()
}
