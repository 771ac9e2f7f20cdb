package h1

import (
	"runtime"
	"sync/atomic"
	"syscall"

	"sallyport/internal/exchange"
	"sallyport/internal/watch"
)

// hangup notices a client that leaves while its exchange waits for a backend.
// The exchange's goroutine is blocked on the backend then; the watcher tells,
// and wakes it.
//
// A reset is certain: nobody is left. The end of the client's stream is not:
// it may be half-closed and still want its answer. So we ask: an interim
// response, which every HTTP/1.1 client must take (RFC 9110 §15.2), is answered
// with a reset when nobody is there.
type hangup struct {
	c      *conn
	state  atomic.Uint32 // away, waiting, telling
	waker  exchange.Waker
	news   atomic.Uint32 // what is known of the client: ended, lost
	probed bool          // under state telling
	on     atomic.Bool   // watched
	ticket watch.Ticket
}

// The states: who may use waker, out and the socket for writing.
const (
	away    uint32 = iota // the exchange's goroutine, which does not wait
	waiting               // nobody: it waits, and waker is set
	telling               // a goroutine of the watcher
)

// The news, bits.
const (
	ended uint32 = 1 << iota // the client will send no more
	lost                     // nobody is left
)

var probe = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// wait is Downstream.Waiting.
func (h *hangup) wait(w exchange.Waker) bool {
	if w == nil {
		h.back()
		return !h.lost()
	}
	if h.lost() {
		return false
	}
	h.waker = w
	asked := h.probed
	h.state.Store(waiting)
	news := h.news.Load() // again: what came before waiting was told nobody
	if news&lost != 0 {
		h.back()
		return false
	}
	if h.c.fd >= 0 && (!h.on.Load() || news&ended != 0 && !asked) {
		h.c.guard.Arm(hangupAfter)
	}
	return true
}

// back ends the wait, after a telling that is under way.
func (h *hangup) back() {
	for !h.state.CompareAndSwap(waiting, away) && h.state.Load() != away {
		runtime.Gosched()
	}
	h.waker = nil
	h.c.guard.Disarm()
}

func (h *hangup) lost() bool { return h.news.Load()&lost != 0 }

// due is called by the guard, under the watcher's lock for it, once an exchange
// has waited for a while: it begins the watch. False: the guard fired for
// another reason.
func (h *hangup) due() bool {
	if !h.state.CompareAndSwap(waiting, telling) {
		return false
	}
	h.c.guard.Disarm() // while the exchange can't have armed it again
	if !h.lost() && !h.on.Swap(true) {
		h.c.raw.Control(func(fd uintptr) { h.c.front.Watch.Watch(int(fd), watch.Hangup, h, &h.ticket) })
	}
	h.state.Store(waiting)
	h.tell()
	return true
}

// Event comes from the watcher.
func (h *hangup) Event(e watch.Event) {
	news := uint32(0)
	if e&watch.Closed != 0 {
		news |= ended
	}
	if e&watch.Reset != 0 {
		news |= lost
	}
	h.news.Or(news)
	h.tell()
}

// tell acts on the news if the exchange waits. Two goroutines may come with
// news at once: the one that finds the other telling leaves them to it.
func (h *hangup) tell() {
	for {
		news := h.news.Load()
		if !h.state.CompareAndSwap(waiting, telling) {
			return
		}
		switch {
		case news&lost != 0:
			h.waker.Wake()
		case news&ended != 0 && !h.probed && h.c.out.mayInform():
			h.probed = true
			h.ask()
		}
		h.state.Store(waiting)
		if h.news.Load() == news {
			return
		}
	}
}

// ask sends the probe.
func (h *hangup) ask() {
	if t := h.c.secure; t != nil {
		t.now(func() {
			if _, err := t.Write(probe); err != nil {
				h.news.Or(lost)
			}
		})
		return
	}
	h.c.raw.Control(func(fd uintptr) {
		if n, err := syscall.Write(int(fd), probe); err == nil && n < len(probe) {
			// No room for 25 bytes: an unread response is in the way, and
			// half a probe would garble the next.
			h.news.Or(lost)
		}
	})
}

// cut ends the wait of an exchange whose connection is to be closed, and the
// watch. Called under the watcher's lock for the guard, like due.
func (h *hangup) cut() {
	h.news.Or(lost)
	h.tell()
	h.cancel()
}

// cancel ends the watch, before the descriptor is parked or closed.
func (h *hangup) cancel() {
	if h.on.Swap(false) {
		h.c.front.Watch.Cancel(h.ticket)
	}
}
