package proxy_balancer

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/modules/core"
	"sallyport/internal/page"
)

// The plain page has httpd's words in httpd's order, for scripts that scrape
// it: the first link of the page is a balancer's and all others are members',
// the second table is the first balancer's members. So nothing of our own is a
// link or a table.

// notice is what came of an edit, for the top of the page.
type notice struct {
	status int // of the answer; 0: 200
	done   string
	wrong  []string
}

// balancers lists what the server sees, in the order of the configuration.
func (s *site) balancers() []manager.Status {
	list := s.manager.At(s.key).Balancers()
	slices.SortStableFunc(list, func(a, b manager.Status) int {
		if a.Inherited != b.Inherited || a.Pos.File != b.Pos.File {
			return 0
		}
		return cmp.Compare(a.Pos.Line, b.Pos.Line)
	})
	return list
}

// selected finds the balancer and the member that b= and w= name.
func selected(list []manager.Status, f form) (b *manager.Status, m *manager.MemberStatus) {
	name := strings.ToLower(strings.TrimPrefix(f["b"], "balancer://"))
	if i := strings.IndexAny(name, "/?"); i >= 0 {
		name = name[:i]
	}
	for i := range list {
		if list[i].Key.Name == name && name != "" {
			b = &list[i]
		}
	}
	if b == nil || f["w"] == "" {
		return b, nil
	}
	return b, findMember(b, f["w"])
}

// findMember finds a member as httpd does: by the longest name that url begins
// with; of a socket's what follows the bar.
func findMember(b *manager.Status, url string) *manager.MemberStatus {
	var best *manager.MemberStatus
	for i := range b.Members {
		m := &b.Members[i]
		name := shortURL(m.URL)
		if m.URL == url {
			return m
		}
		if strings.HasPrefix(url, name) && (best == nil || len(name) > len(shortURL(best.URL))) {
			if rest := url[len(name):]; rest == "" || strings.HasSuffix(name, "/") || strings.IndexByte("/:?#", rest[0]) >= 0 {
				best = m
			}
		}
	}
	return best
}

// shortURL is a member's URL without its socket.
func shortURL(url string) string {
	if strings.HasPrefix(url, "unix:") {
		if _, after, ok := strings.Cut(url, "|"); ok {
			return after
		}
	}
	return url
}

const plainStyle = `<style type='text/css'>
table { border: 1px solid gray; border-spacing: 3px; border-collapse: collapse; background-color: white; text-align: center; }
th { border: 1px dotted gray; padding: 2px; background-color: lightgray; text-align: center; }
td { border: 1px dotted gray; padding: 2px; background-color: white; text-align: center; }
</style>
`

// plain shows the page, with the form that f asks for.
func (s *site) plain(x *exchange.Exchange, f form, n notice) exchange.Verdict {
	list := s.balancers()
	if f["xml"] != "" && x.Request.Method != "POST" {
		return page.Send(x, 200, "text/xml", s.xml(list))
	}
	var buf bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&buf, format, args...) }
	p("<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\" \"http://www.w3.org/TR/html4/strict.dtd\">\n")
	p("<html><head><title>Balancer Manager</title>\n%s</head>\n", plainStyle)
	p("<body><h1>Load Balancer Manager for %s</h1>\n\n", page.Escape(x.HostName()))
	view := s.manager.At(s.key)
	not := func(yes bool) string {
		if yes {
			return ""
		}
		return "NOT "
	}
	will := "will NOT"
	if view.Persists() {
		will = "will"
	}
	p("<dl><dt>Server Version: %s</dt>\n<dt>Server Built: %s</dt>\n", core.Description, page.Escape(s.built))
	p("<dt>Balancer changes %s be persisted on restart.</dt><dt>Balancers are %sinherited from main server.</dt><dt>ProxyPass settings are %sinherited from main server.</dt></dl>\n",
		will, not(view.Server != nil && view.Server.BalancerInherit), not(view.Server != nil && view.Server.PassInherit))
	base := exchange.EscapePath(x.Path)
	p("<form method='GET' action='%s'><input type=submit value='Open the console'></form>\n", page.Escape(strings.TrimSuffix(base, "/")+consolePath))
	n.write(p)
	for i := range list {
		s.writeBalancer(p, &list[i], base)
	}
	p("<hr />\n")
	s.writeExprs(p)
	if b, m := selected(list, f); m != nil {
		s.writeMemberForm(p, b, m, x)
	} else if b != nil {
		s.writeBalancerForm(p, b, x)
	}
	p("</body></html>\n")
	return send(x, cmp.Or(n.status, 200), buf.Bytes())
}

func (n *notice) write(p printer) {
	if n.done != "" {
		p("<p><strong>%s</strong></p>\n", page.Escape(n.done))
	}
	if len(n.wrong) > 0 {
		p("<p><strong>Nothing was changed:</strong></p>\n<ul>\n")
		for _, w := range n.wrong {
			p("<li>%s</li>\n", page.Escape(w))
		}
		p("</ul>\n")
	}
}

// inRow is how many health checks of a member have passed, or failed, in a row.
func (s *site) inRow(b *manager.Status, m *manager.MemberStatus) (passed, failed int) {
	w := s.reg.Worker(live.WorkerKey{Balancer: b.MemberKey, URL: m.URL})
	if w == nil {
		return 0, 0
	}
	w.Balancer().Lock()
	defer w.Balancer().Unlock()
	return w.Probes().Passes, w.Probes().Fails
}

