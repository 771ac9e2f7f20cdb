package pool

import (
	"errors"
	"net"
	"os"
	"syscall"

	"sallyport/internal/backend"
	"sallyport/internal/fault"
	"sallyport/internal/watch"
)

// dial makes a new connection: every address of the name in turn until one
// answers.
func (p *Pool) dial(w *backend.Worker, shard int) (*Conn, *fault.Fault) {
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
		return p.adopt(nc, shard), nil
	}
	addrs, err := p.reg.Names.Dial(t.Addr)
	if err != nil {
		host, _, _ := net.SplitHostPort(t.Addr)
		return nil, &fault.Fault{Kind: fault.Unresolved, Err: err, Detail: host}
	}
	var f *fault.Fault
	for _, a := range addrs {
		nc, err := d.Dial("tcp", a)
		if err == nil {
			return p.adopt(nc, shard), nil
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

// adopt makes a Conn of a socket and has it watched from now on.
func (p *Pool) adopt(nc net.Conn, shard int) *Conn {
	c := &Conn{Net: nc, FD: -1, pool: p, shard: shard}
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
