package authz_core

import (
	"errors"
	"strings"

	"sallyport/internal/authz"
	"sallyport/internal/conf"
)

// node is a Require line (rule is set) or a container, as written.
type node struct {
	provider string
	args     string
	rule     *authz.Rule

	all  bool // a container in which no kid may deny; else one grant is enough
	kids []*node

	negate  bool // Require not, RequireNone
	methods methods
	merged  bool // made by AuthMerging
}

// methods are those a node is for: those of its <Limit>, or of its kids'.
type methods struct {
	every bool
	sets  []*conf.MethodSet
}

func (m *methods) add(n methods) {
	if m.every = m.every || n.every; m.every {
		m.sets = nil
		return
	}
	m.sets = append(m.sets[:len(m.sets):len(m.sets)], n.sets...)
}

func (m *methods) has(method string) bool {
	if m.every {
		return true
	}
	for _, s := range m.sets {
		if s.Has(method) {
			return true
		}
	}
	return false
}

// title is how messages call the node.
func (n *node) title() string {
	not := ""
	switch {
	case n.rule != nil:
		if n.negate {
			not = "not "
		}
		return "Require " + not + n.provider + " " + n.args
	case n.merged && n.all:
		return "AuthMerging All"
	case n.merged:
		return "AuthMerging Any"
	case n.all:
		return "<RequireAll>"
	case n.negate:
		return "<RequireNone>"
	}
	return "<RequireAny>"
}

// add puts a finished node into a container (add_authz_provider,
// add_authz_section). Errors are in httpd's words.
func (n *node) add(kid *node) error {
	if kid.negate && !n.all {
		name := "negative Require"
		if kid.rule == nil {
			name = kid.title()
		}
		return errors.New(name + " directive has no effect in " + n.title() + " directive")
	}
	n.methods.add(kid.methods)
	if kid.rule == nil && !n.negate && kid.all == n.all {
		n.kids = append(n.kids, kid.kids...)
		return nil
	}
	if kid.onlyNegative() {
		return errors.New("AH01624: " + kid.title() + " directive contains only negative authorization directives")
	}
	n.kids = append(n.kids, kid)
	return nil
}

// onlyNegative: nothing in the container can ever grant.
func (n *node) onlyNegative() bool {
	for _, k := range n.kids {
		if !k.negate {
			return false
		}
	}
	return n.rule == nil
}

// merging is AuthMerging.
type merging uint8

const (
	off merging = iota
	and
	or
)

func parseMerging(word string) (merging, bool) {
	switch strings.ToLower(word) {
	case "off":
		return off, true
	case "and":
		return and, true
	case "or":
		return or, true
	}
	return 0, false
}

// merge lays the rules of an inner section over those of the outer ones.
func merge(outer, inner *dirConf) *dirConf {
	out := &dirConf{Root: inner.Root, Merging: inner.Merging, Forbid: inner.Forbid.Over(outer.Forbid)}
	switch {
	case !inner.Merging.Is && inner.Root == nil:
		// Nothing about rules in here.
		out.Root, out.Merging = outer.Root, outer.Merging
	case inner.Merging.V == off || outer.Root == nil:
	case inner.Root == nil:
		out.Root = outer.Root
	default:
		both := &node{all: inner.Merging.V == and, kids: []*node{outer.Root, inner.Root}, merged: true}
		both.methods.add(outer.Root.methods)
		both.methods.add(inner.Root.methods)
		out.Root = both
	}
	return out
}
