// Package watchdog is the room of mod_watchdog, which in httpd wakes other
// modules in turn. Here whoever wants to be woken has a timer of its own: the
// room only takes the directive.
package watchdog

import (
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/module"
	"sallyport/internal/workerconf"
)

// Room is mod_watchdog.
var Room = module.Room{
	Name:   "watchdog",
	Static: true,
	Directives: []conf.Directive{
		{Name: "WatchdogInterval", In: conf.InServer, Args: conf.One, Set: setInterval,
			Help: "Watchdog interval in seconds"},
	},
}

func setInterval(_ *conf.Cmd, args []string) error {
	d, err := workerconf.Interval(args[0], time.Second)
	if err != nil {
		return &diag.Err{Text: "Unparse-able WatchdogInterval setting", Expected: "a time such as 1s or 500ms", Word: 1}
	}
	if d < 100*time.Millisecond {
		return &diag.Err{Text: "Invalid WatchdogInterval: minimal value 100ms", Word: 1}
	}
	return nil
}
