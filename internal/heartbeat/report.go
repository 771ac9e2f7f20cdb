package heartbeat

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Stale is how old a report may be; after that its server counts as gone.
const Stale = 10 * time.Second

// Report is what a server said last.
type Report struct {
	Ready, Busy int
	Port        int // 0: not said
	Seen        time.Time
}

// Parse reads "ready=N&busy=N[&port=N]" with whatever else (httpd's format of
// datagrams and of bodies for the handler heartbeat). Seen is left to the
// caller. The error tells what is missing.
func Parse(text string) (Report, error) {
	v, err := url.ParseQuery(strings.TrimSpace(text))
	if err != nil || !v.Has("busy") || !v.Has("ready") {
		return Report{}, errors.New("Missing required parameters: busy and/or ready")
	}
	r := Report{Ready: number(v.Get("ready")), Busy: number(v.Get("busy"))}
	if p := number(v.Get("port")); p <= 65535 {
		r.Port = p
	}
	return r, nil
}

// number reads a count; what is none is 0, as in httpd.
func number(s string) int {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// ParseFile reads what mod_heartmonitor stores: lines "HOST &ready=…&busy=…
// &lastseen=SECONDS&port=…". now is the time of reading.
func ParseFile(text string, now time.Time) map[string]Report {
	out := map[string]Report{}
	for line := range strings.Lines(text) {
		host, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if host == "" || host[0] == '#' {
			continue
		}
		v, err := url.ParseQuery(rest)
		if err != nil {
			continue
		}
		out[host] = Report{
			Ready: number(v.Get("ready")), Busy: number(v.Get("busy")), Port: number(v.Get("port")),
			Seen: now.Add(-time.Duration(number(v.Get("lastseen"))) * time.Second),
		}
	}
	return out
}

// file is the reverse of ParseFile.
func file(reports map[string]Report, now time.Time) string {
	var b strings.Builder
	for host, r := range reports {
		port := r.Port
		if port == 0 {
			port = 80
		}
		fmt.Fprintf(&b, "%s &ready=%d&busy=%d&lastseen=%d&port=%d\n", host, r.Ready, r.Busy, int(now.Sub(r.Seen)/time.Second), port)
	}
	return b.String()
}

// Capacity is how much of the load the server should get at now, relative to
// others: what it has ready, a quarter of it while nobody has found it yet; 0 when
// it was not heard of lately (httpd's readfile_heartbeats and find_best_hb).
func (r Report) Capacity(now time.Time) int {
	switch {
	case now.Sub(r.Seen) >= Stale:
		return 0
	case r.Busy == 0:
		return r.Ready / 4
	}
	return r.Ready
}

// Datagram is what a server sends.
func Datagram(busy, ready int) []byte {
	return fmt.Appendf(nil, "v=1&ready=%d&busy=%d", ready, busy)
}
