// Package logio is mod_logio: bytes received and sent, and the time to the
// first byte. The counting is done by the fronts and the items %I %O %S %^FB
// are made in the room log_config; what is left here is LogIOTrackTTFB.
package logio

import (
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// Room declares mod_logio.
var Room = module.Room{
	Name:   "logio",
	Static: true,
	Directives: []conf.Directive{
		{Name: "LogIOTrackTTFB", In: conf.Anywhere | conf.InHtaccess, Args: conf.Flag, Set: dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.Track }),
			Help: "Set to 'ON' to enable tracking time to first byte"},
	},
	Compile: func(*module.Build) func(*module.Plan) { return furnish },
}

type dirConf struct{ Track conf.Opt[bool] }

var dir = conf.NewDirKey[dirConf]("logio")

func furnish(p *module.Plan) {
	if d := dir.Of(p.Dir); d != nil && d.Track.V {
		p.Hook(exchange.Respond, module.Last, func(x *exchange.Exchange) exchange.Verdict {
			x.HeadAt = time.Now()
			return exchange.Declined
		})
	}
}
