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
	"strings"
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

// buffered serves the requests that are complete in the buffer. It reports
// true when the connection has something else to do than to wait for bytes.
func (c *conn) buffered() bool {
	for {
		if c.x == nil && !c.head() {
			return c.next != wait
		}
		if !c.body.here() {
			if c.body.mayGather() {
				return false
			}
			if c.inside {
				c.next = block
				return true
			}
		}
		c.serve()
		if c.next != wait {
			return true
		}
	}
}

// head takes the next head out of the buffer and makes c.x of it. False: it
// is not complete, or was refused (c.next tells).
func (c *conn) head() bool {
	for c.searched < 2 { // an empty line may have come in two parts
		n := wire.LeadingBlank(c.in[c.r:c.w])
		if n == 0 {
			break
		}
		c.r += n
		c.searched = 0
	}
	if c.r == c.w {
		return false
	}
	if c.searched == 0 && !c.begin() {
		c.next = hangUp
		return false
	}
	if c.client.Served == 0 && c.in[c.r] == 'P' && c.prefaced() {
		return false
	}
	n := wire.HeadEnd(c.in[c.r:c.w], c.searched)
	lim := wire.Limits{Line: c.set.LimitRequestLine, Fields: c.set.LimitRequestFields, FieldSize: c.set.LimitFieldSize}
	if n == 0 {
		if p := wire.Check(c.in[c.r:c.w], &lim); p != nil {
			c.badHead(p, "")
			c.finish()
			return false
		}
		c.searched = c.w - c.r
		c.guard.Arm(c.readLimit(&c.set.HeadTimeout, int64(c.searched)))
		return false
	}
	head := string(c.in[c.r : c.r+n])
	c.r += n
	c.searched = 0
	c.newExchange()
	x := c.x
	x.BytesIn = int64(n)
	if p := c.parse(x, head, &lim); p != nil {
		c.badHead(p, head)
		c.finish()
		return false
	}
	return true
}

// parse fills x from its head, or says why it can't be served.
func (c *conn) parse(x *exchange.Exchange, head string, lim *wire.Limits) *wire.Problem {
	opt := wire.Options{Unsafe: c.set.Unsafe, Registered: c.set.RegisteredMethods, Methods: c.set.Methods}
	if p := wire.ParseRequest(head, &x.Request, lim, opt); p != nil {
		return p
	}
	fr, p := wire.RequestFraming(&x.Request)
	if p != nil {
		return p
	}
	t, p := wire.ParseTarget(&x.Request, opt)
	if p != nil {
		return p
	}
	if v, ok := x.Request.Header.Known(message.Expect); ok && x.Request.Version >= message.HTTP11 &&
		v != "" && !message.EqualFold(v, "100-continue") {
		return problemExpect
	}
	x.Request.Header.Join()
	x.RawPath, x.Query, x.HasQuery = t.Path, t.Query, t.HasQuery
	c.body.start(fr, &x.Request)
	return nil
}

// begin turns an idle connection into an active one, for the bytes that have
// come; also one that was dismissed in that moment. False: it is to close.
func (c *conn) begin() bool {
	if !c.state.CompareAndSwap(idle, active) {
		if c.state.Load() == active {
			return true
		}
		if c.front.closed.Load() {
			return false
		}
		c.state.Store(active) // it was dying, which this goroutine would have seen to
	}
	c.set = c.visit.Enter()
	c.since = c.front.Watch.Now()
	c.late = false
	return true
}

var problemExpect = &wire.Problem{Status: 417, Text: "the client expects what this server does not know"}

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

