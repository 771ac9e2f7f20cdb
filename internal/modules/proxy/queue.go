package proxy

import (
	"strconv"
	"time"

	"sallyport/internal/balancer"
	"sallyport/internal/exchange"
)

// await lets a refused request wait in the balancer's line, for as long as the
// balancer's timeout= allows. It returns early when the client leaves: gone.
//
// Unlike httpd: nobody polls, who came first is served first, and one who
// waits does not keep others from waiting.
func await(x *exchange.Exchange, rec *record, b *balancer.Balancer, ask balancer.Request, refusal balancer.Refusal) (_ balancer.Refusal, gone bool) {
	began := now()
	turn, left := make(wakeup, 1), make(wakeup, 1)
	if !b.Queue(&rec.pick, turn.Wake) {
		refusal.LineFull = true
		return refusal, false
	}
	defer func() {
		b.Unqueue(&rec.pick)
		x.Env.Set("BALANCER_WAITED", strconv.FormatInt(now().Sub(began).Milliseconds(), 10))
	}()
	over := time.NewTimer(refusal.Wait)
	defer over.Stop()
	for {
		// Asked again at once: a member may have come free since the refusal.
		if refusal = b.Elect(now(), ask, &rec.pick); !refusal.Refused() {
			return refusal, false
		}
		if !x.Down.Waiting(left) {
			return refusal, true
		}
		var retry *time.Timer
		var due <-chan time.Time
		if !refusal.NextTry.IsZero() { // an error is over then
			retry = time.NewTimer(max(time.Until(refusal.NextTry), 0) + time.Millisecond)
			due = retry.C
		}
		select {
		case <-turn:
		case <-due:
		case <-left:
			gone = true
		case <-over.C:
			x.Down.Waiting(nil)
			if retry != nil {
				retry.Stop()
			}
			return b.Elect(now(), ask, &rec.pick), false
		}
		if retry != nil {
			retry.Stop()
		}
		x.Down.Waiting(nil)
		if gone {
			return refusal, true
		}
	}
}

// wakeup is an exchange.Waker that ends a select.
type wakeup chan struct{}

// Wake implements exchange.Waker.
func (w wakeup) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}
