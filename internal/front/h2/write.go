package h2

import (
	"bytes"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"

	"sallyport/internal/buffer"
	"sallyport/internal/rawio"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h2"
)

// maxOut is how many bytes of frames with content may wait to be written.
const maxOut = buffer.Large

// maxControl is how many bytes may wait at all: beyond, the client asks for
// answers and does not take them.
const maxControl = 4 * buffer.Large

// writer is the sending half of a connection. Frames are put into out under the
// connection's lock, in the order in which they will leave. Whoever finds
// nobody writing writes, without the lock, one buffer full; what has come
// meanwhile is left to a goroutine, so that no exchange works for others.
type writer struct {
	c     *conn
	guard watch.Guard // of a write; see SetDeadline

	// Under the connection's lock.
	out      []byte // frames that wait
	spare    []byte // an empty buffer for the next
	flushing bool   // somebody writes
	gen      uint32 // counts the buffers that went out
	queue    []*stream
	enc      *hpack.Encoder
	block    bytes.Buffer // what enc writes to

	writing atomic.Bool  // in a write
	queued  atomic.Int64 // bytes the kernel held when last asked; -1: not asked
}

// room is out, with a buffer behind it.
func (w *writer) room() []byte {
	if w.out == nil {
		w.out = buffer.GetLarge()[:0]
	}
	return w.out
}

// control sends what the reader has put in: it must not wait for a client that
// may itself wait for us to read.
func (c *conn) control() error {
	if len(c.write.out) > maxControl {
		return &fault{wire.EnhanceYourCalm, "the client does not take the answers it asks for"}
	}
	c.kick()
	return nil
}

// kick has what waits written by somebody else. Under the lock.
func (c *conn) kick() {
	w := &c.write
	if !w.flushing && len(w.out) > 0 && !c.dead {
		w.flushing = true
		go w.run()
	}
}

// flush writes what waits. Under the lock, which is released meanwhile.
func (w *writer) flush() {
	if w.flushing || len(w.out) == 0 || w.c.dead {
		return
	}
	w.flushing = true
	if w.c.busy > 1 {
		// Answers come in flocks: those that are ready to run add theirs first.
		w.c.mu.Unlock()
		runtime.Gosched()
		w.c.mu.Lock()
	}
	w.once()
	if len(w.out) > 0 && !w.c.dead {
		go w.run()
		return
	}
	w.rest()
}

// run writes until nothing waits.
func (w *writer) run() {
	w.c.mu.Lock()
	for len(w.out) > 0 && !w.c.dead {
		w.once()
	}
	w.rest()
	w.c.mu.Unlock()
}

// rest: nobody writes any more.
func (w *writer) rest() {
	w.flushing = false
	if len(w.out) == 0 && w.c.open == 0 {
		w.release()
	}
	w.c.idle.Broadcast()
}

// release gives the buffers back.
func (w *writer) release() {
	buffer.Put(w.out)
	buffer.Put(w.spare)
	w.out, w.spare = nil, nil
}

// once writes one buffer. Under the lock, which is released meanwhile.
func (w *writer) once() {
	c := w.c
	b := w.out
	w.out, w.spare = w.spare, nil
	w.gen++
	c.mu.Unlock()
	w.queued.Store(-1)
	w.writing.Store(true)
	w.guard.Arm(c.set.Timeout / 2)
	_, err := c.nc.Write(b)
	w.writing.Store(false)
	w.guard.Disarm()
	c.mu.Lock()
	if cap(b) == buffer.Large && w.spare == nil {
		w.spare = b[:0]
	}
	if err != nil && !c.dead {
		c.dead = true
		go c.nc.Close() // TLS would say goodbye first
		for _, s := range c.streams {
			s.fail(errGone)
		}
	}
	w.wakeNext()
}

// SetDeadline is called each half of Timeout while a write lasts: a client that
// takes anything at all meanwhile gets more time.
func (w *writer) SetDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	if !w.writing.Load() {
		w.guard.Disarm()
		return nil
	}
	if fd := w.c.fd; fd >= 0 {
		now, was := int64(rawio.Queued(fd)), w.queued.Load()
		if was < 0 || now < was {
			w.queued.Store(now)
			w.guard.Arm(w.c.set.Timeout / 2)
			return nil
		}
	}
	return w.c.nc.SetWriteDeadline(watch.Past)
}

// drain waits until all is written, at most for d.
func (w *writer) drain(d time.Duration) {
	c := w.c
	c.nc.SetWriteDeadline(time.Now().Add(d))
	c.mu.Lock()
	for !c.dead && (w.flushing || len(w.out) > 0) {
		c.kick()
		c.idle.Wait()
	}
	c.mu.Unlock()
}

// wakeNext lets the first of those look again who wait for their turn. Under
// the lock.
func (w *writer) wakeNext() {
	if len(w.queue) > 0 {
		w.queue[0].cond.Broadcast()
	}
}

// leave takes s out of the queue. Under the lock.
func (w *writer) leave(s *stream) {
	if s.queued {
		s.queued = false
		w.queue = slices.Delete(w.queue, slices.Index(w.queue, s), slices.Index(w.queue, s)+1)
		w.wakeNext()
	}
}

// grant waits until s may send content and says how much of n bytes, at most
// one frame. Streams that want more than there is room for take turns, frame by
// frame. Under the lock, which is released meanwhile.
func (w *writer) grant(s *stream, n int) (int, error) {
	c := w.c
	most := wire.MaxFrame
	if m := c.h2.MaxFrame; m > 0 {
		most = min(most, m)
	}
	waits := false
	defer func() {
		if waits {
			s.writeEnd.Disarm()
		}
	}()
	for {
		switch {
		case s.err != nil, c.dead:
			w.leave(s)
			return 0, errGone
		case s.cut, s.writeLate && s.writeEnd.Expired() == watch.Due:
			w.leave(s)
			return 0, errTimeout
		}
		s.writeLate = false
		if m := min(int64(n), int64(most), s.window); m > 0 {
			m = min(m, c.window)
			room := maxOut - len(w.room()) - wire.HeadLen
			if first := len(w.queue) == 0 || w.queue[0] == s; first && m > 0 && room >= min(int(m), 4096) {
				w.leave(s)
				return min(int(m), room), nil
			}
			if !s.queued {
				s.queued = true
				w.queue = append(w.queue, s)
			}
		} else {
			w.leave(s)
		}
		if len(w.out) > 0 && !w.flushing {
			w.flush() // nothing stays behind while we wait
			continue
		}
		if !waits {
			waits = true
			c.mu.Unlock()
			s.watch()
			s.writeEnd.Arm(s.patience())
			c.mu.Lock()
			continue
		}
		s.cond.Wait()
	}
}

// Field implements bridge.Encoder: one field of a header block. What differs from response to
// response is kept out of the table, where it would only drive out the rest.
func (w *writer) Field(name, value string) {
	f := hpack.HeaderField{Name: name, Value: value}
	switch name {
	case "content-length", "date", "etag", "last-modified", "location", "set-cookie", "age", "expires", "content-range":
		f.Sensitive = true
	}
	w.enc.WriteField(f) // a bytes.Buffer does not fail
}
