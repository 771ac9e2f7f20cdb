package proxy_balancer

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

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
	if f["b"] == "" {
		return l.postBatch(f, apply)
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
	if err := l.propose(p); err != nil {
		return l.refused(b, f, err)
	}
	return exchange.Done
}

// propose makes a change and, where it holds, answers.
func (l *look) propose(p manager.Proposal) error {
	ctx, cancel := context.WithTimeout(context.Background(), editTime)
	defer cancel()
	r, err := l.manager.Propose(ctx, p)
	if err == nil {
		l.redirect(fmt.Sprintf("%s?done=%d", l.base, r.Revision))
	}
	return err
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
	if f["do"] != "" {
		return actionEdits(b, m, f)
	}
	e := cluster.Edit{Verb: cluster.Set, Balancer: b.MemberKey, Member: m.URL, Params: paramEdits(m.Params, f, &wrong)}
	for _, ff := range flagFields {
		v, given := f["f."+string(rune(ff.letter))]
		switch {
		case !given || ff.flag == live.HealthFailed:
		case v != "On" && v != "Off":
			wrong = append(wrong, fmt.Sprintf("%s = %q: allowed: On, Off", ff.title, v))
		case (v == "On") != (m.Flags&ff.flag != 0):
			e.Params = append(e.Params, flagParam(ff.letter, v == "On"))
		}
	}
	if len(e.Params) > 0 {
		edits = append(edits, e)
	}
	return edits, wrong
}

func flagParam(letter byte, on bool) cluster.Param {
	return cluster.Param{Name: "status." + string(rune(letter)), Value: onOff(on)}
}

// actionEdits makes the edit that a button asks for; none where the member is
// as the button would have it.
func actionEdits(b *manager.Status, m *manager.MemberStatus, f form) (edits []cluster.Edit, wrong []string) {
	e := cluster.Edit{Verb: cluster.Set, Balancer: b.MemberKey, Member: m.URL}
	flags := func(on bool, which live.Flags) {
		for _, ff := range flagFields {
			if ff.flag&which != 0 && (m.Flags&ff.flag != 0) != on {
				e.Params = append(e.Params, flagParam(ff.letter, on))
			}
		}
	}
	switch do := f["do"]; do {
	case "drain":
		flags(true, live.Draining)
	case "disable":
		flags(true, live.Disabled)
	case "enable":
		flags(false, live.Disabled|live.Stopped|live.Draining)
	case "factor":
		e.Params = paramEdits(m.Params, form{"p.loadfactor": f["p.loadfactor"]}, &wrong)
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
	if e.Verb == cluster.Set && len(e.Params) == 0 {
		return nil, wrong
	}
	return []cluster.Edit{e}, wrong
}

// paramEdits compares the fields of a form with the parameters as they hold.
func paramEdits(list []manager.Param, f form, wrong *[]string) (out []cluster.Param) {
	for i := range list {
		p := &list[i]
		v, given := f["p."+p.Name]
		v = strings.TrimSpace(strings.ReplaceAll(v, "\r\n", "\n")) // a textarea's lines
		switch {
		case !editable(p):
		case f["back."+p.Name] != "" && p.Edited:
			out = append(out, cluster.Param{Name: p.Name, Back: true})
		case !given || v == p.Value || v == "" && p.Secret:
		case v == "" && p.Kind != "text" && p.Edited:
			out = append(out, cluster.Param{Name: p.Name, Back: true})
		case v == "" && (p.Kind != "text" || p.Name == "nonce"):
			*wrong = append(*wrong, fmt.Sprintf("%s: the configuration sets it to %s; give another value", p.Name, p.Value))
		default:
			out = append(out, cluster.Param{Name: p.Name, Value: v})
		}
	}
	return out
}
