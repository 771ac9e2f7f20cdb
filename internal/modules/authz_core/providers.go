package authz_core

import (
	"errors"
	"slices"
	"strings"

	"sallyport/internal/authz"
	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/exchange"
	"sallyport/internal/exprvars"
	"sallyport/internal/modules/authz_groupfile"
	"sallyport/internal/modules/authz_host"
	"sallyport/internal/modules/authz_user"
	"sallyport/internal/modules/ssl"
)

// providers are all there are. A room that brings more is added here.
var providers = slices.Concat([]authz.Provider{
	{Name: "all", Parse: parseAll},
	{Name: "env", Parse: parseEnv},
	{Name: "method", Parse: parseMethod},
	{Name: "expr", Parse: parseExpr},
}, authz_host.Providers, authz_user.Providers, authz_groupfile.Providers, ssl.Providers)

func find(name string) *authz.Provider {
	for i := range providers {
		if providers[i].Name == name {
			return &providers[i]
		}
	}
	return nil
}

func loaded(c *conf.Cmd, p *authz.Provider) bool {
	return p.Module == "" || c.Loader.Loaded(p.Module+"_module")
}

// known lists the words that Require takes, for messages.
func known(c *conf.Cmd) string {
	var names []string
	for i := range providers {
		if loaded(c, &providers[i]) {
			names = append(names, providers[i].Name)
		}
	}
	return strings.Join(names, ", ")
}

func parseAll(args string) (authz.Rule, error) {
	switch {
	case strings.EqualFold(args, "granted"):
		return authz.Rule{Fixed: authz.Granted}, nil
	case strings.EqualFold(args, "denied"):
		return authz.Rule{Fixed: authz.Denied}, nil
	}
	return authz.Rule{}, errors.New("Argument for 'Require all' must be 'granted' or 'denied'")
}

func parseEnv(args string) (authz.Rule, error) {
	names := syntax.Words(args)
	return authz.Rule{Check: func(x *exchange.Exchange) authz.Result {
		for _, n := range names {
			if x.Env.Has(n) {
				return authz.Granted
			}
		}
		return authz.Denied
	}}, nil
}

// httpMethods are those httpd registers at start.
var httpMethods = []string{
	"GET", "HEAD", "PUT", "POST", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK",
	"VERSION-CONTROL", "CHECKOUT", "UNCHECKOUT", "CHECKIN", "UPDATE", "LABEL", "REPORT",
	"MKWORKSPACE", "MKACTIVITY", "BASELINE-CONTROL", "MERGE",
}

func parseMethod(args string) (authz.Rule, error) {
	names := syntax.Words(args)
	for _, n := range names {
		if !slices.Contains(httpMethods, n) {
			return authz.Rule{}, errors.New("Invalid Method '" + n + "'")
		}
	}
	// GET and HEAD are one.
	switch get, head := slices.Contains(names, "GET"), slices.Contains(names, "HEAD"); {
	case get && !head:
		names = append(names, "HEAD")
	case head && !get:
		names = append(names, "GET")
	}
	return authz.Rule{Check: func(x *exchange.Exchange) authz.Result {
		if slices.Contains(names, x.Request.Method) {
			return authz.Granted
		}
		return authz.Denied
	}}, nil
}

// parseExpr reads an expression; quotes around the whole of it are no part of
// it.
func parseExpr(args string) (authz.Rule, error) {
	if word, rest := syntax.Word(args); rest == "" && len(args) > 1 && args[0] == '"' && args[len(args)-1] == '"' {
		args = word
	}
	cond, err := exprvars.Cond(args, "Cannot parse expression in require line: ", 2)
	if err != nil {
		return authz.Rule{}, err
	}
	user := strings.Contains(strings.ToUpper(args), "REMOTE_USER")
	return authz.Rule{User: user, Check: func(x *exchange.Exchange) authz.Result {
		switch {
		case cond.Eval(exprvars.Of(x), nil):
			return authz.Granted
		case user && x.User == "":
			return authz.NoUser
		}
		return authz.Denied
	}}, nil
}
