// Package authz_host is mod_authz_host: Require ip, host, forward-dns and local.
// The matching itself is package hosts; combining the rules is the room
// authz_core.
package authz_host

import (
	"errors"
	"fmt"

	"sallyport/internal/authz"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/hosts"
	"sallyport/internal/module"
)

// Room declares mod_authz_host. It has no directives.
var Room = module.Room{Name: "authz_host"}

// Providers are what it adds to Require.
var Providers = []authz.Provider{
	{Name: "ip", Module: "authz_host", Parse: parseIP},
	{Name: "host", Module: "authz_host", Parse: parseHost},
	{Name: "forward-dns", Module: "authz_host", Parse: parseForwardDNS},
	{Name: "local", Module: "authz_host", Parse: parseLocal},
}

func parseIP(args string) (authz.Rule, error) {
	words := syntax.Words(args)
	if len(words) == 0 {
		return authz.Rule{}, errors.New("'require ip' requires an argument")
	}
	nets := make([]hosts.Net, len(words))
	for i, w := range words {
		var err error
		switch nets[i], err = hosts.ParseNet(w); err {
		case nil:
		case hosts.ErrNotIP:
			return authz.Rule{}, fmt.Errorf("ip address '%s' appears to be invalid", w)
		default:
			return authz.Rule{}, fmt.Errorf("ip address '%s' appears to be invalid: %w", w, err)
		}
	}
	set := hosts.MakeSet(nets)
	return authz.Rule{Nets: nets, Check: func(x *exchange.Exchange) authz.Result {
		return verdict(set.Contains(x.Client.Addr.Addr()))
	}}, nil
}

func verdict(ok bool) authz.Result {
	if ok {
		return authz.Granted
	}
	return authz.Denied
}

func parseHost(args string) (authz.Rule, error) {
	domains, err := authz.Words(args)
	if err != nil {
		return authz.Rule{}, err
	}
	return authz.Rule{Check: func(x *exchange.Exchange) authz.Result {
		name := hosts.Name(x.Client, true)
		if name == "" {
			x.Logf(errorlog.Error, "authz_host", "AH01753: access check of '%s' to %s failed, reason: unable to get the remote host name", args, x.Path)
			return authz.Denied
		}
		for _, d := range domains(x) {
			if hosts.InDomain(d, name) {
				return authz.Granted
			}
		}
		return authz.Denied
	}}, nil
}

func parseForwardDNS(args string) (authz.Rule, error) {
	domains, err := authz.Words(args)
	if err != nil {
		return authz.Rule{}, err
	}
	return authz.Rule{Check: func(x *exchange.Exchange) authz.Result {
		for _, d := range domains(x) {
			if hosts.LeadsTo(d, x.Client.Addr.Addr()) {
				return authz.Granted
			}
		}
		return authz.Denied
	}}, nil
}

// parseLocal ignores what follows the word, as httpd does.
func parseLocal(string) (authz.Rule, error) {
	return authz.Rule{Check: func(x *exchange.Exchange) authz.Result {
		a := x.Client.Addr.Addr().Unmap()
		return verdict(a.IsLoopback() || a == x.Client.Local.Addr().Unmap())
	}}, nil
}
