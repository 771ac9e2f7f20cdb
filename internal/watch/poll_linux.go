package watch

import (
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// poller is one epoll instance. Its own descriptor hangs in the runtime's
// poller, so that waiting for it occupies no thread.
type poller struct {
	fd   int
	file *os.File
	raw  syscall.RawConn

	mu    sync.Mutex
	slots []slot
	free  []uint32
}

// slot is one registration. gen tells a late event of a cancelled watch from
// one of its successor; it counts from 1.
type slot struct {
	gen  uint32
	fd   int
	once bool
	h    Handler // nil: free
}

func (p *poller) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return os.NewSyscallError("fcntl", err)
	}
	p.fd, p.file = fd, os.NewFile(uintptr(fd), "epoll")
	p.raw, err = p.file.SyscallConn()
	return err
}

func (p *poller) close() { p.file.Close() }

func (p *poller) add(fd int, in Interest, h Handler, t *Ticket) bool {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT}
	if in == Hangup {
		ev.Events = unix.EPOLLRDHUP | unix.EPOLLET
	}
	p.mu.Lock()
	var i uint32
	if n := len(p.free); n > 0 {
		i = p.free[n-1]
		p.free = p.free[:n-1]
	} else {
		p.slots = append(p.slots, slot{})
		i = uint32(len(p.slots) - 1)
	}
	s := &p.slots[i]
	s.gen++
	if s.gen == 0 {
		s.gen = 1
	}
	s.fd, s.once, s.h = fd, in == Readable, h
	*t = Ticket{i, s.gen}
	name := *t
	p.mu.Unlock()

	ev.Fd, ev.Pad = int32(name.slot), int32(name.gen)
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		p.drop(name)
		return false
	}
	return true
}

// drop frees the slot if t still names it and returns its descriptor.
func (p *poller) drop(t Ticket) (fd int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(t.slot) >= len(p.slots) {
		return 0, false
	}
	s := &p.slots[t.slot]
	if s.gen != t.gen || s.h == nil {
		return 0, false
	}
	s.h = nil
	p.free = append(p.free, t.slot)
	return s.fd, true
}

func (p *poller) cancel(t Ticket) bool {
	if t.None() {
		return false
	}
	fd, ok := p.drop(t)
	if ok {
		unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
	}
	return ok
}

func (p *poller) run() {
	events := make([]unix.EpollEvent, 256)
	p.raw.Read(func(fd uintptr) bool {
		for {
			n, err := unix.EpollWait(int(fd), events, 0)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return true
			}
			if n == 0 {
				return false
			}
			for i := range events[:n] {
				p.deliver(&events[i])
			}
		}
	})
}

func (p *poller) deliver(ev *unix.EpollEvent) {
	t := Ticket{uint32(ev.Fd), uint32(ev.Pad)}
	p.mu.Lock()
	s := &p.slots[t.slot]
	if s.gen != t.gen || s.h == nil {
		p.mu.Unlock()
		return
	}
	h, fd, once := s.h, s.fd, s.once
	if once {
		s.h = nil
		p.free = append(p.free, t.slot)
		// Under the lock: once the slot is free the owner may close fd.
		unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
	}
	p.mu.Unlock()
	var e Event
	if ev.Events&unix.EPOLLIN != 0 {
		e |= Ready
	}
	if ev.Events&unix.EPOLLRDHUP != 0 {
		e |= Closed
	}
	if ev.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		e |= Closed | Reset
	}
	h.Event(e)
}
