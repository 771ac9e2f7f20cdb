package status

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
	"sallyport/internal/page"
)

const doctype = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">`

// writeHTML writes the page in httpd's order and with its headings, which
// scripts know; in between it says what is Sallyport's own.
func (f *facts) writeHTML(b *bytes.Buffer, x *exchange.Exchange, notable bool) {
	p := func(format string, args ...any) { fmt.Fprintf(b, format, args...) }
	p("%s\n<html><head>\n<title>Apache Status</title>\n</head><body>\n", doctype)
	p("<h1>Apache Server Status for %s (via %s)</h1>\n\n", page.Escape(x.HostName()), x.Client.Local.Addr().Unmap())
	p("<dl><dt>Server Version: %s</dt>\n<dt>Server MPM: event</dt>\n<dt>Server Built: %s\n</dt></dl><hr /><dl>\n", core.Description, page.Escape(f.built))
	p("<dt>Current Time: %s</dt>\n<dt>Restart Time: %s</dt>\n", f.time.Format(httpdTime), f.Loaded.Format(httpdTime))
	p("<dt>Parent Server Config. Generation: %d</dt>\n<dt>Parent Server MPM Generation: %d</dt>\n", f.Generation, f.Generation-1)
	p("<dt>Server uptime: %s</dt>\n<dt>Server load: %s</dt>\n", span(f.up), strings.Join(f.load[:], " "))
	if f.extended {
		p("<dt>Total accesses: %d - Total Traffic: %s - Total Duration: %d</dt>\n", f.Accesses, kilobytes(f.Bytes>>10), f.Took.Milliseconds())
		p("<dt>CPU Usage: u%s s%s cu%s cs%s", number(f.user), number(f.sys), number(f.cuser), number(f.csys))
		if f.up > 0 {
			p(" - %s%% CPU load", decimal(f.processorLoad()))
		}
		p("</dt>\n<dt>")
		if f.up > 0 {
			p("%s requests/sec - %s/second", decimal(float64(f.Accesses)/float64(f.up)), size(f.Bytes/f.up))
		}
		if f.Accesses > 0 {
			if f.up > 0 {
				p(" - ")
			}
			p("%s/request - %s ms/request", size(f.Bytes/f.Accesses), number(float64(f.Took.Milliseconds())/float64(f.Accesses)))
		}
		p("</dt>\n")
	}
	p("<dt>%d requests currently being processed, 0 workers gracefully restarting, %d idle workers</dt>\n</dl>\n", f.Busy, f.idle)
	f.writeProcess(p)
	p("<pre>%s</pre>\n", wrap(f.scoreboard(), 64))
	p(`<p>Scoreboard Key:<br />
"<b><code>_</code></b>" Free place for a request (at most %d are shown), 
"<b><code>W</code></b>" Request being served, 
"<b><code>K</code></b>" Connection without a request (keep-alive)</p>
`, mostShown)
	if !f.extended {
		p("<hr />To obtain a full report with current status information you need to use the <code>ExtendedStatus On</code> directive.\n")
	} else if notable {
		f.writeList(p)
	} else {
		f.writeTable(p)
	}
	f.writeProxy(p)
	b.WriteString("</body></html>\n")
}

type printer = func(format string, args ...any)

// writeProcess is the table that httpd has a row per child process in.
func (f *facts) writeProcess(p printer) {
	p(`
<table rules="all" cellpadding="1%%">
<tr><th rowspan="2">Slot</th><th rowspan="2">PID</th><th rowspan="2">Stopping</th><th colspan="2">Connections</th>
<th colspan="3">Threads</th><th colspan="4">Async connections</th></tr>
<tr><th>total</th><th>accepting</th><th>busy</th><th>graceful</th><th>idle</th><th>wait-io</th><th>writing</th><th>keep-alive</th><th>closing</th></tr>
`)
	counts := fmt.Sprintf("<td>%d</td><td>0</td><td>%d</td><td>0</td><td>0</td><td>%d</td><td>0</td></tr>\n", f.Busy, f.idle, f.keepAlive)
	p("<tr><td>0</td><td>%d</td><td>no</td><td>%d</td><td>yes</td>%s", os.Getpid(), f.Connections, counts)
	p("<tr><td>Sum</td><td>1</td><td>0</td><td>%d</td><td>&nbsp;</td>%s</table>\n", f.Connections, counts)
}

