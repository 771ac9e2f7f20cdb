package manager

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sallyport/internal/cluster"
)

// Filter chooses changes. What is empty chooses all.
type Filter struct {
	Balancer string // name
	Member   string // its URL; without a scheme, a part of it
	User     string // or client address
	Param    string // status: all its flags, too
	Since    time.Time
	Before   cluster.Revision // older than this
	Limit    int              // the latest so many; 0: 100
}

// Entry is a change as history shows it.
type Entry struct {
	cluster.Change
	Undone cluster.Revision // by this change; 0: not
	// CanUndo is nil where Undo would do it now.
	CanUndo error
}

// History lists changes, the latest first.
func (v *View) History(f Filter) []Entry {
	m := v.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.Limit <= 0 {
		f.Limit = 100
	}
	seen := map[string]bool{}
	for _, e := range m.board.seen(v.Server) {
		seen[e.Key.Server+"\x00"+e.Key.Name] = true
		seen[e.Owner.Key.Server+"\x00"+e.Owner.Key.Name] = true
	}
	undone := map[cluster.Revision]cluster.Revision{}
	for _, c := range m.history {
		if c.Undoes != 0 {
			undone[c.Undoes] = c.Revision
		}
	}
	var out []Entry
	for i := len(m.history) - 1; i >= 0 && len(out) < f.Limit; i-- {
		c := m.history[i]
		if f.Before != 0 && c.Revision >= f.Before || c.At.Before(f.Since) ||
			f.User != "" && !strings.EqualFold(c.By.User, f.User) && c.By.Client != f.User {
			continue
		}
		match := slices.ContainsFunc(c.Edits, func(e cluster.Edit) bool {
			// What no longer exists is shown to the main server alone.
			if !seen[e.Balancer.Server+"\x00"+e.Balancer.Name] && (v.Server == nil || v.Server.Key != "") {
				return false
			}
			return (f.Balancer == "" || e.Balancer.Name == f.Balancer) &&
				(f.Member == "" || e.Member == f.Member || !strings.Contains(f.Member, "://") && strings.Contains(e.Member, f.Member)) &&
				(f.Param == "" || slices.ContainsFunc(e.Params, func(p cluster.Param) bool {
					return p.Name == f.Param || strings.HasPrefix(p.Name, f.Param+".")
				}))
		})
		if !match {
			continue
		}
		e := Entry{Change: hide(c), Undone: undone[c.Revision]}
		_, e.CanUndo = m.inverse(c.Revision)
		out = append(out, e)
	}
	return out
}

// hide removes secrets from a change that is to be shown.
func hide(c cluster.Change) cluster.Change {
	c.Edits = slices.Clone(c.Edits)
	for i := range c.Edits {
		e := &c.Edits[i]
		if slices.ContainsFunc(e.Params, func(p cluster.Param) bool { return secret[p.Name] }) {
			e.Params = slices.Clone(e.Params)
			for k := range e.Params {
				if p := &e.Params[k]; secret[p.Name] {
					p.Value, p.Base.V, p.Was.V = hidden, hidden, hidden
				}
			}
		}
	}
	return c
}

// hidden stands in the place of a secret.
const hidden = "(not shown)"

// Hide removes secrets from edits that are to be shown.
func Hide(edits []cluster.Edit) []cluster.Edit {
	return hide(cluster.Change{Edits: edits}).Edits
}

// Undo takes a change back: what it set is as it was before. It is refused
// where a later change has set the same again.
func (m *Manager) Undo(ctx context.Context, by cluster.By, r cluster.Revision, at Version) (*Result, error) {
	p, err := m.Inverse(by, r, at)
	if err != nil {
		return nil, err
	}
	return m.Propose(ctx, p)
}

// Inverse is the proposal that takes a change back, for Preview and Propose.
func (m *Manager) Inverse(by cluster.By, r cluster.Revision, at Version) (Proposal, error) {
	m.mu.Lock()
	edits, err := m.inverse(r)
	m.mu.Unlock()
	if by.Reason == "" {
		by.Reason = fmt.Sprintf("undo of revision %d", r)
	}
	return Proposal{By: by, Edits: edits, At: at, undoes: r}, err
}

// inverse makes the edits that take a change back; locked.
func (m *Manager) inverse(r cluster.Revision) ([]cluster.Edit, error) {
	no := func(problem string) error {
		return &Invalid{[]Field{{0, "revision", fmt.Sprint(r), problem, ""}}}
	}
	i := slices.IndexFunc(m.history, func(c cluster.Change) bool { return c.Revision == r })
	if i < 0 {
		return nil, no("there is no such change, or it is too long ago")
	}
	c := &m.history[i]
	var out []cluster.Edit
	for k := len(c.Edits) - 1; k >= 0; k-- {
		e := &c.Edits[k]
		if e.Verb.Once() {
			return nil, no(string(e.Verb) + " can't be taken back")
		}
		inv := cluster.Edit{Verb: cluster.Set, Balancer: e.Balancer, Member: e.Member}
		b := m.overlay.Of(e.Balancer)
		now := b.Member(e.Member)
		var params map[string]cluster.Value
		if e.Member != "" && now != nil {
			params = now.Params
		} else if e.Member == "" && b != nil {
			params = b.Params
		}
		switch e.Verb {
		case cluster.Settle:
			return nil, no("the configuration says it now")
		case cluster.Add:
			if now != nil && now.Added.Revision > r {
				return nil, no("the member was added again since")
			}
			inv.Verb, inv.Timeout, inv.Idle = cluster.Remove, DefaultLeave, DefaultIdle
			out = append(out, inv)
			continue
		case cluster.Remove:
			if now != nil && (now.Added.Revision > r || now.Removed.Revision != r) {
				return nil, no("the member was changed since")
			}
			inv.Verb = cluster.Add
		}
		for _, p := range e.Params {
			if v, edited := params[p.Name]; e.Verb == cluster.Set && (edited && v.Revision != r || !edited && !p.Back) {
				return nil, no(p.Name + " was changed since")
			}
			back := cluster.Param{Name: p.Name, Value: p.Was.V, Back: !p.Was.Is}
			if e.Verb == cluster.Remove || p.Was != (cluster.Text{}) || !p.Back {
				inv.Params = append(inv.Params, back)
			}
		}
		out = append(out, inv)
	}
	return out, nil
}
