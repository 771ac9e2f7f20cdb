package h1

import (
	"errors"
	"os"
	"time"

	"sallyport/internal/buffer"
	"sallyport/internal/exchange"
	"sallyport/internal/rawio"
	"sallyport/internal/watch"
	wire "sallyport/internal/wire/h1"
)

// startWait begins the wait for a request: for parkAfter with the goroutine,
// then in the watcher.
func (c *conn) startWait() {
	c.searched = 0
	c.state.Store(idle)
	c.startClock()
}

func (c *conn) startClock() {
	c.since = c.front.Watch.Now()
	d := c.idleLimit()
	if c.fd >= 0 {
		d = min(d, c.front.patience())
	}
	c.guard.Arm(max(d, 1)) // KeepAliveTimeout 0: not at all, but not for ever
}

// patience is how long an idle connection keeps its goroutine now.
func (f *Front) patience() time.Duration {
	if f.running.Load() > crowd {
		return watch.Tick
	}
	return parkAfter
}

// idleLimit is how long the client may take to begin a request: KeepAliveTimeout
// between two of them, the time for a head before the first, and before that the
// time for a TLS handshake.
func (c *conn) idleLimit() time.Duration {
	set := c.set
	limit := &set.HeadTimeout
	switch {
	case !c.first:
		return set.KeepAliveTimeout
	case c.fresh:
		limit = &set.Handshake
	}
	if limit.First > 0 {
		return limit.First
	}
	return set.Timeout
}

// readLimit is what is left of the time for a head or a body of which n bytes
// have come: RequestReadTimeout's rule, or Timeout for each read.
func (c *conn) readLimit(l *exchange.ReadLimit, n int64) time.Duration {
	if l.First == 0 {
		return c.set.Timeout
	}
	total := l.First
	if l.MinRate > 0 {
		total += time.Duration(n/int64(l.MinRate)) * time.Second
		if l.Max > 0 && total > l.Max {
			total = l.Max
		}
	}
	return max(total-(c.front.Watch.Now()-c.since), watch.Tick)
}

// overdue decides what the guard's firing means for a connection that waits.
// True: the goroutine is done with it.
func (c *conn) overdue() bool {
	switch c.guard.Expired() {
	case watch.Spurious:
		return c.dead()
	case watch.Due:
		switch {
		case c.state.Load() == active:
			// A head or a small body that did not come in time.
			c.badHead(&wire.Problem{Status: 408, Text: "request not read within its time"}, "")
			c.finish()
			c.linger()
		case c.state.Load() == idle && c.front.Watch.Now()-c.since < c.idleLimit()-watch.Tick && c.fd >= 0:
			return c.parkNow()
		default:
			c.state.Store(dying)
			return c.dead()
		}
	}
	c.close()
	return true
}

// dead closes a connection that was dismissed, unless bytes have come in the
// last moment: a request is served, and then Leave says goodbye.
func (c *conn) dead() bool {
	if c.state.Load() != dying {
		return false
	}
	if !c.late && c.arrived() {
		c.late = true
		c.state.Store(idle)
		c.guard.Arm(c.front.patience())
		if !c.front.closed.Load() {
			return false
		}
	}
	c.close()
	return true
}

// arrived reports whether bytes wait to be read.
func (c *conn) arrived() (yes bool) {
	if c.raw != nil && !c.front.closed.Load() {
		c.raw.Control(func(fd uintptr) { yes = rawio.Waiting(int(fd)) })
	}
	return yes
}

// parkNow leaves the connection to the watcher. True: the goroutine is done
// with it.
func (c *conn) parkNow() bool {
	c.hang.cancel() // a descriptor has one place in the watcher
	k := c.strip()
	c.guard.Arm(max(c.idleLimit()-(c.front.Watch.Now()-c.since), 1))
	if c.state.CompareAndSwap(idle, parking) {
		if !c.watch() {
			c.fd = -1 // no watcher: this goroutine waits
			c.state.CompareAndSwap(parking, idle)
		} else if c.state.CompareAndSwap(parking, parked) {
			kits.Put(k)
			return true
		} else if !c.state.CompareAndSwap(woken, idle) {
			c.front.Watch.Cancel(c.park)
		}
	}
	c.equip(k)
	return c.dead()
}

// watch has the watcher look after the connection, unless that was closed.
func (c *conn) watch() (ok bool) {
	c.raw.Control(func(fd uintptr) { ok = c.front.Watch.Watch(int(fd), watch.Readable, c, &c.park) })
	return ok
}

// Event wakes a parked connection: bytes have come, or the end.
func (c *conn) Event(watch.Event) {
	if c.state.CompareAndSwap(parked, idle) {
		c.guard.Arm(c.front.patience())
		c.front.spare.run(c)
	} else {
		c.state.CompareAndSwap(parking, woken)
	}
}

// SetDeadline lets the guard act on the connection in every state: waiting
// with a goroutine, parked, or waiting for its backend.
func (c *conn) SetDeadline(t time.Time) error {
	if t.IsZero() {
		return c.nc.SetDeadline(t)
	}
	switch {
	case c.state.Load() == parked:
		c.dismiss()
		return nil
	case c.hang.due():
		return nil
	}
	return c.nc.SetDeadline(t)
}

// dismiss closes the connection if it is waiting for a request. For any
// goroutine.
func (c *conn) dismiss() {
	if c.state.CompareAndSwap(parked, dying) {
		c.guard.Disarm()
		go func() {
			c.front.Watch.Cancel(c.park)
			if !c.dead() {
				c.run()
			}
		}()
	} else if c.state.CompareAndSwap(idle, dying) || c.state.CompareAndSwap(parking, dying) || c.state.CompareAndSwap(woken, dying) {
		c.nc.SetDeadline(watch.Past)
	}
}

// linger reads and drops what the client still sends after its last response,
// so that closing does not destroy the response on its way (RFC 9112 §9.6).
func (c *conn) linger() {
	if c.secure != nil {
		c.closeNotify()
	}
	cw, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || cw.CloseWrite() != nil {
		return
	}
	c.state.Store(active)
	b := buffer.GetLarge()
	defer buffer.Put(b)
	c.guard.Arm(lingerFor)
	for {
		if _, err := c.sip(b); err != nil {
			return
		}
	}
}

// slowness is errTimeout; its Timeout says 408 to who answers.
// errTimeout and errGone are why reading from or writing to a client failed
// where the system only says "deadline exceeded".
var (
	errTimeout error = slowness{}
	errGone          = errors.New("the client is gone")
)

type slowness struct{}

func (slowness) Error() string { return "the client took too long" }
func (slowness) Timeout() bool { return true }

// read is a blocking read outside of the callback, mindful of the guard.
func (c *conn) read(p []byte, g *watch.Guard) (int, error) {
	for {
		n, err := c.stream().Read(p)
		if err == nil || n > 0 {
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := timeout(g); err != nil {
			return 0, err
		}
	}
}

// timeout explains a deadline that passed; nil: it was not meant, go on.
func timeout(g *watch.Guard) error {
	switch g.Expired() {
	case watch.Due:
		return errTimeout
	case watch.Woken:
		return errGone
	}
	return nil
}
