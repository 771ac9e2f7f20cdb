package pool

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"sallyport/internal/backend"
	"sallyport/internal/backend/secure"
	"sallyport/internal/fault"
	"sallyport/internal/watch"
)

// dial makes a new connection that is ready for a request: over TLS where the
// worker wants it, for the name that n says.
func (p *Pool) dial(w *backend.Worker, shard int, n *Want) (*Conn, *fault.Fault) {
	nc, c, f := p.reach(w, n)
	if f != nil {
		return nil, f
	}
	pc := p.adopt(nc, c, shard)
	pc.name = n.name(w)
	return pc, nil
}

// reach opens a socket and does what must be done before a request; c is the
// TLS over it, if any.
func (p *Pool) reach(w *backend.Worker, n *Want) (nc net.Conn, c *secure.Conn, f *fault.Fault) {
	if nc, f = p.connect(w); f != nil {
		return nil, nil, f
	}
	if v := w.Target.ProxyProtocol; v != 0 {
		if f = introduce(nc, v, n); f != nil {
			return nil, nil, f
		}
	}
	if w.TLS != nil {
		if c, f = p.shake(nc, w, n.ServerName); f != nil {
			return nil, nil, f
		}
	}
	return nc, c, nil
}

// introduce sends the PROXY protocol header: who the client is, or that there
// is none (a probe).
func introduce(nc net.Conn, version int, n *Want) *fault.Fault {
	h := proxyproto.HeaderProxyFromAddrs(byte(version), nil, nil)
	if n.From.IsValid() {
		from, to := unmapped(n.From), unmapped(n.To)
		if from.Addr().Is4() != to.Addr().Is4() { // a client known by a header may be of another family than its connection
			to = netip.AddrPortFrom(netip.IPv6Unspecified(), to.Port())
			if from.Addr().Is4() {
				to = netip.AddrPortFrom(netip.IPv4Unspecified(), to.Port())
			}
		}
		h = proxyproto.HeaderProxyFromAddrs(byte(version), net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(to))
	} else {
		h.Command = proxyproto.LOCAL
	}
	if _, err := h.WriteTo(nc); err != nil {
		nc.Close()
		return &fault.Fault{Kind: fault.ConnectFailed, Err: err, Detail: nc.RemoteAddr().String()}
	}
	return nil
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// shake does the TLS handshake.
func (p *Pool) shake(nc net.Conn, w *backend.Worker, name string) (*secure.Conn, *fault.Fault) {
	limit := w.Timeout
	if limit <= 0 {
		limit = time.Minute
	}
	var alpn []string
	if w.Target.ALPN != "" {
		alpn = strings.Split(w.Target.ALPN, ",")
	}
	c, err := w.TLS.Dial(nc, name, alpn, p.sessionCache(), time.Now().Add(limit))
	if err != nil {
		return nil, &fault.Fault{Kind: fault.TLSFailed, Err: err, Detail: nc.RemoteAddr().String()}
	}
	return c, nil
}

// maxSessions bounds the TLS sessions kept for a target, one per server name.
const maxSessions = 64

func (p *Pool) sessionCache() tls.ClientSessionCache {
	if c := p.sessions.Load(); c != nil {
		return *c
	}
	c := tls.NewLRUClientSessionCache(maxSessions)
	if !p.sessions.CompareAndSwap(nil, &c) {
		return *p.sessions.Load()
	}
	return c
}

// connect opens a socket: every address of the name in turn until one answers.
func (p *Pool) connect(w *backend.Worker) (net.Conn, *fault.Fault) {
	t := &p.target
	d := net.Dialer{Timeout: w.ConnectTimeout, KeepAlive: -1}
	if t.TCPKeepAlive {
		d.KeepAlive = 0 // the default period
	}
	if t.Source.IsValid() {
		d.LocalAddr = &net.TCPAddr{IP: t.Source.AsSlice()}
	}
	if t.ReceiveBuffer > 0 {
		d.Control = func(_, _ string, rc syscall.RawConn) error {
			return rc.Control(func(fd uintptr) {
				// A hint: the connection works without.
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, t.ReceiveBuffer)
			})
		}
	}
	if t.Network == "unix" {
		nc, err := d.Dial("unix", t.Addr)
		if err != nil {
			return nil, connectFault(t.Addr, err)
		}
		return nc, nil
	}
	addrs, err := p.reg.Names.DialWithin(t.Addr, w.AddressTTL)
	if err != nil {
		host, _, _ := net.SplitHostPort(t.Addr)
		return nil, &fault.Fault{Kind: fault.Unresolved, Err: err, Detail: host}
	}
	var f *fault.Fault
	for _, a := range addrs {
		nc, err := d.Dial("tcp", a)
		if err == nil {
			return nc, nil
		}
		f = connectFault(a, err)
	}
	p.reg.Names.Doubt(t.Addr)
	return nil, f
}

func connectFault(addr string, err error) *fault.Fault {
	k := fault.ConnectFailed
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) {
		k = fault.ConnectTimeout
	}
	return &fault.Fault{Kind: k, Err: err, Detail: addr}
}

// Moved reports whether a connection leads to an address that the backend's
// name no longer has, where addressttl= asks for that.
func (p *Pool) Moved(w *backend.Worker, nc net.Conn) bool {
	if w.AddressTTL <= 0 {
		return false
	}
	a, ok := nc.RemoteAddr().(*net.TCPAddr)
	return ok && !p.reg.Names.Has(p.target.Addr, unmapped(a.AddrPort()))
}

// adopt makes a Conn of a socket, and of the TLS over it if there is one, and
// has it watched from now on.
func (p *Pool) adopt(nc net.Conn, over *secure.Conn, shard int) *Conn {
	c := &Conn{Net: nc, FD: -1, pool: p, shard: shard, TLS: over}
	if over == nil {
		c.TCP, _ = nc.(*net.TCPConn)
	}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			if over == nil {
				c.Raw = raw
			}
			raw.Control(func(fd uintptr) { c.FD = int(fd) })
		}
	}
	if over != nil {
		c.Net = over
		over.Guard(&c.Guard)
	}
	w := p.reg.Watch
	w.Add(&c.Guard, c)
	if c.FD >= 0 {
		w.Watch(c.FD, watch.Hangup, c, &c.ticket)
	}
	return c
}
