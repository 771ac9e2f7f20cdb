package proxy_balancer

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/live"
	"sallyport/internal/manager"
)

// overview is the console's first page: every balancer as a card, its members
// as rows.
func (l *look) overview(q form) exchange.Verdict {
	list := l.balancers()
	l.head("Balancers", "balancers")
	l.p("<h1>Balancers</h1>\n")
	l.notices(q, list)
	if len(list) == 0 {
		l.p("<p>No balancer is configured here. <code>&lt;Proxy balancer://name&gt;</code> with BalancerMember lines makes one.</p>\n")
		return l.send(200)
	}
	cards := make([]card, len(list))
	for i := range list {
		cards[i] = l.cardOf(&list[i])
	}
	l.summary(cards)
	members := 0
	for i := range list {
		members += len(list[i].Members)
	}
	if members > 12 {
		l.p(`<p class="filter" hidden><label>Find members <input type="search" id="find" placeholder="address, route or state" autocomplete="off"></label> <label><input type="checkbox" id="trouble"> only those in trouble</label></p>` + "\n")
	}
	l.p("<div id=\"balancers\" data-version=\"%s\">\n", l.shape(list))
	for i := range list {
		l.card(&list[i], &cards[i])
	}
	l.p("</div>\n")
	l.batchBar()
	return l.send(200)
}

// notices are what came of an edit, and what is wrong as a whole.
func (l *look) notices(q form, list []manager.Status) {
	if r, err := strconv.ParseUint(q["done"], 10, 63); err == nil {
		l.p("<div class=\"message good\" role=\"status\"><p><strong>Done.</strong> Revision %d holds. <a class=\"button\" href=\"%s?undo=%d\">Undo</a></p></div>\n", r, l.base, r)
	}
	if err := l.manager.Away(); err != nil {
		l.message("bad", "Changes are refused just now: "+err.Error())
	}
	if why := unprotected(l.x); why != "" {
		l.message("warn", "You can look, but not change anything: "+string(why)+".")
	} else if !guarded(l.x) {
		l.message("warn", "No access rule protects this page. Only clients on this machine may change something; write a Require line into its <Location>.")
	}
	for i := range list {
		for _, c := range list[i].Conflicts {
			l.message("warn", manager.Describe(c))
		}
	}
}

// card is what changes on a balancer's card.
type card struct {
	id                                 string
	rate, errors, p95, busy, wait, up  string
	rows                               []row
	class                              string // the worst of its members
	rateN, errorN                      float64
	requests, wrong                    uint32
	inHand                             int64
	usable, trouble, members, queueing int
}

func (l *look) cardOf(b *manager.Status) card {
	c := card{id: idOf("b", b.Key, ""), members: len(b.Members), class: "ok", queueing: b.Waiting}
	slowest := time.Duration(0)
	for i := range b.Members {
		m := &b.Members[i]
		r := l.rowOf(b, m, l.now)
		c.rows = append(c.rows, r)
		c.rateN += r.now.Rate
		c.errorN += r.now.ErrorRate
		c.requests += r.now.Requests
		c.wrong += r.now.Errors
		c.inHand += m.Load.Busy
		slowest = max(slowest, r.now.P95)
		if m.Usable && m.Flags&live.Draining == 0 {
			c.usable++
		}
		if r.class == "bad" {
			c.trouble++
		}
	}
	switch {
	case c.usable == 0:
		c.class = "bad"
	case c.trouble > 0:
		c.class = "warn"
	}
	c.rate, c.errors = rateText(c.rateN), percent(c.wrong, c.requests)
	c.p95, c.busy, c.wait = timeText(slowest), strconv.FormatInt(c.inHand, 10), strconv.Itoa(b.Waiting)
	c.up = fmt.Sprintf("%d of %d", c.usable, c.members)
	return c
}

// figures are the numbers of the page's top.
type figures struct{ rate, errors, up, busy, wait string }

func sumOf(cards []card) figures {
	var all card
	seen := map[string]bool{}
	for i := range cards {
		c := &cards[i]
		all.queueing += c.queueing
		for k := range c.rows {
			// A member that two views of a balancer share counts once.
			if seen[c.rows[k].id] {
				continue
			}
			seen[c.rows[k].id] = true
			all.rateN += c.rows[k].now.Rate
			all.requests += c.rows[k].now.Requests
			all.wrong += c.rows[k].now.Errors
		}
		all.usable += c.usable
		all.members += c.members
		all.inHand += c.inHand
	}
	return figures{rateText(all.rateN), percent(all.wrong, all.requests), fmt.Sprintf("%d of %d", all.usable, all.members),
		strconv.FormatInt(all.inHand, 10), strconv.Itoa(all.queueing)}
}

