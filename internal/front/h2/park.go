package h2

import (
	"bytes"
	"errors"
	"time"

	"sallyport/internal/buffer"
	"sallyport/internal/watch"
)

// parkAfter is how long a connection without streams keeps its goroutine, and
// crowd from how many goroutines on it keeps it hardly at all; as in front/h1.
const (
	parkAfter = time.Second
	crowd     = 1024
)

// The states of a connection, for those who are not its reader. Only the reader
// goes to parking and parked; whoever takes it from parked goes on with it.
const (
	awake   uint32 = iota
	parking        // about to be parked
	called         // somebody wanted it while it was parking
	parked         // it waits in the watcher
)

// errParked ends a reader whose connection rests.
var errParked = errors.New("parked")

// restart begins the time that a connection may be idle for. Under the lock, or
// before the connection runs.
func (c *conn) restart() {
	c.since = c.front.Watch.Now()
	d := c.rest
	if c.sock != nil {
		d = min(d, c.front.patience())
	}
	c.guard.Arm(d)
}

// patience is how long an idle connection keeps its goroutine now.
func (f *Front) patience() time.Duration {
	if f.running.Load() > crowd {
		return watch.Tick
	}
	return parkAfter
}

// canPark reports whether the connection is between two frames with nothing to
// be sent. Bytes that a tls.Conn holds are part of a record that is not complete,
// else its Read would have returned them. Under the lock.
func (c *conn) canPark() bool {
	return c.sock != nil && c.greets && c.r == c.w && !c.away && !c.draining.Load() &&
		!c.write.flushing && len(c.write.out) == 0
}

// parkNow leaves the connection to the watcher and returns errParked, with which
// the reader's goroutine ends: it keeps nothing but the tables of HPACK. Under
// the lock.
func (c *conn) parkNow() error {
	c.letGo(0)
	c.free, c.block = nil, block{}
	c.write.block = bytes.Buffer{}
	c.write.queue = nil
	c.write.release()
	buffer.Put(c.in)
	c.in, c.r, c.w = nil, 0, 0
	c.guard.Arm(max(c.rest-(c.front.Watch.Now()-c.since), watch.Tick))
	c.state.Store(parking)
	ok := false
	c.sock.Control(func(fd uintptr) { ok = c.front.Watch.Watch(int(fd), watch.Readable, c, &c.ticket) })
	switch {
	case !ok:
		c.sock = nil // no watcher: this goroutine waits
	case c.state.CompareAndSwap(parking, parked):
		return errParked
	default:
		c.front.Watch.Cancel(c.ticket)
	}
	c.state.Store(awake)
	return nil
}

// Event wakes a parked connection: bytes have come, or the end.
func (c *conn) Event(watch.Event) { c.unpark(nil) }

// unpark has a goroutine go on with a parked connection, which does first before.
// For any goroutine; it does not wait. False: the connection was not parked.
func (c *conn) unpark(first func()) bool {
	if !c.state.CompareAndSwap(parked, awake) {
		c.state.CompareAndSwap(parking, called)
		return false
	}
	go c.resume(first)
	return true
}

// resume is Serve for a connection that has rested.
func (c *conn) resume(first func()) {
	c.front.running.Add(1)
	defer c.front.running.Add(-1)
	c.front.Watch.Cancel(c.ticket)
	if first != nil {
		first()
	}
	c.mu.Lock()
	left := c.rest - (c.front.Watch.Now() - c.since)
	c.mu.Unlock()
	c.guard.Arm(max(min(left, c.front.patience()), watch.Tick))
	if c.read(nil) != errParked {
		c.end()
	}
}

// Shed closes up to n connections that rest, and says how many.
func (f *Front) Shed(n int) int {
	done := 0
	f.Watch.Each(func(d watch.Deadliner) {
		if c, ok := d.(*conn); ok && c.front == f && done < n && c.state.Load() == parked {
			c.unwanted.Store(true)
			c.SetDeadline(watch.Past)
			done++
		}
	})
	return done
}
