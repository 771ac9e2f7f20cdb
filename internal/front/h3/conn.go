package h3

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/front/bridge"
	"sallyport/internal/watch"
)

// conn is one client connection.
type conn struct {
	f      *Front
	l      *Listener
	qc     *quic.Conn
	visit  exchange.Visit
	client *exchange.Client
	set    *exchange.ServerSettings
	h2     *exchange.HTTP2 // what HTTP/3 has in common with it
	limit  int             // bytes of a header section
	out    *quic.SendStream
	idle   *time.Timer

	mu       sync.Mutex
	calm     watch.Calm
	open     int           // streams under way
	next     uint64        // one more than the highest stream seen, in IDs
	rests    time.Duration // of the watcher's clock: since when no stream is under way
	noted    time.Time
	away     bool // the final GOAWAY is out
	control  bool // the client's critical streams have come
	encoder  bool
	decoder  bool
	streams  sync.WaitGroup
	finished bool
}

// serve serves a connection until it ends.
func (l *Listener) serve(qc *quic.Conn) {
	f := l.f
	defer f.running.Add(-1)
	defer l.open.Add(-1)
	c := &conn{f: f, l: l, qc: qc}
	c.client = &exchange.Client{
		Remote: addrPort(qc.RemoteAddr()), Local: addrPort(qc.LocalAddr()),
		Since: time.Now(), ID: f.ID(),
	}
	c.client.Addr = c.client.Remote
	c.visit = f.House.Admit(c.client)
	defer c.visit.Bye()
	if h := f.Settings(c.client.Local).Versions.HTTP2; h == nil || !h.EarlyData {
		select {
		case <-qc.HandshakeComplete():
		case <-qc.Context().Done():
			return
		}
	}
	c.set = c.visit.Enter()
	c.h2 = c.set.Versions.HTTP2
	if c.h2 != nil {
		c.client.TLS = c.visit.Secured(qc.ConnectionState().TLS, nil)
	}
	c.visit.Leave()
	if c.h2 == nil || c.client.TLS == nil {
		qc.CloseWithError(quic.ApplicationErrorCode(errNone), "")
		return
	}
	c.limit = bridge.Limit(c.set)
	c.calm.Begin(f.Watch.Now())
	c.rests = f.Watch.Now()
	f.mu.Lock()
	if f.conns == nil {
		f.conns = map[*conn]struct{}{}
	}
	f.conns[c] = struct{}{}
	f.mu.Unlock()
	c.idle = time.AfterFunc(c.set.Timeout, c.idled)
	if c.greet() == nil {
		c.streams.Add(1)
		go c.acceptUni()
		c.accept()
	}
	c.idle.Stop()
	qc.CloseWithError(quic.ApplicationErrorCode(errNone), "")
	c.streams.Wait()
	f.mu.Lock()
	delete(f.conns, c)
	f.mu.Unlock()
}

// greet opens our control stream.
func (c *conn) greet() (err error) {
	if c.out, err = c.qc.OpenUniStream(); err != nil {
		return err
	}
	var p []byte
	p = quicvarint.Append(quicvarint.Append(p, settingMaxFieldSection), uint64(c.limit))
	if c.h2.WebSockets {
		p = quicvarint.Append(quicvarint.Append(p, settingConnectProtocol), 1)
	}
	b := appendHead([]byte{streamControl}, frameSettings, len(p))
	_, err = c.out.Write(append(b, p...))
	return err
}

// accept takes the requests' streams.
func (c *conn) accept() {
	for {
		qs, err := c.qc.AcceptStream(context.Background())
		if err != nil {
			return
		}
		c.mu.Lock()
		if c.away {
			c.mu.Unlock()
			qs.CancelRead(quic.StreamErrorCode(errRejected))
			qs.CancelWrite(quic.StreamErrorCode(errRejected))
			continue
		}
		c.next = uint64(qs.StreamID()) + 4
		c.open++
		c.idle.Stop()
		c.mu.Unlock()
		c.streams.Add(1)
		c.f.running.Add(1)
		go c.stream(qs)
	}
}

// left is called when a stream is over.
func (c *conn) left() {
	c.mu.Lock()
	c.calm.Given()
	if c.open--; c.open == 0 && !c.finished {
		c.rests = c.f.Watch.Now()
		c.idle.Reset(max(c.set.KeepAliveTimeout, time.Millisecond))
	}
	c.mu.Unlock()
	c.f.running.Add(-1)
	c.streams.Done()
}

// idled closes a connection on which nothing has happened for long.
func (c *conn) idled() {
	c.mu.Lock()
	quiet := c.open == 0
	if quiet {
		c.farewell(c.next)
	} else {
		c.finished = false // a request has come just before Shed
	}
	c.mu.Unlock()
	if quiet {
		c.qc.CloseWithError(quic.ApplicationErrorCode(errNone), "")
	}
}

