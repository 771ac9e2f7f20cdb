package pool

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/fault"
	"sallyport/internal/watch"
)

// dial makes a new connection: every address of the name in turn until one
// answers.
func (p *Pool) dial(w *backend.Worker) (*Conn, *fault.Fault) {
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
		return p.adopt(nc), nil
	}
	addrs, err := p.reg.names.lookup(t.Addr)
	if err != nil {
		host, _, _ := net.SplitHostPort(t.Addr)
		return nil, &fault.Fault{Kind: fault.Unresolved, Err: err, Detail: host}
	}
	var f *fault.Fault
	for _, a := range addrs {
		nc, err := d.Dial("tcp", a)
		if err == nil {
			return p.adopt(nc), nil
		}
		f = connectFault(a, err)
	}
	p.reg.names.forget(t.Addr)
	return nil, f
}

func connectFault(addr string, err error) *fault.Fault {
	k := fault.ConnectFailed
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT) {
		k = fault.ConnectTimeout
	}
	return &fault.Fault{Kind: k, Err: err, Detail: addr}
}

// adopt makes a Conn of a socket and has it watched from now on.
func (p *Pool) adopt(nc net.Conn) *Conn {
	c := &Conn{Net: nc, FD: -1, pool: p}
	c.TCP, _ = nc.(*net.TCPConn)
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.Raw = raw
			raw.Control(func(fd uintptr) { c.FD = int(fd) })
		}
	}
	w := p.reg.Watch
	w.Add(&c.Guard, c)
	if c.FD >= 0 {
		w.Watch(c.FD, watch.Hangup, c, &c.ticket)
	}
	return c
}

// resolver remembers the addresses of backend names for a while, and the last
// good answer for as long as the name service fails. Literal addresses pass
// through.
type resolver struct {
	mu    sync.Mutex
	names map[string]*answer // by host:port
}

type answer struct {
	addrs []string
	until time.Time
	busy  chan struct{} // closed when the look-up under way has ended
}

// keepNames is how long an answer is used before the name is asked again.
const keepNames = 30 * time.Second

const lookupTimeout = 10 * time.Second

func (r *resolver) lookup(hostport string) ([]string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	if net.ParseIP(host) != nil {
		return []string{hostport}, nil
	}
	r.mu.Lock()
	if r.names == nil {
		r.names = map[string]*answer{}
	}
	a := r.names[hostport]
	if a != nil && a.busy == nil && time.Now().Before(a.until) {
		r.mu.Unlock()
		return a.addrs, nil
	}
	if a != nil && a.busy != nil {
		wait := a.busy
		stale := a.addrs
		r.mu.Unlock()
		if len(stale) > 0 {
			return stale, nil
		}
		<-wait
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(a.addrs) > 0 {
			return a.addrs, nil
		}
		return nil, errors.New("look up " + host + ": no address")
	}
	if a == nil {
		a = &answer{}
		r.names[hostport] = a
	}
	a.busy = make(chan struct{})
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	cancel()

	r.mu.Lock()
	defer r.mu.Unlock()
	close(a.busy)
	a.busy = nil
	if err != nil || len(found) == 0 {
		if len(a.addrs) > 0 {
			a.until = time.Now().Add(time.Second)
			return a.addrs, nil
		}
		return nil, err
	}
	a.addrs = a.addrs[:0:0]
	for _, ip := range found {
		a.addrs = append(a.addrs, net.JoinHostPort(ip, port))
	}
	a.until = time.Now().Add(keepNames)
	return a.addrs, nil
}

// forget makes the next look-up ask again: no address of the name answered.
func (r *resolver) forget(hostport string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.names[hostport]; a != nil {
		a.until = time.Time{}
	}
}
