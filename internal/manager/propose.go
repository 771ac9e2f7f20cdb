package manager

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport/internal/cluster"
)

// Proposal is what somebody wants changed: all of it, or nothing.
type Proposal struct {
	By    cluster.By
	Edits []cluster.Edit
	// At is the version its author has seen; zero: whatever there is. It is
	// refused when one of the balancers concerned has changed since.
	At Version
	// Form: it comes from httpd's form, whose limits hold (BalancerGrowth).
	Form bool
	// Undoes is for Undo.
	undoes cluster.Revision
}

// Result is what came of it.
type Result struct {
	Revision cluster.Revision
	Version  Version
	// Edits are the proposal's with what each replaced.
	Edits []cluster.Edit
}

// Field says what is wrong with one value of a proposal.
type Field struct {
	Edit    int    // number of the edit, from 0
	Name    string // balancer, member, verb, or the parameter
	Value   string
	Problem string
	Allowed string // what would have been right; may be empty
}

// Invalid is the error of a proposal that makes no sense.
type Invalid struct{ Fields []Field }

func (e *Invalid) Error() string {
	var all []string
	for _, f := range e.Fields {
		text := fmt.Sprintf("%s=%q: %s", f.Name, f.Value, f.Problem)
		if f.Allowed != "" {
			text += " (allowed: " + f.Allowed + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// Stale is the error of a proposal whose author has not seen the latest
// version.
type Stale struct {
	At, Now Version
	Name    string // of the balancer that has changed
}

func (e *Stale) Error() string {
	return fmt.Sprintf("%s has changed since: version %s was seen, %s is the latest", e.Name, e.At, e.Now)
}

// AwayError is the error of an edit that the store can't keep: nothing was
// changed.
type AwayError struct{ Why error }

func (e *AwayError) Error() string { return "edits are refused: " + e.Why.Error() }
func (e *AwayError) Unwrap() error { return e.Why }

// Limits of a proposal.
const (
	MaxEdits  = 1000
	MaxReason = 500
)

// Propose makes a change and returns when it holds here. The error is an
// *Invalid, a *Stale or an *AwayError; then nothing was changed.
func (m *Manager) Propose(ctx context.Context, p Proposal) (*Result, error) {
	for {
		m.mu.Lock()
		if m.away != nil {
			err := &AwayError{m.away}
			m.mu.Unlock()
			return nil, err
		}
		edits, err := m.check(&p)
		store, at := m.store, m.overlay.Rev()
		m.mu.Unlock()
		if err != nil {
			return nil, err
		}
		c := cluster.Change{At: m.now().UTC(), By: p.By, Undoes: p.undoes, Edits: edits}
		r, err := store.Propose(ctx, at, c)
		var stale *cluster.Stale
		switch {
		case errors.As(err, &stale):
			// Somebody was faster. What it replaced is looked at anew.
			if err := m.await(ctx, stale.Head); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			m.log(true, "an edit by %s is refused: %v", who(p.By), err)
			return nil, &AwayError{err}
		}
		if err := m.await(ctx, r); err != nil {
			return nil, err
		}
		return &Result{Revision: r, Version: m.Version(), Edits: edits}, nil
	}
}

// check looks whether a proposal makes sense now, and returns its edits spelt
// as they are kept, with what they replace; locked.
func (m *Manager) check(p *Proposal) ([]cluster.Edit, error) {
	c := checker{m: m, form: p.Form, overlay: m.overlay}
	switch {
	case m.board == nil:
		return nil, &AwayError{errors.New("no configuration is in service")}
	case len(p.Edits) == 0:
		c.bad(0, "edits", "", "there is nothing to do", "at least one edit")
	case len(p.Edits) > MaxEdits:
		c.bad(0, "edits", fmt.Sprint(len(p.Edits)), "too many edits at once", fmt.Sprintf("at most %d", MaxEdits))
	case len(p.By.Reason) > MaxReason || strings.ContainsFunc(p.By.Reason, control):
		c.bad(0, "reason", "", "too long, or it holds control characters", fmt.Sprintf("one line of at most %d bytes", MaxReason))
	}
	if len(c.fields) > 0 {
		return nil, &Invalid{c.fields}
	}
	out := make([]cluster.Edit, len(p.Edits))
	for i := range p.Edits {
		out[i] = c.edit(i, p.Edits[i])
		if len(c.fields) == 0 {
			// The next edit of the batch builds on this one.
			c.overlay = c.overlay.With(cluster.Change{Revision: c.overlay.Rev() + 1, Edits: out[i : i+1]})
		}
	}
	if len(c.fields) > 0 {
		return nil, &Invalid{c.fields}
	}
	if p.At != (Version{}) {
		for i := range out {
			b := m.overlay.Of(out[i].Balancer)
			if now := (Version{m.config, m.overlay.Rev()}); p.At.Config != m.config || b != nil && b.Last > p.At.Revision {
				return nil, &Stale{p.At, now, "balancer://" + out[i].Balancer.Name}
			}
		}
	}
	return out, nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

func who(b cluster.By) string {
	switch {
	case b.User != "" && b.Client != "":
		return b.User + " at " + b.Client
	case b.User != "":
		return b.User
	case b.Client != "":
		return b.Client
	}
	return "somebody"
}

// line is a change's line in the log.
func line(c *cluster.Change, e *cluster.Edit) string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d by %s: balancer://%s %s %s", c.Revision, who(c.By), e.Balancer.Name, e.Member, e.Verb)
	for _, p := range e.Params {
		now := p.Value
		if p.Back {
			now = told(p.Base) + " (configured)"
		}
		fmt.Fprintf(&b, " %s=%s (was %s)", p.Name, now, told(p.Old()))
	}
	if c.By.Reason != "" {
		fmt.Fprintf(&b, ": %q", c.By.Reason)
	}
	return b.String()
}

// checker goes through the edits of a proposal.
type checker struct {
	m       *Manager
	form    bool
	overlay *cluster.Overlay // with the edits before
	fields  []Field
}

func (c *checker) bad(i int, name, value, problem, allowed string) {
	if len(value) > 200 {
		value = value[:200] + "…"
	}
	if secret[name] {
		value = ""
	}
	c.fields = append(c.fields, Field{i, name, value, problem, allowed})
}

func (c *checker) edit(i int, e cluster.Edit) cluster.Edit {
	b := c.m.board.Find(e.Balancer)
	if b == nil {
		c.bad(i, "balancer", e.Balancer.Name, "there is no such balancer", "one of "+c.names(e.Balancer.Server))
		return e
	}
	if e.Member != "" {
		e.Balancer, b = b.Owner.Key, b.Owner
	}
	if e.Verb != cluster.Remove && (e.Timeout != 0 || e.Idle != 0) {
		c.bad(i, "timeout", max(e.Timeout, e.Idle).String(), string(e.Verb)+" waits for nothing", "timeout and idle with remove")
	}
	switch e.Verb {
	case cluster.Set:
		if e.Member == "" {
			return c.settings(i, b, e)
		}
		return c.member(i, b, e)
	case cluster.Add:
		return c.add(i, b, e)
	case cluster.Remove:
		return c.remove(i, b, e)
	case cluster.Recover, cluster.Fail, cluster.Pass, cluster.Zero, cluster.Check:
		s, ok := c.there(i, b, &e)
		switch {
		case ok && len(e.Params) > 0:
			c.bad(i, e.Params[0].Name, e.Params[0].Value, string(e.Verb)+" takes no parameters", "")
		case ok && e.Verb == cluster.Check && (!s.Conf.Health.Method.Is && !b.Text.Health.Method.Is || !b.Known.Hcheck):
			c.bad(i, "verb", "check", e.Member+" has no health check", "a member with hcmethod=, and mod_proxy_hcheck loaded")
		}
		return e
	}
	c.bad(i, "verb", string(e.Verb), "there is no such verb", "set, add, remove, recover, fail, pass, zero, check")
	return e
}

func (c *checker) names(server string) string {
	var out []string
	for _, e := range c.m.board.seen(c.m.board.server(server)) {
		out = append(out, e.Key.Name)
	}
	if len(out) == 0 {
		return "none: the configuration has no balancer"
	}
	return strings.Join(out, ", ")
}

// there finds the member an edit is about among those that the edits before
// leave, by its URL in any spelling.
func (c *checker) there(i int, b *Balancer, e *cluster.Edit) (*Seat, bool) {
	if e.Member == "" {
		c.bad(i, "member", "", "the member's URL is missing", "")
		return nil, false
	}
	l := b.lay(c.overlay, nil)
	for _, url := range []string{e.Member, c.canon(b, e.Member)} {
		for k := range l.Seats {
			if l.Seats[k].URL == url {
				e.Member = url
				return &l.Seats[k], true
			}
		}
	}
	var all []string
	for k := range l.Seats {
		all = append(all, l.Seats[k].URL)
	}
	c.bad(i, "member", e.Member, b.Name+" has no such member", "one of "+strings.Join(all, ", "))
	return nil, false
}

func (c *checker) canon(b *Balancer, url string) string {
	if s, err := b.Canon(url); err == nil {
		return s
	}
	return url
}

// settings checks edits of a balancer's own parameters.
func (c *checker) settings(i int, b *Balancer, e cluster.Edit) cluster.Edit {
	var was map[string]cluster.Value
	if o := c.overlay.Of(b.Key); o != nil {
		was = o.Params
	}
	try := b.Text
	e.Params = c.params(i, e.Params, was, b.Known, b.Text.Text, func(name, value string) error {
		return setBalancer(&try, b.Known, name, value)
	}, balancerParam)
	return e
}

// member checks edits of a member's parameters.
func (c *checker) member(i int, b *Balancer, e cluster.Edit) cluster.Edit {
	s, ok := c.there(i, b, &e)
	if !ok {
		return e
	}
	text := b.New
	if s.Line >= 0 {
		text = b.Members[s.Line].Text
	}
	var was map[string]cluster.Value
	if m := c.overlay.Of(b.Key).Member(e.Member); m != nil {
		was = m.Params
	}
	try := text
	e.Params = c.params(i, e.Params, was, b.Known, text.Text, func(name, value string) error {
		return setWorker(&try, b.Known, name, value)
	}, workerParam)
	c.expand(i, &e)
	if c.form && len(b.lay(c.overlay, nil).Seats) == 1 {
		// As in httpd: there is nothing to weigh it against.
		for k := range e.Params {
			if p := &e.Params[k]; p.Name == "loadfactor" && !p.Back && len(c.fields) == 0 {
				p.Value = "1"
			}
		}
	}
	return e
}

func (c *checker) add(i int, b *Balancer, e cluster.Edit) cluster.Edit {
	if e.Member == "" {
		c.bad(i, "member", "", "the member's URL is missing", "scheme://host[:port][/path]")
		return e
	}
	url, err := b.Canon(e.Member)
	if err != nil {
		c.bad(i, "member", e.Member, err.Error(), "scheme://host[:port][/path]")
		return e
	}
	l := b.lay(c.overlay, nil)
	same := func(s Seat) bool { return strings.TrimSuffix(s.URL, "/") == strings.TrimSuffix(url, "/") }
	if slices.ContainsFunc(l.Seats, same) {
		c.bad(i, "member", e.Member, b.Name+" has this member already", "the URL of another one")
		return e
	}
	if added := len(l.Seats) - len(b.Members); c.form && added >= l.Settings.Growth.V {
		c.bad(i, "member", url, fmt.Sprintf("%d members were added, as many as growth= and BalancerGrowth allow", added), "")
		return e
	}
	e.Member = url
	try := b.New
	if k := b.line(url); k >= 0 {
		try = b.Members[k].Text
	}
	e.Params = c.params(i, e.Params, nil, b.Known, try.Text, func(name, value string) error {
		return setWorker(&try, b.Known, name, value)
	}, workerParam)
	c.expand(i, &e)
	return e
}

// expand complains of expand=On where it would do nothing.
func (c *checker) expand(i int, e *cluster.Edit) {
	_, host, _ := split(e.Member)
	_, err := netip.ParseAddr(host)
	for k := range e.Params {
		if p := &e.Params[k]; p.Name == "expand" && p.Value == "On" && (err == nil || strings.HasPrefix(e.Member, "unix:")) {
			c.bad(i, p.Name, p.Value, e.Member+" names no host that may have several addresses", "On where the member's URL has a host name")
		}
	}
}

func (c *checker) remove(i int, b *Balancer, e cluster.Edit) cluster.Edit {
	s, ok := c.there(i, b, &e)
	if !ok {
		return e
	}
	if len(e.Params) > 0 {
		c.bad(i, e.Params[0].Name, e.Params[0].Value, "remove takes no parameters", "timeout and idle")
	}
	if e.Timeout < 0 || e.Timeout > 7*24*time.Hour {
		c.bad(i, "timeout", e.Timeout.String(), "out of range", "0 to 168h")
	}
	if e.Idle < 0 || e.Idle > 24*time.Hour {
		c.bad(i, "idle", e.Idle.String(), "out of range", "0 to 24h")
	}
	e.Added = s.Line < 0
	e.Params = nil
	if m := c.overlay.Of(b.Key).Member(e.Member); m != nil {
		for _, name := range sorted(m.Params) {
			v := m.Params[name]
			e.Params = append(e.Params, cluster.Param{Name: name, Back: true, Base: v.Base, Was: cluster.Some(v.Text)})
		}
	}
	return e
}
