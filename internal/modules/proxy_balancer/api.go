package proxy_balancer

import (
	"os"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/manager/api"
	"sallyport/internal/module"
)

// apiConf is what a section says about the API.
type apiConf struct {
	Tokens conf.Opt[*api.Tokens]
}

var apiDir = conf.NewDirKey[apiConf]("proxy_balancer")

var apiDirectives = []conf.Directive{
	{Name: "BalancerManagerTokens", In: conf.Sections, Args: conf.One, Set: apiDir.Do(setTokens),
		Help: "file of the bearer tokens that let programs use the balancer-manager's API (not in httpd)"},
}

// setTokens reads the file now: a broken one is an error of the configuration,
// and a reload reads it again.
func setTokens(c *conf.Cmd, d *apiConf, args []string) error {
	name := c.Path(args[0])
	text, err := os.ReadFile(name)
	if err != nil {
		return &diag.Err{Text: "BalancerManagerTokens: " + err.Error(), Expected: "a file that `sallyport ctl token NAME` makes lines for", Word: 1}
	}
	t, err := api.ParseTokens(name, text)
	if err != nil {
		return &diag.Err{Text: "BalancerManagerTokens: " + err.Error(), Word: 1}
	}
	d.Tokens = conf.Some(c, t)
	return nil
}

// furnishAPI makes the API of a Place.
func furnishAPI(b *module.Build, p *module.Plan) *api.Site {
	s := &api.Site{Manager: b.Env.Manager, Server: p.Server.Key, Product: "Sallyport", Refuse: apiRefusal}
	if d := apiDir.Of(p.Dir); d != nil && d.Tokens.V != nil {
		s.Tokens = d.Tokens.V
		p.Hook(exchange.Head, module.First, s.Head)
	}
	return s
}

// apiRefusal is the page's rule about who may change something, for programs:
// one that is no browser need not say where it comes from.
func apiRefusal(x *exchange.Exchange) string {
	if why := unprotected(x); why != "" {
		return string(why)
	}
	_, origin := x.Request.Header.Find("Origin")
	_, fetch := x.Request.Header.Find("Sec-Fetch-Site")
	if origin || fetch {
		return string(crossSite(x))
	}
	return ""
}
