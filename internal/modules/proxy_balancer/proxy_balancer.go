// Package proxy_balancer is the room of mod_proxy_balancer. That it is loaded
// makes balancer:// targets work, which the room proxy asks for: that room
// reads BalancerMember and ProxySet, as httpd's mod_proxy does, and runs the
// exchange; package balancer elects.
//
// What is in here are the pages of SetHandler balancer-manager: httpd's plain
// page with its forms and its XML (plain.go, edit.go, xml.go), as scripts know
// them, the console (console.go and the files behind it), for people, and the
// JSON API, for programs (api.go; what it does is package manager/api's). All
// look at and change the balancers through package manager. guard.go says who
// may change something.
package proxy_balancer

import (
	"slices"
	"time"

	"sallyport/internal/chart"
	"sallyport/internal/exchange"
	"sallyport/internal/live"
	"sallyport/internal/manager"
	"sallyport/internal/manager/api"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
	"sallyport/internal/modules/proxy_hcheck"
)

// Room is mod_proxy_balancer.
var Room = module.Room{
	Name:       "proxy_balancer",
	Handlers:   []string{handlerName},
	Directives: apiDirectives,
	Compile:    compile,
}

const handlerName = "balancer-manager"

// desk is the manager's pages of one configuration.
type desk struct {
	manager *manager.Manager
	charts  *chart.Recorder
	reg     *live.Registry
	now     func() time.Time
	built   string
	methods []string // lbmethods that are loaded
	hcheck  bool     // mod_proxy_hcheck is
}

func compile(b *module.Build) func(*module.Plan) {
	d := &desk{manager: b.Env.Manager, charts: b.Env.Charts, reg: b.Env.Live, now: b.Env.Now, built: core.Built(), methods: methodNames(b)}
	d.hcheck = slices.Contains(b.Config.Modules, "proxy_hcheck_module")
	if d.charts == nil {
		d.charts = new(chart.Recorder) // stays empty
	}
	if core.Handled(b, handlerName) {
		b.Open(module.Opening{
			Open: func() error { d.charts.Want(true); return nil },
			Close: func() {
				d.charts.Want(false)
			},
		})
	}
	moments := map[string]*frames{}
	for _, sb := range b.Servers {
		moments[sb.Key] = new(frames)
	}
	return func(p *module.Plan) {
		s := &site{desk: d, key: p.Server.Key, frames: moments[p.Server.Key], exprs: proxy_hcheck.Conditions(p.Server.Conf), api: furnishAPI(b, p)}
		p.Hook(exchange.Handle, module.Middle, s.handle)
	}
}

// site is the pages as one server has them.
type site struct {
	*desk
	key    string // of the server, for manager.At
	frames *frames
	api    *api.Site
	// exprs are the conditions of health checks (ProxyHCExpr), by name.
	exprs map[string]string
}
