package proxy_balancer

import (
	"sallyport/internal/exchange"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/workerconf"
)

// editPage is the page of one balancer or member: what it does, its history in
// charts, and the form that changes it. wrong is what an edit was refused for.
func (l *look) editPage(q form, wrong []string) exchange.Verdict {
	b, m := l.find(q)
	switch {
	case b == nil || q["w"] != "" && m == nil:
		return l.missing(q)
	case m != nil:
		return l.memberPage(b, m, q, wrong)
	case q["add"] != "" || q["do"] == "add":
		return l.addPage(b, q, wrong)
	}
	return l.balancerPage(b, q, wrong)
}

func (l *look) wrong(wrong []string) (status int) {
	if len(wrong) == 0 {
		return 200
	}
	l.message("bad", "Nothing was changed:", wrong...)
	return 400
}

func (l *look) crumbs(b *manager.Status, here string) {
	l.p("<nav class=\"crumbs\" aria-label=\"Where you are\"><a href=\"%s\">Balancers</a>", l.base)
	if here != "" {
		l.p(" / <a href=\"%s\">%s</a> / <span>%s</span>", l.url(b, nil), e(b.Key.Name), e(here))
	} else {
		l.p(" / <span>%s</span>", e(b.Key.Name))
	}
	l.p("</nav>\n")
}

func (l *look) memberPage(b *manager.Status, m *manager.MemberStatus, q form, wrong []string) exchange.Verdict {
	l.head(m.URL, "")
	l.crumbs(b, m.URL)
	status := l.wrong(wrong)
	r := l.rowOf(b, m, l.now)
	l.p("<h1>%s</h1>\n<section class=\"card %s\" aria-label=\"State\" data-id=\"%s\">\n", e(m.URL), r.class, r.id)
	l.p("<p class=\"state\"><span class=\"dot\" aria-hidden=\"true\"></span><strong data-f=\"state\">%s</strong> <span data-f=\"why\">%s</span></p>\n", e(r.state), e(r.why))
	l.p("<dl class=\"figures small\">\n")
	for _, v := range [...]struct{ name, field, value, unit string }{
		{"Share", "share", shareText(r.share), ""}, {"Requests", "rate", r.rate, "/s"}, {"Errors", "errors", r.errors, ""},
		{"p50", "p50", r.p50, ""}, {"p95", "p95", r.p95, ""}, {"p99", "p99", r.p99, ""}, {"In flight", "busy", r.busy, ""},
	} {
		l.p("<div><dt>%s</dt><dd><span data-f=\"%s\">%s</span>%s</dd></div>\n", v.name, v.field, e(v.value), v.unit)
	}
	l.p("<div><dt>Elected</dt><dd>%d</dd></div>\n", m.Elected)
	l.p("</dl>\n")
	list, _ := l.charts.Hour(live.WorkerKey{Balancer: b.MemberKey, URL: m.URL})
	h := hourOf(list)
	l.p("<div class=\"charts\">\n")
	l.chart(h, "Requests and errors of "+m.URL+" in the last hour", false)
	l.chart(h, "Answer times of "+m.URL+" in the last hour", true)
	l.p("</div>\n")
	if r.checks != "" {
		l.p("<p>Last health checks: ")
		l.strip(&r)
		l.p(" <span>%s</span></p>\n", e(r.checksText))
	}
	l.p("<form method=\"post\" action=\"%s/preview\" class=\"actions\">", l.base)
	l.hidden(b, m)
	for _, a := range append(quickActions(m), moreActions(m, l.hcheck)...) {
		class := ""
		if a.do == "remove" {
			class = " class=\"danger\""
		}
		l.p("<button name=\"do\" value=\"%s\"%s>%s</button> ", a.do, class, a.text)
	}
	l.p("</form>\n</section>\n")

	l.p("<section class=\"card\" aria-labelledby=\"edit\">\n<h2 id=\"edit\">Change</h2>\n<form method=\"post\" action=\"%s/preview\" class=\"edit\">\n", l.base)
	l.hidden(b, m)
	l.p("<fieldset><legend>Traffic</legend><div class=\"fields\">\n")
	l.params(m.Params, q, func(name string) bool { return firstParams[name] })
	l.p("</div></fieldset>\n<fieldset><legend>Status</legend><div class=\"flags\">\n")
	for _, f := range flagFields {
		if f.flag == live.HealthFailed {
			continue
		}
		l.flag(f.letter, f.title, m.Flags&f.flag != 0, q)
	}
	l.p("</div></fieldset>\n")
	l.more(m.Params, q)
	l.p("<p><button class=\"main\">Preview the change</button> <a class=\"button\" href=\"%s\">Cancel</a></p>\n</form>\n</section>\n", l.base)
	return l.send(status)
}

