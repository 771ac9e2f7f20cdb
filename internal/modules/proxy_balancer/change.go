package proxy_balancer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/chart"
	"sallyport/internal/cluster"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/live"
	"sallyport/internal/manager"
)

// post takes the console's forms: a preview first, then, when that was
// confirmed, the change.
func (l *look) post(apply bool) exchange.Verdict {
	f, verdict, ok := l.take()
	if !ok {
		return verdict
	}
	b, m := l.find(f)
	if b == nil || f["w"] != "" && m == nil {
		return l.missing(f)
	}
	if _, again := f["again"]; again { // back from the preview
		return l.editPage(f, nil)
	}
	edits, wrong := consoleEdits(b, m, f)
	switch {
	case len(wrong) > 0:
		return l.editPage(f, wrong)
	case len(edits) == 0:
		return l.editPage(f, []string{"Everything is as the form says: there is nothing to change."})
	}
	p := manager.Proposal{By: by(l.x, strings.TrimSpace(f["reason"])), Edits: edits}
	p.At, _ = manager.ParseVersion(f["at"])
	if apply {
		return l.apply(b, p, f)
	}
	out, err := l.manager.Preview(p)
	if err != nil {
		return l.refused(b, f, err)
	}
	return l.preview(b, f, out)
}

// take reads a form and looks whether its sender may change anything; ok false:
// the answer is made.
func (l *look) take() (f form, verdict exchange.Verdict, ok bool) {
	f, err := readForm(l.x)
	if err != nil {
		l.x.KeepAlive = false
		l.head("Refused", "")
		l.message("bad", "Nothing was changed:", err.Error())
		return nil, l.send(400), false
	}
	why := mayEdit(l.x)
	if why == "" && f["token"] != l.token() {
		why = "the page is not of this server's present run: load it again"
		l.x.Logf(errorlog.Error, "proxy_balancer", "balancer-manager: a change is refused: %s", why)
	}
	if why == "" {
		return f, 0, true
	}
	l.head("Refused", "")
	l.message("bad", "Nothing was changed:", string(why))
	l.p("<p><a href=\"%s\">All balancers</a></p>\n", l.base)
	return nil, l.send(403), false
}

func (l *look) refused(b *manager.Status, f form, err error) exchange.Verdict {
	_, why := explain(err, nil)
	l.x.Logf(errorlog.Error, "proxy_balancer", "balancer-manager: a change of %s is refused: %s", b.Name, strings.Join(why, "; "))
	delete(f, "at")
	return l.editPage(f, why)
}

func (l *look) apply(b *manager.Status, p manager.Proposal, f form) exchange.Verdict {
	ctx, cancel := context.WithTimeout(context.Background(), editTime)
	defer cancel()
	r, err := l.manager.Propose(ctx, p)
	if err != nil {
		return l.refused(b, f, err)
	}
	return l.redirect(fmt.Sprintf("%s?done=%d", l.base, r.Revision))
}