func (l *look) summary(cards []card) {
	f := sumOf(cards)
	l.p("<dl class=\"figures\" id=\"sum\">\n")
	for _, v := range [...]struct{ name, field, value, unit string }{
		{"Requests", "rate", f.rate, "/s"}, {"Errors, last minute", "errors", f.errors, ""}, {"Members serving", "up", f.up, ""},
		{"In flight", "busy", f.busy, ""}, {"Waiting in queues", "wait", f.wait, ""},
	} {
		l.p("<div><dt>%s</dt><dd><span data-f=\"%s\">%s</span>%s</dd></div>\n", v.name, v.field, e(v.value), v.unit)
	}
	l.p("</dl>\n")
}

func (l *look) card(b *manager.Status, c *card) {
	title := c.id + "-t"
	l.p("<section class=\"card %s\" id=\"%s\" aria-labelledby=\"%s\">\n<div class=\"cardhead\">\n<h2 id=\"%s\">%s</h2>\n<p class=\"facts\">", c.class, c.id, title, title, e(b.Key.Name))
	facts := []string{b.Method}
	if len(b.Paths) > 0 {
		facts = append(facts, "serves "+joinSome(b.Paths, 3))
	}
	if s := sticky(b, " | "); s != "" {
		facts = append(facts, "sticky: "+s)
	}
	if n := b.Settings.StickyCookie.V; n != "" {
		facts = append(facts, "sets the cookie "+n)
	}
	if b.Inherited {
		facts = append(facts, "of the main server")
	}
	for i, f := range facts {
		if i > 0 {
			l.p(" &#183; ")
		}
		l.p("%s", e(f))
	}
	l.p("</p>\n<p class=\"actions\"><a class=\"button\" href=\"%s\">Settings</a> <a class=\"button\" href=\"%s&amp;add=1\">Add a member</a></p>\n</div>\n", l.url(b, nil), l.url(b, nil))
	l.p("<div class=\"glance\">\n<dl class=\"figures small\">\n")
	for _, v := range [...]struct{ name, field, value, unit string }{
		{"Requests", "rate", c.rate, "/s"}, {"Errors", "errors", c.errors, ""}, {"p95", "p95", c.p95, ""},
		{"Serving", "up", c.up, ""}, {"In flight", "busy", c.busy, ""}, {"Queue", "wait", c.wait, ""},
	} {
		l.p("<div><dt>%s</dt><dd><span data-f=\"%s\">%s</span>%s</dd></div>\n", v.name, v.field, e(v.value), v.unit)
	}
	l.p("</dl>\n")
	l.chart(hourOf(l.sum(b)), "Requests and errors of "+b.Key.Name+" in the last hour", false)
	l.p("</div>\n")
	if len(b.Members) == 0 {
		l.p("<p>No members.</p>\n")
	} else {
		l.members(b, c)
	}
	l.p("</section>\n")
}

// chart draws an hour. times draws answer times instead of requests.
func (l *look) chart(h hour, title string, times bool) {
	top := h.Rate
	if times {
		top = h.Time
	}
	l.p("<figure class=\"chart\"><svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"%s\">", chartWidth, chartHeight, e(title))
	l.p("<path class=\"grid\" d=\"M0 %dH%d\"/>", chartHeight/2, chartWidth)
	if times {
		l.p("<path class=\"p99\" data-h=\"p99\" d=\"%s\"/><path class=\"p95\" data-h=\"p95\" d=\"%s\"/><path class=\"p50\" data-h=\"p50\" d=\"%s\"/>", h.P99, h.P95, h.P50)
	} else {
		l.p("<path class=\"req\" data-h=\"req\" d=\"%s\"/><path class=\"err\" data-h=\"err\" d=\"%s\"/>", h.Requests, h.Errors)
	}
	key := "<span class=\"key req\">requests</span> <span class=\"key err\">errors</span>"
	if times {
		key = "<span class=\"key p50\">p50</span> <span class=\"key p95\">p95</span> <span class=\"key p99\">p99</span>"
	}
	l.p("</svg><figcaption><span data-h=\"top\">%s</span> <span class=\"keys\">%s</span> <span>last hour</span></figcaption></figure>\n", e(top), key)
}

