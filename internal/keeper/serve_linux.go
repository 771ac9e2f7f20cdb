package keeper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
)

// Main is the keeper. It returns the exit code when the server has ended.
func Main() int {
	// A service manager may signal all processes of a service; the keeper ends
	// when the server has, for it removes the PidFile.
	// (Ignored signals would stay ignored in the programs it runs.)
	unheeded := make(chan os.Signal, 1)
	signal.Notify(unheeded, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGPIPE)
	os.WriteFile("/proc/self/comm", []byte("sallyport-keep"), 0) // else it is "exe"
	f := os.NewFile(3, "server")
	nc, err := net.FileConn(f)
	f.Close()
	if err == nil {
		s := newService(os.Getppid())
		err = s.serve(nc.(*net.UnixConn))
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", Name, err)
		return 1
	}
	return 0
}

// service is the state of the keeper.
type service struct {
	server  int // its process number
	sealed  bool
	dirs    map[dirID]*allowed
	config  map[entry]bool  // files of the configuration
	paths   map[string]bool // of the directories in dirs
	pidFile string
	pidDir  dirID
	programs
}

// allowed is what may be opened in a directory.
type allowed struct {
	any   bool
	names map[string]bool
}

func newService(server int) *service {
	s := &service{server: server, dirs: map[dirID]*allowed{}, config: map[entry]bool{}, paths: map[string]bool{}}
	s.programs.init()
	return s
}

// serve answers until the server is gone.
func (s *service) serve(c *net.UnixConn) error {
	for {
		limit := maxMessage
		if !s.sealed {
			limit = maxSeal
		}
		var q request
		got, err := receive(c, &q, limit)
		if err != nil {
			return err
		}
		a, give := s.answer(&q, got)
		if got != nil {
			got.Close()
		}
		err = send(c, a, give)
		if give != nil {
			give.Close()
		}
		if err != nil {
			return err
		}
	}
}

// answer does what is asked. got came with the question; the file returned
// goes with the answer and is then closed.
func (s *service) answer(q *request, got *os.File) (reply, *os.File) {
	var (
		a    reply
		give *os.File
		err  error
	)
	switch q.Op {
	case opSeal:
		err = s.seal(q.Rights)
	case opRead:
		give, err = s.openConfig(q.Path)
	case opLog:
		give, err = s.openLog(q.Path)
	case opListen:
		give, err = bind(q.Network, q.Addr)
	case opWritePid:
		err = s.pid(q.Path, s.writePid)
	case opRemovePid:
		err = s.pid(q.Path, syscall.Unlinkat)
	case opRun:
		a.ID, give, err = s.run(q.Argv, got, s.sealed)
	case opSignal:
		err = s.signal(q.ID, q.Kill)
	default:
		err = fmt.Errorf("the keeper knows no %q", q.Op)
	}
	if err != nil {
		return failed(err), nil
	}
	return a, give
}

// seal fixes what may be asked for from now on.
func (s *service) seal(r *rights) error {
	if s.sealed || r == nil {
		return errors.New("the keeper is sealed")
	}
	s.sealed = true
	at := func(path string, use func(d dir)) {
		if d, err := openDir(path); err == nil {
			use(d)
			d.close()
		}
	}
	for _, path := range r.Dirs {
		at(path, func(d dir) {
			s.dirs[d.id] = &allowed{any: true, names: map[string]bool{}}
			s.paths[path] = true
		})
	}
	for _, file := range r.Config {
		at(filepath.Dir(file), func(d dir) {
			s.config[entry{d.id, filepath.Base(file)}] = true
			if ok := s.dirs[d.id]; ok != nil {
				ok.any = false
			}
		})
	}
	for _, file := range r.Logs {
		at(filepath.Dir(file), func(d dir) {
			if ok := s.dirs[d.id]; ok != nil {
				ok.names[filepath.Base(file)] = true
			}
		})
	}
	if filepath.IsAbs(r.PidFile) {
		at(filepath.Dir(r.PidFile), func(d dir) { s.pidFile, s.pidDir = r.PidFile, d.id })
	}
	return nil
}

// bind opens a socket at an IP address, or at all of them: of UDP, or of TCP that
// listens.
func bind(network, addr string) (*os.File, error) {
	switch network {
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6":
	default:
		return nil, fmt.Errorf("the keeper opens no sockets of %q", network)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil {
		return nil, err
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, err
	}
	if network[0] == 'u' {
		pc, err := net.ListenPacket(network, addr)
		if err != nil {
			return nil, err
		}
		defer pc.Close()
		return pc.(*net.UDPConn).File()
	}
	l, err := listen(network, addr)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.(*net.TCPListener).File()
}
