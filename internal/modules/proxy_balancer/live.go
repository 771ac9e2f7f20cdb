package proxy_balancer

import (
	"hash/fnv"
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

// frames keeps what is to be said of the latest moment.
type frames struct {
	mu     sync.Mutex
	at     time.Time
	latest *frame
}

// frame is one moment: JSON texts by the elements they are for. Not changed
// once made.
type frame struct {
	version string
	parts   []part
}

type part struct{ id, json string }

// teller remembers what one stream has said, so as to say only what is new.
type teller struct{ said map[string]string }

// tell appends the event of a frame.
func (t *teller) tell(b []byte, f *frame) []byte {
	b = append(b, "data: {\"version\":"...)
	b = quote(b, f.version)
	b = append(b, ",\"at\":{"...)
	first := true
	for i := range f.parts {
		p := &f.parts[i]
		if t.said[p.id] == p.json {
			continue
		}
		t.said[p.id] = p.json
		if !first {
			b = append(b, ',')
		}
		first = false
		b = quote(b, p.id)
		b = append(b, ':')
		b = append(b, p.json...)
	}
	return append(b, "}}\n\n"...)
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
	b := []byte("retry: 2000\n\n")
	say := teller{said: map[string]string{}}
	for begun := l.site.now(); ; {
		list, missed, news := l.manager.Events(after)
		end := missed
		for i := range list {
			after = list[i].Number
			end = end || list[i].Kind == manager.Reloaded || list[i].Kind == manager.Stopping
		}
		b = say.tell(b, l.frame(len(list) > 0))
		if _, err := x.Write(b); err != nil || x.Down.Flush() != nil {
			return exchange.Done
		}
		b = b[:0]
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

// frame is this moment. fresh: something has just been changed.
func (s *site) frame(fresh bool) *frame {
	f := s.frames
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := s.now(); fresh || f.latest == nil || now.Sub(f.at) > livePause/2 {
		f.latest, f.at = s.makeFrame(now), now
	}
	return f.latest
}

func (s *site) makeFrame(now time.Time) *frame {
	l := &look{site: s, now: now}
	list := s.balancers()
	cards := make([]card, len(list))
	f := &frame{version: s.shape(list)}
	add := func(id, class string, pairs ...string) {
		f.parts = append(f.parts, part{id, string(object(nil, class, pairs...))})
	}
	for i := range list {
		cards[i] = l.cardOf(&list[i])
		c := &cards[i]
		add(c.id, c.class, "rate", c.rate, "errors", c.errors, "p95", c.p95, "up", c.up, "busy", c.busy, "wait", c.wait)
		for k := range c.rows {
			r := &c.rows[k]
			add(r.id, r.class, "state", r.state, "why", r.why, "share", shareText(r.share),
				"rate", r.rate, "errors", r.errors, "p50", r.p50, "p95", r.p95, "p99", r.p99, "busy", r.busy, "tunnels", r.tunnels, "checks", r.checks, "checkstext", r.checksText,
				"bar", strconv.FormatFloat(100*r.share, 'f', 1, 64))
		}
	}
	n := sumOf(cards)
	add("sum", "", "rate", n.rate, "errors", n.errors, "up", n.up, "busy", n.busy, "wait", n.wait)
	return f
}

// shape names what a page's cards are made of beyond the words that the stream
// fills in: which members there are and what can be done to them.
func (s *site) shape(list []manager.Status) string {
	h := fnv.New64a()
	for i := range list {
		for k := range list[i].Members {
			m := &list[i].Members[k]
			h.Write([]byte(m.URL))
			for _, a := range quickActions(m) {
				h.Write([]byte(a.do))
			}
		}
	}
	return s.manager.Version().String() + "-" + strconv.FormatUint(h.Sum64(), 36)
}

// object appends `{"class":…,"name":"value" …}`.
func object(b []byte, class string, pairs ...string) []byte {
	b = append(b, "{\"class\":"...)
	b = quote(b, class)
	for i := 0; i+1 < len(pairs); i += 2 {
		b = append(b, ',')
		b = quote(b, pairs[i])
		b = append(b, ':')
		b = quote(b, pairs[i+1])
	}
	return append(b, '}')
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
	add := func(id string, pairs ...string) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = quote(b, id)
		b = append(b, ':')
		b = object(b, "", pairs...)
	}
	list := l.balancers()
	for i := range list {
		t := &list[i]
		h := hourOf(l.sum(t))
		add(idOf("b", t.Key, ""), "req", h.Requests, "err", h.Errors, "top", h.Rate)
		for k := range t.Members {
			samples, _ := l.charts.Hour(live.WorkerKey{Balancer: t.MemberKey, URL: t.Members[k].URL})
			add(idOf("m", t.MemberKey, t.Members[k].URL), "spark", spark(samples))
		}
	}
	return page.Send(l.x, 200, "application/json", append(b, '}'))
}
