package proxy_balancer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/cluster"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/manager"
)

// editTime bounds how long an edit may take until it holds.
const editTime = 10 * time.Second

// by says who asks.
func by(x *exchange.Exchange, reason string) cluster.By {
	return cluster.By{User: x.User, Client: x.Client.Text(), Reason: reason}
}

// mayEdit says why a change is refused whatever it is; "" when it is not.
func mayEdit(x *exchange.Exchange) refusal {
	why := unprotected(x)
	if why == "" {
		why = crossSite(x)
	}
	if why != "" {
		x.Logf(errorlog.Error, "proxy_balancer", "AH10187: ignoring params in balancer-manager: %s", why)
	}
	return why
}

// checkNonce compares the nonce of a form with the balancer's.
//
// Unlike httpd: nonce=None means that none is asked for, as its manual says,
// where access rules keep others out. There it refuses every change.
func checkNonce(x *exchange.Exchange, b *manager.Status, nonce string) refusal {
	switch {
	case b.Nonce == "" && !guarded(x):
		return refusal(b.Name + " has nonce=None: changes are only taken behind access control (a Require line in this <Location>)")
	case b.Nonce != "" && nonce == "":
		return "the nonce is missing: take it from the page"
	case b.Nonce != "" && nonce != b.Nonce:
		return "the nonce is not (or no longer) that of " + refusal(b.Name) + ": load the page again"
	}
	return ""
}

// post takes httpd's forms.
//
// Unlike httpd: whatever is wrong is said, and then nothing is changed. There
// bad values are dropped in silence while the others hold.
func (s *site) post(x *exchange.Exchange) exchange.Verdict {
	f, err := readForm(x)
	if err != nil {
		status := 400
		if errors.Is(err, errLarge) {
			status = 413
		}
		x.KeepAlive = false
		return s.plain(x, form{}, notice{status: status, wrong: []string{err.Error()}})
	}
	refuse := func(status int, why ...string) exchange.Verdict {
		return s.plain(x, f, notice{status: status, wrong: why})
	}
	edits, wrong := s.formEdits(f)
	switch {
	case len(wrong) > 0:
		return refuse(400, wrong...)
	case !changes(f):
		return s.plain(x, f, notice{}) // nothing was asked for
	}
	if why := mayEdit(x); why != "" {
		return refuse(403, string(why))
	}
	list := s.balancers()
	b, _ := selected(list, f)
	if why := checkNonce(x, b, f["nonce"]); why != "" {
		x.Logf(errorlog.Error, "proxy_balancer", "balancer-manager: a change of %s is refused: %s", b.Name, why)
		return refuse(403, string(why))
	}
	if len(edits) == 0 {
		return s.plain(x, f, notice{done: "Nothing to change: everything is as the form says."})
	}
	ctx, cancel := context.WithTimeout(context.Background(), editTime)
	defer cancel()
	r, err := s.manager.Propose(ctx, manager.Proposal{By: by(x, ""), Edits: edits, Form: true})
	if err != nil {
		status, why := explain(err, formNames)
		x.Logf(errorlog.Error, "proxy_balancer", "%sa change of %s is refused: %s", memberNotAdded(f), b.Name, strings.Join(why, "; "))
		return refuse(status, why...)
	}
	return s.plain(x, f, notice{done: fmt.Sprintf("Changed (revision %d).", r.Revision)})
}

func memberNotAdded(f form) string {
	if f["b_nwrkr"] != "" {
		return "AH10163: "
	}
	return ""
}

// explain makes an answer of Propose's error. names gives the form's names for
// parameters; nil: they keep their own.
func explain(err error, names map[string]string) (status int, why []string) {
	var invalid *manager.Invalid
	var stale *manager.Stale
	var away *manager.AwayError
	switch {
	case errors.As(err, &invalid):
		for _, f := range invalid.Fields {
			name := f.Name
			if n := names[name]; n != "" {
				name = n + " (" + name + ")"
			}
			text := fmt.Sprintf("%s = %q: %s", name, f.Value, f.Problem)
			if f.Allowed != "" {
				text += "; allowed: " + f.Allowed
			}
			why = append(why, text)
		}
		return 400, why
	case errors.As(err, &stale):
		return 409, []string{stale.Error()}
	case errors.As(err, &away):
		return 503, []string{away.Error()}
	}
	return 500, []string{err.Error()}
}

