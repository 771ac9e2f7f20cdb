package status

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/manager"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
	"sallyport/internal/page"
)

// query is what the page was asked for.
type query struct {
	auto, notable bool
	refresh       int // seconds; 0: not at all
}

const defaultRefresh = 10

// parseQuery looks for httpd's words anywhere in the query string, as httpd
// does: ?auto&refresh=5.
func parseQuery(s string) (q query) {
	q.auto = strings.Contains(s, "auto")
	q.notable = strings.Contains(s, "notable")
	if _, rest, ok := strings.Cut(s, "refresh"); ok {
		q.refresh = defaultRefresh
		if digits, ok := strings.CutPrefix(rest, "="); ok {
			n := 0
			for n < len(digits) && '0' <= digits[n] && digits[n] <= '9' {
				n++
			}
			if v, err := strconv.Atoi(digits[:n]); err == nil && v > 0 {
				q.refresh = v
			}
		}
	}
	return q
}

// handle answers the requests of SetHandler server-status.
func (s *pages) handle(x *exchange.Exchange, look func() []manager.Status) exchange.Verdict {
	if x.Handler != handlerName {
		return exchange.Declined
	}
	if m := x.Request.Method; m != "GET" && m != "HEAD" {
		return exchange.Declined
	}
	if s.board == nil {
		return exchange.Status(500)
	}
	q := parseQuery(x.Query)
	if q.refresh > 0 {
		x.Out.Header.Set("Refresh", strconv.Itoa(q.refresh))
	}
	f := s.facts()
	if look != nil {
		f.balancers = look()
	}
	var b bytes.Buffer
	contentType := "text/html; charset=ISO-8859-1"
	if q.auto {
		contentType = "text/plain; charset=ISO-8859-1"
		f.writeAuto(&b, x)
	} else {
		f.writeHTML(&b, x, q.notable)
	}
	return page.Send(x, 200, contentType, b.Bytes())
}

// facts are the numbers of one page.
type facts struct {
	*pages
	module.Totals
	time            time.Time
	up              int64 // seconds
	load            [3]string
	user, sys       float64 // seconds of processor time of the process
	cuser, csys     float64 // of its children that have ended
	idle, keepAlive int
	balancers       []manager.Status // none with ProxyStatus Off
}

func (s *pages) facts() *facts {
	f := &facts{pages: s, Totals: s.board.Totals(s.extended), time: s.now()}
	f.up = int64(f.time.Sub(f.Started) / time.Second)
	f.user, f.sys, f.cuser, f.csys = processorTime()
	f.load = loadAverage()
	f.idle = max(f.Limit-f.Busy, 0)
	f.keepAlive = max(f.Connections-f.Busy, 0)
	return f
}

// loadAverage reads the system's; dashes where it has none.
func loadAverage() [3]string {
	out := [3]string{"-1.00", "-1.00", "-1.00"} // as httpd shows it
	text, _ := os.ReadFile("/proc/loadavg")
	if words := strings.Fields(string(text)); len(words) >= 3 {
		copy(out[:], words)
	}
	return out
}

// number prints as httpd's %g: six digits, no zero in front of the point.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'g', 6, 64)
	if rest, ok := strings.CutPrefix(s, "0."); ok {
		return "." + rest
	}
	return s
}

// span prints seconds as days, hours, minutes and seconds; what is 0 is left
// out.
func span(secs int64) string {
	var b strings.Builder
	for _, u := range [...]struct {
		n    int64
		name string
	}{{secs / 86400, "day"}, {secs / 3600 % 24, "hour"}, {secs / 60 % 60, "minute"}, {secs % 60, "second"}} {
		switch u.n {
		case 0:
		case 1:
			b.WriteString(" 1 " + u.name)
		default:
			fmt.Fprintf(&b, " %d %ss", u.n, u.name)
		}
	}
	return b.String()
}

const httpdTime = "Monday, 02-Jan-2006 15:04:05 MST"

