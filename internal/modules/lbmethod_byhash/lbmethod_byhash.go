// Package lbmethod_byhash is the room of lbmethod=byhash, which httpd lacks:
// requests of equal key= go to the same member. When a member comes or goes
// only its own keys move (a hash ring), and no member is given more than a
// quarter above its share of the requests in hand: what would be more goes on
// to the next on the ring (consistent hashing with bounded loads).
package lbmethod_byhash

import (
	"cmp"
	"slices"

	"sallyport/internal/balancer"
	"sallyport/internal/module"
)

// Room provides lbmethod=byhash.
var Room = module.Room{
	Name:    "lbmethod_byhash",
	Static:  true,
	Methods: map[string]func() balancer.Method{"byhash": func() balancer.Method { return &Method{} }},
}

// The ring has so many points for a factor of 1, fewer where there are
// hundreds of members: more points even out the shares.
const (
	pointsEach = 160
	pointsAll  = 1 << 14
)

// Method keeps the ring of one balancer.
type Method struct {
	ring  []point
	stamp uint64 // of what the ring was made of
	built uint64 // Candidates.Built when that was last looked at
}

type point struct {
	at     uint64
	member *balancer.Member
}

// Name implements balancer.Method.
func (*Method) Name() string { return "byhash" }

// Keyed implements balancer.Keyed.
func (*Method) Keyed() {}

// Pick implements balancer.Method. A request without a key goes where
// byrequests would send it.
func (m *Method) Pick(c *balancer.Candidates) int {
	key, ok := c.Key()
	if !ok || c.Len() == 1 {
		i := c.Highest()
		c.Charge(i)
		return i
	}
	if m.built != c.Built() {
		m.refresh(c)
	}
	i := m.find(c, key)
	c.Charge(i)
	return i
}

// find walks the ring from the key on.
func (m *Method) find(c *balancer.Candidates, key uint64) int {
	start, _ := slices.BinarySearchFunc(m.ring, key, func(p point, k uint64) int { return cmp.Compare(p.at, k) })
	total, weight := int64(-1), int64(0)
	lot := int(balancer.Mix(key) % balancer.Steps)
	first := -1
	for n := range m.ring {
		i := c.Index(m.ring[(start+n)%len(m.ring)].member)
		if i < 0 {
			continue
		}
		if first < 0 {
			first = i
		}
		if lot >= c.Share(i) {
			continue // a slow start: not this key's turn yet
		}
		busy := c.Member(i).Worker.Busy()
		if busy == 0 {
			return i
		}
		if total < 0 {
			total = 1
			for k := range c.Len() {
				total += c.Member(k).Worker.Busy()
				weight += c.Factor(k)
			}
		}
		// busy+1 <= 5/4 * total * factor/weight, rounded up.
		if (busy+1)*4*weight <= total*5*c.Factor(i)+4*weight-1 {
			return i
		}
	}
	return max(first, 0)
}

// refresh makes the ring anew if members or factors have changed. It is made
// of all members of the set, so that those that fail for a while keep their
// place.
func (m *Method) refresh(c *balancer.Candidates) {
	m.built = c.Built()
	set := c.Member(0).Worker.Settings().LBSet
	stamp, n := uint64(set)+1, 0
	for _, o := range c.All() {
		if s := o.Worker.Settings(); s.LBSet == set {
			stamp = balancer.HashKey(stamp^uint64(s.Factor), o.URL())
			n++
		}
	}
	if stamp == m.stamp {
		return
	}
	m.stamp = stamp
	m.ring = m.ring[:0]
	each := max(min(pointsEach, pointsAll/n), 4)
	for _, o := range c.All() {
		s := o.Worker.Settings()
		if s.LBSet != set {
			continue
		}
		seed := balancer.HashKey(0, o.URL())
		for k := range max(each*int(s.Factor)/100, 1) {
			m.ring = append(m.ring, point{balancer.Mix(seed + uint64(k)*0x9e3779b97f4a7c15), o})
		}
	}
	slices.SortFunc(m.ring, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.member.URL(), b.member.URL()))
	})
}
