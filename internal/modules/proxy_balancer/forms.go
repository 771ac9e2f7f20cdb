package proxy_balancer

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/page"
)

// checked are the methods a health check may have, in httpd's order.
var checkMethods = []string{"NONE", "TCP", "OPTIONS", "HEAD", "GET", "OPTIONS11", "HEAD11", "GET11"}

// health is a member's health check as the form shows it.
type health struct {
	method, uri, expr string
	interval          time.Duration
	passes, fails     int
}

func healthOf(m *manager.MemberStatus) health {
	h := &m.Conf.Health
	return health{
		method: h.Method.Or("NONE"), uri: h.URI.V, expr: h.Expr.V,
		interval: h.Interval.Or(30 * time.Second), passes: h.Passes.Or(1), fails: h.Fails.Or(1),
	}
}

// plainSeconds prints a time as httpd does, in seconds; what is no whole number
// of them with its unit.
func plainSeconds(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10)
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

func (s *site) writeFormHead(p printer, x *exchange.Exchange) {
	p("<form method='POST' enctype='application/x-www-form-urlencoded' action=\"%s\">\n", page.Escape(x.SelfURL(exchange.EscapePath(x.Path))))
}

func writeFormTail(p printer, b *manager.Status, w string) {
	if w != "" {
		p("<input type=hidden name='w' id='w' value=\"%s\">\n", page.Escape(w))
	}
	p("<input type=hidden name='b' id='b' value=\"%s\">\n<input type=hidden name='nonce' id='nonce' value='%s'>\n</form>\n<hr />\n",
		page.Escape(b.Key.Name), page.Escape(b.Nonce))
}

func radio(p printer, name string, on bool) {
	checked := [2]string{" checked", ""}
	if on {
		checked = [2]string{"", " checked"}
	}
	p("<label for='%[1]s1'>On</label> <input name='%[1]s' id='%[1]s1' value='1' type=radio%[2]s> <br/> <label for='%[1]s0'>Off</label> <input name='%[1]s' id='%[1]s0' value='0' type=radio%[3]s></td>\n",
		name, checked[1], checked[0])
}

func (s *site) writeMemberForm(p printer, b *manager.Status, m *manager.MemberStatus, x *exchange.Exchange) {
	p("<h3>Edit worker settings for %s</h3>\n", page.Escape(m.URL))
	s.writeFormHead(p, x)
	p("<table><tr><td>Load factor:</td><td><input name='w_lf' id='w_lf' type=text value='%.2f'></td></tr>\n", float64(m.Factor)/100)
	p("<tr><td>LB Set:</td><td><input name='w_ls' id='w_ls' type=text value='%d'></td></tr>\n", m.LBSet)
	p("<tr><td>Route:</td><td><input name='w_wr' id='w_wr' type=text value=\"%s\"></td></tr>\n", page.Escape(m.Route))
	p("<tr><td>Route Redirect:</td><td><input name='w_rr' id='w_rr' type=text value=\"%s\"></td></tr>\n", page.Escape(m.Redirect))
	p("<tr><td>Status:</td><td><table><tr>")
	for _, f := range flagFields {
		if f.flag != live.HealthFailed || s.hcheck {
			p("<th>%s</th>", f.title)
		}
	}
	p("</tr>\n<tr>")
	for _, f := range flagFields {
		if f.flag != live.HealthFailed || s.hcheck {
			p("<td>")
			radio(p, "w_status_"+string(rune(f.letter)), m.Flags&f.flag != 0)
		}
	}
	p("</tr></table></td></tr>\n")
	if s.hcheck {
		h := healthOf(m)
		p("<tr><td colspan='2'>\n<table align='center'><tr><th>Health Check param</th><th>Value</th></tr>\n<tr><td>Method</td><td><select name='w_hm'>\n")
		for _, name := range checkMethods {
			p("<option value='%s' %s >%s</option>\n", name, selectedIf(name == strings.ToUpper(h.method)), name)
		}
		p("</select>\n</td></tr>\n<tr><td>Expr</td><td><select name='w_he'>\n<option value='' ></option>\n")
		for _, e := range slices.Sorted(maps.Keys(s.exprs)) {
			p("<option value='%s' %s >%s</option>\n", page.Escape(e), selectedIf(e == h.expr), page.Escape(e))
		}
		p("</select>\n</td></tr>\n")
		p("<tr><td>Interval (ms)</td><td><input name='w_hi' id='w_hi' type='text' value='%d'></td></tr>\n", h.interval.Milliseconds())
		p("<tr><td>Passes trigger</td><td><input name='w_hp' id='w_hp' type='text' value='%d'></td></tr>\n", h.passes)
		p("<tr><td>Fails trigger)</td><td><input name='w_hf' id='w_hf' type='text' value='%d'></td></tr>\n", h.fails)
		p("<tr><td>HC uri</td><td><input name='w_hu' id='w_hu' type='text' value=\"%s\"></td></tr>\n</table>\n</td></tr>\n", page.Escape(h.uri))
	}
	p("<tr><td colspan='2'><input type=submit value='Submit'></td></tr>\n</table>\n")
	writeFormTail(p, b, shortURL(m.URL))
}

func selectedIf(yes bool) string {
	if yes {
		return "selected"
	}
	return ""
}

func (s *site) writeBalancerForm(p printer, b *manager.Status, x *exchange.Exchange) {
	p("<h3>Edit balancer settings for %s</h3>\n", page.Escape(b.Name))
	s.writeFormHead(p, x)
	p("<table>\n<tr><td>LBmethod:</td><td>\n<select name='b_lbm' id='b_lbm'>")
	for _, name := range s.methods {
		if name == b.Method {
			p("<option value='%[1]s' selected >%[1]s\n", page.Escape(name))
		} else {
			p("<option value='%[1]s'>%[1]s\n", page.Escape(name))
		}
	}
	p("</select>\n</td></tr>\n")
	p("<tr><td>Timeout:</td><td><input name='b_tmo' id='b_tmo' type=text value='%s'></td></tr>\n", plainSeconds(b.Settings.Timeout.V))
	p("<tr><td>Failover Attempts:</td><td><input name='b_max' id='b_max' type=text value='%d'></td></tr>\n", attempts(b))
	p("<tr><td>Disable Failover:</td><td>")
	radio(p, "b_sforce", b.Settings.NoFailover.V)
	p("</tr>\n<tr><td>Sticky Session:</td><td><input name='b_ss' id='b_ss' size=64 type=text value =\"%s\">&nbsp;&nbsp;&nbsp;&nbsp;(Use '-' to delete)</td></tr>\n", page.Escape(sticky(b, "|")))
	if b.Growth > 0 {
		p("<tr><td>Add New Worker:</td><td><input name='b_nwrkr' id='b_nwrkr' size=32 type=text>&nbsp;&nbsp;&nbsp;&nbsp;Are you sure? <input name='b_wyes' id='b_wyes' type=checkbox value='1'></td></tr>")
	}
	p("<tr><td colspan=2><input type=submit value='Submit'></td></tr>\n</table>\n")
	writeFormTail(p, b, "")
}