// mostShown bounds what the scoreboard shows of places that are free.
const mostShown = 256

// scoreboard has a character per exchange under way and per idle connection,
// and "_" for the places left.
func (f *facts) scoreboard() string {
	return strings.Repeat("W", f.Busy) + strings.Repeat("K", min(f.keepAlive, 1<<16)) +
		strings.Repeat("_", min(max(f.idle-f.keepAlive, 0), mostShown))
}

func (f *facts) processorLoad() float64 {
	return (f.user + f.sys + f.cuser + f.csys) / float64(f.up) * 100
}

func (f *facts) writeAuto(b *bytes.Buffer, x *exchange.Exchange) {
	line := func(name string, value any) { fmt.Fprintf(b, "%s: %v\n", name, value) }
	b.WriteString(x.HostName() + "\n")
	line("ServerVersion", core.Description)
	line("ServerMPM", "event")
	line("Server Built", f.built)
	line("CurrentTime", f.time.Format(httpdTime))
	line("RestartTime", f.Loaded.Format(httpdTime))
	line("ParentServerConfigGeneration", f.Generation)
	line("ParentServerMPMGeneration", f.Generation-1)
	line("ServerUptimeSeconds", f.up)
	b.WriteString("ServerUptime:" + span(f.up) + "\n")
	line("Load1", f.load[0])
	line("Load5", f.load[1])
	line("Load15", f.load[2])
	if f.extended {
		line("Total Accesses", f.Accesses)
		line("Total kBytes", f.Bytes>>10)
		line("Total Duration", f.Took.Milliseconds())
		line("CPUUser", number(f.user))
		line("CPUSystem", number(f.sys))
		line("CPUChildrenUser", number(f.cuser))
		line("CPUChildrenSystem", number(f.csys))
		if f.up > 0 {
			line("CPULoad", number(f.processorLoad()))
		}
		line("Uptime", f.up)
		if f.up > 0 {
			line("ReqPerSec", number(float64(f.Accesses)/float64(f.up)))
			line("BytesPerSec", number(float64(f.Bytes)/float64(f.up)))
		}
		if f.Accesses > 0 {
			line("BytesPerReq", number(float64(f.Bytes)/float64(f.Accesses)))
			line("DurationPerReq", number(float64(f.Took.Milliseconds())/float64(f.Accesses)))
		}
	}
	line("BusyWorkers", f.Busy)
	line("GracefulWorkers", 0)
	line("IdleWorkers", f.idle)
	line("Processes", 1)
	line("Stopping", 0)
	line("ConnsTotal", f.Connections)
	line("ConnsAsyncWaitIO", 0)
	line("ConnsAsyncWriting", 0)
	line("ConnsAsyncKeepAlive", f.keepAlive)
	line("ConnsAsyncClosing", 0)
	line("Scoreboard", f.scoreboard())
	for i := range f.balancers {
		t := &f.balancers[i]
		fmt.Fprintf(b, "ProxyBalancer[%d]Name: %s\n", i, t.Name)
		for k := range t.Members {
			m := &t.Members[k]
			fmt.Fprintf(b, "ProxyBalancer[%[1]d]Worker[%[2]d]Name: %[3]s\nProxyBalancer[%[1]d]Worker[%[2]d]Status: %[4]s\n", i, k, plain(m.URL), m.Flags)
			fmt.Fprintf(b, "ProxyBalancer[%[1]d]Worker[%[2]d]Elected: %[3]d\nProxyBalancer[%[1]d]Worker[%[2]d]Busy: %[4]d\n", i, k, m.Elected, m.Load.Busy)
			fmt.Fprintf(b, "ProxyBalancer[%[1]d]Worker[%[2]d]Sent: %[3]dK\nProxyBalancer[%[1]d]Worker[%[2]d]Rcvd: %[4]dK\n", i, k, m.Transferred>>10, m.Read>>10)
		}
	}
}