// writeTable lists the requests being served. httpd's table also shows, for
// threads without work, what they did last.
func (f *facts) writeTable(p printer) {
	p("\n\n<table border=\"0\"><tr><th>Srv</th><th>PID</th><th>Acc</th><th>M</th><th>SS</th><th>Conn</th><th>Client</th><th>Protocol</th><th>VHost</th><th>Request</th></tr>\n")
	for i := range f.Requests {
		r := &f.Requests[i]
		p("\n<tr><td><b>0-%d</b></td><td>%d</td><td>%d</td><td><b>W</b>\n</td><td>%d</td><td>%.1f</td><td>%s</td><td>%s</td><td nowrap>%s</td><td nowrap>%s</td></tr>\n",
			f.Generation-1, os.Getpid(), r.Served, f.seconds(r), float64(r.Bytes)/1024, r.Client.Unmap(),
			strings.ToLower(r.Version), page.Escape(r.Host), page.Escape(f.line(r)))
	}
	p(`
</table>
 <hr /> <table>
 <tr><th>Srv</th><td>Process - configurations before this one</td></tr>
 <tr><th>PID</th><td>OS process ID</td></tr>
 <tr><th>Acc</th><td>Number of requests on this connection before</td></tr>
 <tr><th>M</th><td>Mode of operation</td></tr>
 <tr><th>SS</th><td>Seconds since beginning of the request</td></tr>
 <tr><th>Conn</th><td>Kilobytes sent on this connection before</td></tr>
 </table>
`)
}

// writeList is writeTable for browsers without tables (?notable).
func (f *facts) writeList(p printer) {
	p("<hr /><h2>Server Details</h2>\n")
	for i := range f.Requests {
		r := &f.Requests[i]
		p("\n<b>Server 0-%d</b> (%d): %d [<b>Write</b>] %d (%s)\n <i>%s {%s}</i> <i>(%s)</i> <b>[%s]</b><br />\n",
			f.Generation-1, os.Getpid(), r.Served, f.seconds(r), size(r.Bytes), r.Client.Unmap(),
			page.Escape(f.line(r)), strings.ToLower(r.Version), page.Escape(r.Host))
	}
}

func (f *facts) seconds(r *module.Underway) int64 {
	return max(int64(f.time.Sub(r.Began).Seconds()), 0)
}

// lineShown is how much of a request line httpd keeps.
const lineShown = 63

// line is the request line, cut as SeeRequestTail says.
//
// Unlike httpd: the nonce of a balancer-manager is not shown, because whoever
// may look here may not yet edit there.
func (f *facts) line(r *module.Underway) string {
	target := r.Target
	if before, rest, ok := strings.Cut(target, "nonce="); ok {
		_, after, more := strings.Cut(rest, "&")
		target = before + "nonce=..."
		if more {
			target += "&" + after
		}
	}
	s := r.Method + " " + target + " " + r.Version
	switch {
	case len(s) <= lineShown:
		return s
	case f.tail:
		return s[len(s)-lineShown:]
	}
	return s[:lineShown]
}

// decimal is httpd's %.3g.
func decimal(v float64) string {
	s := fmt.Sprintf("%.3g", v)
	if rest, ok := strings.CutPrefix(s, "0."); ok {
		return "." + rest
	}
	return s
}

func size(n int64) string {
	switch {
	case n < 5<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<19:
		return fmt.Sprintf("%.1f kB", float64(n)/(1<<10))
	case n < 1<<29:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
}

func kilobytes(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d kB", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f GB", float64(n)/(1<<20))
}

func wrap(s string, width int) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + "\n")
		s = s[width:]
	}
	return b.String() + s
}
