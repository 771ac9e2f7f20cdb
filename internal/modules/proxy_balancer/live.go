package proxy_balancer

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/message"
	"sallyport/internal/page"
)

// The stream of the console: what the page shows, in the page's own words, so
// that the script only puts texts into elements. One body is made for all who
// look at a server's balancers.

const (
	livePause  = 2 * time.Second
	liveMost   = 64               // streams at a time
	liveLength = 10 * time.Minute // of one; browsers come again
)

var liveStreams atomic.Int32

// frames keeps the body of the latest moment.
type frames struct {
	mu   sync.Mutex
	at   time.Time
	body []byte
}

// waker ends the wait of a stream whose client has left.
type waker chan struct{}

// Wake implements exchange.Waker.
func (w waker) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// live sends the stream until the client leaves or another configuration comes.
func (l *look) live() exchange.Verdict {
	x := l.x
	defer liveStreams.Add(-1)
	if liveStreams.Add(1) > liveMost {
		x.Always.Set("Retry-After", "30")
		return exchange.Status(503)
	}
	x.Out.Status, x.Out.Reason = 200, message.ReasonOf(200)
	x.Out.Header.Set("Content-Type", "text/event-stream")
	x.Out.Header.Set("X-Accel-Buffering", "no") // for proxies in front
	x.Out.Body.Length = -1
	if x.Begin() != nil || x.Request.Method == "HEAD" {
		return exchange.Done
	}
	after := l.manager.Latest()
	left := make(waker, 1)
	t := time.NewTicker(livePause)
	defer t.Stop()
	head := []byte("retry: 2000\n\n")
	for begun := l.site.now(); ; {
		list, missed, news := l.manager.Events(after)
		end := missed
		for i := range list {
			after = list[i].Number
			end = end || list[i].Kind == manager.Reloaded || list[i].Kind == manager.Stopping
		}
		if _, err := x.Write(head); err != nil {
			return exchange.Done
		}
		head = nil
		if _, err := x.Write(l.frame(len(list) > 0)); err != nil || x.Down.Flush() != nil {
			return exchange.Done
		}
		if end || l.site.now().Sub(begun) > liveLength || !x.Down.Waiting(left) {
			return exchange.Done
		}
		select {
		case <-news:
		case <-t.C:
		case <-left:
			x.Down.Waiting(nil)
			x.Aborted = true
			return exchange.Done
		}
		x.Down.Waiting(nil)
	}
}

// frame is the event of this moment. fresh: something has just been changed.
func (s *site) frame(fresh bool) []byte {
	f := s.frames
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := s.now(); fresh || now.Sub(f.at) > livePause/2 {
		f.body, f.at = s.makeFrame(now), now
	}
	return f.body
}

func (s *site) makeFrame(now time.Time) []byte {
	l := &look{site: s, now: now}
	list := s.balancers()
	cards := make([]card, len(list))
	b := append(make([]byte, 0, 64<<10), "data: {\"version\":"...)
	b = quote(b, s.manager.Version().String())
	b = append(b, ",\"at\":{"...)
	for i := range list {
		cards[i] = l.cardOf(&list[i])
		c := &cards[i]
		b = object(b, c.id, c.class, "rate", c.rate, "errors", c.errors, "p95", c.p95, "up", c.up, "busy", c.busy, "wait", c.wait)
		for k := range c.rows {
			r := &c.rows[k]
			b = object(b, r.id, r.class, "state", r.state, "why", r.why, "share", shareText(r.share),
				"rate", r.rate, "errors", r.errors, "p50", r.p50, "p95", r.p95, "p99", r.p99, "busy", r.busy, "checks", r.checks, "checkstext", r.checksText,
				"meter", strconv.FormatFloat(r.share, 'f', 3, 64))
		}
	}
	f := sumOf(cards)
	b = object(b, "sum", "", "rate", f.rate, "errors", f.errors, "up", f.up, "busy", f.busy, "wait", f.wait)
	b[len(b)-1] = '}' // instead of the last comma
	return append(b, "}\n\n"...)
}

// object appends `"id":{"class":…,name:value …},`.
func object(b []byte, id, class string, pairs ...string) []byte {
	b = quote(b, id)
	b = append(b, ":{\"class\":"...)
	b = quote(b, class)
	for i := 0; i+1 < len(pairs); i += 2 {
		b = append(b, ',')
		b = quote(b, pairs[i])
		b = append(b, ':')
		b = quote(b, pairs[i+1])
	}
	return append(b, "},"...)
}

// quote appends a JSON string.
func quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029:
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = append(b, string(r)...) // broken UTF-8 becomes U+FFFD
		}
	}
	return append(b, '"')
}

// hour sends the paths of all charts, for pages that stay open.
func (l *look) hour() exchange.Verdict {
	b := []byte("{")
	list := l.balancers()
	for i := range list {
		t := &list[i]
		h := hourOf(l.sum(t))
		b = object(b, idOf("b", t.Key, ""), "", "req", h.Requests, "err", h.Errors, "top", h.Rate)
		for k := range t.Members {
			samples, _ := l.charts.Hour(live.WorkerKey{Balancer: t.MemberKey, URL: t.Members[k].URL})
			b = object(b, idOf("m", t.MemberKey, t.Members[k].URL), "", "spark", spark(samples))
		}
	}
	if len(b) > 1 {
		b = b[:len(b)-1]
	}
	return page.Send(l.x, 200, "application/json", append(b, '}'))
}
