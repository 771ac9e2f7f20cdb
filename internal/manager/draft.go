package manager

import (
	"sallyport/internal/cluster"
	"sallyport/internal/live"
)

// Draft is the desk's side of a configuration that is being compiled: nothing
// that runs sees it before Commit.
type Draft struct {
	m       *Manager
	board   *Board
	overlay *cluster.Overlay
	opened  *opened // another store that comes with the configuration
}

// Begin takes the board of a configuration. The layouts of its balancers can
// then be asked for. notes are what to tell the author about the edits that are
// to be laid over the text; they are no errors.
func (m *Manager) Begin(b *Board) (d *Draft, notes []string) {
	b.index()
	d = &Draft{m: m, board: b}
	d.opened, notes = m.open(b)
	m.mu.Lock()
	d.overlay = m.overlay
	m.mu.Unlock()
	if d.opened != nil {
		d.overlay = d.opened.state.Overlay
	}
	return d, notes
}

// Layout is what is to hold of a balancer of the board.
func (d *Draft) Layout(e *Balancer) *Layout {
	d.m.mu.Lock()
	leaving := d.m.leavingOf(e.Key)
	d.m.mu.Unlock()
	return e.lay(d.overlay, leaving)
}

// Commit puts the board into service: its members and what they hang on are
// live. What was edited since Begin is laid now.
func (d *Draft) Commit() {
	m := d.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.board = d.board
	m.config++
	m.layouts = map[*Balancer]*Layout{}
	if d.opened != nil {
		m.use(d.opened)
	}
	for _, e := range d.board.Balancers {
		m.layouts[e] = e.lay(m.overlay, m.leavingOf(e.Key))
		if m.overlay != d.overlay {
			e.Lay(m.layouts[e])
		}
	}
	m.compare()
	m.report()
	m.feed.push(Event{Kind: Reloaded, At: m.now(), Version: Version{m.config, m.overlay.Rev()}})
}

func (m *Manager) leavingOf(key live.BalancerKey) map[string]*cluster.Member {
	var out map[string]*cluster.Member
	for k, l := range m.leaving {
		if k.Balancer == key {
			if out == nil {
				out = map[string]*cluster.Member{}
			}
			out[k.URL] = l.edits
		}
	}
	return out
}
