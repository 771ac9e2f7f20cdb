package pipe

import (
	"io"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Size is how much one pipe may hold at most, in bytes, and is what bodies of
// large bytes get: a third cheaper than usual. But a slow reader holds a full
// pipe, and an unprivileged user may have 64 MB of them before the kernel
// makes new ones too small to be of use. A body of a megabyte is a tenth
// cheaper in small bites: they leave at the pace the congestion control likes,
// without timers that the kernel must set for what is too early.
const (
	Size  = 1 << 20
	usual = 64 << 10 // what the kernel makes
	large = 8 << 20
)

// enough is the capacity below which copying is cheaper.
const enough = 64 << 10

// kept is how many unused pipes wait for the next body.
const kept = 64

// Pipe is one kernel pipe, between Get and Put owned by one goroutine.
type Pipe struct {
	r, w int
	size int
	held int // bytes in it

	// What the callbacks are asked and answer; they are made once.
	max, n      int
	err         error
	fill, drain func(uintptr) bool
}

var (
	idle  = make(chan *Pipe, kept)
	alive atomic.Int64 // idle or lent
	most  = limit()
)

// limit bounds the pipes alive: each has two descriptors, of which the
// connections need most.
func limit() int64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return kept
	}
	return int64(min(l.Max/32, 1024))
}

// Get lends an empty pipe for a body of n bytes; nil when there is none to be
// had, and the caller has to copy.
func Get(n int64) *Pipe {
	p := get()
	switch {
	case p == nil:
	case n >= large && p.size < Size:
		p.resize(Size)
	case n < large && p.size > usual:
		p.resize(usual)
	}
	return p
}

func get() *Pipe {
	select {
	case p := <-idle:
		return p
	default:
	}
	if alive.Add(1) > most {
		alive.Add(-1)
		return nil
	}
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		alive.Add(-1)
		return nil
	}
	p := &Pipe{r: fd[0], w: fd[1]}
	p.fill, p.drain = p.takeIn, p.giveOut
	p.resize(usual)
	if p.size < enough {
		p.close()
		return nil
	}
	return p
}

// resize asks for a capacity; the kernel may leave things as they are.
func (p *Pipe) resize(n int) {
	size, err := unix.FcntlInt(uintptr(p.w), unix.F_SETPIPE_SZ, n)
	if err != nil {
		size, err = unix.FcntlInt(uintptr(p.w), unix.F_GETPIPE_SZ, 0)
	}
	if err == nil {
		p.size = size
	}
}

// Put takes a pipe back. One that still holds bytes is closed: they must reach
// nobody else.
func Put(p *Pipe) {
	if p.held == 0 {
		select {
		case idle <- p:
			return
		default:
		}
	}
	p.close()
}

func (p *Pipe) close() {
	unix.Close(p.r)
	unix.Close(p.w)
	alive.Add(-1)
}

// Held is how many bytes wait in the pipe.
func (p *Pipe) Held() int { return p.held }

// Fill takes up to max bytes from the socket src into the empty pipe; it waits
// for the first. io.EOF is the end of the stream.
func (p *Pipe) Fill(src syscall.RawConn, max int) (int, error) {
	p.max, p.n, p.err = min(max, p.size), 0, nil
	if err := src.Read(p.fill); err != nil {
		return 0, err
	}
	p.held += p.n
	return p.n, p.err
}

func (p *Pipe) takeIn(fd uintptr) bool {
	n, err := splice(int(fd), p.w, p.max)
	switch {
	case err == unix.EAGAIN:
		return false
	case err != nil:
		p.err = os.NewSyscallError("splice", err)
	case n == 0:
		p.err = io.EOF
	}
	p.n = max(n, 0)
	return true
}

// Drain gives as much of what the pipe holds as the socket dst takes; it waits
// until that is something. An error has moved nothing.
func (p *Pipe) Drain(dst syscall.RawConn) (int, error) {
	if p.held == 0 {
		return 0, nil
	}
	p.n, p.err = 0, nil
	if err := dst.Write(p.drain); err != nil {
		return 0, err
	}
	p.held -= p.n
	return p.n, p.err
}

func (p *Pipe) giveOut(fd uintptr) bool {
	n, err := splice(p.r, int(fd), p.held)
	switch {
	case err == unix.EAGAIN:
		return false
	case err != nil:
		p.err = os.NewSyscallError("splice", err)
	case n == 0:
		p.err = io.ErrNoProgress // cannot be: the pipe holds bytes and we its other end
	}
	p.n = max(n, 0)
	return true
}

// splice never blocks, so the scheduler isn't told of it: see package rawio.
func splice(from, to, max int) (int, error) {
	for {
		n, _, e := syscall.RawSyscall6(syscall.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(max), unix.SPLICE_F_NONBLOCK|unix.SPLICE_F_MOVE)
		switch e {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, e
		}
	}
}