// said reports that the client has announced this request as its last, and has
// sent nothing behind it: closing can destroy nothing.
func (c *conn) said() bool {
	v, ok := c.x.Request.Header.Known(message.Connection)
	return ok && message.HasToken(v, "close") && c.body.ended() && c.r == c.w && c.drained
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

// badHead answers a request that breaks the rules. head is its text as far as
// known; "" stands for what is in the buffer.
func (c *conn) badHead(p *wire.Problem, head string) {
	if head == "" {
		head = string(c.in[c.r:c.w])
	}
	if c.x == nil {
		c.newExchange()
	}
	c.x.Line = lineOf(head)
	if strings.HasSuffix(c.x.Line, " HTTP/1.1") {
		c.x.Request.Version = message.HTTP11
	}
	c.x.KeepAlive = false
	c.next = goodbye
	c.visit.Refuse(c.x, p.Status, p.Error())
}

// lineOf is the request line of a refused head as httpd logs it: the first
// three words with one blank between them. One that has no proper end keeps
// its NUL or LF as the last byte.
func lineOf(head string) string {
	end := strings.IndexAny(head, "\x00\r\n")
	switch {
	case end < 0:
		end = len(head)
	case head[end] != '\r':
		return head[:end+1]
	}
	words := strings.FieldsFunc(head[:end], func(r rune) bool { return r == ' ' || r == '\t' })
	return strings.Join(words[:min(len(words), 3)], " ")
}

// filled notes that n bytes were read into the room.
func (c *conn) filled(n int) {
	c.w += n
	c.drained = c.w < len(c.in)
}

// room makes space for the next read.
func (c *conn) room() {
	switch {
	case c.in == nil:
		if c.large {
			c.in = buffer.GetLarge()
		} else {
			c.in = buffer.GetSmall()
		}
		c.r, c.w = 0, 0
	case c.r == c.w:
		c.r, c.w = 0, 0
	case c.x != nil && c.body.kind == wire.Counted && c.body.left > int64(len(c.in)-c.r):
		c.grow() // for a gathered body, whose length is known
	case c.w < len(c.in):
	case c.r > 0:
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	default:
		c.grow()
	}
}

// grow moves what is in the buffer to a larger one. Only an incomplete head or
// a gathered body needs it; Check and mayGather bound them.
func (c *conn) grow() {
	var big []byte
	if len(c.in) < buffer.Large {
		big = buffer.GetLarge()
		c.large = true
	} else {
		big = make([]byte, 2*len(c.in))
	}
	c.w = copy(big, c.in[c.r:c.w])
	c.r = 0
	buffer.Put(c.in)
	c.in = big
}

// shrink gives an empty buffer back.
func (c *conn) shrink() {
	if c.r == c.w && c.in != nil {
		buffer.Put(c.in)
		c.in, c.r, c.w = nil, 0, 0
	}
}

// startWait begins the wait for a request: for parkAfter with the goroutine,
// then in the watcher.
func (c *conn) startWait() {
	c.searched = 0
	c.state.Store(idle)
	c.startClock()
}

func (c *conn) startClock() {
	c.since = c.front.Watch.Now()
	d := c.idleLimit()
	if c.fd >= 0 {
		d = min(d, c.front.patience())
	}
	c.guard.Arm(max(d, 1)) // KeepAliveTimeout 0: not at all, but not for ever
}

// patience is how long an idle connection keeps its goroutine now.
func (f *Front) patience() time.Duration {
	if f.running.Load() > crowd {
		return watch.Tick
	}
	return parkAfter
}

// idleLimit is how long the client may take to begin a request: KeepAliveTimeout
// between two of them, the time for a head before the first, and before that the
// time for a TLS handshake.
func (c *conn) idleLimit() time.Duration {
	set := c.set
	limit := &set.HeadTimeout
	switch {
	case !c.first:
		return set.KeepAliveTimeout
	case c.fresh:
		limit = &set.Handshake
	}
	if limit.First > 0 {
		return limit.First
	}
	return set.Timeout
}

// readLimit is what is left of the time for a head or a body of which n bytes
// have come: RequestReadTimeout's rule, or Timeout for each read.
func (c *conn) readLimit(l *exchange.ReadLimit, n int64) time.Duration {
	if l.First == 0 {
		return c.set.Timeout
	}
	total := l.First
	if l.MinRate > 0 {
		total += time.Duration(n/int64(l.MinRate)) * time.Second
		if l.Max > 0 && total > l.Max {
			total = l.Max
		}
	}
	return max(total-(c.front.Watch.Now()-c.since), watch.Tick)
}

// overdue decides what the guard's firing means for a connection that waits.
// True: the goroutine is done with it.
func (c *conn) overdue() bool {
	switch c.guard.Expired() {
	case watch.Spurious:
		return c.dead()
	case watch.Due:
		switch {
		case c.state.Load() == active:
			// A head or a small body that did not come in time.
			c.badHead(&wire.Problem{Status: 408, Text: "request not read within its time"}, "")
			c.finish()
			c.linger()
		case c.state.Load() == idle && c.front.Watch.Now()-c.since < c.idleLimit()-watch.Tick && c.fd >= 0:
			return c.parkNow()
		default:
			c.state.Store(dying)
			return c.dead()
		}
	}
	c.close()
	return true
}

// dead closes a connection that was dismissed, unless bytes have come in the
// last moment: a request is served, and then Leave says goodbye.
func (c *conn) dead() bool {
	if c.state.Load() != dying {
		return false
	}
	if !c.late && c.arrived() {
		c.late = true
		c.state.Store(idle)
		c.guard.Arm(c.front.patience())
		if !c.front.closed.Load() {
			return false
		}
	}
	c.close()
	return true
}

// arrived reports whether bytes wait to be read.
func (c *conn) arrived() (yes bool) {
	if c.raw != nil && !c.front.closed.Load() {
		c.raw.Control(func(fd uintptr) { yes = rawio.Waiting(int(fd)) })
	}
	return yes
}

// parkNow leaves the connection to the watcher. True: the goroutine is done
// with it.
func (c *conn) parkNow() bool {
	c.hang.cancel() // a descriptor has one place in the watcher
	k := c.strip()
	c.guard.Arm(max(c.idleLimit()-(c.front.Watch.Now()-c.since), 1))
	if c.state.CompareAndSwap(idle, parking) {
		if !c.watch() {
			c.fd = -1 // no watcher: this goroutine waits
			c.state.CompareAndSwap(parking, idle)
		} else if c.state.CompareAndSwap(parking, parked) {
			kits.Put(k)
			return true
		} else if !c.state.CompareAndSwap(woken, idle) {
			c.front.Watch.Cancel(c.park)
		}
	}
	c.equip(k)
	return c.dead()
}

// watch has the watcher look after the connection, unless that was closed.
func (c *conn) watch() (ok bool) {
	c.raw.Control(func(fd uintptr) { ok = c.front.Watch.Watch(int(fd), watch.Readable, c, &c.park) })
	return ok
}

// Event wakes a parked connection: bytes have come, or the end.
func (c *conn) Event(watch.Event) {
	if c.state.CompareAndSwap(parked, idle) {
		c.guard.Arm(c.front.patience())
		c.front.spare.run(c)
	} else {
		c.state.CompareAndSwap(parking, woken)
	}
}

// SetDeadline lets the guard act on the connection in every state: waiting
// with a goroutine, parked, or waiting for its backend.
func (c *conn) SetDeadline(t time.Time) error {
	if t.IsZero() {
		return c.nc.SetDeadline(t)
	}
	switch {
	case c.state.Load() == parked:
		c.dismiss()
		return nil
	case c.hang.due():
		return nil
	}
	return c.nc.SetDeadline(t)
}

// dismiss closes the connection if it is waiting for a request. For any
// goroutine.
func (c *conn) dismiss() {
	if c.state.CompareAndSwap(parked, dying) {
		c.guard.Disarm()
		go func() {
			c.front.Watch.Cancel(c.park)
			if !c.dead() {
				c.run()
			}
		}()
	} else if c.state.CompareAndSwap(idle, dying) || c.state.CompareAndSwap(parking, dying) || c.state.CompareAndSwap(woken, dying) {
		c.nc.SetDeadline(watch.Past)
	}
}

// linger reads and drops what the client still sends after its last response,
// so that closing does not destroy the response on its way (RFC 9112 §9.6).
func (c *conn) linger() {
	if c.secure != nil {
		c.closeNotify()
	}
	cw, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || cw.CloseWrite() != nil {
		return
	}
	c.state.Store(active)
	b := buffer.GetLarge()
	defer buffer.Put(b)
	c.guard.Arm(lingerFor)
	for {
		if _, err := c.sip(b); err != nil {
			return
		}
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

// errTimeout and errGone are why reading from or writing to a client failed
// where the system only says "deadline exceeded".
var (
	errTimeout error = slowness{}
	errGone          = errors.New("the client is gone")
)

// slowness is errTimeout; its Timeout says 408 to who answers.
type slowness struct{}

func (slowness) Error() string { return "the client took too long" }
func (slowness) Timeout() bool { return true }

// read is a blocking read outside of the callback, mindful of the guard.
func (c *conn) read(p []byte, g *watch.Guard) (int, error) {
	for {
		n, err := c.stream().Read(p)
		if err == nil || n > 0 {
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := timeout(g); err != nil {
			return 0, err
		}
	}
}

// timeout explains a deadline that passed; nil: it was not meant, go on.
func timeout(g *watch.Guard) error {
	switch g.Expired() {
	case watch.Due:
		return errTimeout
	case watch.Woken:
		return errGone
	}
	return nil
}
