// Package status is the room of mod_status: the handler server-status, which
// shows what the server is doing, for people and (?auto) for programs.
//
// The numbers are the process's (module.Scoreboard). httpd's page speaks of child
// processes and their threads; where it does, this one shows the single
// process there is, its exchanges as workers and its connections. With
// ProxyStatus the balancers follow; package proxy lends them.
package status

import (
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/manager"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
)

// Room is mod_status.
var Room = module.Room{
	Name:     "status",
	Compile:  compile,
	Handlers: []string{handlerName},
}

const handlerName = "server-status"

// pages makes the pages of one configuration.
type pages struct {
	board    module.Scoreboard
	now      func() time.Time
	extended bool // ExtendedStatus
	tail     bool // SeeRequestTail
	built    string
}

func compile(b *module.Build) func(*module.Plan) {
	p := core.Process.Of(b.Config.Main.Conf)
	if p == nil {
		p = new(core.ProcessConf)
	}
	s := &pages{board: b.Env.Scoreboard, now: b.Env.Now, extended: p.ExtendedStatus.Or(true), tail: p.RequestTail.V, built: core.Built()}
	// Where nobody looks nothing is counted.
	if s.board != nil && s.extended && (p.ExtendedStatus.Is || core.Handled(b, handlerName)) {
		b.Open(module.Opening{
			Open:  func() error { s.board.Extend(true); return nil },
			Close: func() { s.board.Extend(false) },
		})
	}
	desk := b.Env.Manager
	return func(p *module.Plan) {
		var look func() []manager.Status // nil: ProxyStatus Off
		if desk != nil && p.Server.ShowsProxy {
			key := p.Server.Key
			look = func() []manager.Status { return desk.At(key).Balancers() }
		}
		p.Hook(exchange.Handle, module.Middle, func(x *exchange.Exchange) exchange.Verdict { return s.handle(x, look) })
	}
}
