package balancer

import (
	"math/bits"
	"time"
)

// Method is an lbmethod: it chooses among the members that may serve. All
// calls come with the balancer locked; a Method that keeps nothing may be one
// value for all balancers.
type Method interface {
	// Name is what lbmethod= says.
	Name() string
	// Pick returns the index of the chosen candidate; there is at least one.
	Pick(c *Candidates) int
}

// Joiner is a Method that wants to know who is new among the candidates: a
// member added, back from an error or called in as a spare. Called before the
// next Pick, once for each, unless all are new.
type Joiner interface {
	Joined(c *Candidates, i int)
}

// Keyed is a Method that goes by Request.Key.
type Keyed interface{ Keyed() }

// Paced is a Method that goes by how fast members answer (live.Worker.Pace).
type Paced interface{ Paced() }

// Candidates are the members offered to a Method, in the order httpd offers
// them: plain members as configured, then spares; or standbys alone. On equal
// claims the earlier wins.
type Candidates struct {
	members []*Member
	all     []*Member // of the balancer
	tally   tally
	sums    []int64 // running totals of the factors
	share   []uint8 // of a slow start, in steps of Steps
	built   uint64  // counts the changes of all of the above

	// Of the present election.
	now    time.Time
	key    uint64
	hasKey bool
	random uint64 // state of the generator
}

// Steps is in how many steps a slow start goes to its end.
const Steps = 20

// Len is the number of candidates.
func (c *Candidates) Len() int { return len(c.members) }

// Member returns candidate i.
func (c *Candidates) Member(i int) *Member { return c.members[i] }

// Factor is the candidate's load factor in hundredths, as far as its slow
// start lets it; at least 1.
func (c *Candidates) Factor(i int) int64 { return c.tally.factor[i] }

// Standing is the candidate's lbstatus with this round's share added: who
// stands highest has waited longest for its factor.
func (c *Candidates) Standing(i int) int64 { return c.tally.standing(i) }

// Highest returns the candidate of the highest standing, the earliest of
// several.
func (c *Candidates) Highest() int { return c.tally.highest() }

// All are the balancer's members, candidates or not.
func (c *Candidates) All() []*Member { return c.all }

// Index is the number of the candidate that m is; -1: it is none.
func (c *Candidates) Index(m *Member) int { return int(m.slot) }

// Share is how far candidate i's slow start has come, 1 to Steps.
func (c *Candidates) Share(i int) int { return int(c.share[i]) }

// Built changes whenever the candidates, their factors or shares may have.
func (c *Candidates) Built() uint64 { return c.built }

// Now is the time of the election.
func (c *Candidates) Now() time.Time { return c.now }

// Key is the request's, if it has one; see Request.
func (c *Candidates) Key() (uint64, bool) { return c.key, c.hasKey }

// Random returns 64 random bits, of a sequence that Config.Seed begins.
// (splitmix64: small, fast, and good enough to spread load.)
func (c *Candidates) Random() uint64 {
	c.random += 0x9e3779b97f4a7c15
	return Mix(c.random)
}

// Mix scatters the bits of v.
func Mix(v uint64) uint64 {
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// HashKey makes a Request.Key of text, the same in every process (FNV-1a).
func HashKey(seed uint64, text string) uint64 {
	h := seed ^ 0xcbf29ce484222325
	for i := 0; i < len(text); i++ {
		h = (h ^ uint64(text[i])) * 0x100000001b3
	}
	return Mix(h)
}

// Any is a candidate at random, each as likely as the next.
func (c *Candidates) Any() int { return below(c.Random(), len(c.members)) }

// Weighed is a candidate at random, each as likely as its factor is large.
func (c *Candidates) Weighed() int {
	at := int64(below(c.Random(), int(c.tally.total)))
	low, high := 0, len(c.sums)-1
	for low < high {
		if mid := (low + high) / 2; c.sums[mid] > at {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// below maps v evenly to [0, n).
func below(v uint64, n int) int {
	high, _ := bits.Mul64(v, uint64(n))
	return int(high)
}

// Charge ends a round: everyone gets its share and the chosen pays for all.
func (c *Candidates) Charge(i int) { c.tally.charge(i, c.tally.total) }