// farewell sends GOAWAY: streams from id on are not served. Under the lock.
func (c *conn) farewell(id uint64) {
	c.finished = true
	if c.out != nil {
		b := appendHead(nil, frameGoAway, quicvarint.Len(id))
		c.out.SetWriteDeadline(time.Now().Add(time.Second))
		c.out.Write(quicvarint.Append(b, id))
	}
}

// grace is how long a client that was told to go may still begin requests: they
// may have been on their way.
const grace = 100 * time.Millisecond

// drain is Front.Drain for one connection.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.noted.IsZero():
		c.noted = time.Now()
		c.farewell(1<<62 - 4)
	case time.Since(c.noted) < grace:
	default:
		if !c.away {
			c.away = true
			c.farewell(c.next)
		}
		if c.open == 0 {
			go c.qc.CloseWithError(quic.ApplicationErrorCode(errNone), "")
		}
	}
}

// acceptUni takes the client's streams of one direction.
func (c *conn) acceptUni() {
	defer c.streams.Done()
	for {
		s, err := c.qc.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		c.streams.Add(1)
		go func() {
			defer c.streams.Done()
			if err := c.uni(s); err != nil {
				c.fail(err)
			}
		}()
	}
}

// uni reads one of them to its end.
func (c *conn) uni(s *quic.ReceiveStream) error {
	b := bufio.NewReaderSize(s, 256)
	typ, err := quicvarint.Read(b)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	var seen *bool
	switch typ {
	case streamControl:
		seen = &c.control
	case streamEncoder:
		seen = &c.encoder
	case streamDecoder:
		seen = &c.decoder
	}
	twice := seen != nil && *seen
	if seen != nil {
		*seen = true
	}
	calm := true
	if seen == nil {
		calm = c.calm.Frame(c.f.Watch.Now())
	}
	c.mu.Unlock()
	switch {
	case typ == streamPush, twice:
		return &fault{errStreamCreation, false, "a stream that must not be"}
	case !calm:
		return &fault{errExcessiveLoad, false, "too many streams of unknown types"}
	case typ == streamControl:
		err = c.heed(&reader{b: b})
	case typ == streamEncoder, typ == streamDecoder:
		// Our table has no room, so there is nothing to say in them; a client
		// may set its own size to 0 all the same.
		_, err = io.Copy(io.Discard, io.LimitReader(b, 1<<16))
	default:
		s.CancelRead(quic.StreamErrorCode(errStreamCreation))
		return nil
	}
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	if c.qc.Context().Err() == nil {
		return &fault{errClosedCritical, false, "a critical stream was closed"}
	}
	return nil
}

// heed reads the client's control stream.
func (c *conn) heed(r *reader) error {
	typ, err := r.next()
	if err != nil {
		return err
	}
	if typ != frameSettings {
		return &fault{errMissingSettings, false, "the first frame is not SETTINGS"}
	}
	for {
		if typ == frameSettings || typ == frameGoAway || typ == frameMaxPushID || typ == frameCancelPush {
			p, err := r.payload(4 << 10)
			if err != nil {
				return err
			}
			if typ == frameSettings {
				if err := checkSettings(p); err != nil {
					return err
				}
			}
		} else if err := r.skip(); err != nil {
			return err
		}
		if !c.calmly() {
			return &fault{errExcessiveLoad, false, "too many frames that lead nowhere"}
		}
		if typ, err = r.next(); err != nil {
			return err
		}
		switch typ {
		case frameData, frameHeaders, frameSettings, framePushPromise, 0x2, 0x6, 0x8, 0x9:
			return &fault{errFrameUnexpected, false, "frame of the wrong stream"}
		}
	}
}

// calmly counts a frame that leads nowhere; false: it was one too many.
func (c *conn) calmly() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calm.Frame(c.f.Watch.Now())
}

// checkSettings reads the client's parameters; none of them matters to us.
func checkSettings(p []byte) error {
	seen := map[uint64]bool{}
	for len(p) > 0 {
		id, n, err := quicvarint.Parse(p)
		if err != nil {
			return &fault{errFrame, false, "malformed SETTINGS"}
		}
		p = p[n:]
		v, n, err := quicvarint.Parse(p)
		if err != nil {
			return &fault{errFrame, false, "malformed SETTINGS"}
		}
		p = p[n:]
		switch {
		case seen[id], id >= 2 && id <= 5, id == settingConnectProtocol && v > 1:
			return &fault{errSettings, false, "a parameter that must not be"}
		}
		seen[id] = true
	}
	return nil
}

// fail ends the connection.
func (c *conn) fail(err error) {
	var f *fault
	if !errors.As(err, &f) {
		return
	}
	c.log("connection closed with error %#x: %s", uint64(f.code), f.text)
	c.qc.CloseWithError(quic.ApplicationErrorCode(f.code), f.text)
}

// log writes to the error log of the address's default server.
func (c *conn) log(format string, args ...any) {
	v := c.visit.Stream(c.client)
	v.Enter()
	v.Logger().Logf(errorlog.Info, "http2", errorlog.Facts{Client: c.client.Addr}, format, args...)
	v.Leave()
	v.Bye()
}