// writeExprs lists the conditions of health checks.
func (s *site) writeExprs(p printer) {
	if len(s.exprs) == 0 {
		return
	}
	p("\n\n<table><tr><th colspan='2'>Health check cond. expressions:</th></tr>\n<tr><th>Expr name</th><th>Expression</th></tr>\n")
	for _, name := range slices.Sorted(maps.Keys(s.exprs)) {
		p("<tr><td>%s</td><td>%s</td></tr>\n", page.Escape(name), page.Escape(s.exprs[name]))
	}
	p("</table><hr/>\n")
}

type printer = func(format string, args ...any)

// link is the URL of a balancer's or member's form.
func link(base string, b *manager.Status, w string) string {
	s := base + "?b=" + page.QueryEscape(b.Key.Name)
	if w != "" {
		s += "&w=" + page.QueryEscape(w)
	}
	return page.Escape(s + "&nonce=" + page.QueryEscape(b.Nonce))
}

func onOff(v bool) string {
	if v {
		return "On"
	}
	return "Off"
}

func sticky(b *manager.Status, sep string) string {
	c, p := b.Settings.Sticky.V.Cookie, b.Settings.Sticky.V.Path
	switch {
	case c == "":
		return ""
	case p == c:
		return c
	}
	return c + sep + p
}

func attempts(b *manager.Status) int { return b.Settings.MaxAttempts.Or(max(len(b.Members)-1, 0)) }

func (s *site) writeBalancer(p printer, b *manager.Status, base string) {
	hash := b.Key.Name
	if b.Key.Server != "" {
		hash = b.Key.Server + "_" + hash
	}
	p("<hr />\n<h3>LoadBalancer Status for <a href=\"%s\">%s</a> [p_%s]</h3>\n\n\n", link(base, b, ""), page.Escape(b.Name), page.Escape(hash))
	p("<table><tr><th>MaxMembers</th><th>StickySession</th><th>DisableFailover</th><th>Timeout</th><th>FailoverAttempts</th><th>Method</th><th>Path</th><th>Active</th></tr>\n")
	p("<tr><td>%d [%d Used]</td>\n", max(b.MaxSeats, len(b.Members)), len(b.Members))
	if names := sticky(b, "|"); names != "" {
		p("<td>%s</td>", page.Escape(names))
	} else {
		p("<td> (None) </td>")
	}
	path := ""
	if len(b.Paths) > 0 {
		path = b.Paths[len(b.Paths)-1]
	}
	p("<td>%s</td>\n<td>%s</td><td>%d</td>\n<td>%s</td>\n<td>%s</td>\n<td>Yes</td>\n</tr>\n</table>\n<br />\n\n",
		onOff(b.Settings.NoFailover.V), plainSeconds(b.Settings.Timeout.V), attempts(b), page.Escape(b.Method), page.Escape(path))

	hc := s.hcheck
	p("<table><tr><th>Worker URL</th><th>Route</th><th>RouteRedir</th><th>Factor</th><th>Set</th><th>Status</th><th>Elected</th><th>Busy</th><th>Load</th><th>To</th><th>From</th>")
	if hc {
		p("<th>HC Method</th><th>HC Interval</th><th>Passes</th><th>Fails</th><th>HC uri</th><th>HC Expr</th>")
	}
	p("</tr>\n")
	for i := range b.Members {
		m := &b.Members[i]
		name := page.Escape(m.URL)
		if strings.HasPrefix(m.URL, "unix:") {
			name = "<i>" + name + "</i>"
		}
		p("<tr>\n<td><a href=\"%s\">%s</a></td><td>%s</td><td>%s</td><td>%.2f</td><td>%d</td><td>%s</td><td>%d</td><td>%d</td><td>%d</td><td>%s</td><td>%s</td>",
			link(base, b, shortURL(m.URL)), name, page.Escape(m.Route), page.Escape(m.Redirect), float64(m.Factor)/100, m.LBSet,
			m.Flags, m.Elected, m.Load.Busy, m.LBStatus, page.ShortSize(m.Transferred), page.ShortSize(m.Read))
		if hc {
			h := healthOf(m)
			passed, failed := s.inRow(b, m)
			p("<td>%s</td><td>%dms</td><td>%d (%d)</td><td>%d (%d)</td><td>%s</td><td>%s</td>", page.Escape(h.method), h.interval.Milliseconds(),
				h.passes, passed, h.fails, failed, page.Escape(h.uri), page.Escape(h.expr))
		}
		p("</tr>\n")
	}
	p("</table>\n")
}

// flagFields are the flags of the form, in httpd's order.
var flagFields = []struct {
	letter byte
	title  string
	flag   live.Flags
}{
	{'I', "Ignore Errors", live.IgnoreErrors},
	{'N', "Draining Mode", live.Draining},
	{'D', "Disabled", live.Disabled},
	{'H', "Hot Standby", live.Standby},
	{'R', "Hot Spare", live.Spare},
	{'C', "HC Fail", live.HealthFailed},
	{'S', "Stopped", live.Stopped},
}