func (l *look) balancerPage(b *manager.Status, q form, wrong []string) exchange.Verdict {
	l.head(b.Key.Name, "")
	l.crumbs(b, "")
	status := l.wrong(wrong)
	l.p("<h1>%s</h1>\n", e(b.Key.Name))
	sum := l.sum(b)
	h := hourOf(sum)
	l.p("<section class=\"card\" aria-label=\"Last hour\"><div class=\"charts\">\n")
	l.chart(h, "Requests and errors of "+b.Key.Name+" in the last hour", false)
	l.chart(h, "Answer times of "+b.Key.Name+"'s slowest members in the last hour", true)
	l.p("</div></section>\n")
	l.p("<section class=\"card\" aria-labelledby=\"edit\">\n<h2 id=\"edit\">Change</h2>\n<form method=\"post\" action=\"%s/preview\" class=\"edit\">\n", l.base)
	l.hidden(b, nil)
	l.p("<fieldset><legend>Elections and sessions</legend><div class=\"fields\">\n")
	l.params(b.Params, q, func(name string) bool { return firstParams[name] })
	l.p("</div></fieldset>\n")
	l.more(b.Params, q)
	l.p("<p><button class=\"main\">Preview the change</button> <a class=\"button\" href=\"%s&amp;add=1\">Add a member</a> <a class=\"button\" href=\"%s\">Cancel</a></p>\n</form>\n</section>\n", l.url(b, nil), l.base)
	return l.send(status)
}

func (l *look) addPage(b *manager.Status, q form, wrong []string) exchange.Verdict {
	l.head("Add a member to "+b.Key.Name, "")
	l.crumbs(b, "add a member")
	status := l.wrong(wrong)
	l.p("<h1>Add a member to %s</h1>\n<section class=\"card\" aria-label=\"New member\">\n<form method=\"post\" action=\"%s/preview\" class=\"edit\">\n", e(b.Key.Name), l.base)
	l.hidden(b, nil)
	l.p("<input type=\"hidden\" name=\"do\" value=\"add\">\n<div class=\"fields\">\n")
	example := "http://127.0.0.1:8080"
	if n := len(b.Members); n > 0 {
		example = b.Members[n-1].URL
	}
	l.p("<p class=\"field wide\"><label for=\"url\">URL</label><input id=\"url\" name=\"url\" required maxlength=\"1000\" placeholder=\"%s\" value=\"%s\"><small>scheme://host[:port][/path], as on a BalancerMember line</small></p>\n", e(example), e(q["url"]))
	for _, f := range [...]struct{ name, title, hint string }{
		{"loadfactor", "Load factor", "1 to 100; 1 if empty"}, {"route", "Route", "its name in sticky sessions"}, {"lbset", "Set", "0 to 99; lower sets serve first"},
	} {
		l.p("<p class=\"field\"><label for=\"p.%s\">%s</label><input id=\"p.%s\" name=\"p.%s\" value=\"%s\"><small>%s</small></p>\n", f.name, f.title, f.name, f.name, e(q["p."+f.name]), f.hint)
	}
	checked := " checked"
	if q["do"] == "add" && q["off"] == "" {
		checked = ""
	}
	l.p("<p class=\"field\"><label><input type=\"checkbox\" name=\"off\" value=\"1\"%s> disabled at first</label><small>Enable it when it is ready.</small></p>\n", checked)
	l.p("</div>\n<p><button class=\"main\">Preview the change</button> <a class=\"button\" href=\"%s\">Cancel</a></p>\n</form>\n</section>\n", l.base)
	return l.send(status)
}

// firstParams are shown without asking for more.
var firstParams = map[string]bool{
	"loadfactor": true, "lbset": true, "route": true, "redirect": true, "maxconn": true, "retry": true,
	"lbmethod": true, "stickysession": true, "nofailover": true, "timeout": true, "maxattempts": true, "queue": true,
}

// params writes fields for the parameters that show wants.
func (l *look) params(list []manager.Param, q form, show func(string) bool) {
	for i := range list {
		if p := &list[i]; show(p.Name) && editable(p) {
			l.field(p, q)
		}
	}
}

func editable(p *manager.Param) bool { return !p.Fixed && p.Name != "status" }

// more writes the other parameters, folded away unless one of them was edited.
func (l *look) more(list []manager.Param, q form) {
	edited, n := false, 0
	for i := range list {
		p := &list[i]
		if editable(p) && !firstParams[p.Name] {
			n++
			edited = edited || p.Edited
		}
	}
	if n == 0 {
		return
	}
	open := ""
	if edited {
		open = " open"
	}
	l.p("<details%s><summary>All parameters (%d more)</summary><div class=\"fields\">\n", open, n)
	l.params(list, q, func(name string) bool { return !firstParams[name] })
	l.p("</div></details>\n")
}

