package proxy_balancer

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/errorlog"
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
			then := valueText(cluster.Some(p.Value))
			if p.Back {
				then = valueText(p.Base) + " (the configuration)"
			}
			parts = append(parts, fmt.Sprintf("%s: %s \u2192 %s", paramTitle(p.Name), valueText(p.Old()), then))
		}
	}
	if v := verbs[ed.Verb]; v != "" {
		parts = append([]string{v}, parts...)
	}
	return target + ": " + strings.Join(parts, ", ")
}

// change finds a change that may be undone.
func (l *look) change(text string) (*manager.Entry, string) {
	r, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return nil, fmt.Sprintf("revision = %q: this is no number", text)
	}
	for _, c := range l.manager.At(l.key).History(manager.Filter{Before: cluster.Revision(r + 1), Limit: 1}) {
		switch {
		case c.Revision != cluster.Revision(r):
		case c.CanUndo != nil:
			_, why := explain(c.CanUndo, nil)
			return nil, strings.Join(why, "; ")
		default:
			return &c, ""
		}
	}
	return nil, fmt.Sprintf("there is no change %d, or it is too long ago", r)
}

// undoPage asks whether a change is to be taken back.
func (l *look) undoPage(q form) exchange.Verdict {
	c, why := l.change(q["undo"])
	l.head("Undo", "")
	if c == nil {
		l.p("<h1>Undo</h1>\n")
		l.message("bad", "This can't be undone:", why)
		l.p("<p><a href=\"%s/history\">History</a></p>\n", l.base)
		return l.send(409)
	}
	l.p("<h1>Undo revision %d?</h1>\n<section class=\"card\" aria-label=\"The change\">\n<p>Made by %s at %s:</p>\n<ul>\n", c.Revision, e(who(c.By.User, c.By.Client)), e(clock(c.At, l.now)))
	for i := range c.Edits {
		l.p("<li>%s</li>\n", e(editLine(&c.Edits[i])))
	}
	l.p("</ul>\n<p>What it set will be as it was before.</p>\n</section>\n<form method=\"post\" action=\"%s/undo\" class=\"edit confirm\"><input type=\"hidden\" name=\"token\" value=\"%s\"><input type=\"hidden\" name=\"revision\" value=\"%d\">\n", l.base, l.token(), c.Revision)
	l.p("<p class=\"field wide\"><label for=\"reason\">Why (for the history)</label><input id=\"reason\" name=\"reason\" maxlength=\"%d\" autocomplete=\"off\"></p>\n<p><button class=\"main\">Undo it</button> <a class=\"button\" href=\"%s\">Cancel</a></p>\n</form>\n", manager.MaxReason, l.base)
	return l.send(200)
}

// undo takes a change back.
func (l *look) undo() exchange.Verdict {
	f, verdict, ok := l.take()
	if !ok {
		return verdict
	}
	c, why := l.change(f["revision"])
	if c == nil {
		l.head("Undo", "")
		l.message("bad", "This can't be undone:", why)
		return l.send(409)
	}
	ctx, cancel := context.WithTimeout(context.Background(), editTime)
	defer cancel()
	r, err := l.manager.Undo(ctx, by(l.x, strings.TrimSpace(f["reason"])), c.Revision, manager.Version{})
	if err != nil {
		status, why := explain(err, nil)
		l.x.Logf(errorlog.Error, "proxy_balancer", "balancer-manager: undoing revision %d is refused: %s", c.Revision, strings.Join(why, "; "))
		l.head("Undo", "")
		l.message("bad", "Nothing was changed:", why...)
		return l.send(status)
	}
	return l.redirect(fmt.Sprintf("%s?done=%d", l.base, r.Revision))
}
