package h3

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"sallyport/internal/exchange"
	"sallyport/internal/watch"
)

// Front serves HTTP/3. All fields are set before the first Listen.
type Front struct {
	House exchange.House
	Watch *watch.Watcher
	// Settings are those of the default server of an address.
	Settings func(local netip.AddrPort) *exchange.ServerSettings
	// Secure chooses the TLS of a connection by the local address and the name
	// in its hello; an error refuses it: nobody there speaks HTTP/3.
	Secure func(local netip.AddrPort, hello *tls.ClientHelloInfo) (*tls.Config, error)
	// ID numbers a connection within the process.
	ID func() uint64
	// Room reports whether one more connection may come.
	Room func() bool

	running atomic.Int64

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// Running counts connections and streams, which have a goroutine each.
func (f *Front) Running() int { return int(f.running.Load()) }

// Listener is one UDP socket.
type Listener struct {
	f     *Front
	tr    *quic.Transport
	ln    *quic.EarlyListener
	local netip.AddrPort
	done  sync.WaitGroup

	// Handshakes begun in the current second: from calmStarts on, clients must
	// show first that they are where they say (Retry, RFC 9000 §8.1.2).
	second atomic.Int64
	starts atomic.Int64

	open atomic.Int64 // connections
}

// calmStarts is how many connections a second may begin without proof of their
// address.
const calmStarts = 200

// The windows bound what a client can make us hold.
const (
	streamWindow = 64 << 10
	connWindow   = 1 << 20
)

// Listen serves what comes to a UDP socket. It returns at once.
func (f *Front) Listen(pc net.PacketConn) (*Listener, error) {
	l := &Listener{f: f, local: addrPort(pc.LocalAddr())}
	l.tr = &quic.Transport{Conn: pc, VerifySourceAddress: l.suspicious}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		local := l.local
		if hello.Conn != nil {
			if a := addrPort(hello.Conn.LocalAddr()); a.IsValid() && !a.Addr().IsUnspecified() {
				local = a
			}
		}
		return f.Secure(local, hello)
	}}
	ln, err := l.tr.ListenEarly(cfg, &quic.Config{
		GetConfigForClient: func(*quic.ClientInfo) (*quic.Config, error) { return l.config(), nil },
	})
	if err != nil {
		return nil, err
	}
	l.ln = ln
	l.done.Add(1)
	go l.accept()
	return l, nil
}

// config is what holds for a new connection.
func (l *Listener) config() *quic.Config {
	set := l.f.Settings(l.local)
	c := &quic.Config{
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: 8 * streamWindow,
		InitialConnectionReceiveWindow: connWindow / 2, MaxConnectionReceiveWindow: connWindow,
		MaxIncomingStreams: 100, MaxIncomingUniStreams: 8,
		MaxIdleTimeout: max(set.Timeout, time.Second), KeepAlivePeriod: max(set.Timeout, time.Second) / 3,
		HandshakeIdleTimeout: set.Handshake.First, // 0: 5 s
		// A response that breaks off is reset behind what was sent of it, where
		// the client knows that.
		EnableStreamResetPartialDelivery: true,
	}
	if h := set.Versions.HTTP2; h != nil {
		c.MaxIncomingStreams, c.Allow0RTT = int64(h.MaxStreams), h.EarlyData
	}
	return c
}

// suspicious is VerifySourceAddress.
func (l *Listener) suspicious(net.Addr) bool {
	now := int64(l.f.Watch.Now() / time.Second)
	if l.second.Swap(now) != now {
		l.starts.Store(0)
	}
	return l.starts.Add(1) > calmStarts
}

func (l *Listener) accept() {
	defer l.done.Done()
	for {
		qc, err := l.ln.Accept(context.Background())
		if err != nil {
			return
		}
		if !l.f.Room() {
			qc.CloseWithError(quic.ApplicationErrorCode(errExcessiveLoad), "")
			continue
		}
		l.f.running.Add(1)
		l.open.Add(1)
		go l.serve(qc)
	}
}

// Close lets no more connections in; those that are open go on.
func (l *Listener) Close() {
	l.ln.Close()
	l.done.Wait()
}

// Release closes the socket under all of its connections.
func (l *Listener) Release() {
	l.Close()
	l.tr.Close()
	l.tr.Conn.Close()
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		ap := u.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// Drain tells every client to go, and closes connections that have nothing
// under way. It may be called again and again.
func (f *Front) Drain() { f.drain(nil) }

// Drain is Front.Drain for the connections of one socket.
func (l *Listener) Drain() { l.f.drain(l) }

func (f *Front) drain(l *Listener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		if l == nil || c.l == l {
			c.drain()
		}
	}
}

// shedAfter is how long a connection must have been idle for Shed.
const shedAfter = time.Second

// Shed closes up to n idle connections, and says how many.
func (f *Front) Shed(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	done := 0
	for c := range f.conns {
		if done >= n {
			break
		}
		c.mu.Lock()
		if c.open == 0 && !c.finished && f.Watch.Now()-c.rests >= shedAfter {
			c.finished = true // not counted again
			go c.idled()
			done++
		}
		c.mu.Unlock()
	}
	return done
}

// Open counts the socket's connections.
func (l *Listener) Open() int { return int(l.open.Load()) }

// Close closes every connection, whatever it is doing.
func (f *Front) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		go c.qc.CloseWithError(quic.ApplicationErrorCode(errNone), "")
	}
}
