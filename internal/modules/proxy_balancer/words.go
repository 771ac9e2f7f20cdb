package proxy_balancer

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/chart"
	"sallyport/internal/live"
	"sallyport/internal/manager"
)

// row is what the console says of a member, in words that change while it runs.
type row struct {
	id    string
	state string
	class string // "ok", "warn", "bad", "off", "idle"
	why   string // the reason behind the state, and since when; may be empty
	share float64

	rate, errors, p50, p95, p99, busy string
	tunnels                           string // how many of those in flight are; may be empty
	checks                            string // see checkMarks
	checksText                        string
	now                               chart.Now
}

// idOf names an element of the page; the same as long as the URL stays.
func idOf(kind string, key live.BalancerKey, url string) string {
	h := fnv.New64a()
	h.Write([]byte(key.Server + "\x00" + key.Name + "\x00" + url))
	return kind + "-" + strconv.FormatUint(h.Sum64(), 36)
}

// rowOf finds the words for a member.
func (s *site) rowOf(b *manager.Status, m *manager.MemberStatus, now time.Time) row {
	key := live.WorkerKey{Balancer: b.MemberKey, URL: m.URL}
	r := row{id: idOf("m", b.MemberKey, m.URL), share: m.Share}
	w := s.reg.Worker(key)
	r.state, r.class = stateOf(m)
	r.why = s.whyOf(m, w, now)
	n, _ := s.charts.Now(key)
	r.now = n
	r.rate = rateText(n.Rate)
	r.errors = percent(n.Errors, n.Requests)
	r.p50, r.p95, r.p99 = timeText(n.P50), timeText(n.P95), timeText(n.P99)
	r.busy = strconv.FormatInt(m.Load.Busy, 10)
	switch n := m.Load.Tunnels; {
	case n == 1:
		r.tunnels = "1 tunnel"
	case n > 1:
		r.tunnels = strconv.FormatInt(n, 10) + " tunnels"
	}
	if w != nil {
		r.checks, r.checksText = checkMarks(w, now)
	}
	return r
}

// stateOf is a member's state in one word, and its class.
func stateOf(m *manager.MemberStatus) (state, class string) {
	f := m.Flags
	switch {
	case m.Leaving:
		return "Leaving", "off"
	case f&live.Stopped != 0:
		return "Stopped", "off"
	case f&live.Disabled != 0:
		return "Disabled", "off"
	case f&live.InShutdown != 0:
		return "Shutting down", "off"
	case f&live.InError != 0:
		return "Error", "bad"
	case f&live.HealthFailed != 0:
		return "Check failed", "bad"
	case f&live.Draining != 0:
		return "Draining", "warn"
	case f&live.Initialized == 0:
		return "Starting", "idle"
	case m.Full:
		return "Full", "warn"
	case f&live.Standby != 0:
		return "Standby", "idle"
	case f&live.Spare != 0:
		return "Spare", "idle"
	}
	return "OK", "ok"
}

// whyOf says what is behind a state: who set it and when, or what went wrong.
func (s *site) whyOf(m *manager.MemberStatus, w *live.Worker, now time.Time) string {
	f := m.Flags
	switch {
	case m.Leaving:
		text := remains(m) + "removed"
		if !m.LeavesAt.IsZero() {
			text += ", gone by " + clock(m.LeavesAt, now)
		}
		return text
	case f&(live.Stopped|live.Disabled|live.Draining) != 0:
		return remains(m) + statusBy(m, now)
	case f&live.InError != 0:
		text := "since " + clock(m.ErrorAt, now)
		if w != nil {
			if c := w.Cause(); c != nil && !c.At.Before(m.ErrorAt.Add(-time.Second)) && c.Text != "" {
				text = c.Text + ", " + text
			}
		}
		if wait := m.RetryAt.Sub(now); wait > 0 {
			text += ", next try in " + wait.Round(time.Second).String()
		}
		return text
	case f&live.HealthFailed != 0:
		if w != nil {
			if text := lastCheck(w, now); text != "" {
				return text
			}
		}
		return statusBy(m, now)
	case m.Full:
		return fmt.Sprintf("%d requests, as many as maxconn= allows", m.Load.Busy)
	case f&live.Standby != 0:
		return "serves when nobody else of its set can"
	case f&live.Spare != 0:
		return "stands in for one that is down"
	}
	return ""
}

// remains tells what a member that should run empty has in hand.
func remains(m *manager.MemberStatus) string {
	var parts []string
	count := func(n int64, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, strconv.FormatInt(n, 10)+" "+many)
		}
	}
	count(m.Load.Busy-m.Load.Tunnels, "request", "requests")
	count(m.Load.Tunnels, "tunnel", "tunnels")
	count(int64(max(m.Load.Sessions, 0)), "session", "sessions")
	if len(parts) == 0 {
		if m.Load.Sessions == 0 {
			return "empty; "
		}
		return ""
	}
	return strings.Join(parts, ", ") + " left; "
}

// statusBy says who set the flags.
func statusBy(m *manager.MemberStatus, now time.Time) string {
	for i := range m.Params {
		p := &m.Params[i]
		if p.Name != "status" {
			continue
		}
		if p.Edited {
			return "by " + who(p.Mark.By.User, p.Mark.By.Client) + " at " + clock(p.Mark.At, now)
		}
	}
	if m.Pos.File != "" {
		return fmt.Sprintf("by the configuration (line %d)", m.Pos.Line)
	}
	return ""
}

func who(user, client string) string {
	switch {
	case user != "" && client != "":
		return user + " (" + client + ")"
	case user != "":
		return user
	case client != "":
		return client
	}
	return "somebody"
}

// clock prints a time of today without its date.
func clock(at, now time.Time) string {
	at, now = at.Local(), now.Local()
	if at.Year() == now.Year() && at.YearDay() == now.YearDay() {
		return at.Format("15:04:05")
	}
	return at.Format("2006-01-02 15:04")
}

func rateText(v float64) string {
	switch {
	case v <= 0:
		return "0"
	case v < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v < 10_000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v/1000, 'f', 1, 64) + "k"
}

func percent(part, all uint32) string {
	switch {
	case all == 0 || part == 0:
		return "0 %"
	case part*1000 < all:
		return "<0.1 %"
	}
	v := 100 * float64(part) / float64(all)
	if v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(v, 'f', 0, 64) + " %"
}

func shareText(v float64) string {
	if v > 0 && v < .0095 {
		return strconv.FormatFloat(100*v, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(100*v, 'f', 0, 64) + " %"
}

func timeText(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d <= 0:
		return "\u2013"
	case ms < 9.95:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
}
