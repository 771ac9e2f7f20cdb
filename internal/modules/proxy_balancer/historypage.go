package proxy_balancer

import (
	"fmt"
	"strconv"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/exchange"
	"sallyport/internal/manager"
	"sallyport/internal/page"
)

const historyPage = 50

// history lists the changes, the latest first.
func (l *look) history(q form) exchange.Verdict {
	l.head("History", "history")
	l.p("<h1>History</h1>\n")
	f := manager.Filter{Balancer: strings.TrimSpace(q["balancer"]), Member: strings.TrimSpace(q["member"]), User: strings.TrimSpace(q["user"]), Param: strings.ToLower(strings.TrimSpace(q["param"])), Limit: historyPage + 1}
	if n, err := strconv.ParseUint(q["before"], 10, 63); err == nil {
		f.Before = cluster.Revision(n)
	}
	view := l.manager.At(l.key)
	l.p("<form method=\"get\" class=\"filter\" role=\"search\" aria-label=\"History\"><p class=\"field\"><label for=\"balancer\">Balancer</label><select id=\"balancer\" name=\"balancer\"><option value=\"\">all</option>")
	for _, name := range view.Names() {
		sel := ""
		if name == f.Balancer {
			sel = " selected"
		}
		l.p("<option%s>%s</option>", sel, e(name))
	}
	l.p("</select></p>")
	for _, in := range [...]struct{ name, title, value string }{{"member", "Member", f.Member}, {"user", "User or address", f.User}, {"param", "Parameter", f.Param}} {
		l.p("<p class=\"field\"><label for=\"%s\">%s</label><input id=\"%s\" name=\"%s\" value=\"%s\"></p>", in.name, in.title, in.name, in.name, e(in.value))
	}
	l.p("<p><button>Filter</button></p></form>\n")
	list := view.History(f)
	more := len(list) > historyPage
	list = list[:min(len(list), historyPage)]
	if len(list) == 0 {
		l.p("<p>Nothing was changed%s.</p>\n", map[bool]string{true: " that this filter lets through"}[f != (manager.Filter{Limit: f.Limit})])
		return l.send(200)
	}
	l.p("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Changes\"><table class=\"history\"><caption class=\"hide\">Changes, the latest first</caption><thead><tr><th scope=\"col\">Revision</th><th scope=\"col\">When</th><th scope=\"col\">Who</th><th scope=\"col\">What</th><th scope=\"col\"><span class=\"hide\">Undo</span></th></tr></thead><tbody>\n")
	for i := range list {
		c := &list[i]
		l.p("<tr><th scope=\"row\">%d</th><td data-l=\"When\"><time datetime=\"%s\">%s</time></td><td data-l=\"Who\">%s</td><td data-l=\"What\">", c.Revision, c.At.UTC().Format("2006-01-02T15:04:05Z"), e(clock(c.At, l.now)), e(who(c.By.User, c.By.Client)))
		for k := range c.Edits {
			l.p("<p>%s</p>", e(editLine(&c.Edits[k])))
		}
		if c.By.Reason != "" {
			l.p("<small>%s</small>", e(c.By.Reason))
		}
		l.p("</td><td class=\"actions\">")
		switch {
		case c.Undone != 0:
			l.p("<small>undone by %d</small>", c.Undone)
		case c.CanUndo == nil:
			l.p("<a class=\"button\" href=\"%s?undo=%d\" aria-label=\"Undo revision %d\">Undo</a>", l.base, c.Revision, c.Revision)
		}
		l.p("</td></tr>\n")
	}
	l.p("</tbody></table></div>\n")
	if more {
		next := fmt.Sprintf("%s/history?balancer=%s&member=%s&user=%s&param=%s&before=%d", l.base, page.QueryEscape(f.Balancer),
			page.QueryEscape(f.Member), page.QueryEscape(f.User), page.QueryEscape(f.Param), list[len(list)-1].Revision)
		l.p("<p><a class=\"button\" href=\"%s\">Older changes</a></p>\n", e(next))
	}
	return l.send(200)
}

// editLine is an edit in one line.
func editLine(ed *cluster.Edit) string {
	target := ed.Balancer.Name
	if ed.Member != "" {
		target += " " + ed.Member
	}
	var parts []string
	if ed.Verb != cluster.Remove {
		for i := range ed.Params {
			p := &ed.Params[i]
			old, then := oldAndNew(p)
			parts = append(parts, fmt.Sprintf("%s: %s \u2192 %s", paramTitle(p.Name), old, then))
		}
	}
	if v := verbs[ed.Verb]; v != "" {
		parts = append([]string{v}, parts...)
	}
	return target + ": " + strings.Join(parts, ", ")
}
