package live

// Waiter is a request that waits for a member of a balancer: its place in the
// line. The zero Waiter with Wake set is ready to Join. It belongs to one
// exchange; the links are guarded by the balancer's lock.
type Waiter struct {
	// Wake is called, with the balancer locked, when it is worth to look
	// again; it must not block or call back. It may come without need.
	Wake func()
	// Want is the one worker that will do (a session's own, which is full);
	// nil: any.
	Want *Worker

	in         bool
	prev, next *Waiter
}

// Joined reports whether w stands in a line; for its own exchange.
func (w *Waiter) Joined() bool { return w.in }

// queue is the line of those who wait, first come first served.
type queue struct {
	first, last *Waiter
	n           int
}

// nudge wakes the first who waits for any member, and of those who wait for
// one of their own all for whom it has room.
func (q *queue) nudge() {
	woken := false
	for w := q.first; w != nil; w = w.next {
		switch {
		case w.Want != nil:
			if !w.Want.Full() || !w.Want.Usable() {
				w.Wake()
			}
		case !woken:
			woken = true
			w.Wake()
		}
	}
}

// Waiting counts the line; locked.
func (b *Balancer) Waiting() int { return b.queue.n }

// Join puts w at the end of the line unless limit stand there already (0: no
// limit); locked.
func (b *Balancer) Join(w *Waiter, limit int) bool {
	q := &b.queue
	if w.in {
		return true
	}
	if limit > 0 && q.n >= limit {
		return false
	}
	w.in, w.prev, w.next = true, q.last, nil
	if q.last != nil {
		q.last.next = w
	} else {
		q.first = w
	}
	q.last = w
	q.n++
	return true
}

// Quit takes w out of the line, served or not, and lets the next one look;
// locked.
func (b *Balancer) Quit(w *Waiter) {
	if !w.in {
		return
	}
	q := &b.queue
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		q.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		q.last = w.prev
	}
	q.n--
	w.in, w.prev, w.next = false, nil, nil
	q.nudge()
}

// MayPass reports whether w (nil: somebody who has not joined) may take any
// member: nobody else who would has waited longer; locked.
func (b *Balancer) MayPass(w *Waiter) bool {
	for o := b.queue.first; o != nil; o = o.next {
		if o == w {
			return true
		}
		if o.Want == nil {
			return false
		}
	}
	return true
}
