package status

import (
	"strings"

	"sallyport/internal/manager"
	"sallyport/internal/page"
)

// plain is a member's URL without its socket, as httpd shows it.
func plain(url string) string {
	if strings.HasPrefix(url, "unix:") {
		if _, after, ok := strings.Cut(url, "|"); ok {
			return after
		}
	}
	return url
}

// writeProxy is what mod_proxy adds to httpd's page with ProxyStatus On.
func (f *facts) writeProxy(p printer) {
	for i := range f.balancers {
		f.writeBalancer(p, &f.balancers[i])
	}
	if len(f.balancers) == 0 {
		return
	}
	p(`<hr /><table>
<tr><th>SSes</th><td>Sticky session name</td></tr>
<tr><th>Timeout</th><td>Balancer Timeout</td></tr>
<tr><th>Sch</th><td>Connection scheme</td></tr>
<tr><th>Host</th><td>Backend Hostname</td></tr>
<tr><th>Stat</th><td>Worker status</td></tr>
<tr><th>Route</th><td>Session Route</td></tr>
<tr><th>Redir</th><td>Session Route Redirection</td></tr>
<tr><th>F</th><td>Load Balancer Factor</td></tr>
<tr><th>Acc</th><td>Number of uses</td></tr>
<tr><th>Wr</th><td>Number of bytes transferred</td></tr>
<tr><th>Rd</th><td>Number of bytes read</td></tr>
</table>`)
}

func (f *facts) writeBalancer(p printer, b *manager.Status) {
	sessions := " - "
	if s := b.Settings.Sticky.V; s.Cookie != "" {
		sessions = s.Cookie
		if s.Path != s.Cookie {
			sessions += " | " + s.Path
		}
	}
	p("<hr />\n<h1>Proxy LoadBalancer Status for %s</h1>\n\n\n\n", page.Escape(b.Name))
	p("<table border=\"0\"><tr><th>SSes</th><th>Timeout</th><th>Method</th></tr>\n<tr><td>%s</td><td>%d</td><td>%s</td>\n</table>\n\n\n",
		page.Escape(sessions), int64(b.Settings.Timeout.V.Seconds()), page.Escape(b.Method))
	p("<table border=\"0\"><tr><th>Sch</th><th>Host</th><th>Stat</th><th>Route</th><th>Redir</th><th>F</th><th>Set</th><th>Acc</th><th>Busy</th><th>Wr</th><th>Rd</th></tr>\n")
	for i := range b.Members {
		m := &b.Members[i]
		p("<tr>\n<td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%.2f</td><td>%d</td><td>%d</td><td>%d</td><td>%s</td><td>%s</td>\n</tr>\n",
			page.Escape(m.Scheme), page.Escape(m.Host), m.Flags, page.Escape(m.Route), page.Escape(m.Redirect),
			float64(m.Factor)/100, m.LBSet, m.Elected, m.Load.Busy, page.ShortSize(m.Transferred), page.ShortSize(m.Read))
	}
	p("</table>\n")
}