// consoleEdits makes edits of what differs from what holds.
func consoleEdits(b *manager.Status, m *manager.MemberStatus, f form) (edits []cluster.Edit, wrong []string) {
	if m == nil {
		switch f["do"] {
		case "":
			params := paramEdits(b.Params, f, &wrong)
			if len(params) > 0 {
				edits = append(edits, cluster.Edit{Verb: cluster.Set, Balancer: b.Key, Params: params})
			}
		case "add":
			add := cluster.Edit{Verb: cluster.Add, Balancer: b.MemberKey, Member: strings.TrimSpace(f["url"])}
			for _, name := range [...]string{"loadfactor", "lbset", "route"} {
				if v := strings.TrimSpace(f["p."+name]); v != "" {
					add.Params = append(add.Params, cluster.Param{Name: name, Value: v})
				}
			}
			if f["off"] != "" {
				add.Params = append(add.Params, cluster.Param{Name: "status.D", Value: "On"})
			}
			edits = append(edits, add)
		default:
			wrong = append(wrong, fmt.Sprintf("do = %q: there is no such action for a balancer", f["do"]))
		}
		return edits, wrong
	}
	e := cluster.Edit{Verb: cluster.Set, Balancer: b.MemberKey, Member: m.URL}
	flag := func(letter byte, on bool) {
		e.Params = append(e.Params, cluster.Param{Name: "status." + string(rune(letter)), Value: onOff(on)})
	}
	switch do := f["do"]; do {
	case "":
		e.Params = paramEdits(m.Params, f, &wrong)
		for _, ff := range flagFields {
			v, given := f["f."+string(rune(ff.letter))]
			switch {
			case !given || ff.flag == live.HealthFailed:
			case v != "On" && v != "Off":
				wrong = append(wrong, fmt.Sprintf("%s = %q: allowed: On, Off", ff.title, v))
			case (v == "On") != (m.Flags&ff.flag != 0):
				flag(ff.letter, v == "On")
			}
		}
		if len(e.Params) == 0 {
			return nil, wrong
		}
	case "drain":
		flag('N', true)
	case "disable":
		flag('D', true)
	case "enable":
		for _, ff := range flagFields {
			if ff.flag&(live.Disabled|live.Stopped|live.Draining) != 0 && m.Flags&ff.flag != 0 {
				flag(ff.letter, false)
			}
		}
		if len(e.Params) == 0 {
			return nil, nil
		}
	case "recover":
		e.Verb = cluster.Recover
	case "check":
		e.Verb = cluster.Check
	case "zero":
		e.Verb = cluster.Zero
	case "return":
		e.Verb = cluster.Add
	case "remove":
		e.Verb, e.Timeout, e.Idle = cluster.Remove, manager.DefaultLeave, manager.DefaultIdle
		if v := strings.TrimSpace(f["timeout"]); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 0 || n > 7*24*3600 {
				return nil, []string{fmt.Sprintf("timeout = %q: allowed: 0 to 604800 seconds", v)}
			}
			e.Timeout = time.Duration(n) * time.Second
		}
	default:
		return nil, []string{fmt.Sprintf("do = %q: there is no such action", do)}
	}
	return []cluster.Edit{e}, wrong
}

// paramEdits compares the fields of a form with the parameters as they hold.
func paramEdits(list []manager.Param, f form, wrong *[]string) (out []cluster.Param) {
	for i := range list {
		p := &list[i]
		v, given := f["p."+p.Name]
		v = strings.TrimSpace(v)
		switch {
		case !editable(p):
		case f["back."+p.Name] != "" && p.Edited:
			out = append(out, cluster.Param{Name: p.Name, Back: true})
		case !given || v == p.Value:
		case v == "" && p.Kind != "text" && p.Edited:
			out = append(out, cluster.Param{Name: p.Name, Back: true})
		case v == "" && p.Kind != "text":
			*wrong = append(*wrong, fmt.Sprintf("%s: the configuration sets it to %s; give another value", p.Name, p.Value))
		default:
			out = append(out, cluster.Param{Name: p.Name, Value: v})
		}
	}
	return out
}

// preview shows what a change would do and asks whether it is meant.
func (l *look) preview(b *manager.Status, f form, out *manager.Preview) exchange.Verdict {
	l.head("Preview", "")
	l.crumbs(b, "preview")
	l.p("<h1>Preview</h1>\n<section class=\"card\" aria-labelledby=\"what\">\n<h2 id=\"what\">What changes</h2>\n")
	l.edits(out.Edits)
	l.p("</section>\n")
	warnings := out.Warnings
	for i := range out.Balancers {
		warnings = append(warnings, l.learned(&out.Balancers[i])...)
	}
	if len(warnings) > 0 {
		l.message("warn", "Mind this:", warnings...)
	}
	for i := range out.Balancers {
		l.outlook(&out.Balancers[i])
	}
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
	l.p("<p class=\"field wide\"><label for=\"reason\">Why (for the history)</label><input id=\"reason\" name=\"reason\" maxlength=\"%d\" value=\"%s\" autocomplete=\"off\"></p>\n", manager.MaxReason, e(f["reason"]))
	l.p("<p><button class=\"main\">Make the change</button> ")
	if f["do"] == "" || f["do"] == "add" {
		l.p("<button name=\"again\" value=\"1\" formaction=\"%s/preview\">Back to the form</button> ", l.base)
	}
	l.p("<a class=\"button\" href=\"%s\">Cancel</a></p>\n</form>\n", l.base)
	return l.send(200)
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
	for i := range list {
		ed := &list[i]
		target := "balancer " + ed.Balancer.Name
		if ed.Member != "" {
			target = ed.Member
		}
		if v := verbs[ed.Verb]; v != "" {
			l.p("<p><strong>%s</strong> %s.</p>\n", e(target), e(v))
		}
		if len(ed.Params) == 0 || ed.Verb == cluster.Remove {
			continue
		}
		l.p("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table class=\"changes\"><caption>%s</caption><thead><tr><th scope=\"col\">Parameter</th><th scope=\"col\">Now</th><th scope=\"col\">Then</th></tr></thead><tbody>\n", e(target))
		for k := range ed.Params {
			p := &ed.Params[k]
			old, then := valueText(p.Old()), valueText(cluster.Some(p.Value))
			if p.Back {
				then = valueText(p.Base) + " (the configuration)"
			}
			l.p("<tr><th scope=\"row\">%s</th><td>%s</td><td><strong>%s</strong></td></tr>\n", e(paramTitle(p.Name)), e(old), e(then))
		}
		l.p("</tbody></table></div>\n")
	}
}

