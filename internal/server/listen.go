package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"sallyport/internal/errorlog"
)

// Listen is one place to listen at.
type Listen struct {
	Network string // "tcp", "tcp4" or "tcp6"
	Addr    string // host:port; an empty host is every address
	TLS     bool
}

func (l Listen) key() string { return l.Network + " " + l.Addr }

type listener struct {
	Listen
	net  net.Listener
	done sync.WaitGroup
}

// openListeners opens those that are not open yet; on an error none of them.
func (s *Server) openListeners(want []Listen) (map[string]*listener, error) {
	fresh := map[string]*listener{}
	var errs []error
	for _, w := range want {
		if s.listeners[w.key()] != nil || fresh[w.key()] != nil {
			continue
		}
		lc := net.ListenConfig{KeepAlive: -1, Control: listenerOptions}
		nl, err := lc.Listen(context.Background(), w.Network, w.Addr)
		if err != nil {
			errs = append(errs, fmt.Errorf("AH00072: make_sock: could not bind to address %s: %w", w.Addr, cause(err)))
			continue
		}
		fresh[w.key()] = &listener{Listen: w, net: nl}
	}
	if len(errs) > 0 {
		for _, l := range fresh {
			l.close()
		}
		return nil, errors.Join(errs...)
	}
	return fresh, nil
}

// cause strips what net repeats of the address.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// listenerOptions sets what accepted sockets inherit, which saves setting it
// on each.
func listenerOptions(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
	})
}

// useListeners starts the fresh ones and closes those not wanted any more.
func (s *Server) useListeners(want []Listen, fresh map[string]*listener) {
	keep := map[string]bool{}
	for _, w := range want {
		keep[w.key()] = true
	}
	for k, l := range s.listeners {
		if !keep[k] {
			l.close()
			l.done.Wait()
			delete(s.listeners, k)
		}
	}
	for k, l := range fresh {
		s.listeners[k] = l
		l.done.Add(1)
		go s.accept(l)
	}
}

func (l *listener) close() { l.net.Close() }

// accept lets connections in until the listener is closed. Where the system
// has no descriptor left it pauses: clients wait in the backlog.
func (s *Server) accept(l *listener) {
	defer l.done.Done()
	pause := time.Duration(0)
	for {
		nc, err := l.net.Accept()
		switch {
		case err == nil:
			pause = 0
			s.front.Serve(nc, l.TLS)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if pause == 0 {
				pause = 5 * time.Millisecond
				s.logf(errorlog.Error, "accept at %s: %v; trying again", l.Addr, cause(err))
			}
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
		}
	}
}

// Addrs are the addresses listened at, for the start-up line and tests.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []net.Addr
	for _, l := range s.listeners {
		out = append(out, l.net.Addr())
	}
	return out
}

// Noticef and Errorf write to the main server's error log.
func (s *Server) Noticef(format string, args ...any) { s.logf(errorlog.Notice, format, args...) }
func (s *Server) Errorf(format string, args ...any)  { s.logf(errorlog.Error, format, args...) }

func (s *Server) logf(l errorlog.Level, format string, args ...any) {
	if snap := s.current.Load(); snap != nil {
		snap.Servers[0].Server.Log.Logf(l, "core", errorlog.Facts{}, format, args...)
	}
}
