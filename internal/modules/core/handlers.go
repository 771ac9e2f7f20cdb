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
	eachHandler(b, func(h conf.Opt[string]) { warnHandler(b, h) })
}

// Handled reports whether some SetHandler line names the handler.
func Handled(b *module.Build, name string) (yes bool) {
	eachHandler(b, func(h conf.Opt[string]) { yes = yes || h.V == name })
	return yes
}

// eachHandler visits the SetHandler lines.
func eachHandler(b *module.Build, f func(conf.Opt[string])) {
	visit := func(v conf.Vector) {
		if d := Dir.Of(v); d != nil && d.Handler.V != "" {
			f(d.Handler)
		}
	}
	for _, sb := range b.Servers {
		visit(sb.Source.Dir)
		eachSection(sb.Source.Sections, func(s *conf.Section) { visit(s.Dir) })
	}
}

func eachSection(list []*conf.Section, f func(*conf.Section)) {
	for _, s := range list {
		f(s)
		eachSection(s.Sections, f)
	}
}

func warnHandler(b *module.Build, at conf.Opt[string]) {
	name := at.V
	if strings.HasPrefix(name, "proxy:") {
		return
	}
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
	b.Warn(at.Pos, fmt.Sprintf("SetHandler %s: no module that is loaded has this handler; the requests are taken for files", name), hint)
}
