package manager

import (
	"fmt"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/live"
)

// opened is a store that comes into use with a configuration.
type opened struct {
	store cluster.Store
	state cluster.State
	away  error
	file  string
}

// open finds the store that a configuration wants, if it is another than the
// one in use.
func (m *Manager) open(b *Board) (*opened, []string) { return nil, nil }

// use changes over to another store; locked.
func (m *Manager) use(o *opened) {
	m.store, m.away, m.file = o.store, o.away, o.file
	m.overlay, m.history = o.state.Overlay, append([]cluster.Change(nil), o.state.History...)
	m.turn()
	m.wake()
}

// text answers Compare for a board.
type text struct{ b *Board }

func (t text) Has(key live.BalancerKey, url string) bool {
	e := t.b.Find(key)
	return e != nil && (url == "" || e.Owner == e && e.line(url) >= 0)
}

func (t text) Text(key live.BalancerKey, url, param string) cluster.Text {
	e := t.b.Find(key)
	spell := e.Text.Text
	if url != "" {
		spell = e.Members[e.line(url)].Text.Text
	}
	v, is, _ := spell(param)
	return cluster.Text{V: v, Is: is}
}

func (t text) Edited(key live.BalancerKey, url, param, value string) cluster.Text {
	e := t.b.Find(key)
	if url != "" {
		w := e.Members[e.line(url)].Text
		if setWorker(&w, e.Known, param, value) != nil {
			return cluster.Some(value)
		}
		v, is, _ := w.Text(param)
		return cluster.Text{V: v, Is: is}
	}
	s := e.Text
	if setBalancer(&s, e.Known, param, value) != nil {
		return cluster.Some(value)
	}
	v, is, _ := s.Text(param)
	return cluster.Text{V: v, Is: is}
}

// compare looks for conflicts between the configuration and the edits; locked.
func (m *Manager) compare() {
	if m.board == nil {
		return
	}
	m.merged, m.settled = m.overlay.Compare(text{m.board})
}

// Conflicts are the edits that the configuration disagrees with since it was
// changed.
func (m *Manager) Conflicts() []cluster.Conflict {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.merged
}

// report tells the log what a new configuration makes of the edits; locked.
func (m *Manager) report() {
	for _, c := range m.merged {
		m.log(true, "%s", Describe(c))
	}
}

// Describe says a conflict in one line.
func Describe(c cluster.Conflict) string {
	what := "balancer://" + c.Balancer.Name
	if c.Member != "" {
		what += " " + c.Member
	}
	by := fmt.Sprintf("revision %d by %s", c.Mark.Revision, who(c.Mark.By))
	if c.Kind == cluster.Gone {
		return fmt.Sprintf("%s is no longer in the configuration, but was edited (%s): the edit has no effect; take it back, or undo the change of the configuration", what, by)
	}
	then, now := told(c.Base), told(c.Now)
	return fmt.Sprintf("%s: %s was %s when it was edited to %s (%s), and the configuration says %s now: the edit holds; take it back to let the configuration speak, or set it anew to confirm it",
		what, c.Param, then, c.Edit.V, by, now)
}

func told(t cluster.Text) string {
	if !t.Is {
		return "not set"
	}
	return strings.TrimSpace(t.V)
}
