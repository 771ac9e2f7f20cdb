//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func writeRelay(s Site) (Command, error) {
	return Command{Args: siteFlags(s).args("peer-relay")}, nil
}

// runRelay is the floor: one event loop per core, each with a listener of its
// own, joins every client socket to one backend socket and copies bytes until
// either side ends. Nothing is parsed, so nothing can be reused: a client that
// connects anew costs a backend connection anew.
func runRelay(f peerFlags) error {
	runtime.GOMAXPROCS(f.loops + 1)
	failed := make(chan error)
	for i := range f.loops {
		go func() {
			runtime.LockOSThread()
			failed <- relayLoop(f.port, f.backends, i)
		}()
	}
	return <-failed
}

const (
	relayBuffer = 64 * kib
	pipeSize    = 64 * kib // a larger one holds more pages and is slower
)

// watchFor is what every socket is watched for, once and for all: edges, so
// that no call to the kernel follows a change of mind.
const watchFor = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// half is one socket of a pair and the bytes that wait to be written to it.
type half struct {
	fd      int
	other   *half
	pending []byte // read from the other side, not yet taken by this one
	pipe    *pipe  // the same, while the other side sends in bulk
	ended   bool   // the kernel said that no more follows what it holds
	queued  bool   // in the loop's ready list
}

// waits reports whether h still has to take what the other side sent.
func (h *half) waits() bool { return len(h.pending) > 0 || h.pipe != nil && h.pipe.held > 0 }

// pipe holds bulk data between two splices.
type pipe struct{ r, w, held int }

// relay is one event loop. It owns everything below and never shares it.
type relay struct {
	epoll    int
	listener int
	halves   []*half // by file descriptor
	backends []unix.Sockaddr
	turn     int
	buf      []byte
	pipes    []*pipe // empty ones, for the next bulk transfer
	ready    []*half // bulk senders that may have more
}

// relayLoop runs until the kernel refuses something it must not refuse.
func relayLoop(port int, backends []int, first int) error {
	r := &relay{buf: make([]byte, relayBuffer), turn: first}
	for _, p := range backends {
		r.backends = append(r.backends, &unix.SockaddrInet4{Port: p, Addr: [4]byte{127, 0, 0, 1}})
	}
	var err error
	if r.listener, err = listenShared(port); err != nil {
		return err
	}
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, r.listener, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(r.listener)}); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	events := make([]unix.EpollEvent, 512)
	var turn []*half
	for {
		wait := -1
		if len(r.ready) > 0 {
			wait = 0
		}
		n, err := unix.EpollWait(r.epoll, events, wait)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, e := range events[:n] {
			if int(e.Fd) == r.listener {
				r.accept()
				continue
			}
			// An earlier event of this batch may have closed the pair; a
			// number reused within the batch only finds nothing to do.
			h := r.halves[e.Fd]
			if h == nil {
				continue
			}
			if e.Events&^(unix.EPOLLIN|unix.EPOLLOUT) != 0 {
				h.ended = true
			}
			if e.Events&unix.EPOLLOUT != 0 && h.waits() && r.flush(h) {
				r.pump(h.other) // what arrived meanwhile has had its edge
			}
			if e.Events&^unix.EPOLLOUT != 0 && !h.queued && r.halves[h.fd] == h {
				r.pump(h)
			}
		}
		turn, r.ready = r.ready, turn[:0]
		for _, h := range turn {
			h.queued = false
			if r.halves[h.fd] == h {
				r.pump(h)
			}
		}
	}
}

// listenShared opens a listener that shares its port with the other loops'.
func listenShared(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			return 0, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, fmt.Errorf("listen on port %d: %w", port, err)
	}
	return fd, os.NewSyscallError("listen", unix.Listen(fd, 4096))
}

// accept takes one waiting client and gives it a backend connection.
func (r *relay) accept() {
	client, _, err := unix.Accept4(r.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return
	}
	backend, err := r.dial()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		unix.Close(client)
		return
	}
	a, b := &half{fd: client}, &half{fd: backend}
	a.other, b.other = b, a
	for _, h := range []*half{a, b} {
		// Refused only where the option means nothing.
		_ = unix.SetsockoptInt(h.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		for len(r.halves) <= h.fd {
			r.halves = append(r.halves, nil)
		}
		r.halves[h.fd] = h
		if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, h.fd, &unix.EpollEvent{Events: watchFor, Fd: int32(h.fd)}); err != nil {
			r.close(a)
			return
		}
	}
}

