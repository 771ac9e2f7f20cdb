package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"sallyport/internal/manager"
)

// The stream of server-sent events (HTML, section 9.2). Each has the number of
// the desk's event as its id, so that a listener who was cut off asks for what
// it missed with Last-Event-ID. With ?load=SECONDS the numbers of all members
// come, too, as often as that.
//
// The stream ends with every reload and when the server stops: it would keep
// the old configuration alive. Listeners connect again, as browsers do by
// themselves.

const (
	beat       = 15 * time.Second // a comment at least so often, so that both sides know the other is there
	maxStreams = 100
)

// streams counts those of the process.
var streams atomic.Int64

type eventJ struct {
	Kind     string   `json:"kind"`
	Time     string   `json:"time"`
	Version  string   `json:"version"`
	Change   *changeJ `json:"change,omitempty"`
	Balancer string   `json:"balancer,omitempty"`
	Member   string   `json:"member,omitempty"`
	Busy     int64    `json:"busy,omitempty"`
	Tunnels  int64    `json:"tunnels,omitempty"`
	Sessions int      `json:"sessions,omitempty"`
	Why      string   `json:"why,omitempty"`
}

func eventOf(e *manager.Event) eventJ {
	out := eventJ{
		Kind: string(e.Kind), Time: e.At.UTC().Format(time.RFC3339Nano), Version: e.Version.String(),
		Balancer: e.Balancer.Name, Member: e.Member, Busy: e.Load.Busy, Tunnels: e.Load.Tunnels, Sessions: max(e.Load.Sessions, 0), Why: e.Why,
	}
	if e.Change != nil {
		c := changeOf(&manager.Entry{Change: *e.Change})
		out.Change = &c
	}
	return out
}

// loadJ is a balancer's numbers in the stream.
type loadJ struct {
	Name    string        `json:"name"`
	Waiting int           `json:"waiting"`
	Members []memberLoadJ `json:"members"`
}

type memberLoadJ struct {
	ID       string  `json:"id"`
	State    string  `json:"state"`
	Elected  int64   `json:"elected"`
	Busy     int64   `json:"busy"`
	Tunnels  int64   `json:"tunnels"`
	Sessions *int    `json:"sessions,omitempty"`
	Sent     int64   `json:"sent"`
	Received int64   `json:"received"`
	Share    float64 `json:"share"`
	Millis   float64 `json:"responseMilliseconds"`
}

func (c *call) events() {
	if f := c.query.only("load"); f != nil {
		c.fail(f)
		return
	}
	every := time.Duration(0)
	if v := c.query["load"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 3600 {
			c.fail(wrong("", "load", v, "out of range", "1 to 3600 seconds"))
			return
		}
		every = time.Duration(n) * time.Second
	}
	after := c.Manager.Latest()
	if v, has := c.x.Request.Header.Find("Last-Event-ID"); has {
		if n, err := strconv.ParseUint(v, 10, 63); err == nil {
			after = n
		}
	}
	if streams.Add(1) > maxStreams {
		streams.Add(-1)
		c.x.Always.Set("Retry-After", "30")
		c.fail(problem(503, fmt.Sprintf("%d streams are open, as many as there may be", maxStreams)))
		return
	}
	defer streams.Add(-1)
	x := c.x
	x.Out.Status, x.Out.Reason = 200, "OK"
	x.Out.Header.Set("Content-Type", "text/event-stream")
	x.Always.Set("Cache-Control", "no-store")
	x.Always.Set("X-Accel-Buffering", "no") // for proxies in front
	x.Out.Body.Length = -1
	if x.Begin() != nil || x.Request.Method == "HEAD" {
		return
	}
	c.stream(after, every)
}

// stream sends until the client leaves or the desk is another one.
func (c *call) stream(after uint64, every time.Duration) {
	x := c.x
	left := make(wake, 1)
	pause := beat
	if every > 0 {
		pause = min(every, beat)
	}
	t := time.NewTicker(pause)
	defer t.Stop()
	var b []byte
	b = append(b, "retry: 1000\n\n"...)
	due := true
	for last := time.Now(); ; {
		list, missed, news := c.Manager.Events(after)
		end := false
		if missed {
			b = append(b, "event: missed\ndata: {}\n\n"...)
		}
		for i := range list {
			e := &list[i]
			after = e.Number
			if e.Kind == manager.Reloaded || e.Kind == manager.Stopping {
				end = true
			}
			b = appendEvent(b, e.Number, string(e.Kind), eventOf(e))
		}
		if missed && len(list) == 0 {
			after = c.Manager.Latest()
		}
		if every > 0 && due {
			b = appendEvent(b, 0, "load", c.load())
		}
		if len(b) == 0 && time.Since(last) >= beat {
			b = append(b, ": \n\n"...)
		}
		if len(b) > 0 {
			last = time.Now()
			if _, err := x.Write(b); err != nil || x.Down.Flush() != nil {
				return
			}
			b = b[:0]
		}
		if end || !x.Down.Waiting(left) {
			return
		}
		due = false
		select {
		case <-news:
		case <-t.C:
			due = true
		case <-left:
			x.Down.Waiting(nil)
			x.Aborted = true
			return
		}
		x.Down.Waiting(nil)
	}
}

// appendEvent appends one event; id 0: none.
func appendEvent(b []byte, id uint64, kind string, v any) []byte {
	if id != 0 {
		b = fmt.Appendf(b, "id: %d\n", id)
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic("api: " + err.Error())
	}
	return fmt.Appendf(b, "event: %s\ndata: %s\n\n", kind, text)
}

func (c *call) load() []loadJ {
	out := []loadJ{}
	for _, s := range c.view.Loads() {
		l := loadJ{Name: s.Key.Name, Waiting: s.Waiting, Members: []memberLoadJ{}}
		for i := range s.Members {
			m := memberOf(&s.Members[i])
			l.Members = append(l.Members, memberLoadJ{m.ID, m.State, m.Elected, m.Busy, m.Tunnels, m.Sessions, m.Sent, m.Received, m.Share, m.ResponseMS})
		}
		out = append(out, l)
	}
	return out
}

// wake ends the wait of a stream whose client has left.
type wake chan struct{}

// Wake implements exchange.Waker.
func (w wake) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}
