package server

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/rawio"
	"sallyport/internal/wire/proxyproto"
)

// arrivals are the connections whose PROXY header is being read.
type arrivals struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	done   sync.WaitGroup
}

// add is false when no more may arrive.
func (a *arrivals) add(nc net.Conn) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	if a.conns == nil {
		a.conns = map[net.Conn]struct{}{}
	}
	a.conns[nc] = struct{}{}
	a.done.Add(1)
	return true
}

func (a *arrivals) drop(nc net.Conn) {
	a.mu.Lock()
	delete(a.conns, nc)
	a.mu.Unlock()
	a.done.Done()
}

// stop closes those that are still arriving, and waits until they are gone.
func (a *arrivals) stop() {
	a.mu.Lock()
	a.closed = true
	for nc := range a.conns {
		nc.Close()
	}
	a.mu.Unlock()
	a.done.Wait()
}

// arrive lets a connection in, after its PROXY header where one comes first.
func (s *Server) arrive(nc net.Conn) {
	snap := s.current.Load()
	if !snap.Announces() {
		s.front.Serve(nc, netip.AddrPort{})
		return
	}
	local, remote := addrPort(nc.LocalAddr()), addrPort(nc.RemoteAddr())
	if !snap.Announced(local, remote) {
		s.front.Serve(nc, netip.AddrPort{})
		return
	}
	if !s.arrivals.add(nc) {
		nc.Close()
		return
	}
	srv := snap.At(local).Default()
	s.open.count.Add(1)
	go func() {
		defer s.arrivals.drop(nc)
		defer s.open.gone()
		h, err := readAnnouncement(nc, patience(srv.Core))
		if err != nil {
			nc.Close()
			srv.Log.Logf(errorlog.Error, "remoteip", errorlog.Facts{Client: remote}, "RemoteIPProxyProtocol: connection to %s closed: %v", local, err)
			return
		}
		from := h.Source
		if !from.IsValid() {
			from = remote
		}
		srv.Log.Logf(errorlog.Debug, "remoteip", errorlog.Facts{Client: remote}, "AH03511: RemoteIPProxyProtocol: received valid PROXY header: %s", from)
		s.front.Serve(nc, from)
	}()
}

// patience is how long a PROXY header may take: as long as the head of a
// request.
func patience(set *exchange.ServerSettings) time.Duration {
	if set.HeadTimeout.First > 0 {
		return set.HeadTimeout.First
	}
	return set.Timeout
}

var (
	errNoPeek = errors.New("it cannot be looked into")
	errEarly  = errors.New("AH10634: it was closed before a complete PROXY header was received")
	errSlow   = errors.New("its PROXY header did not come in time")
)

// readAnnouncement reads the PROXY header and not a byte more, so that what
// follows is whoever's it is: the socket goes on as if nothing had been there.
func readAnnouncement(nc net.Conn, limit time.Duration) (proxyproto.Header, error) {
	var none proxyproto.Header
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return none, errNoPeek
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return none, err
	}
	nc.SetReadDeadline(time.Now().Add(limit))
	buf := make([]byte, proxyproto.Max)
	var got []byte
	var wrong error
	err = raw.Read(func(fd uintptr) bool {
		for wrong == nil {
			n, err := rawio.Peek(int(fd), buf[len(got):])
			switch {
			case err == syscall.EAGAIN:
				return false
			case err != nil:
				wrong = err
				return true
			case n == 0:
				wrong = errEarly
				return true
			}
			size, err := proxyproto.Size(buf[:len(got)+n])
			if err != nil {
				wrong = err
				return true
			}
			whole := size > 0 && len(got)+n >= size
			if whole {
				n = size - len(got)
			}
			n, wrong = rawio.Read(int(fd), buf[len(got):len(got)+n])
			got = buf[:len(got)+n]
			if whole && len(got) == size {
				return true
			}
		}
		return true
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return none, errSlow
	case err != nil:
		return none, err
	case wrong != nil:
		return none, wrong
	}
	nc.SetReadDeadline(time.Time{})
	return proxyproto.Parse(got)
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
