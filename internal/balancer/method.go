package balancer

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

// Candidates are the members offered to a Method, in the order httpd offers
// them: plain members as configured, then spares; or standbys alone. On equal
// claims the earlier wins.
type Candidates struct {
	members []*Member
	tally   tally
}

// Len is the number of candidates.
func (c *Candidates) Len() int { return len(c.members) }

// Member returns candidate i.
func (c *Candidates) Member(i int) *Member { return c.members[i] }

// Factor is the candidate's load factor in hundredths.
func (c *Candidates) Factor(i int) int64 { return c.tally.factor[i] }

// Standing is the candidate's lbstatus with this round's share added: who
// stands highest has waited longest for its factor.
func (c *Candidates) Standing(i int) int64 { return c.tally.standing(i) }

// Highest returns the candidate of the highest standing, the earliest of
// several.
func (c *Candidates) Highest() int { return c.tally.highest() }

// Charge ends a round: everyone gets its share and the chosen pays for all.
func (c *Candidates) Charge(i int) { c.tally.charge(i, c.tally.total) }
