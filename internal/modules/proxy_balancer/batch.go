package proxy_balancer

import (
	"fmt"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/live"
	"sallyport/internal/manager"
)

// Several members can be chosen on the first page, of one balancer or of many,
// and changed in one go: one preview, one change in the history.

// pickField names the box that chooses a member: pickPrefix, the balancer's
// name, which has no blank, a blank, the URL.
func pickField(b *manager.Status, m *manager.MemberStatus) string {
	return pickPrefix + b.Key.Name + " " + m.URL
}

const pickPrefix = "pick."

// batchActions are what can be done to many at once.
var batchActions = [...]action{{"drain", "Drain"}, {"disable", "Disable"}, {"enable", "Enable"}}

// batchBar is the form of the boxes. It is out of sight while none is ticked.
func (l *look) batchBar() {
	l.p("<form method=\"post\" action=\"%s/preview\" id=\"batch\" class=\"batch\" aria-label=\"Members that are chosen\">", l.base)
	l.p("<input type=\"hidden\" name=\"token\" value=\"%s\"><input type=\"hidden\" name=\"at\" value=\"%s\">", l.token(), l.manager.Version())
	l.p("<span id=\"picked\" role=\"status\">Members that are ticked:</span> ")
	// The first button is the one that Enter presses.
	l.p("<span class=\"joint\"><label for=\"batch-factor\">Factor</label> <input id=\"batch-factor\" name=\"p.loadfactor\" inputmode=\"decimal\" placeholder=\"1 to 100\"> <button name=\"do\" value=\"factor\">Set</button></span> ")
	for _, a := range batchActions {
		l.p("<button name=\"do\" value=\"%s\">%s</button> ", a.do, a.text)
	}
	l.p("<button name=\"do\" value=\"remove\" class=\"danger\">Remove</button> <button type=\"button\" id=\"unpick\" class=\"quiet\" hidden>Clear</button></form>\n")
}

// postBatch takes the form of the boxes: a preview first, then the change.
func (l *look) postBatch(f form, apply bool) exchange.Verdict {
	edits, wrong := l.batchEdits(f)
	if len(wrong) > 0 {
		return l.batchRefused(400, wrong)
	}
	p := manager.Proposal{By: by(l.x, strings.TrimSpace(f["reason"])), Edits: edits}
	p.At, _ = manager.ParseVersion(f["at"])
	var out *manager.Preview
	var err error
	if apply {
		err = l.propose(p)
	} else {
		out, err = l.manager.Preview(p)
	}
	switch {
	case err != nil:
		status, why := explain(err, nil)
		l.x.Logf(errorlog.Error, "proxy_balancer", "balancer-manager: a change of %d members is refused: %s", len(edits), strings.Join(why, "; "))
		return l.batchRefused(status, why)
	case apply:
		return exchange.Done
	}
	return l.preview(nil, f, out)
}

// batchEdits makes the edits of all members that are ticked.
func (l *look) batchEdits(f form) (edits []cluster.Edit, wrong []string) {
	chosen := 0
	seen := map[live.WorkerKey]bool{} // two views of a balancer share members
	views := map[string]*manager.Status{}
	for _, field := range sortedNames(f) {
		text, ok := strings.CutPrefix(field, pickPrefix)
		if !ok {
			continue
		}
		chosen++
		name, url, _ := strings.Cut(text, " ")
		b, known := views[name]
		if !known {
			if st, ok := l.manager.At(l.key).Balancer(name); ok {
				b = &st
			}
			views[name] = b
		}
		var m *manager.MemberStatus
		if b != nil {
			m = b.Member(url)
		}
		if m == nil {
			wrong = append(wrong, fmt.Sprintf("there is no balancer %s with a member %s (any more)", name, url))
			continue
		}
		if key := (live.WorkerKey{Balancer: b.MemberKey, URL: m.URL}); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		some, bad := actionEdits(b, m, f)
		edits = append(edits, some...)
		for _, text := range bad {
			wrong = append(wrong, m.URL+": "+text)
		}
	}
	switch {
	case len(wrong) > 0:
	case chosen == 0:
		wrong = append(wrong, "No member is chosen: tick the boxes in front of those that are meant.")
	case len(edits) == 0:
		wrong = append(wrong, "The members that are chosen are as the button would have them: there is nothing to change.")
	}
	return edits, wrong
}

func (l *look) batchRefused(status int, why []string) exchange.Verdict {
	l.head("Refused", "")
	l.p("<h1>Nothing was changed</h1>\n")
	l.message("bad", "Of none of the members that are chosen:", why...)
	l.p("<p><a class=\"button\" href=\"%s\">Balancers</a></p>\n", l.base)
	return l.send(status)
}
