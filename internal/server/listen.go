package server

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"sallyport/internal/errorlog"
)

// Listen is one place to listen at.
type Listen struct {
	Network string // "tcp", "tcp4" or "tcp6"
	Addr    string // host:port; an empty host is every address
	Sockets
}

// Sockets is what the configuration says about all listening sockets.
type Sockets struct {
	Backlog    int // connections that may wait to be accepted; 0: as many as the system allows
	SendBuffer int // bytes; 0: the system's choice
	RecvBuffer int
	// Defer is how many seconds the system may hold a connection back that has
	// brought no byte; 0: it is handed over at once.
	Defer int
}

func (l Listen) key() string { return l.Network + " " + l.Addr }

func (l Listen) port() string {
	_, port, _ := net.SplitHostPort(l.Addr)
	return port
}

type listener struct {
	Listen
	net  net.Listener
	stop chan struct{}  // closed with the listener
	done sync.WaitGroup // its accept
}

// turn is a change of listeners that can still be undone.
type turn struct {
	s      *Server
	fresh  map[string]*listener
	closed []*listener // before their time: they were in the way
}

// openListeners opens those that are not open yet; on an error none of them.
func (s *Server) openListeners(want []Listen) (*turn, error) {
	t := &turn{s: s, fresh: map[string]*listener{}}
	var errs []error
	for _, w := range want {
		if s.listeners[w.key()] != nil || t.fresh[w.key()] != nil {
			continue
		}
		nl, err := s.Keeper.Listen(w.Network, w.Addr)
		if errors.Is(err, syscall.EADDRINUSE) && t.clear(w, want) {
			nl, err = s.Keeper.Listen(w.Network, w.Addr)
		}
		if err != nil {
			errs = append(errs, &BindError{shown(w.Addr), err})
			continue
		}
		l := &listener{Listen: w, net: nl}
		l.tune()
		t.fresh[w.key()] = l
	}
	if len(errs) > 0 {
		errs = append(errs, t.undo()...)
		return nil, errors.Join(errs...)
	}
	return t, nil
}

// BindError is a Listen that the system refused.
type BindError struct {
	Addr string
	err  error
}

// Error is httpd's line.
func (e *BindError) Error() string {
	return fmt.Sprintf("%s: AH00072: make_sock: could not bind to address %s", errorlog.ErrnoText(e.err), e.Addr)
}

// Unwrap gives the system's error.
func (e *BindError) Unwrap() error { return e.err }

// Hint says what may be done about it; "" where nobody knows.
func (e *BindError) Hint() string {
	port := e.Addr[strings.LastIndexByte(e.Addr, ':')+1:]
	switch {
	case errors.Is(e.err, syscall.EADDRINUSE):
		return "another program listens there (ss -ltnp 'sport = :" + port + "' names it), perhaps another Sallyport or httpd"
	case errors.Is(e.err, syscall.EADDRNOTAVAIL):
		return "no interface of this machine has that address (ip address lists them)"
	case errors.Is(e.err, syscall.EACCES) && len(port) < 4:
		return "a port below 1024 wants root, or the capability CAP_NET_BIND_SERVICE"
	}
	return ""
}

// shown is an address as httpd prints it.
func shown(addr string) string {
	if addr[0] == ':' {
		return "[::]" + addr
	}
	return addr
}

// clear closes listeners of w's port that are not wanted any more: the system
// lets nobody listen at one address while somebody listens at all of them. It
// reports whether there were any.
func (t *turn) clear(w Listen, want []Listen) bool {
	found := false
	for k, l := range t.s.listeners {
		if l.port() == w.port() && !slices.ContainsFunc(want, func(v Listen) bool { return v.key() == k }) {
			l.close()
			delete(t.s.listeners, k)
			t.closed = append(t.closed, l)
			found = true
		}
	}
	return found
}

// undo makes the listeners those of before.
func (t *turn) undo() (errs []error) {
	for _, l := range t.fresh {
		l.net.Close()
	}
	for _, old := range t.closed {
		nl, err := t.s.Keeper.Listen(old.Network, old.Addr)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: could not listen at %s again", errorlog.ErrnoText(err), shown(old.Addr)))
			continue
		}
		l := &listener{Listen: old.Listen, net: nl}
		t.s.begin(l)
	}
	return errs
}

// tune sets what accepted sockets inherit from the listening one, which saves
// setting it on each.
func (l *listener) tune() {
	tl, ok := l.net.(*net.TCPListener)
	if !ok {
		return
	}
	raw, err := tl.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		s := int(fd)
		syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
		deferAccept(s, l.Defer)
		if l.SendBuffer > 0 {
			syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_SNDBUF, l.SendBuffer)
		}
		if l.RecvBuffer > 0 {
			syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_RCVBUF, l.RecvBuffer)
		}
		if l.Backlog > 0 {
			syscall.Listen(s, l.Backlog)
		}
	})
}

// useListeners starts the fresh ones and closes those not wanted any more.
func (s *Server) useListeners(want []Listen, fresh map[string]*listener) {
	keep := map[string]bool{}
	for _, w := range want {
		keep[w.key()] = true
		if l := s.listeners[w.key()]; l != nil {
			if l.Sockets != w.Sockets {
				l.Sockets = w.Sockets
				l.tune()
			}
		}
	}
	for k, l := range s.listeners {
		if !keep[k] {
			l.close()
			delete(s.listeners, k)
		}
	}
	for _, l := range fresh {
		s.begin(l)
	}
}

// begin lets connections in.
func (s *Server) begin(l *listener) {
	s.listeners[l.key()] = l
	l.stop = make(chan struct{})
	l.done.Add(1)
	go s.accept(l)
}

// close ends the listener and waits until nothing more comes from it.
func (l *listener) close() {
	close(l.stop)
	l.net.Close()
	l.done.Wait()
}

// accept lets connections in until the listener is closed. It pauses where
// there are as many as there may be, and where the system has no descriptor
// left: clients wait in the backlog.
func (s *Server) accept(l *listener) {
	defer l.done.Done()
	pause := time.Duration(0)
	for {
		s.awaitRoom(l.stop)
		nc, err := l.net.Accept()
		switch {
		case err == nil:
			pause = 0
			s.arrive(nc)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			if pause == 0 {
				pause = 5 * time.Millisecond
				s.Logf(errorlog.Error, "core", "accept at %s: %s; trying again", shown(l.Addr), errorlog.ErrnoText(err))
			}
			if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
				s.Pools.Shed()
				s.shed(filesInReserve)
			}
			select {
			case <-l.stop:
			case <-time.After(pause):
			}
			pause = min(2*pause, time.Second)
		}
	}
}

// Addrs are the addresses listened at, in order, for the start-up line and
// tests.
func (s *Server) Addrs() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []netip.AddrPort
	for _, l := range s.listeners {
		if a, ok := l.net.Addr().(*net.TCPAddr); ok {
			out = append(out, a.AddrPort())
		}
	}
	slices.SortFunc(out, func(a, b netip.AddrPort) int {
		return cmp.Or(cmp.Compare(a.Port(), b.Port()), a.Addr().Compare(b.Addr()))
	})
	return out
}

// Logf writes a line of a module to the main server's error log.
func (s *Server) Logf(l errorlog.Level, module, format string, args ...any) {
	if snap := s.current.Load(); snap != nil {
		snap.Servers[0].Server.Log.Logf(l, module, errorlog.Facts{}, format, args...)
	}
}
