package proxy

import (
	"fmt"
	"strings"
)

// warnLines warns of ProxyPass lines that hardly mean what they say: one whose
// target has no slash where its path has one, and one that a line above it takes
// everything from.
func (d *draft) warnLines(i int) {
	s := d.sites[i]
	for _, r := range s.plain.list {
		a := r.alias
		if a.regex != nil || a.interpolate || a.servlet {
			continue
		}
		if !a.exclude && strings.HasSuffix(a.path, "/") && !strings.HasSuffix(a.real, "/") {
			d.b.Warn(a.pos, fmt.Sprintf("ProxyPass %s %s: what follows %s is appended as it is: %sx becomes %sx", a.path, a.real, a.path, a.path, a.real),
				"a slash at the end of both, or of neither: ProxyPass "+a.path+" "+a.real+"/")
		}
		if first := s.firstFor(a.path); first != nil && first.alias != a && first.alias.regex == nil {
			d.b.Warn(a.pos, fmt.Sprintf("ProxyPass %s is never asked: ProxyPass %s (line %d) takes all of it", a.path, first.alias.path, first.pos.Line),
				"put the longer path above the shorter one")
		}
	}
}

// warnEmpty warns of a balancer that nobody has given a member.
func (d *draft) warnEmpty(p *pending, seats int) {
	if seats == 0 {
		d.b.Warn(p.pos, p.name+" has no members: its requests will be answered with 503", "BalancerMember http://… within <Proxy "+p.name+">")
	}
}
