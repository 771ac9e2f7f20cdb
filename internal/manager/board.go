package manager

import (
	"sallyport/internal/balancer"
	"sallyport/internal/diag"
	"sallyport/internal/live"
	"sallyport/internal/workerconf"
)

// Board is what one configuration has to be managed. It is made while the
// configuration is compiled and not changed afterwards.
type Board struct {
	// Servers are the main server, whose Key is "", and the virtual hosts.
	Servers []*Server
	// Balancers are all of them, by server, then name.
	Balancers []*Balancer
	// File is where edits are kept over a restart (BalancerPersist On); "":
	// they are not.
	File string

	byKey map[live.BalancerKey]*Balancer
}

// Server is a virtual host as the manager knows it.
type Server struct {
	Key  string // see live.BalancerKey
	Name string // for people
	// Outer is where it inherits balancers from; nil: from nobody.
	Outer *Server
	// PassInherit and BalancerInherit are what the directives say.
	PassInherit, BalancerInherit bool
}

// Balancer is one balancer of a configuration as its text defines it.
type Balancer struct {
	Key  live.BalancerKey
	Name string // "balancer://name"
	Pos  diag.Position
	// Owner has the members: the balancer itself, or for a virtual host that
	// has only settings of its own over an inherited one, that.
	Owner *Balancer
	// Text is what the configuration says about it, Members about its members;
	// those only where Owner is the balancer itself.
	Text    workerconf.Balancer
	Members []Member
	// Paths are the paths that ProxyPass leads to it.
	Paths []string
	// Known answers the parameters' questions about the configuration.
	Known *workerconf.Known
	// Canon spells a member's URL as the configuration would; the error is for
	// people.
	Canon func(url string) (string, error)
	// New is the parameters of a member that is added without any.
	New workerconf.Worker
	// Lay makes the members and settings what the layout says. Called with the
	// manager locked, after the configuration has gone into service; never
	// twice at once.
	Lay func(*Layout)
	// LB elects; set before the board is used.
	LB *balancer.Balancer
}

// Member is a member that the configuration names.
type Member struct {
	URL  string // canonical
	Pos  diag.Position
	Text workerconf.Worker
}

// Find is the balancer under a key; nil: there is none.
func (b *Board) Find(key live.BalancerKey) *Balancer {
	if b == nil {
		return nil
	}
	return b.byKey[key]
}

func (b *Board) index() {
	b.byKey = make(map[live.BalancerKey]*Balancer, len(b.Balancers))
	for _, e := range b.Balancers {
		b.byKey[e.Key] = e
	}
}

// server finds a server by its key.
func (b *Board) server(key string) *Server {
	if b == nil {
		return nil
	}
	for _, s := range b.Servers {
		if s.Key == key {
			return s
		}
	}
	return nil
}

// seen lists the balancers a server sees: those it inherits, unless it has one
// of that name itself, in the order of names, then its own.
func (b *Board) seen(s *Server) []*Balancer {
	if s == nil {
		return nil
	}
	var out []*Balancer
	if s.Outer != nil {
		for _, e := range b.seen(s.Outer) {
			if b.byKey[live.BalancerKey{Server: s.Key, Name: e.Key.Name}] == nil {
				out = append(out, e)
			}
		}
	}
	for _, e := range b.Balancers {
		if e.Key.Server == s.Key {
			out = append(out, e)
		}
	}
	return out
}
