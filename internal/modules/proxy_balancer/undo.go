package proxy_balancer

import (
	"fmt"
	"strconv"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/manager"
)

// change finds a change of this server's history.
func (l *look) change(text string) (*manager.Entry, string) {
	r, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return nil, fmt.Sprintf("revision = %q: this is no number", text)
	}
	for _, c := range l.manager.At(l.key).History(manager.Filter{Before: cluster.Revision(r + 1), Limit: 1}) {
		if c.Revision == cluster.Revision(r) {
			return &c, ""
		}
	}
	return nil, fmt.Sprintf("there is no change %d, or it is too long ago", r)
}

// undoPage shows what taking a change back would do, as the preview of an edit
// does, and asks whether it is meant.
func (l *look) undoPage(q form) exchange.Verdict {
	c, why := l.change(q["undo"])
	if c == nil {
		return l.noUndo(404, why)
	}
	at := l.manager.Version()
	p, err := l.manager.Inverse(by(l.x, ""), c.Revision, at)
	var out *manager.Preview
	if err == nil {
		out, err = l.manager.Preview(p)
	}
	if err != nil {
		_, why := explain(err, nil)
		return l.noUndo(409, why...)
	}
	l.head("Undo", "")
	l.p("<h1>Undo revision %d?</h1>\n<p>It was made by %s at %s", c.Revision, e(who(c.By.User, c.By.Client)), e(clock(c.At, l.now)))
	if c.By.Reason != "" {
		l.p(": %s", e(c.By.Reason))
	}
	l.p("</p>\n")
	l.prospect(out)
	l.p("<form method=\"post\" action=\"%s/undo\" class=\"edit confirm\"><input type=\"hidden\" name=\"token\" value=\"%s\"><input type=\"hidden\" name=\"at\" value=\"%s\"><input type=\"hidden\" name=\"revision\" value=\"%d\">\n",
		l.base, l.token(), at, c.Revision)
	l.confirm("Undo it", "")
	l.p("<a class=\"button\" href=\"%s\">Cancel</a></p>\n</form>\n", l.base)
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
		return l.noUndo(404, why)
	}
	at, _ := manager.ParseVersion(f["at"])
	p, err := l.manager.Inverse(by(l.x, strings.TrimSpace(f["reason"])), c.Revision, at)
	if err == nil {
		err = l.propose(p)
	}
	if err != nil {
		status, why := explain(err, nil)
		l.x.Logf(errorlog.Error, "proxy_balancer", "balancer-manager: undoing revision %d is refused: %s", c.Revision, strings.Join(why, "; "))
		return l.noUndo(status, why...)
	}
	return exchange.Done
}

func (l *look) noUndo(status int, why ...string) exchange.Verdict {
	l.head("Undo", "history")
	l.p("<h1>Undo</h1>\n")
	l.message("bad", "Nothing was changed:", why...)
	l.p("<p><a class=\"button\" href=\"%s/history\">History</a></p>\n", l.base)
	return l.send(status)
}
