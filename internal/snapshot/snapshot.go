// Package snapshot turns a loaded configuration into the frozen thing that
// serves: virtual hosts by address and name (hosts.go), sections by path and
// URL with their merges remembered (sections.go, places.go), and the way of an
// exchange through its phases (run.go, fail.go). A snapshot is built whole or
// not at all and never changes afterwards; a reload builds another.
//
// It opens no sockets and knows no module by name: rooms furnish the Places
// through module.Plan.
package snapshot

import (
	"fmt"
	"maps"
	"slices"

	"sallyport/internal/balancer"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// Snapshot is one configuration, ready to serve.
type Snapshot struct {
	Config *conf.Config
	// Servers has the main server first, then the virtual hosts in order.
	Servers []*module.ServerBuild

	hosts    hosts
	announce *announce
	sites    []*site // by exchange.Server.Index
	openings []module.Opening
	opened   int
}

// Build compiles a configuration. Rooms that the configuration did not load
// are left out. The list holds what was found; the snapshot is nil when there
// is an error among it.
func Build(cfg *conf.Config, rooms []*module.Room, env module.Env) (*Snapshot, diag.List) {
	var diags diag.List
	b := &module.Build{Config: cfg, Diags: &diags, Env: env, Methods: map[string]func() balancer.Method{},
		Handlers: map[string]module.Handler{}}
	var loaded []*module.Room
	for _, r := range rooms {
		counts := r.Static || slices.Contains(cfg.Modules, r.Name+"_module")
		for _, name := range r.Handlers {
			b.Handlers[name] = module.Handler{Room: r.Name, Loaded: counts}
		}
		if counts {
			loaded = append(loaded, r)
			maps.Copy(b.Methods, r.Methods)
		}
	}
	s := &Snapshot{Config: cfg}
	for i, src := range append([]*conf.Server{cfg.Main}, cfg.Hosts...) {
		sb := &module.ServerBuild{Source: src, Conf: src.Conf, Dir: src.Dir}
		if i > 0 {
			sb.Conf = conf.Merge(cfg.Main.Conf, src.Conf)
			sb.Dir = conf.Merge(cfg.Main.Dir, src.Dir)
		}
		sb.Server = &exchange.Server{Index: i}
		if i > 0 {
			sb.Server.DefinedAt = fmt.Sprintf("%s:%d", src.Pos.File, src.Pos.Line)
		}
		b.Servers = append(b.Servers, sb)
	}
	s.Servers = b.Servers

	var plans []func(*module.Plan)
	for _, r := range loaded {
		if r.Compile == nil {
			continue
		}
		if plan := r.Compile(b); plan != nil {
			plans = append(plans, plan)
		}
	}
	s.hosts.build(b)
	s.announce = newAnnounce(b.Announced, &s.hosts)
	for i, sb := range b.Servers {
		st := newSite(sb, cfg.Main, i > 0, plans)
		s.sites = append(s.sites, st)
	}
	if hasErrors(diags) {
		return nil, diags
	}
	s.hosts.secure(b.Challenge)
	for _, st := range s.sites {
		st.build.Server.Base = st.base.furnish(st)
	}
	s.openings = b.Openings
	return s, diags
}

func hasErrors(l diag.List) bool {
	return slices.ContainsFunc(l, func(d diag.Diagnostic) bool { return d.Severity == diag.Error })
}

// Open opens what the snapshot owns: logs and the like. On an error what was
// opened is closed again and the snapshot must not serve.
func (s *Snapshot) Open() error {
	for _, o := range s.openings {
		if o.Open != nil {
			if err := o.Open(); err != nil {
				s.Close()
				return err
			}
		}
		s.opened++
	}
	for _, o := range s.openings {
		if o.Ready != nil {
			o.Ready()
		}
	}
	return nil
}

// Close closes it again, last first. No exchange may be under way.
func (s *Snapshot) Close() {
	for s.opened > 0 {
		s.opened--
		if c := s.openings[s.opened].Close; c != nil {
			c()
		}
	}
}
