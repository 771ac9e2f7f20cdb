package status

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"sallyport/internal/module"
)

func TestFormats(t *testing.T) {
	for secs, want := range map[int64]string{
		0: "", 1: " 1 second", 61: " 1 minute 1 second", 3600: " 1 hour", 90061: " 1 day 1 hour 1 minute 1 second", 172802: " 2 days 2 seconds",
	} {
		if got := span(secs); got != want {
			t.Errorf("span(%d) = %q, want %q", secs, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0", .25: ".25", 1.75: "1.75", 4388.571428: "4388.57", 7680: "7680"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 3925: "3925 B", 5120: "5.0 kB", 600 << 10: "0.6 MB", 1 << 30: "1.0 GB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{23: "23 kB", 2048: "2.0 MB", 3 << 20: "3.0 GB"} {
		if got := kilobytes(n); got != want {
			t.Errorf("kilobytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestQuery(t *testing.T) {
	for in, want := range map[string]query{
		"":                                  {},
		"auto":                              {auto: true},
		"refresh":                           {refresh: 10},
		"refresh=0":                         {refresh: 10},
		"refresh=7x&notable":                {refresh: 7, notable: true},
		"auto&refresh=99999999999999999999": {auto: true, refresh: 10},
	} {
		if got := parseQuery(in); got != want {
			t.Errorf("%q: got %+v, want %+v", in, got, want)
		}
	}
}

func TestScoreboard(t *testing.T) {
	f := &facts{Totals: module.Totals{Busy: 2, Limit: 10, Connections: 5}, idle: 8, keepAlive: 3}
	if got := f.scoreboard(); got != "WWKKK_____" {
		t.Errorf("scoreboard: %s", got)
	}
	f.idle = 1 << 20
	if n := strings.Count(f.scoreboard(), "_"); n != mostShown {
		t.Errorf("%d free places shown", n)
	}
}

func TestLine(t *testing.T) {
	f := &facts{pages: &pages{}}
	r := &module.Underway{Method: "GET", Target: "/bm?b=x&nonce=abc&w=1", Version: "HTTP/1.1", Client: netip.MustParseAddr("::1"), Began: time.Now()}
	if got := f.line(r); got != "GET /bm?b=x&nonce=...&w=1 HTTP/1.1" {
		t.Errorf("line: %s", got)
	}
	r.Target = "/" + strings.Repeat("a", 100)
	if got := f.line(r); len(got) != lineShown || !strings.HasPrefix(got, "GET /a") {
		t.Errorf("line: %s", got)
	}
	f.tail = true
	if got := f.line(r); len(got) != lineShown || !strings.HasSuffix(got, "a HTTP/1.1") {
		t.Errorf("line: %s", got)
	}
}
