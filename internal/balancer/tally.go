package balancer

import (
	"cmp"
	"slices"
)

// tally keeps the standings (httpd's lbstatus) of the candidates so that a
// round costs the same for two members and for a thousand.
//
// httpd adds each member's factor to its standing in every round, takes the
// highest, and subtracts the sum of all factors from that one. Adding to all
// is avoided by counting rounds: a standing is base + round*factor. Members of
// equal factor then never overtake one another by waiting: each class of equal
// factors is a list in order of (base, position), its first is its best, and a
// round compares only the firsts of the classes. The chosen goes back into its
// list, mostly at the very end: the list is a ring, so that moving the first
// to the end is moving the ring's head.
//
// The sequence is httpd's exactly, whatever the standings at the start. The
// cost of a round is one step per distinct factor; a choice out of turn
// (sticky sessions, bybusyness) adds a binary search and a short move.
type tally struct {
	factor []int64 // by candidate
	base   []int64
	class  []int32 // by candidate: index into classes
	ring   []int32 // the classes' lists, one behind the other
	order  []class
	total  int64 // sum of factors
	round  int64 // rounds since base was true
}

// class is the members of one factor: ring[from:from+size], starting at head.
type class struct {
	factor           int64
	from, size, head int32
}

// fill starts anew with the given factors and standings.
func (t *tally) fill(factors, standings []int64) {
	n := len(factors)
	t.factor = append(t.factor[:0], factors...)
	t.base = append(t.base[:0], standings...)
	t.class = append(t.class[:0], make([]int32, n)...)
	t.ring = t.ring[:0]
	t.order = t.order[:0]
	t.total, t.round = 0, 0
	for i := range n {
		t.ring = append(t.ring, int32(i))
		t.total += factors[i]
	}
	slices.SortFunc(t.ring, func(a, b int32) int {
		return cmp.Or(cmp.Compare(t.factor[a], t.factor[b]), t.compare(a, b))
	})
	for at, i := range t.ring {
		if n := len(t.order); n == 0 || t.order[n-1].factor != t.factor[i] {
			t.order = append(t.order, class{factor: t.factor[i], from: int32(at)})
		}
		c := &t.order[len(t.order)-1]
		c.size++
		t.class[i] = int32(len(t.order) - 1)
	}
}

// compare orders two of one class: higher base first, then the earlier.
func (t *tally) compare(a, b int32) int {
	return cmp.Or(cmp.Compare(t.base[b], t.base[a]), cmp.Compare(a, b))
}

// standing is what i has with the share of the round that is being decided.
func (t *tally) standing(i int) int64 { return t.base[i] + (t.round+1)*t.factor[i] }

// highest finds who leads.
func (t *tally) highest() int {
	c := &t.order[0]
	best := t.ring[c.from+c.head]
	if len(t.order) == 1 {
		return int(best)
	}
	top := t.standing(int(best))
	for k := 1; k < len(t.order); k++ {
		c := &t.order[k]
		i := t.ring[c.from+c.head]
		if s := t.standing(int(i)); s > top || s == top && i < best {
			best, top = i, s
		}
	}
	return int(best)
}

// charge ends the round in favour of i, who pays sum.
func (t *tally) charge(i int, sum int64) {
	t.round++
	t.pay(i, sum)
}

// pay lowers i's standing and puts it back in its class's order.
func (t *tally) pay(i int, sum int64) {
	c := &t.order[t.class[i]]
	list := t.ring[c.from : c.from+c.size]
	at := c.head
	if list[at] != int32(i) {
		at = t.find(c, list, int32(i))
	}
	t.base[i] -= sum
	// Move i behind all that now stand before it. Taken from the head of the
	// list to its end it need not move at all: the head does.
	if at == c.head {
		last := c.head - 1
		if last < 0 {
			last = c.size - 1
		}
		if last == at || t.compare(list[last], int32(i)) < 0 {
			c.head++
			if c.head == c.size {
				c.head = 0
			}
			return
		}
	}
	for {
		next := at + 1
		if next == c.size {
			next = 0
		}
		if next == c.head || t.compare(int32(i), list[next]) < 0 {
			list[at] = int32(i)
			return
		}
		list[at] = list[next]
		at = next
	}
}

// find returns i's place in its list by binary search over the order.
func (t *tally) find(c *class, list []int32, i int32) int32 {
	low, high := int32(0), c.size
	for low < high {
		mid := (low + high) / 2
		at := c.head + mid
		if at >= c.size {
			at -= c.size
		}
		switch d := t.compare(list[at], i); {
		case d == 0:
			return at
		case d < 0:
			low = mid + 1
		default:
			high = mid
		}
	}
	panic("balancer: candidate missing from its class") // the order is an invariant of this file
}

// settle makes base the true standings.
func (t *tally) settle() {
	if t.round == 0 {
		return
	}
	for i := range t.base {
		t.base[i] += t.round * t.factor[i]
	}
	t.round = 0
}
