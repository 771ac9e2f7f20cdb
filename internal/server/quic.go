package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/front/h1"
	"sallyport/internal/front/h3"
)

// quiet keeps quic-go from printing what the system makes of its buffers;
// docs/https.md tells of them.
const quiet = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"

// newFront3 makes the front for HTTP/3.
func (s *Server) newFront3() *h3.Front {
	os.Setenv(quiet, "true")
	return &h3.Front{
		House: s, Watch: s.Watch, ID: h1.NextID,
		Settings: func(local netip.AddrPort) *exchange.ServerSettings {
			return s.current.Load().At(local).Default().Core
		},
		Secure: func(local netip.AddrPort, hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if cfg := s.current.Load().At(local).QUIC(hello.ServerName); cfg != nil {
				return cfg, nil
			}
			return nil, errors.New("no HTTP/3 for " + hello.ServerName)
		},
		// Connections by UDP need no descriptors; the bound keeps their memory
		// in proportion. Who is refused comes again by TCP, and waits there.
		Room: func() bool {
			full := s.open.full()
			if full {
				s.shedNow()
			}
			return !full
		},
	}
}

// udp is the network and key of the UDP socket beside a Listen.
func (l Listen) udp() string { return strings.Replace(l.Network, "tcp", "udp", 1) }

// wantsQUIC reports whether some virtual host of the address speaks HTTP/3.
func (l Listen) wantsQUIC(speaks func(ip netip.Addr, port uint16) bool) bool {
	a, err := net.ResolveTCPAddr(l.Network, l.Addr)
	if err != nil {
		return false
	}
	ap := a.AddrPort()
	return speaks(ap.Addr().Unmap(), ap.Port())
}

// openQUIC opens the UDP sockets that are not open yet; on an error none.
func (s *Server) openQUIC(want []Listen) (map[string]net.PacketConn, error) {
	fresh := map[string]net.PacketConn{}
	for _, w := range want {
		if s.quic[w.key()] != nil || fresh[w.key()] != nil {
			continue
		}
		pc, err := s.Keeper.ListenPacket(w.udp(), w.Addr)
		if err != nil {
			for _, pc := range fresh {
				pc.Close()
			}
			return nil, fmt.Errorf("%s: could not bind to address %s for HTTP/3 (UDP)", errorlog.ErrnoText(err), shown(w.Addr))
		}
		fresh[w.key()] = pc
	}
	return fresh, nil
}

// useQUIC serves the fresh sockets, and retires those not wanted any more.
func (s *Server) useQUIC(want []Listen, fresh map[string]net.PacketConn) {
	keep := map[string]bool{}
	for _, w := range want {
		keep[w.key()] = true
	}
	for k, l := range s.quic {
		if !keep[k] {
			delete(s.quic, k)
			s.retiring.Add(1)
			go s.retireQUIC(l)
		}
	}
	for k, pc := range fresh {
		l, err := s.front3.Listen(pc)
		if err != nil { // the socket is no socket of UDP
			pc.Close()
			s.Logf(errorlog.Error, "http2", "HTTP/3 at %s: %v", k, err)
			continue
		}
		s.quic[k] = l
	}
}

// retireQUIC lets the connections of a socket finish, and closes it.
func (s *Server) retireQUIC(l *h3.Listener) {
	defer s.retiring.Done()
	l.Close()
	for l.Drain(); l.Open() > 0; l.Drain() {
		select {
		case <-s.ctx.Done():
			l.Release()
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	l.Release()
}

// stopQUIC lets no more connections in by UDP.
func (s *Server) stopQUIC() {
	for _, l := range s.quic {
		l.Close()
	}
}

// releaseQUIC closes the sockets.
func (s *Server) releaseQUIC() {
	for k, l := range s.quic {
		l.Release()
		delete(s.quic, k)
	}
}
