package proxy

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"sallyport/internal/diag"

	"sallyport/internal/manager"
)

// board shows the balancers to the manager and learns what operators have
// edited. The lines of all servers have been read.
func (d *draft) board() *manager.Draft {
	b := &manager.Board{}
	var persist diag.Position
	for i, sb := range d.b.Servers {
		c := server.Of(sb.Conf)
		if c == nil {
			c = &serverConf{}
		}
		s := &manager.Server{
			Key: sb.Key, Name: sb.Server.Name,
			PassInherit: c.PassInherit.Or(true), BalancerInherit: c.BalancerInherit.Or(true),
		}
		if d.sites[i].inherits {
			s.Outer = b.Servers[0]
		}
		b.Servers = append(b.Servers, s)
		sb.ShowsProxy = c.Status.V != statusOff
		if c.Persist.V && b.File == "" {
			b.File, persist = d.overlayFile(), c.Persist.Pos
			if volatile(b.File) {
				d.b.Warn(persist, "BalancerPersist: "+b.File+" is lost when the system starts anew",
					"name a file that lasts with BalancerPersistFile, such as /var/lib/sallyport/edits.conf")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(d.balancers[i])) {
			b.Balancers = append(b.Balancers, d.entry(i, c, d.balancers[i][name]))
		}
	}
	var notes []string
	d.desk, notes = d.house.manager.Begin(b)
	for _, n := range notes {
		d.b.Warn(persist, "BalancerPersist: "+n, "")
	}
	return d.desk
}

// volatile reports a path that the system empties when it starts.
func volatile(path string) bool {
	for _, dir := range []string{"/run/", "/var/run/", "/tmp/", "/dev/shm/"} {
		if strings.HasPrefix(path, dir) {
			return true
		}
	}
	return false
}

// overlayFile is where edits are kept. One file has those of all servers.
func (d *draft) overlayFile() string {
	if c := server.Of(d.b.Config.Main.Conf); c != nil && c.PersistFile.Is {
		return c.PersistFile.V
	}
	return filepath.Join(d.house.runtime, "sallyport", "edits.conf")
}

// entry is one balancer of the board.
func (d *draft) entry(i int, c *serverConf, p *pending) *manager.Balancer {
	e := &manager.Balancer{Key: p.key, Name: p.name, Pos: p.pos, Text: p.set, Paths: p.paths}
	p.entry = e
	p.server = &standing{timeout: c.Timeout, receiveBuffer: c.ReceiveBuffer}
	e.Owner = e
	if i > 0 && d.sites[i].inherits {
		if main := d.balancers[0][p.name]; main != nil {
			e.Text = *p.set.Over(&main.set)
			e.Owner = main.entry
		}
	}
	for _, w := range p.members {
		e.Members = append(e.Members, manager.Member{URL: w.name, Pos: w.pos, Text: w.params})
	}
	e.Known = p.known(d.house)
	e.Canon = canon(d.house)
	return e
}
