package snapshot

import (
	"sync"
	"sync/atomic"

	"sallyport/internal/conf"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// node is one list of matching sections: the path from the base to it names
// them. Its merge and its Place are made once, when the list is first met, and
// remembered: a request only walks down.
type node struct {
	dir   conf.Vector
	kids  atomic.Pointer[map[int]*node] // replaced, never changed
	mu    sync.Mutex                    // for making a kid, and the place
	place atomic.Pointer[exchange.Place]
}

// child returns the node for n's list with one more section.
func (n *node) child(st *site, section int) *node {
	if m := n.kids.Load(); m != nil {
		if k := (*m)[section]; k != nil {
			return k
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.kids.Load()
	grown := make(map[int]*node)
	if old != nil {
		if k := (*old)[section]; k != nil {
			return k
		}
		for i, k := range *old {
			grown[i] = k
		}
	}
	k := &node{dir: conf.Merge(n.dir, st.all[section].src.Dir)}
	grown[section] = k
	n.kids.Store(&grown)
	return k
}

// grow makes the kids of many sections at once: child copies the map each time.
func (n *node) grow(st *site, sections []int) {
	m := make(map[int]*node, len(sections))
	for _, i := range sections {
		m[i] = &node{dir: conf.Merge(n.dir, st.all[i].src.Dir)}
	}
	n.kids.Store(&m)
}

// furnish returns the Place of n's list.
func (n *node) furnish(st *site) *exchange.Place {
	if p := n.place.Load(); p != nil {
		return p
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.place.Load(); p != nil {
		return p
	}
	p := &exchange.Place{Server: st.build.Server}
	plan := &module.Plan{Server: st.build, Conf: st.build.Conf, Dir: n.dir, Place: p}
	for _, furnish := range st.plans {
		furnish(plan)
	}
	plan.Close()
	n.place.Store(p)
	return p
}

// locate finds the Place of an exchange as far as it is mapped.
func (st *site) locate(x *exchange.Exchange) *exchange.Place {
	var room [16]int
	list := room[:0]
	switch x.Mapped.Kind {
	case exchange.Proxied:
		list = st.appendProxies(list, x)
	case exchange.File:
		list = st.appendFiles(list, x)
	}
	list = st.appendLocations(list, x)
	n := st.base
	for _, s := range list {
		n = n.child(st, s)
	}
	return n.furnish(st)
}