// formNames are the fields of httpd's forms by the parameter they set.
var formNames = map[string]string{
	"loadfactor": "w_lf", "lbset": "w_ls", "route": "w_wr", "redirect": "w_rr",
	"status.I": "w_status_I", "status.N": "w_status_N", "status.D": "w_status_D", "status.H": "w_status_H",
	"status.R": "w_status_R", "status.S": "w_status_S", "status.C": "w_status_C",
	"hcmethod": "w_hm", "hcinterval": "w_hi", "hcpasses": "w_hp", "hcfails": "w_hf", "hcuri": "w_hu", "hcexpr": "w_he",
	"lbmethod": "b_lbm", "timeout": "b_tmo", "maxattempts": "b_max", "nofailover": "b_sforce", "stickysession": "b_ss",
	"member": "b_nwrkr",
}

// changes reports whether a form holds a field that changes something.
func changes(f form) bool {
	for name := range f {
		if strings.HasPrefix(name, "w_") || strings.HasPrefix(name, "b_") && name != "b_wyes" {
			return true
		}
	}
	return false
}

// formEdits makes edits of httpd's fields: of those that differ from what
// holds, for a browser sends all of a form. wrong says what can't be.
func (s *site) formEdits(f form) (edits []cluster.Edit, wrong []string) {
	if !changes(f) {
		return nil, nil
	}
	list := s.balancers()
	b, m := selected(list, f)
	switch {
	case b == nil:
		return nil, []string{fmt.Sprintf("b = %q: there is no such balancer", f["b"])}
	case f["w"] != "" && m == nil:
		return nil, []string{fmt.Sprintf("w = %q: %s has no such member", f["w"], b.Name)}
	}
	e := &editor{form: f, hcheck: s.hcheck}
	if m != nil {
		e.member(m)
		if len(e.params) > 0 {
			edits = append(edits, cluster.Edit{Verb: cluster.Set, Balancer: b.MemberKey, Member: m.URL, Params: e.params})
		}
		if e.once != "" {
			edits = append(edits, cluster.Edit{Verb: e.once, Balancer: b.MemberKey, Member: m.URL})
		}
		e.params = nil
	} else if name := e.some("w_"); name != "" {
		e.bad(name, "w, the member's URL, is missing", "")
	}
	if e.some("b_") != "" {
		e.balancer(b)
		if len(e.params) > 0 {
			edits = append(edits, cluster.Edit{Verb: cluster.Set, Balancer: b.Key, Params: e.params})
		}
		if url := strings.TrimSpace(f["b_nwrkr"]); url != "" {
			if f["b_wyes"] != "1" {
				e.bad("b_nwrkr", "the box \"Are you sure?\" is not ticked", "b_wyes=1")
			} else {
				edits = append(edits, cluster.Edit{Verb: cluster.Add, Balancer: b.MemberKey, Member: url,
					Params: []cluster.Param{{Name: "status.D", Value: "On"}}})
			}
		}
	}
	for name := range f {
		if (strings.HasPrefix(name, "w_") || strings.HasPrefix(name, "b_")) && !knownField[name] {
			e.bad(name, "there is no such field", "")
		}
	}
	return edits, e.wrong
}

var knownField = func() map[string]bool {
	m := map[string]bool{"b_wyes": true}
	for _, name := range formNames {
		m[name] = true
	}
	return m
}()

// editor reads the fields of one form.
type editor struct {
	form   form
	hcheck bool
	params []cluster.Param
	once   cluster.Verb
	wrong  []string
}

func (e *editor) bad(name, problem, allowed string) {
	value := e.form[name]
	if len(value) > 200 {
		value = value[:200] + "..."
	}
	text := fmt.Sprintf("%s = %q: %s", name, value, problem)
	if allowed != "" {
		text += "; allowed: " + allowed
	}
	e.wrong = append(e.wrong, text)
}

// some is the name of a field that begins with prefix; "" when there is none.
func (e *editor) some(prefix string) string {
	for name := range e.form {
		if strings.HasPrefix(name, prefix) && name != "b_wyes" {
			return name
		}
	}
	return ""
}

func (e *editor) set(param, value string) {
	e.params = append(e.params, cluster.Param{Name: param, Value: value})
}

