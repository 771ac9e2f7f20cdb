package pool

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
)

// socket is a TCP connection without what package net does for connections
// that live long: half of the system calls. Thousands of them are made a
// second.
type socket struct {
	*os.File
	remote netip.AddrPort
}

func (s *socket) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(netip.AddrPort{}) }
func (s *socket) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.remote) }

// dialAddr connects to one address.
func dialAddr(ctx context.Context, to netip.AddrPort, source netip.Addr, deadline time.Time) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	family, sa, err := sockaddr(to)
	if err != nil {
		return nil, err
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if source.IsValid() {
		if _, from, err := sockaddr(netip.AddrPortFrom(source, 0)); err == nil {
			if err := syscall.Bind(fd, from); err != nil {
				syscall.Close(fd)
				return nil, os.NewSyscallError("bind", err)
			}
		}
	}
	err = syscall.Connect(fd, sa)
	if err == syscall.EINPROGRESS {
		// On the same machine it is there by now, and asking is cheaper than
		// waiting.
		if err = syscall.Connect(fd, sa); err == syscall.EISCONN {
			err = nil
		}
	}
	if err != nil && err != syscall.EALREADY && err != syscall.EINPROGRESS {
		syscall.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	s := &socket{File: os.NewFile(uintptr(fd), "tcp"), remote: to}
	if err == nil {
		return s, nil
	}
	if err := s.await(ctx, sa, deadline); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// await waits until the connection is made.
func (s *socket) await(ctx context.Context, sa syscall.Sockaddr, deadline time.Time) error {
	s.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		// Asked again, connect tells how far it has come.
		switch failed = syscall.Connect(int(fd), sa); failed {
		case nil, syscall.EISCONN:
			failed = nil
		case syscall.EALREADY, syscall.EINPROGRESS, syscall.EINTR:
			return false
		}
		return true
	})
	if err == nil && failed != nil {
		err = os.NewSyscallError("connect", failed)
	}
	return err
}

func sockaddr(a netip.AddrPort) (family int, sa syscall.Sockaddr, err error) {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return syscall.AF_INET, &syscall.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}, nil
	}
	six := &syscall.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			six.ZoneId = uint32(n)
		} else if i, err := net.InterfaceByName(zone); err == nil {
			six.ZoneId = uint32(i.Index)
		} else {
			return 0, nil, err
		}
	}
	return syscall.AF_INET6, six, nil
}
