package proxy

import (
	"fmt"

	"sallyport/internal/conf"
	"sallyport/internal/modules/core"
)

// warnHidden names the pages that a server's own ProxyPass lines take away
// from their handler: the usual way to lose the balancer-manager is
// "ProxyPass /" without an exclusion in front of it.
func (d *draft) warnHidden(i int) {
	s := d.sites[i]
	for _, sec := range d.b.Servers[i].Source.Sections {
		c := core.Dir.Of(sec.Dir)
		if sec.Kind != conf.InLocation || sec.Regex || hasGlob(sec.Arg) || c == nil || c.Handler.V == "" {
			continue
		}
		if own := dir.Of(sec.Dir); own != nil && own.Alias.Is {
			continue
		}
		if r := s.firstFor(sec.Arg); r != nil && !r.exclude && len(r.alias.path) < len(sec.Arg) {
			d.b.Warn(c.Handler.Pos,
				fmt.Sprintf("<Location %q>: the handler %s is never asked: ProxyPass %s (line %d) takes the path to the backend",
					sec.Arg, c.Handler.V, r.alias.path, r.pos.Line),
				"put this line above it: ProxyPass "+sec.Arg+" !")
		}
	}
}

// firstFor finds the alias that would take a path, as translate does; nil when
// none would or that depends on the request.
func (s *site) firstFor(path string) *route {
	for _, t := range []*table{s.outerList(), &s.plain} {
		if t == nil || t.lines == nil {
			continue
		}
		if hit := t.lines.First(path, 0); hit.Index >= 0 {
			r := t.list[hit.Index]
			if r.interpolate || r.servlet {
				return nil
			}
			return r
		}
	}
	return nil
}

func (s *site) outerList() *table {
	if s.outer == nil {
		return nil
	}
	return &s.outer.plain
}
