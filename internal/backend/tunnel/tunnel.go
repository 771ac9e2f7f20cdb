// Package tunnel moves bytes both ways between a client and a backend, once a
// protocol has been switched: WebSocket and its like. It knows neither side's
// protocol; ends are byte streams with deadlines.
package tunnel

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
)

// End is one side of a tunnel.
type End interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Run switches the client's connection and serves the tunnel until both sides
// have ended, one fails, or nothing has moved for idle. With halfClose the end
// of one direction is passed on and the other goes on; else it ends both. ahead
// are bytes of the backend that have been read already. up and down are the
// bytes moved, ahead not counted; x counts what the client got. The backend's
// end is the caller's to close.
func Run(x *exchange.Exchange, back End, ahead []byte, idle time.Duration, halfClose bool) (up, down int64, f *fault.Fault) {
	rw, err := x.Down.Upgrade()
	if err != nil {
		return 0, 0, &fault.Fault{Kind: fault.ClientGone, Err: err, Begun: true}
	}
	client, ok := rw.(End)
	if !ok {
		rw.Close()
		return 0, 0, &fault.Fault{Kind: fault.ClientGone, Err: errors.New("tunnel: the client's side has no deadlines"), Begun: true}
	}
	t := &tunnel{idle: idle, half: halfClose, began: time.Now()}
	if len(ahead) > 0 {
		client.SetWriteDeadline(time.Now().Add(idle))
		n, err := client.Write(ahead)
		x.BodyOut += int64(n)
		x.BytesOut += int64(n)
		if err != nil {
			client.Close()
			return 0, 0, &fault.Fault{Kind: fault.ClientGone, Err: err, Begun: true}
		}
	}
	moved := make(chan int64)
	go func() {
		moved <- t.pump(back, client)
	}()
	down = t.pump(client, back)
	up = <-moved
	x.BodyOut += down
	x.BytesOut += down
	client.Close()
	return up, down, nil
}

type tunnel struct {
	idle   time.Duration
	half   bool
	began  time.Time
	active atomic.Int64 // when a byte last moved, since began
	over   atomic.Bool
}

// pump moves bytes from src to dst until src ends; then dst is told. It holds
// a buffer only while it moves bytes.
func (t *tunnel) pump(dst, src End) (total int64) {
	defer func() {
		if hc, ok := dst.(interface{ CloseWrite() error }); ok && t.half && !t.over.Load() {
			if hc.CloseWrite() == nil {
				return
			}
		}
		// Both directions end: wake the other pump.
		t.over.Store(true)
		past := time.Unix(1, 0)
		src.SetReadDeadline(past)
		dst.SetReadDeadline(past)
		dst.SetWriteDeadline(past)
	}()
	r := newReader(src)
	for {
		if t.over.Load() {
			return total
		}
		src.SetReadDeadline(time.Now().Add(t.idle))
		b, err := r.read()
		if len(b) > 0 {
			t.active.Store(int64(time.Since(t.began)))
			dst.SetWriteDeadline(time.Now().Add(t.idle))
			n, werr := dst.Write(b)
			total += int64(n)
			r.done()
			if werr != nil {
				t.over.Store(true)
				return total
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			// The other direction may have been busy meanwhile.
			if t.over.Load() || time.Since(t.began)-time.Duration(t.active.Load()) >= t.idle {
				t.over.Store(true)
				return total
			}
		case err == io.EOF:
			return total
		default:
			t.over.Store(true)
			return total
		}
	}
}

// reader reads from one side with a borrowed buffer that it does not hold
// while it waits, where the side is a socket.
type reader struct {
	src  End
	raw  syscall.RawConn
	buf  []byte
	n    int
	err  error
	call func(uintptr) bool
}

func newReader(src End) *reader {
	r := &reader{src: src}
	r.call = r.ready
	return r
}

// read returns bytes that are valid until done.
func (r *reader) read() ([]byte, error) {
	if r.raw == nil {
		if u, ok := r.src.(interface{ Socket() syscall.Conn }); ok {
			if sc := u.Socket(); sc != nil {
				r.raw, _ = sc.SyscallConn()
			}
		} else if sc, ok := r.src.(syscall.Conn); ok {
			r.raw, _ = sc.SyscallConn()
		}
	}
	if r.raw == nil {
		r.buf = buffer.GetLarge()
		n, err := r.src.Read(r.buf)
		if n == 0 {
			r.done()
		}
		return r.buf[:n], err
	}
	r.n, r.err = 0, nil
	if err := r.raw.Read(r.call); err != nil && r.err == nil {
		r.err = err
	}
	return r.buf[:r.n], r.err
}

func (r *reader) ready(fd uintptr) bool {
	r.buf = buffer.GetLarge()
	for {
		n, err := syscall.Read(int(fd), r.buf)
		switch {
		case n > 0:
			r.n = n
			return true
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			r.done()
			return false
		case err != nil:
			r.err = os.NewSyscallError("read", err)
		default:
			r.err = io.EOF
		}
		r.done()
		return true
	}
}

func (r *reader) done() {
	buffer.Put(r.buf)
	r.buf = nil
}
