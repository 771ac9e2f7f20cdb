// Package heartbeat is the room of mod_heartbeat: this server tells once a second
// how busy it is, so that another one can balance by it (lbmethod=heartbeat).
package heartbeat

import (
	"net"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/heartbeat"
	"sallyport/internal/module"
	"sallyport/internal/modules/heartmonitor"
)

// Room declares mod_heartbeat.
var Room = module.Room{
	Name: "heartbeat",
	Directives: []conf.Directive{
		{Name: "HeartbeatAddress", In: conf.InServer, Args: conf.One, Set: server.Do(address),
			Help: "Address to send heartbeat requests"},
	},
	Compile: compile,
}

type serverConf struct{ Addr conf.Opt[*net.UDPAddr] }

var server = conf.NewServerKey[serverConf]("heartbeat")

func address(c *conf.Cmd, s *serverConf, args []string) error {
	if s.Addr.Is {
		return &diag.Err{Text: "HeartbeatAddress: May only be specified once.", Word: 1}
	}
	a, err := heartmonitor.Address("HeartbeatAddress", "address", args[0])
	if err == nil {
		s.Addr = conf.Some(c, a)
	}
	return err
}

func compile(b *module.Build) func(*module.Plan) {
	s := server.Of(b.Config.Main.Conf)
	if s == nil || !s.Addr.Is || b.Env.Test {
		return nil
	}
	var stop func()
	b.Open(module.Opening{
		Open: func() (err error) {
			stop, err = heartbeat.Announce(s.Addr.V, func() (busy, ready int) {
				t := b.Env.Scoreboard.Totals(false)
				return t.Busy, max(0, t.Limit-t.Busy)
			})
			return err
		},
		Close: func() { stop() },
	})
	return nil
}