func valueText(t cluster.Text) string {
	switch {
	case !t.Is:
		return "default"
	case t.V == "":
		return "(empty)"
	}
	return t.V
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

// outlook shows who gets which part of the requests, before and after.
func (l *look) outlook(o *manager.Outlook) {
	changed := false
	for i := range o.Members {
		m := &o.Members[i]
		changed = changed || m.Before != m.After || m.IsNew || m.IsGone
	}
	if !changed {
		l.p("<section class=\"card\" aria-label=\"Traffic\"><p>The requests of %s go where they go now.</p></section>\n", e(o.Key.Name))
		return
	}
	l.p("<section class=\"card\" aria-labelledby=\"who\">\n<h2 id=\"who\">Who gets the requests of %s</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table class=\"changes\"><caption class=\"hide\">Shares before and after</caption><thead><tr><th scope=\"col\">Member</th><th scope=\"col\">Now</th><th scope=\"col\">Then</th><th scope=\"col\">In flight</th></tr></thead><tbody>\n", e(o.Key.Name))
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
		for _, v := range [...]float64{m.Before, m.After} {
			l.p("<td>%s%s</td>", bar(v), shareText(v))
		}
		l.p("<td class=\"n\">%d</td></tr>\n", m.Busy)
	}
	l.p("</tbody></table></div>\n<p><small>Of requests without a session; sessions stay where they are as long as their member serves them.</small></p>\n</section>\n")
}

// Above what a member has shown within the hour that it can carry, by this
// factor, and from this rate on, a warning is due.
const (
	learnedSlack = 1.2
	learnedRate  = 1.0 // requests per second
)

// learned compares what each member would get with the most it has served
// within the last hour.
func (l *look) learned(o *manager.Outlook) (warnings []string) {
	total := 0.0
	most := make([]float64, len(o.Members))
	for i := range o.Members {
		key := live.WorkerKey{Balancer: o.Key, URL: o.Members[i].URL}
		n, _ := l.charts.Now(key)
		total += n.Rate
		list, _ := l.charts.Hour(key)
		for k := range list {
			// Steps with many errors show no strength.
			if s := &list[k]; s.Errors*20 <= s.Requests {
				most[i] = max(most[i], float64(s.Requests)/chart.Step.Seconds())
			}
		}
		most[i] = max(most[i], n.Rate)
	}
	for i := range o.Members {
		m := &o.Members[i]
		will := total * m.After
		switch {
		case will < learnedRate || m.After <= m.Before:
		case most[i] == 0:
			warnings = append(warnings, fmt.Sprintf("%s would get %s requests/s at once; it has served none within the hour", m.URL, rateText(will)))
		case will > learnedSlack*most[i]:
			warnings = append(warnings, fmt.Sprintf("%s would get %s requests/s; the most it has served within the hour is %s", m.URL, rateText(will), rateText(most[i])))
		}
	}
	return warnings
}
