package manager

import (
	"slices"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/diag"
)

// Fold is what is to be done to the configuration's text so that it says one of
// the edited things itself.
type Fold struct {
	Op       cluster.Verb // Set, Add or Remove
	Server   string       // key of the virtual host
	Balancer string       // "balancer://name"
	Member   string       // its URL; "": the balancer's own settings
	// At is the line of the member. For Add and the balancer's own settings it
	// is that of its last member, or where it has none the first about it.
	At diag.Position
	// Beside is the URL of the member whose line At is; "": it is none's.
	Beside string
	Params []FoldParam
	// Withheld are the names of edited secrets: they are not given out.
	Withheld []string
}

// FoldParam is one parameter and what the text should say.
type FoldParam struct {
	Name  string
	Value cluster.Text  // not Is: nothing
	At    diag.Position // where the text says something else of a balancer now; may be zero
}

// Folds lists what is to be done for all edits that hold. left tells of those
// that nothing can be done for.
func (m *Manager) Folds() (list []Fold, left []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.overlay.Keys() {
		e := m.board.Find(key)
		if e == nil {
			continue // a conflict tells
		}
		edited := m.overlay.Of(key)
		l := e.lay(m.overlay, nil)
		refused := map[string]bool{}
		for _, r := range l.Refused {
			refused[r.Member+" "+r.Param] = true
			left = append(left, e.Name+" "+r.Member+": the edit "+r.Param+"="+r.Value+" does not hold: "+r.Why.Error())
		}
		f := Fold{Op: cluster.Set, Server: key.Server, Balancer: e.Name, At: e.Pos}
		if n := len(e.Members); n > 0 {
			f.At, f.Beside = e.Members[n-1].Pos, e.Members[n-1].URL
		}
		f.params(edited.Params, refused, l.Settings.Text)
		for i := range f.Params {
			p := &f.Params[i]
			p.At = e.Text.Place(p.Name)
			if e.Owner != e && p.At == e.Owner.Text.Place(p.Name) {
				p.At = diag.Position{} // what a virtual host inherits is not changed for all
			}
		}
		list = f.into(list)
		for _, url := range edited.URLs() {
			em := edited.Members[url]
			f := Fold{Op: cluster.Set, Server: key.Server, Balancer: e.Name, Member: url, At: f.At, Beside: f.Beside}
			line := e.line(url)
			if line >= 0 {
				f.At, f.Beside = e.Members[line].Pos, url
			}
			switch {
			case em.Removed.Revision != 0 && line >= 0:
				f.Op = cluster.Remove
				list = append(list, f)
				continue
			case em.Removed.Revision != 0:
				continue
			case line < 0 && em.Added.Revision == 0:
				continue // a conflict tells
			case line < 0:
				f.Op = cluster.Add
			}
			for i := range l.Seats {
				if s := &l.Seats[i]; s.URL == url {
					f.params(em.Params, refused, s.Conf.Text)
				}
			}
			list = f.into(list)
		}
	}
	for _, c := range m.merged {
		if c.Kind == cluster.Gone {
			left = append(left, Describe(c))
		}
	}
	return list, left
}

func (f *Fold) params(edits map[string]cluster.Value, refused map[string]bool, holds func(string) (string, bool, bool)) {
	for _, name := range sorted(edits) {
		if refused[f.Member+" "+name] {
			continue
		}
		name, _, _ = strings.Cut(name, ".")
		switch {
		case slices.ContainsFunc(f.Params, func(p FoldParam) bool { return p.Name == name }): // another flag
		case secret[name]:
			f.Withheld = append(f.Withheld, name)
		default:
			v, is, _ := holds(name)
			f.Params = append(f.Params, FoldParam{Name: name, Value: cluster.Text{V: v, Is: is}})
		}
	}
}

// into adds f to a list if there is something to do.
func (f *Fold) into(list []Fold) []Fold {
	if f.Op == cluster.Set && len(f.Params)+len(f.Withheld) == 0 {
		return list
	}
	return append(list, *f)
}
