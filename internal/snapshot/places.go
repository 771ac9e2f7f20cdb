package snapshot

import (
	"sync"
	"sync/atomic"

	"sallyport/internal/conf"
	"sallyport/internal/exchange"
	"sallyport/internal/exprvars"
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
	// ifs are the <If> sections of the list, whose conditions each request
	// must be asked for.
	ifs []int
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
	k := n.with(st, section)
	grown[section] = k
	n.kids.Store(&grown)
	return k
}

// with makes the node for n's list with one more section.
func (n *node) with(st *site, section int) *node {
	s := st.all[section]
	k := &node{dir: conf.Merge(n.dir, s.src.Dir), ifs: n.ifs}
	if len(s.ifs) > 0 && s.src.Kind != conf.InIf {
		k.ifs = append(n.ifs[:len(n.ifs):len(n.ifs)], s.ifs...)
	}
	return k
}

// grow makes the kids of many sections at once: child copies the map each time.
func (n *node) grow(st *site, sections []int) {
	m := make(map[int]*node, len(sections))
	for _, i := range sections {
		m[i] = n.with(st, i)
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
	if len(n.ifs) > 0 {
		n = st.when(n, n.ifs, x)
	}
	return n.furnish(st)
}

// when adds those of the <If> sections whose conditions hold for x, in order,
// each with those inside of it (httpd's ap_if_walk).
func (st *site) when(n *node, ifs []int, x *exchange.Exchange) *node {
	held := false // the <If> or an <ElseIf> behind it
	for _, i := range ifs {
		s := st.all[i]
		if s.src.Else && held {
			continue
		}
		if held = s.src.Cond == nil || s.src.Cond.Eval(exprvars.Varying(x), nil); held {
			n = st.when(n.child(st, i), s.ifs, x)
		}
	}
	return n
}
