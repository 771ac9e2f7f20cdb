package hosts

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
)

// Set is many patterns, asked as one: Contains takes as long as the logarithm
// of their number. Immutable.
type Set struct {
	spans []span // sorted, apart from each other; IPv4 in front of IPv6
	holes []Net  // patterns that are no prefix
}

type span struct{ from, to netip.Addr }

// MakeSet makes a set of patterns.
func MakeSet(nets []Net) Set {
	var s Set
	for _, n := range nets {
		if n.prefix.IsValid() {
			s.spans = append(s.spans, span{n.prefix.Masked().Addr(), last(n.prefix)})
		} else {
			s.holes = append(s.holes, n)
		}
	}
	slices.SortFunc(s.spans, func(a, b span) int { return cmp.Or(a.from.Compare(b.from), b.to.Compare(a.to)) })
	out := s.spans[:0]
	for _, sp := range s.spans {
		// Prefixes never overlap in part: one holds the other, or not.
		if len(out) > 0 && sp.from.Compare(out[len(out)-1].to) <= 0 {
			continue
		}
		out = append(out, sp)
	}
	s.spans = out
	return s
}

// last is the highest address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Contains reports whether one of the patterns matches a.
func (s *Set) Contains(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].from.Compare(a) > 0 })
	// netip orders by length of the address first, so that an IPv4 address is
	// below every IPv6 span.
	if i > 0 && a.Compare(s.spans[i-1].to) <= 0 {
		return true
	}
	for i := range s.holes {
		if s.holes[i].Contains(a) {
			return true
		}
	}
	return false
}
