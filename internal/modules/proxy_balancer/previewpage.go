package proxy_balancer

import (
	"slices"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/exchange"
	"sallyport/internal/manager"
)

// preview shows what a change would do and asks whether it is meant. b is the
// balancer it is about; nil: members of several were chosen.
func (l *look) preview(b *manager.Status, f form, out *manager.Preview) exchange.Verdict {
	l.head("Preview", "")
	if b != nil {
		l.crumbs(b, "preview")
	}
	l.p("<h1>Preview</h1>\n")
	l.prospect(out)
	l.p("<form method=\"post\" action=\"%s/apply\" class=\"edit confirm\">\n", l.base)
	for _, name := range sortedNames(f) {
		if name != "reason" && name != "again" {
			l.p("<input type=\"hidden\" name=\"%s\" value=\"%s\">\n", e(name), e(f[name]))
		}
	}
	if f["do"] == "remove" {
		l.p("<p class=\"field\"><label for=\"timeout\">Wait for it to run empty, seconds</label><input id=\"timeout\" name=\"timeout\" inputmode=\"numeric\" value=\"%d\"><small>It takes no new sessions from now on and is gone when it is empty, or after this time.</small></p>\n",
			int(manager.DefaultLeave.Seconds()))
	}
	l.confirm("Make the change", f["reason"])
	if b != nil && (f["do"] == "" || f["do"] == "add") {
		l.p("<button name=\"again\" value=\"1\" formaction=\"%s/preview\">Back to the form</button> ", l.base)
	}
	l.p("<a class=\"button\" href=\"%s\">Cancel</a></p>\n</form>\n", l.base)
	return l.send(200)
}

// confirm asks for a reason and has the button that makes a change; it leaves
// the paragraph of buttons open.
func (l *look) confirm(button, reason string) {
	l.p("<p class=\"field wide\"><label for=\"reason\">Why (for the history)</label><input id=\"reason\" name=\"reason\" maxlength=\"%d\" value=\"%s\" autocomplete=\"off\"></p>\n<p class=\"buttons\"><button class=\"main\">%s</button> ",
		manager.MaxReason, e(reason), button)
}

// prospect is what changes, what to mind, and who gets the traffic then.
func (l *look) prospect(out *manager.Preview) {
	l.p("<section class=\"card\" aria-labelledby=\"what\">\n<h2 id=\"what\">What changes</h2>\n")
	l.edits(manager.Hide(out.Edits))
	l.p("</section>\n")
	if len(out.Warnings) > 0 {
		l.message("warn", "Mind this:", out.Warnings...)
	}
	for i := range out.Balancers {
		l.outlook(&out.Balancers[i], i)
	}
}

func sortedNames(f form) []string {
	var out []string
	for name := range f {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// verbs say what an edit does, for people.
var verbs = map[cluster.Verb]string{
	cluster.Add: "is added", cluster.Remove: "is removed, when it has run empty", cluster.Recover: "is tried again at once: its error is forgotten",
	cluster.Zero: "begins to count from zero", cluster.Check: "is checked now", cluster.Fail: "is taken out until a health check passes",
	cluster.Pass: "counts as healthy again", cluster.Settle: "the configuration says the same now",
}

// edits lists edits: old and new values.
func (l *look) edits(list []cluster.Edit) {
	l.p("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Values\"><table class=\"changes\"><caption class=\"hide\">Old and new values</caption><thead><tr><th scope=\"col\">Of</th><th scope=\"col\">What</th><th scope=\"col\">Now</th><th scope=\"col\">Then</th></tr></thead><tbody>\n")
	several := slices.ContainsFunc(list, func(ed cluster.Edit) bool { return ed.Balancer != list[0].Balancer })
	for i := range list {
		ed := &list[i]
		target := "balancer " + ed.Balancer.Name
		switch {
		case ed.Member != "" && several:
			target = ed.Balancer.Name + ": " + ed.Member
		case ed.Member != "":
			target = ed.Member
		}
		if v := verbs[ed.Verb]; v != "" {
			l.p("<tr><th scope=\"row\">%s</th><td colspan=\"3\"><strong>%s</strong></td></tr>\n", e(target), e(v))
		}
		if ed.Verb == cluster.Remove {
			continue
		}
		for k := range ed.Params {
			p := &ed.Params[k]
			old, then := oldAndNew(p)
			l.p("<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td><strong>%s</strong></td></tr>\n", e(target), e(paramTitle(p.Name)), e(old), e(then))
		}
	}
	l.p("</tbody></table></div>\n")
}

// oldAndNew says what a parameter is and what it would be.
func oldAndNew(p *cluster.Param) (old, then string) {
	text := func(t cluster.Text) string {
		switch {
		case !t.Is && strings.HasPrefix(p.Name, "status."):
			return "Off"
		case !t.Is:
			return "default"
		case t.V == "":
			return "(empty)"
		}
		return t.V
	}
	if p.Back {
		return text(p.Old()), text(p.Base) + " (the configuration)"
	}
	return text(p.Old()), text(cluster.Some(p.Value))
}

// paramTitle names a flag by what it does.
func paramTitle(name string) string {
	if letter, ok := strings.CutPrefix(name, "status."); ok {
		for _, f := range flagFields {
			if letter == string(rune(f.letter)) {
				return f.title
			}
		}
	}
	return name
}

// outlook shows who gets which part of the requests, before and after. n
// numbers it on the page.
func (l *look) outlook(o *manager.Outlook, n int) {
	changed := false
	for i := range o.Members {
		m := &o.Members[i]
		changed = changed || m.Before != m.After || m.IsNew || m.IsGone
	}
	if !changed {
		l.p("<section class=\"card\" aria-label=\"Traffic of %s\"><p>The requests of %s go where they go now.</p></section>\n", e(o.Key.Name), e(o.Key.Name))
		return
	}
	l.p("<section class=\"card\" aria-labelledby=\"who%[1]d\">\n<h2 id=\"who%[1]d\">Who gets the requests of %[2]s</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Shares\"><table class=\"changes\"><caption class=\"hide\">Shares before and after</caption><thead><tr><th scope=\"col\">Member</th><th scope=\"col\">Now</th><th scope=\"col\">Then</th><th scope=\"col\" class=\"n\">Most within the hour</th><th scope=\"col\" class=\"n\">In flight</th></tr></thead><tbody>\n", n, e(o.Key.Name))
	for i := range o.Members {
		m := &o.Members[i]
		note := ""
		switch {
		case m.IsNew:
			note = "<small>new</small>"
		case m.IsGone:
			note = "<small>gone</small>"
		}
		l.p("<tr><th scope=\"row\">%s %s</th>", e(m.URL), note)
		for _, v := range [...]struct{ share, rate float64 }{{m.Before, m.Rate}, {m.After, m.WillRate}} {
			l.p("<td class=\"share\">%s%s <small>%s/s</small></td>", bar(v.share), shareText(v.share), rateText(v.rate))
		}
		l.p("<td class=\"n\">%s/s</td><td class=\"n\">%d</td></tr>\n", rateText(m.Most), m.Busy)
	}
	l.p("</tbody></table></div>\n<p><small>Of requests without a session; sessions stay where they are as long as their member serves them.</small></p>\n</section>\n")
}