func (l *look) members(b *manager.Status, c *card) {
	l.p("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Members\"><table class=\"members\">\n<caption class=\"hide\">Members of %s</caption>\n<thead><tr><td class=\"pick\"><input type=\"checkbox\" class=\"all\" aria-label=\"Choose all of %s\" hidden></td><th scope=\"col\">Member</th><th scope=\"col\">State</th><th scope=\"col\">Share</th><th scope=\"col\" class=\"n\">Req/s, last hour</th><th scope=\"col\" class=\"n\">Errors</th><th scope=\"col\" class=\"n\">p50</th><th scope=\"col\" class=\"n\">p95</th><th scope=\"col\" class=\"n\">p99</th><th scope=\"col\" class=\"n\">In flight</th>", e(b.Key.Name), e(b.Key.Name))
	l.p("<th scope=\"col\"><span class=\"hide\">Actions</span></th></tr></thead>\n<tbody>\n")
	for i := range b.Members {
		l.member(b, &b.Members[i], &c.rows[i])
	}
	l.p("</tbody>\n</table></div>\n")
}

func (l *look) member(b *manager.Status, m *manager.MemberStatus, r *row) {
	var about []string
	if m.Route != "" {
		about = append(about, "route "+m.Route)
	}
	if m.Factor != 100 {
		about = append(about, "factor "+strconv.FormatFloat(float64(m.Factor)/100, 'f', -1, 64))
	}
	if m.LBSet != 0 {
		about = append(about, "set "+strconv.Itoa(int(m.LBSet)))
	}
	if m.Added {
		about = append(about, "added")
	}
	url := e(m.URL)
	l.p("<tr id=\"%s\" class=\"%s\"><td class=\"pick\"><input type=\"checkbox\" form=\"batch\" name=\"%s\" value=\"1\" aria-label=\"Choose %s\"></td>", r.id, r.class, e(pickField(b, m)), url)
	l.p("<th scope=\"row\"><a href=\"%s\">%s</a>", l.url(b, m), url)
	if len(about) > 0 {
		l.p("<small>%s</small>", e(join(about, " · ")))
	}
	l.p("</th><td class=\"state\" data-l=\"State\"><span class=\"dot\" aria-hidden=\"true\"></span><span data-f=\"state\">%s</span>", e(r.state))
	if r.checks != "" || l.hcheck && healthOf(m).method != "NONE" {
		l.strip(r)
	}
	l.p("<small data-f=\"why\">%s</small></td>", e(r.why))
	l.p("<td class=\"share\" data-l=\"Share\">%s<span data-f=\"share\">%s</span></td>", bar(r.share), shareText(r.share))
	list, _ := l.charts.Hour(live.WorkerKey{Balancer: b.MemberKey, URL: m.URL})
	l.p("<td class=\"n rate\" data-l=\"Req/s\"><svg class=\"spark\" viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><path data-h=\"spark\" d=\"%s\"/></svg><span data-f=\"rate\">%s</span></td>", chartWidth, chartHeight, spark(list), r.rate)
	for _, v := range [...]struct{ name, field, value string }{
		{"Errors", "errors", r.errors}, {"p50", "p50", r.p50}, {"p95", "p95", r.p95}, {"p99", "p99", r.p99},
	} {
		l.p("<td class=\"n\" data-l=\"%s\"><span data-f=\"%s\">%s</span></td>", v.name, v.field, e(v.value))
	}
	l.p("<td class=\"n\" data-l=\"In flight\"><span data-f=\"busy\">%s</span><small data-f=\"tunnels\">%s</small></td>", r.busy, r.tunnels)
	l.p("<td class=\"actions\"><form method=\"post\" action=\"%s/preview\">", l.base)
	l.hidden(b, m)
	for _, a := range quickActions(m) {
		l.p("<button name=\"do\" value=\"%s\" aria-label=\"%s %s\">%s</button>", a.do, a.text, url, a.text)
	}
	l.p("</form></td></tr>\n")
}

// bar draws a share; the number stands beside it.
func bar(share float64) string {
	return fmt.Sprintf("<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"%.1f\" height=\"8\"/></svg>", 100*share)
}

const noChecks = "no health check yet"

// strip draws the last health checks.
func (l *look) strip(r *row) {
	l.p("<span class=\"strip\" role=\"img\" aria-label=\"%s\" data-f=\"checks\">", e(cmp.Or(r.checksText, noChecks)))
	for _, c := range r.checks {
		if c == '+' {
			l.p("<i class=\"yes\"></i>")
		} else {
			l.p("<i class=\"no\"></i>")
		}
	}
	l.p("</span>")
}

func joinSome(list []string, n int) string {
	if len(list) <= n {
		return join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", join(list[:n], ", "), len(list)-n)
}
