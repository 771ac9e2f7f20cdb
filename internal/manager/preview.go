package manager

import (
	"fmt"
	"math"

	"sallyport/internal/cluster"
	"sallyport/internal/live"
)

// Claim is what an election goes by for one member.
type Claim struct {
	Flags  live.Flags
	Factor int32 // hundredths
	LBSet  uint8
}

// Shares is which part of the requests that bring no session goes to each of a
// balancer's members, 0 to 1, as their factors have it: the lowest set that has
// somebody to offer, spares for as many as are missing there, standbys when
// there is nobody else (balancer's group.offer). Methods that go by something
// else than factors come near it where members are equally fast.
func Shares(members []Claim) []float64 {
	out := make([]float64, len(members))
	for set := -1; ; {
		next := math.MaxInt
		for _, c := range members {
			if s := int(c.LBSet); s > set && s < next {
				next = s
			}
		}
		if set = next; set == math.MaxInt {
			return out
		}
		if offer(members, set, out) {
			return out
		}
	}
}

// offer gives the shares of one set; false: it has nobody.
func offer(members []Claim, set int, out []float64) bool {
	var plain, spares, standbys []int
	missing := 0
	for i, c := range members {
		if int(c.LBSet) != set {
			continue
		}
		switch f := c.Flags; {
		case f&live.Draining != 0:
			if f&(live.Spare|live.Standby) == 0 {
				missing++
			}
		case f&live.Spare != 0:
			if f.Usable() {
				spares = append(spares, i)
			}
		case f&live.Standby != 0:
			if f.Usable() {
				standbys = append(standbys, i)
			}
		case f.Usable():
			plain = append(plain, i)
		default:
			missing++
		}
	}
	chosen := append(plain, spares[:min(missing, len(spares))]...)
	if len(chosen) == 0 {
		chosen = standbys
	}
	total := 0.0
	for _, i := range chosen {
		total += float64(members[i].Factor)
	}
	for _, i := range chosen {
		out[i] = float64(members[i].Factor) / total
	}
	return len(chosen) > 0
}

// claims are what the seats of a layout would go by, with the health that the
// members have; locked.
func (m *Manager) claims(e *Balancer, l *Layout) []Claim {
	out := make([]Claim, len(l.Seats))
	for i := range l.Seats {
		c := l.Seats[i].Conf.Live()
		out[i] = Claim{c.Flags&^live.Health | live.Initialized, c.Factor, c.LBSet}
		if w := m.live.Worker(live.WorkerKey{Balancer: e.Key, URL: l.Seats[i].URL}); w != nil {
			out[i].Flags |= w.Flags() & live.Health
		}
	}
	return out
}

// Preview is what a proposal would do.
type Preview struct {
	// Edits are the proposal's, with what each would replace.
	Edits     []cluster.Edit
	Balancers []Outlook
	Warnings  []string
}

// Outlook is one balancer before and after.
type Outlook struct {
	Key     live.BalancerKey
	Name    string
	Members []MemberOutlook
}

// MemberOutlook is one member before and after. It may be missing on one side.
type MemberOutlook struct {
	URL           string
	Before, After float64 // share of the requests, see Shares
	IsNew, IsGone bool
	Flags         live.Flags // after
	Busy          int64      // now
	// Rate is requests per second now, WillRate what they would be, Most the
	// most of the last hour; 0 where nobody keeps charts.
	Rate, WillRate, Most float64
}

// Preview says what edits would do, without doing it. The errors are those of
// Propose.
func (m *Manager) Preview(p Proposal) (*Preview, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	edits, err := m.check(&p)
	if err != nil {
		return nil, err
	}
	next := m.overlay.With(cluster.Change{Revision: m.overlay.Rev() + 1, At: m.now(), By: p.By, Edits: edits})
	out := &Preview{Edits: edits, Warnings: m.unbound(edits)}
	seen := map[*Balancer]bool{}
	for i := range edits {
		e := m.board.Find(edits[i].Balancer)
		if e = e.Owner; seen[e] {
			continue
		}
		seen[e] = true
		o, warnings := m.outlook(e, next)
		out.Balancers = append(out.Balancers, o)
		out.Warnings = append(append(out.Warnings, warnings...), m.learn(&out.Balancers[len(out.Balancers)-1])...)
	}
	return out, nil
}