// text reads a field that sets a text; ok is false when it is not there or says
// what holds.
func (e *editor) text(name, now string) (string, bool) {
	v, there := e.form[name]
	return v, there && v != now
}

// flag reads an integer: 0 is off, any other on.
func (e *editor) flag(name string) (on, ok bool) {
	v, there := e.form[name]
	if !there {
		return false, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil {
		e.bad(name, "this is no number", "0 (off) or 1 (on)")
		return false, false
	}
	return n != 0, true
}

// integer reads a number within a range.
func (e *editor) integer(name string, low, high, now int) (string, bool) {
	v, there := e.form[name]
	if !there {
		return "", false
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil || n < low || n > high {
		e.bad(name, "this is no number of that range", fmt.Sprintf("%d to %d", low, high))
		return "", false
	}
	return strconv.Itoa(n), n != now
}

func (e *editor) member(m *manager.MemberStatus) {
	if v, there := e.form["w_lf"]; there {
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		switch {
		case err != nil || !(f >= 1 && f <= 100):
			e.bad("w_lf", "this is no load factor", "1.00 to 100.00")
		case int32(f*100+1e-6) != m.Factor:
			e.set("loadfactor", strconv.FormatFloat(float64(int(f*100+1e-6))/100, 'f', -1, 64))
		}
	}
	if v, ok := e.integer("w_ls", 0, 99, int(m.LBSet)); ok {
		e.set("lbset", v)
	}
	if v, ok := e.text("w_wr", m.Route); ok {
		e.set("route", v)
	}
	if v, ok := e.text("w_rr", m.Redirect); ok {
		e.set("redirect", v)
	}
	for _, f := range flagFields {
		on, ok := e.flag("w_status_" + string(rune(f.letter)))
		switch {
		case !ok || on == (m.Flags&f.flag != 0):
		case f.letter == 'C' && !e.hcheck:
			e.bad("w_status_C", "there are no health checks: mod_proxy_hcheck is not loaded", "")
		case f.letter == 'C' && on:
			e.once = cluster.Fail
		case f.letter == 'C':
			e.once = cluster.Pass
		default:
			e.set("status."+string(rune(f.letter)), onOff(on))
		}
	}
	e.health(m)
}

func (e *editor) health(m *manager.MemberStatus) {
	if !e.hcheck {
		for name := range e.form {
			if strings.HasPrefix(name, "w_h") {
				e.bad(name, "there are no health checks: mod_proxy_hcheck is not loaded", "")
			}
		}
		return
	}
	h := healthOf(m)
	if v, ok := e.text("w_hm", h.method); ok {
		e.set("hcmethod", v)
	}
	if v, there := e.form["w_hi"]; there {
		v = strings.TrimSpace(v)
		if _, err := strconv.Atoi(v); err == nil {
			v += "ms"
		}
		if v != strconv.FormatInt(h.interval.Milliseconds(), 10)+"ms" {
			e.set("hcinterval", v)
		}
	}
	if v, ok := e.integer("w_hp", 1, 1<<30, h.passes); ok {
		e.set("hcpasses", v)
	}
	if v, ok := e.integer("w_hf", 1, 1<<30, h.fails); ok {
		e.set("hcfails", v)
	}
	if v, ok := e.text("w_hu", h.uri); ok {
		e.set("hcuri", v)
	}
	if v, ok := e.text("w_he", h.expr); ok {
		e.set("hcexpr", v)
	}
}

func (e *editor) balancer(b *manager.Status) {
	set := &b.Settings
	if v, ok := e.text("b_lbm", b.Method); ok {
		e.set("lbmethod", v)
	}
	if v, there := e.form["b_tmo"]; there && strings.TrimSpace(v) != plainSeconds(set.Timeout.V) {
		if v, ok := e.integer("b_tmo", 0, 7200, -1); ok {
			e.set("timeout", v)
		}
	}
	if v, ok := e.integer("b_max", 0, 99, attempts(b)); ok {
		e.set("maxattempts", v)
	}
	if on, ok := e.flag("b_sforce"); ok && on != set.NoFailover.V {
		e.set("nofailover", onOff(on))
	}
	if v, ok := e.text("b_ss", sticky(b, "|")); ok && v != "" {
		if v == "-" {
			v = ""
		}
		if v != sticky(b, "|") {
			e.set("stickysession", v)
		}
	}
}
