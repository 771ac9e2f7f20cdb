package cluster

import (
	"maps"
	"slices"
	"strings"
	"time"

	"sallyport/internal/live"
)

// Overlay is what all changes up to Revision add up to. Values of this type are
// not changed: With makes the next one. A nil Overlay is empty.
type Overlay struct {
	Revision  Revision
	Balancers map[live.BalancerKey]*Balancer
}

// Balancer is what was edited of one balancer: its settings, and its members by
// URL.
type Balancer struct {
	Params  map[string]Value
	Members map[string]*Member
	// Last is the latest revision that touched it.
	Last Revision
}

// Member is what was edited of one member.
type Member struct {
	Added   Mark // zero: it is the configuration's
	Removed Mark // zero: it is there
	Params  map[string]Value
}

// Mark says which change did something.
type Mark struct {
	Revision Revision
	At       time.Time
	By       By
}

// Value is the edited value of a parameter.
type Value struct {
	Text string
	Base Text // what the configuration said at the time of the edit
	Mark
}

// Empty reports that nothing is laid over anything.
func (o *Overlay) Empty() bool { return o == nil || len(o.Balancers) == 0 }

// Rev is the overlay's revision; 0 for nil.
func (o *Overlay) Rev() Revision {
	if o == nil {
		return 0
	}
	return o.Revision
}

// Of is what was edited of a balancer; nil: nothing.
func (o *Overlay) Of(key live.BalancerKey) *Balancer {
	if o == nil {
		return nil
	}
	return o.Balancers[key]
}

// Member is what was edited of one member; nil: nothing.
func (b *Balancer) Member(url string) *Member {
	if b == nil {
		return nil
	}
	return b.Members[url]
}

// Keys lists the balancers that were edited, sorted.
func (o *Overlay) Keys() []live.BalancerKey {
	if o == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(o.Balancers), func(a, b live.BalancerKey) int {
		if a.Server != b.Server {
			return strings.Compare(a.Server, b.Server)
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// URLs lists the edited members: those added in the order they were, behind the
// others by name.
func (b *Balancer) URLs() []string {
	if b == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(b.Members), func(x, y string) int {
		p, q := b.Members[x].Added.Revision, b.Members[y].Added.Revision
		if p != q {
			return int(int64(p) - int64(q))
		}
		return strings.Compare(x, y)
	})
}

// With is the overlay after one more change.
func (o *Overlay) With(c Change) *Overlay {
	next := &Overlay{Revision: c.Revision, Balancers: map[live.BalancerKey]*Balancer{}}
	if o != nil {
		maps.Copy(next.Balancers, o.Balancers)
	}
	fresh := map[live.BalancerKey]bool{}
	mark := Mark{c.Revision, c.At, c.By}
	for i := range c.Edits {
		e := &c.Edits[i]
		if e.Verb.Once() {
			continue
		}
		if !fresh[e.Balancer] {
			fresh[e.Balancer] = true
			next.Balancers[e.Balancer] = next.Balancers[e.Balancer].clone()
		}
		next.Balancers[e.Balancer].apply(e, mark)
	}
	for key := range fresh {
		if b := next.Balancers[key]; len(b.Params) == 0 && len(b.Members) == 0 {
			delete(next.Balancers, key)
		}
	}
	return next
}

func (b *Balancer) clone() *Balancer {
	n := &Balancer{Params: map[string]Value{}, Members: map[string]*Member{}}
	if b != nil {
		n.Last = b.Last
		maps.Copy(n.Params, b.Params)
		for url, m := range b.Members {
			c := *m
			c.Params = maps.Clone(m.Params)
			n.Members[url] = &c
		}
	}
	return n
}

func (b *Balancer) apply(e *Edit, mark Mark) {
	b.Last = mark.Revision
	if e.Member == "" {
		lay(b.Params, e.Params, mark)
		return
	}
	m := b.Members[e.Member]
	if m == nil {
		m = &Member{Params: map[string]Value{}}
		b.Members[e.Member] = m
	}
	switch e.Verb {
	case Add:
		if m.Removed.Revision != 0 {
			m.Removed = Mark{} // the configuration's own comes back
		} else if m.Added.Revision == 0 {
			m.Added = mark
		}
		lay(m.Params, e.Params, mark)
	case Remove:
		if m.Added.Revision != 0 {
			delete(b.Members, e.Member)
			return
		}
		*m = Member{Removed: mark, Params: map[string]Value{}}
	case Settle:
		m.Added, m.Removed = Mark{}, Mark{}
		lay(m.Params, e.Params, mark)
	default:
		lay(m.Params, e.Params, mark)
	}
	if m.Added.Revision == 0 && m.Removed.Revision == 0 && len(m.Params) == 0 {
		delete(b.Members, e.Member)
	}
}

func lay(to map[string]Value, params []Param, mark Mark) {
	for _, p := range params {
		if p.Back {
			delete(to, p.Name)
		} else {
			to[p.Name] = Value{p.Value, p.Base, mark}
		}
	}
}
