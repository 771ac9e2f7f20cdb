package urlmap

import (
	"sort"

	"sallyport/internal/regex"
)

// Pattern is one line of an alias list. With a Regex it matches what that
// matches anywhere; with Ask it is offered for every path and the caller
// decides (see Map.First); else it is a literal Prefix.
type Pattern struct {
	Prefix string
	Regex  *regex.Regex
	Ask    bool
}

// Hit is a match of one pattern.
type Hit struct {
	// Index of the pattern in the list; -1: nothing matched.
	Index int
	// Len is how many bytes of the path a prefix matched. It may exceed the
	// prefix's own length, for a slash in it stands for any run of slashes.
	Len int
	// Groups are the offsets of a regular expression's match (see
	// regex.Regex.Find); nil for other patterns.
	Groups []int
}

// Map is a compiled alias list, immutable and safe for use by many goroutines.
type Map struct {
	root node
	slow []slow // regular expressions and Ask patterns, by index
	size int
}

type slow struct {
	index int
	regex *regex.Regex // nil: Ask
}

// node is one edge of a radix tree over prefixes in which every run of
// slashes has become one slash. A prefix ends at the node's last byte.
type node struct {
	text     string  // the edge's bytes
	ends     []int32 // indices of the prefixes that end here, ascending
	best     int32   // the smallest index here or below
	first    []byte  // first byte of each child, sorted
	children []*node
}

const none = int32(1<<31 - 1)

// New compiles a list.
func New(list []Pattern) *Map {
	m := &Map{size: len(list)}
	m.root.best = none
	for i, p := range list {
		switch {
		case p.Ask:
			m.slow = append(m.slow, slow{i, nil})
		case p.Regex != nil:
			m.slow = append(m.slow, slow{i, p.Regex})
		case p.Prefix != "":
			m.root.insert(oneSlash(p.Prefix), int32(i))
		}
	}
	return m
}

// Len is the number of patterns in the list.
func (m *Map) Len() int { return m.size }

// First returns the first pattern at or behind index from that matches path.
// An Ask pattern counts as a match (Len 0): a caller that finds it does not
// apply goes on with from = Index+1.
//
// A prefix matches whole segments: one that does not end in a slash must be
// followed by a slash or the end of the path (httpd's alias_match).
func (m *Map) First(path string, from int) Hit {
	hit := m.prefix(path, int32(from))
	i := 0
	if from > 0 {
		i = sort.Search(len(m.slow), func(i int) bool { return m.slow[i].index >= from })
	}
	for ; i < len(m.slow); i++ {
		s := &m.slow[i]
		if hit.Index >= 0 && s.index > hit.Index {
			break
		}
		if s.regex == nil {
			return Hit{Index: s.index}
		}
		if g := s.regex.Find(path); g != nil {
			return Hit{Index: s.index, Groups: g}
		}
	}
	return hit
}

// prefix descends the tree along path. It passes every prefix of path on the
// way and remembers the one with the smallest index; subtrees that hold
// nothing smaller are not entered.
func (m *Map) prefix(path string, from int32) Hit {
	best, length := none, 0
	n := &m.root
	at := 0
	for {
		c := n.child(path, at)
		if c == nil || c.best >= best {
			break
		}
		to, ok := c.along(path, at)
		if !ok {
			break
		}
		n, at = c, to
		if len(n.ends) == 0 {
			continue
		}
		if n.text[len(n.text)-1] != '/' && at < len(path) && path[at] != '/' {
			continue
		}
		if i := n.from(from); i < best {
			best, length = i, at
		}
	}
	if best == none {
		return Hit{Index: -1}
	}
	return Hit{Index: int(best), Len: length}
}

// child finds the edge that begins with the byte of path at offset at.
func (n *node) child(path string, at int) *node {
	if at >= len(path) {
		return nil
	}
	c := path[at]
	lo, hi := 0, len(n.first)
	for lo < hi {
		mid := (lo + hi) / 2
		if n.first[mid] < c {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(n.first) && n.first[lo] == c {
		return n.children[lo]
	}
	return nil
}

// along follows the edge's text in path from offset at; a slash takes the
// whole run of slashes with it. It returns the offset behind the edge.
func (n *node) along(path string, at int) (int, bool) {
	for i := 0; i < len(n.text); i++ {
		if at >= len(path) || path[at] != n.text[i] {
			return 0, false
		}
		at++
		if n.text[i] == '/' {
			for at < len(path) && path[at] == '/' {
				at++
			}
		}
	}
	return at, true
}

// from is the smallest index that ends here and is not below min.
func (n *node) from(min int32) int32 {
	if n.ends[0] >= min {
		return n.ends[0]
	}
	i := sort.Search(len(n.ends), func(i int) bool { return n.ends[i] >= min })
	if i == len(n.ends) {
		return none
	}
	return n.ends[i]
}

// insert adds a prefix; indices come in ascending order, so that the first to
// pass a node is its best.
func (n *node) insert(text string, index int32) {
	if index < n.best {
		n.best = index
	}
	if text == "" {
		n.ends = append(n.ends, index)
		return
	}
	i := sort.Search(len(n.first), func(i int) bool { return n.first[i] >= text[0] })
	if i == len(n.first) || n.first[i] != text[0] {
		leaf := &node{text: text, ends: []int32{index}, best: index}
		n.first = append(n.first, 0)
		copy(n.first[i+1:], n.first[i:])
		n.first[i] = text[0]
		n.children = append(n.children, nil)
		copy(n.children[i+1:], n.children[i:])
		n.children[i] = leaf
		return
	}
	c := n.children[i]
	k := common(c.text, text)
	if k < len(c.text) {
		upper := &node{text: c.text[:k], best: c.best, first: []byte{c.text[k]}, children: []*node{c}}
		c.text = c.text[k:]
		n.children[i] = upper
		c = upper
	}
	c.insert(text[k:], index)
}

func common(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}

// oneSlash replaces every run of slashes by one.
func oneSlash(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '/' || i == 0 || s[i-1] != '/' {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// MatchPrefix is the rule of one literal prefix: how many bytes of path it
// matches; 0: none. Map does the same for many.
func MatchPrefix(path, prefix string) int {
	p, a := 0, 0
	for a < len(prefix) {
		if p >= len(path) || path[p] != prefix[a] {
			return 0
		}
		p++
		a++
		if prefix[a-1] == '/' {
			for a < len(prefix) && prefix[a] == '/' {
				a++
			}
			for p < len(path) && path[p] == '/' {
				p++
			}
		}
	}
	if p == 0 || prefix[a-1] != '/' && p < len(path) && path[p] != '/' {
		return 0
	}
	return p
}
