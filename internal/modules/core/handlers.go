package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/module"
)

// warnHandlers names the SetHandler lines whose handler nobody has.
//
// Unlike httpd: there is a warning. Both take the requests for files, which
// then are mostly not found, because the name may be one of a program's.
func warnHandlers(b *module.Build) {
	for _, sb := range b.Servers {
		warnHandler(b, sb.Source.Dir)
		eachSection(sb.Source.Sections, func(s *conf.Section) { warnHandler(b, s.Dir) })
	}
}

func eachSection(list []*conf.Section, f func(*conf.Section)) {
	for _, s := range list {
		f(s)
		eachSection(s.Sections, f)
	}
}

func warnHandler(b *module.Build, v conf.Vector) {
	d := Dir.Of(v)
	if d == nil || d.Handler.V == "" || strings.HasPrefix(d.Handler.V, "proxy:") {
		return
	}
	name := d.Handler.V
	h, known := b.Handlers[name]
	if h.Loaded {
		return
	}
	hint := ""
	switch {
	case known:
		hint = "LoadModule " + h.Room + "_module is missing"
	default:
		if near := conf.Nearest(name, slices.Sorted(maps.Keys(b.Handlers))); near != "" {
			hint = "did you mean " + near + "?"
		}
	}
	b.Warn(d.Handler.Pos, fmt.Sprintf("SetHandler %s: no module that is loaded has this handler; the requests are taken for files", name), hint)
}
