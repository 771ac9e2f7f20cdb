// Package authn_socache is mod_authn_socache by name: its directives are read
// and checked, and its provider knows nobody, so that the next one is asked. What
// it is for is done without it, for every provider: package authn remembers
// passwords that matched.
package authn_socache

import (
	"strconv"

	"sallyport/internal/authn"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/module"
)

const within = conf.Sections | conf.InHtaccess

// Room declares mod_authn_socache.
var Room = module.Room{
	Name: "authn_socache",
	Directives: []conf.Directive{
		{Name: "AuthnCacheSOCache", In: conf.InServer, Args: conf.One, Set: accept, Help: "socache provider for authn cache"},
		{Name: "AuthnCacheEnable", In: conf.InServer, Args: conf.None, Set: accept,
			Help: "enable socache configuration in htaccess even if not enabled anywhere else"},
		{Name: "AuthnCacheProvideFor", In: within, Args: conf.Each, Set: accept, Help: "Determine what authn providers to cache for"},
		{Name: "AuthnCacheTimeout", In: within, Args: conf.One, Set: timeout, Help: "Timeout (secs) for cached credentials"},
		{Name: "AuthnCacheContext", In: within, Args: conf.One, Set: accept, Help: "Context for authn cache"},
	},
}

// Provider is what AuthBasicProvider knows as "socache".
var Provider = authn.Provider{Name: "socache", Module: "authn_socache", New: func(conf.Vector) authn.Checker { return nobody{} }}

type nobody struct{}

// Check implements authn.Checker.
func (nobody) Check(*authn.Login) authn.Result { return authn.NotFound }

func accept(*conf.Cmd, []string) error { return nil }

func timeout(_ *conf.Cmd, args []string) error {
	if n, err := strconv.Atoi(args[0]); err != nil || n < 0 {
		return &diag.Err{Text: "AuthnCacheTimeout: " + args[0] + " is no number of seconds", Expected: "a whole number of seconds", Word: 1}
	}
	return nil
}
