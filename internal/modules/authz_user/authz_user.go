// Package authz_user is mod_authz_user: Require user and Require valid-user. Who
// the user is, other rooms find out in phase Auth.
package authz_user

import (
	"slices"

	"sallyport/internal/authz"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// Room declares mod_authz_user. It has no directives.
var Room = module.Room{Name: "authz_user"}

// Providers are what it adds to Require.
var Providers = []authz.Provider{
	{Name: "user", Module: "authz_user", Parse: parseUser},
	{Name: "valid-user", Module: "authz_user", Parse: parseValidUser},
}

func parseUser(args string) (authz.Rule, error) {
	users, err := authz.Words(args)
	if err != nil {
		return authz.Rule{}, err
	}
	return authz.Rule{User: true, Check: func(x *exchange.Exchange) authz.Result {
		switch {
		case x.User == "":
			return authz.NoUser
		case slices.Contains(users(x), x.User):
			return authz.Granted
		}
		x.Logf(errorlog.Debug, "authz_user", "AH01663: access to %s failed, reason: user '%s' does not meet 'require'ments for user to be allowed access", x.Path, x.User)
		return authz.Denied
	}}, nil
}

func parseValidUser(string) (authz.Rule, error) {
	return authz.Rule{User: true, Check: func(x *exchange.Exchange) authz.Result {
		if x.User == "" {
			return authz.NoUser
		}
		return authz.Granted
	}}, nil
}
