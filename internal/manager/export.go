package manager

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport/internal/cluster"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/workerconf"
)

// Export writes the balancers that were edited as configuration text in which
// the edits are no edits any more: put in the place of their lines it makes the
// next reload find that the configuration says it all, and forget them.
func (m *Manager) Export() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	for _, s := range m.board.all() {
		var mine []*Balancer
		for _, e := range m.board.Balancers {
			if e.Key.Server == s.Key && m.overlay.Of(e.Key) != nil {
				mine = append(mine, e)
			}
		}
		if len(mine) == 0 {
			continue
		}
		if s.Key != "" {
			fmt.Fprintf(&b, "# Of the virtual host %s.\n", s.Key)
		}
		for _, e := range mine {
			m.exportBalancer(&b, e)
		}
	}
	for _, c := range m.merged {
		if c.Kind == cluster.Gone {
			fmt.Fprintf(&b, "# Not exported: %s\n", Describe(c))
		}
	}
	if b.Len() == 0 {
		return "# Nothing was edited.\n"
	}
	return b.String()
}

func (b *Board) all() []*Server {
	if b == nil {
		return nil
	}
	return b.Servers
}

func (m *Manager) exportBalancer(b *strings.Builder, e *Balancer) {
	fmt.Fprintf(b, "# In the place of the lines about %s (%s:%d", e.Name, e.Pos.File, e.Pos.Line)
	for i := range e.Members {
		if p := e.Members[i].Pos; p.Line != e.Pos.Line {
			fmt.Fprintf(b, ", %d", p.Line)
		}
	}
	b.WriteString(").\n")
	for _, mark := range marks(m.overlay.Of(e.Key)) {
		fmt.Fprintf(b, "# %s: revision %d by %s", mark.At.UTC().Format("2006-01-02 15:04:05"), mark.Revision, who(mark.By))
		if mark.By.Reason != "" {
			fmt.Fprintf(b, ", %q", mark.By.Reason)
		}
		b.WriteByte('\n')
	}
	l := e.lay(m.overlay, nil)
	for name := range secret {
		_, set, _ := l.Settings.Text(name)
		for i := range l.Seats {
			_, has, _ := l.Seats[i].Conf.Text(name)
			set = set || has
		}
		if set {
			fmt.Fprintf(b, "# %s= is not shown here: keep it.\n", name)
		}
	}
	fmt.Fprintf(b, "<Proxy %s>\n", word(e.Name))
	for i := range l.Seats {
		s := &l.Seats[i]
		b.WriteString("    BalancerMember " + word(s.URL))
		for k := range workerconf.WorkerParams {
			exportParam(b, workerconf.WorkerParams[k].Name, s.Conf.Text)
		}
		b.WriteByte('\n')
	}
	var set strings.Builder
	for _, p := range e.balancerParams() {
		exportParam(&set, p.Name, l.Settings.Text)
	}
	if set.Len() > 0 {
		b.WriteString("    ProxySet" + set.String() + "\n")
	}
	b.WriteString("</Proxy>\n")
}

func exportParam(b *strings.Builder, name string, text func(string) (string, bool, bool)) {
	if name == "enablereuse" { // disablereuse says it
		return
	}
	if v, set, _ := text(name); set && !secret[name] {
		for line := range strings.SplitSeq(v, "\n") { // hcheader and hcexpect come once for each
			b.WriteString(" " + word(name+"="+line))
		}
	}
}

// word quotes what is no word by itself.
func word(s string) string { return syntax.Quote(s) }

// marks lists who edited a balancer, each change once.
func marks(b *cluster.Balancer) []cluster.Mark {
	all := map[cluster.Revision]cluster.Mark{}
	note := func(m cluster.Mark) {
		if m.Revision != 0 {
			all[m.Revision] = m
		}
	}
	for _, v := range b.Params {
		note(v.Mark)
	}
	for _, m := range b.Members {
		note(m.Added)
		note(m.Removed)
		for _, v := range m.Params {
			note(v.Mark)
		}
	}
	var out []cluster.Mark
	for _, r := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[r])
	}
	return out
}