// field writes the input of one parameter.
func (l *look) field(p *manager.Param, q form) {
	id := "p." + p.Name
	value, given := q[id]
	if !given {
		value = p.Value
	}
	l.p("<div class=\"field\"><label for=\"%s\">%s</label>", id, e(p.Name))
	options := []string{}
	switch {
	case p.Kind == "On|Off":
		options = []string{"", "On", "Off"}
	case p.Kind == "on|off|auto":
		options = []string{"", "on", "off", "auto"}
	case p.Name == "lbmethod":
		options = append([]string{""}, l.methods...)
	case p.Name == "hcmethod":
		options = append([]string{""}, checkMethods...)
	}
	switch {
	case workerconf.Repeats(p.Name):
		l.p("<textarea id=\"%s\" name=\"%s\" rows=\"2\" maxlength=\"1000\" aria-describedby=\"%s-h\">\n%s</textarea>", id, id, id, e(value))
	case p.Secret:
		l.p("<input type=\"password\" autocomplete=\"new-password\" id=\"%s\" name=\"%s\" value=\"%s\" placeholder=\"%s\" maxlength=\"1000\" aria-describedby=\"%s-h\">",
			id, id, e(value), map[bool]string{true: "as it is", false: "none"}[p.Set], id)
	case len(options) == 0:
		l.p("<input id=\"%s\" name=\"%s\" value=\"%s\" placeholder=\"%s\" maxlength=\"1000\" aria-describedby=\"%s-h\">", id, id, e(value), e(p.Default), id)
	default:
		l.p("<select id=\"%s\" name=\"%s\">", id, id)
		for _, o := range options {
			text, sel := o, ""
			if o == "" {
				text = "default"
				if p.Default != "" {
					text += " (" + p.Default + ")"
				}
			}
			if o == value {
				sel = " selected"
			}
			l.p("<option value=\"%s\"%s>%s</option>", e(o), sel, e(text))
		}
		l.p("</select>")
	}
	hint := p.Help
	if p.Unit != "" {
		hint += " (" + p.Unit + ")"
	}
	if p.Range != "" {
		hint += "; " + p.Range
	}
	l.p("<small id=\"%s-h\">%s</small>", id, e(hint))
	if p.Edited {
		was := "nothing"
		if p.Configured.Is {
			was = p.Configured.V
			if p.Secret {
				was = "the secret there"
			}
		}
		l.p("<small class=\"edited\"><label><input type=\"checkbox\" name=\"back.%s\" value=\"1\"> back to the configuration: %s</label> (set by %s, %s)</small>",
			p.Name, e(was), e(who(p.Mark.By.User, p.Mark.By.Client)), e(clock(p.Mark.At, l.now)))
	}
	l.p("</div>\n")
}

func (l *look) flag(letter byte, title string, on bool, q form) {
	name := "f." + string(rune(letter))
	if v, given := q[name]; given {
		on = v == "On"
	}
	sel := [2]string{" selected", ""}
	if on {
		sel = [2]string{"", " selected"}
	}
	l.p("<p class=\"field\"><label for=\"%[1]s\">%[2]s</label><select id=\"%[1]s\" name=\"%[1]s\"><option value=\"Off\"%[3]s>Off</option><option value=\"On\"%[4]s>On</option></select><small>%[5]s</small></p>\n",
		name, title, sel[0], sel[1], flagHelp[letter])
}

var flagHelp = map[byte]string{
	'I': "failures never take it out", 'N': "only sessions it has", 'D': "takes no requests",
	'H': "serves when nobody else can", 'R': "stands in for one that is down", 'S': "like disabled, and not checked",
}

// action is a button.
type action struct{ do, text string }

// quickActions are those that a member's state calls for.
func quickActions(m *manager.MemberStatus) (out []action) {
	const off = live.Disabled | live.Stopped | live.Draining
	if m.Leaving {
		return []action{{"return", "Put back"}}
	}
	if m.Flags&live.InError != 0 {
		out = append(out, action{"recover", "Retry now"})
	}
	if m.Flags&off != 0 {
		return append(out, action{"enable", "Enable"})
	}
	return append(out, action{"drain", "Drain"}, action{"disable", "Disable"})
}

// moreActions are those of a member's own page.
func moreActions(m *manager.MemberStatus, hcheck bool) (out []action) {
	if m.Leaving {
		return nil
	}
	if m.Flags&live.Draining != 0 && m.Flags&live.Disabled == 0 {
		out = append(out, action{"disable", "Disable"})
	}
	if hcheck {
		out = append(out, action{"check", "Check now"})
	}
	return append(out, action{"zero", "Reset counters"}, action{"remove", "Remove"})
}