// dial connects to the next backend. On loopback a blocking connect returns
// as soon as the peer's queue has room.
func (r *relay) dial() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	r.turn++
	if err = unix.Connect(fd, r.backends[r.turn%len(r.backends)]); err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return 0, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

// pump moves what h has received to the other side until h has no more or
// the other side takes no more: by read and write while it is little, through
// a pipe once a read fills the buffer.
func (r *relay) pump(h *half) {
	to := h.other
	for !to.waits() {
		if to.pipe != nil {
			// One pipe a turn: the others' sockets fill meanwhile, and what
			// moves in larger pieces costs less.
			if r.splice(h, to) && !h.queued {
				h.queued = true
				r.ready = append(r.ready, h)
			}
			return
		}
		n, err := unix.Read(h.fd, r.buf)
		switch {
		case err == unix.EAGAIN:
			return
		case err == unix.EINTR:
			continue
		case err != nil || n == 0:
			r.close(h) // nothing waits for the other side: the loop's condition
			return
		}
		m, err := unix.Write(to.fd, r.buf[:n])
		if err != nil && err != unix.EAGAIN && err != unix.EINTR {
			r.close(h)
			return
		}
		if m = max(m, 0); m < n {
			to.pending = append(to.pending[:0], r.buf[m:n]...)
			return
		}
		switch {
		case n == len(r.buf):
			to.pipe = r.takePipe()
		case !h.ended:
			return // a short read: nothing is left, the next byte is a new edge
		}
	}
}

// flush writes what waits for h, and reports whether all of it went.
func (r *relay) flush(h *half) bool {
	if len(h.pending) == 0 {
		return r.drain(h)
	}
	n, err := unix.Write(h.fd, h.pending)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		r.close(h)
		return false
	}
	h.pending = h.pending[max(n, 0):]
	return len(h.pending) == 0
}

// splice moves one pipe of bulk from h to the other side, and ends the bulk
// transfer when h has nothing more for now. It reports whether there may be more.
func (r *relay) splice(h, to *half) bool {
	n, err := unix.Splice(h.fd, nil, to.pipe.w, nil, pipeSize, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
	switch {
	case err == unix.EAGAIN:
		r.givePipe(to)
		return false
	case err == unix.EINTR:
		return true
	case err != nil || n == 0:
		r.close(h)
		return false
	}
	to.pipe.held = int(n)
	return r.drain(to)
}

// drain empties h's pipe into h, and reports whether all of it went.
func (r *relay) drain(h *half) bool {
	p := h.pipe
	for p.held > 0 {
		n, err := unix.Splice(p.r, nil, h.fd, nil, p.held, unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		switch {
		case err == unix.EAGAIN:
			return false
		case err == unix.EINTR:
			continue
		case err != nil:
			r.close(h)
			return false
		}
		p.held -= int(n)
	}
	return true
}

// close ends both sides.
func (r *relay) close(h *half) {
	for _, x := range []*half{h, h.other} {
		if r.halves[x.fd] != x {
			continue
		}
		r.halves[x.fd] = nil
		unix.Close(x.fd)
		if x.pipe != nil {
			if x.pipe.held == 0 {
				r.givePipe(x)
			} else {
				unix.Close(x.pipe.r)
				unix.Close(x.pipe.w)
			}
		}
	}
}

// takePipe returns an empty pipe, or nil when the system has none left: then
// the transfer goes on by read and write.
func (r *relay) takePipe() *pipe {
	if n := len(r.pipes); n > 0 {
		p := r.pipes[n-1]
		r.pipes = r.pipes[:n-1]
		return p
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil
	}
	// Smaller than wished is still a pipe.
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize)
	return &pipe{r: fds[0], w: fds[1]}
}

// givePipe takes h's empty pipe back.
func (r *relay) givePipe(h *half) {
	r.pipes = append(r.pipes, h.pipe)
	h.pipe = nil
}
