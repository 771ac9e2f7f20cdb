package manager

import (
	"fmt"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/cluster/file"
	"sallyport/internal/live"
)

// opened is a store that comes into use with a configuration.
type opened struct {
	store cluster.Store
	state cluster.State
	away  error // why it takes no edits
	// carry makes the store, where it goes on with what the one before knows.
	carry func(cluster.State) cluster.Store
	file  string // "": it is in memory
}

// SetOwner says who the server will be when it has left root's rights: the file
// of edits is given to him.
func (m *Manager) SetOwner(uid, gid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owner = file.Owner{Is: true, UID: uid, GID: gid}
}

// open finds the store that a configuration wants, if it is another than the
// one in use. Nothing is written yet.
func (m *Manager) open(b *Board) (*opened, []string) {
	m.mu.Lock()
	store, away, path, owner := m.store, m.away, m.file, m.owner
	overlay, history := m.overlay, m.history
	m.mu.Unlock()
	now := cluster.State{Overlay: overlay, History: history}
	switch {
	case b.File == "" && path == "":
		return nil, nil
	case b.File == "":
		// The edits stay, until the process ends.
		return &opened{carry: inMemory, state: now}, nil
	case b.File == path && away == nil:
		if f, ok := store.(*file.Store); ok && !f.Changed() {
			return nil, nil
		}
	}
	f, err := file.Open(b.File, owner)
	switch {
	case err != nil && overlay.Empty():
		return &opened{carry: inMemory, state: now, file: b.File, away: damaged(b.File, err)},
			[]string{damaged(b.File, err).Error() + "; the configuration is used without edits"}
	case err != nil:
		return &opened{carry: inMemory, state: now, file: b.File, away: damaged(b.File, err)},
			[]string{damaged(b.File, err).Error() + "; the edits that hold go on holding"}
	case path == "" && !overlay.Empty() && f.State().Overlay.Rev() == 0:
		carry := func(s cluster.State) cluster.Store { return file.Adopt(b.File, owner, s) }
		return &opened{carry: carry, state: now, file: b.File}, nil
	case path == "" && !overlay.Empty():
		err := fmt.Errorf("%s holds edits, and so does the memory of this process: which of them are meant? Remove the file and reload to keep those in memory, or restart to have those of the file", b.File)
		return &opened{carry: inMemory, state: now, file: b.File, away: err}, []string{err.Error()}
	}
	return &opened{store: f, state: f.State(), file: b.File}, nil
}

func inMemory(s cluster.State) cluster.Store { return cluster.NewLog(s, nil) }

func damaged(path string, err error) error {
	if !strings.HasPrefix(err.Error(), path) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return fmt.Errorf("edits are refused until this is mended and Sallyport reloaded: %w", err)
}

// use changes over to another store; locked.
func (m *Manager) use(o *opened) {
	if o.carry != nil {
		o.store = o.carry(cluster.State{Overlay: m.overlay, History: m.history})
	} else {
		m.overlay, m.history = o.state.Overlay, append([]cluster.Change(nil), o.state.History...)
	}
	m.store, m.away, m.file = o.store, o.away, o.file
	if f, ok := o.store.(*file.Store); ok {
		if err := f.Prepare(); err != nil {
			m.log(true, "BalancerPersist: %v: edits will be refused", err)
		}
	}
	if o.away != nil {
		m.log(true, "BalancerPersist: %v", o.away)
		m.feed.push(Event{Kind: Refused, At: m.now(), Version: Version{m.config, m.overlay.Rev()}, Why: o.away.Error()})
	}
	m.recallHour()
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
	for i := range m.merged {
		if c := &m.merged[i]; secret[c.Param] {
			c.Base.V, c.Now.V, c.Edit.V = hidden, hidden, hidden
		}
	}
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
	return t.V
}