// unbound warns of edits that sessions under way lose their member by; locked.
func (m *Manager) unbound(edits []cluster.Edit) (warnings []string) {
	for i := range edits {
		e := &edits[i]
		b := m.board.Find(e.Balancer)
		set := &m.layouts[b].Settings
		if set.Sticky.V.Cookie == "" && set.StickyCookie.V == "" {
			continue
		}
		for k := range e.Params {
			switch name := e.Params[k].Name; {
			case e.Member != "" && name == "route" && m.live.Worker(live.WorkerKey{Balancer: e.Balancer, URL: e.Member}) != nil:
				warnings = append(warnings, fmt.Sprintf("%s: the sessions of %s are balanced anew: its route changes", b.Name, e.Member))
			case e.Member == "" && (name == "stickysession" || name == "stickycookie" || name == "stickysecret"):
				warnings = append(warnings, fmt.Sprintf("%s: sessions under way lose their members and are balanced anew: %s changes", b.Name, name))
			}
		}
	}
	return warnings
}

// outlook compares a balancer with what next makes of it; locked.
func (m *Manager) outlook(e *Balancer, next *cluster.Overlay) (Outlook, []string) {
	before, after := m.layouts[e], e.lay(next, m.leavingOf(e.Key))
	was, will := m.claims(e, before), m.claims(e, after)
	wasShares, willShares := Shares(was), Shares(will)
	o := Outlook{Key: e.Key, Name: e.Name}
	at := map[string]int{}
	for i := range after.Seats {
		s := &after.Seats[i]
		at[s.URL] = len(o.Members)
		o.Members = append(o.Members, MemberOutlook{URL: s.URL, After: willShares[i], Flags: will[i].Flags, IsNew: true})
	}
	for i := range before.Seats {
		s := &before.Seats[i]
		k, stays := at[s.URL]
		if !stays {
			k = len(o.Members)
			o.Members = append(o.Members, MemberOutlook{URL: s.URL, IsGone: true})
		}
		o.Members[k].IsNew, o.Members[k].Before = false, wasShares[i]
	}
	var busy, room int64
	bounded, serving := true, 0
	for i := range o.Members {
		mo := &o.Members[i]
		if w := m.live.Worker(live.WorkerKey{Balancer: e.Key, URL: mo.URL}); w != nil {
			mo.Busy = w.Busy()
			busy += mo.Busy
		}
		if mo.After == 0 {
			continue
		}
		serving++
		limit := int64(0)
		for k := range after.Seats {
			if after.Seats[k].URL == mo.URL {
				limit = int64(after.Seats[k].Conf.MaxConn.V)
			}
		}
		bounded = bounded && limit > 0
		room += limit
	}
	return o, warnings(o, busy, room, serving, bounded)
}

// warnings says what may go wrong.
func warnings(o Outlook, busy, room int64, serving int, bounded bool) []string {
	var out []string
	was := 0
	for _, m := range o.Members {
		if m.Before > 0 {
			was++
		}
		if m.Before > 0 && m.After >= 2*m.Before-1e-9 && m.After > m.Before {
			out = append(out, fmt.Sprintf("%s: %s will get %.0f %% of the requests, %.1f times what it gets now", o.Name, m.URL, 100*m.After, m.After/m.Before))
		}
	}
	switch {
	case serving == 0:
		out = append(out, o.Name+": no member is left that may serve: requests will be answered with 503")
	case serving == 1 && was > 1:
		out = append(out, o.Name+": one member is left to serve; when it fails there is nobody to take over")
	}
	if bounded && serving > 0 && busy > room {
		out = append(out, fmt.Sprintf("%s: %d requests are in hand, and the members that remain take %d at a time (maxconn=)", o.Name, busy, room))
	}
	return out
}
