package h1

import (
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
	gone   atomic.Bool
	probed bool // under state telling
	on     atomic.Bool
	ticket watch.Ticket
}

const (
	away    uint32 = iota // the exchange's goroutine does not wait
	waiting               // it does; waker is set
	telling               // the watcher's goroutine is using waker and socket
)

var probe = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// wait is Downstream.Waiting.
func (h *hangup) wait(w exchange.Waker) bool {
	if w != nil {
		if h.gone.Load() {
			return false
		}
		h.waker = w
		h.state.Store(waiting)
		if h.c.fd >= 0 && !h.on.Load() {
			h.c.guard.Arm(hangupAfter)
		}
		return true
	}
	for !h.state.CompareAndSwap(waiting, away) {
		if h.state.Load() == away {
			break
		}
	}
	h.waker = nil
	h.c.guard.Disarm()
	return !h.gone.Load()
}

// due is called by the guard once an exchange has waited for a while: it
// begins the watch. False: the guard fired for another reason.
func (h *hangup) due() bool {
	if !h.state.CompareAndSwap(waiting, telling) {
		return false
	}
	if !h.on.Swap(true) {
		h.c.front.Watch.Watch(h.c.fd, watch.Hangup, h, &h.ticket)
	}
	h.state.Store(waiting)
	return true
}

// Event comes from the watcher.
func (h *hangup) Event(e watch.Event) {
	if e&watch.Reset != 0 {
		h.gone.Store(true)
	}
	if !h.state.CompareAndSwap(waiting, telling) {
		return
	}
	if h.gone.Load() {
		h.waker.Wake()
	} else if e&watch.Closed != 0 && !h.probed && h.c.out.mayInform() {
		h.probed = true
		if n, err := syscall.Write(h.c.fd, probe); err == nil && n < len(probe) {
			// No room for 25 bytes: an unread response is in the way, and
			// half a probe would garble the next.
			h.gone.Store(true)
			h.waker.Wake()
		}
	}
	h.state.Store(waiting)
}

// cancel ends the watch, before the descriptor is parked or closed.
func (h *hangup) cancel() {
	if h.on.Swap(false) {
		h.c.front.Watch.Cancel(h.ticket)
	}
}
