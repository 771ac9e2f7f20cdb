// Package env is mod_env: SetEnv, UnsetEnv and PassEnv.
//
// # To the newcomer
//
// The three directives make one list of variables, which is laid under the
// environment of an exchange just before its handler: what setenvif, rewrite
// or the core has put there stays. That is late: conditions on the way to the
// handler (no-proxy, RewriteCond, Require env) do not see these variables.
package env

import (
	"os"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// Room is mod_env.
var Room = module.Room{
	Name:       "env",
	Directives: directives,
	Compile:    compile,
}

// variable is one name in the list; gone takes away what outer sections said.
type variable struct {
	name, value string
	gone        bool
}

type dirConf struct{ vars []variable }

var dir = &conf.Key[dirConf]{Room: "env", Dir: true, Merge: func(outer, inner *dirConf) *dirConf {
	out := &dirConf{vars: append([]variable(nil), outer.vars...)}
	for _, v := range inner.vars {
		out.put(v)
	}
	return out
}}

// put says the last word about a name.
func (d *dirConf) put(v variable) {
	for i := range d.vars {
		if strings.EqualFold(d.vars[i].name, v.name) {
			d.vars[i] = v
			return
		}
	}
	d.vars = append(d.vars, v)
}

var directives = []conf.Directive{
	{
		Name: "SetEnv", In: conf.Anywhere, Args: conf.OneTwo,
		Help: "an environment variable name and optional value to pass to CGI.",
		Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			v := variable{name: args[0]}
			if len(args) > 1 {
				v.value = args[1]
			}
			if name, value, found := strings.Cut(v.name, "="); found {
				c.Warn("AH10032: Spurious usage of '=' in an environment variable name. 'SetEnv "+name+" "+value+"' expected instead?", "")
			}
			d.put(v)
			return nil
		}),
	},
	{
		Name: "UnsetEnv", In: conf.Anywhere, Args: conf.Each,
		Help: "a list of variables to remove from the CGI environment.",
		Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			d.put(variable{name: args[0], gone: true})
			return nil
		}),
	},
	{
		Name: "PassEnv", In: conf.Anywhere, Args: conf.Each,
		Help: "a list of environment variables to pass to CGI.",
		Set:  dir.Do(passEnv),
	},
}

func passEnv(c *conf.Cmd, d *dirConf, args []string) error {
	if v, ok := os.LookupEnv(args[0]); ok {
		d.put(variable{name: args[0], value: v})
		return nil
	}
	c.Warn("AH01506: PassEnv variable "+args[0]+" was undefined", "")
	return nil
}

func compile(*module.Build) func(*module.Plan) {
	return func(p *module.Plan) {
		d := dir.Of(p.Dir)
		if d == nil {
			return
		}
		var vars []variable
		for _, v := range d.vars {
			if !v.gone {
				vars = append(vars, v)
			}
		}
		if vars == nil {
			return
		}
		p.Hook(exchange.Fixup, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
			for i := range vars {
				if !x.Env.Has(vars[i].name) {
					x.Env.Set(vars[i].name, vars[i].value)
				}
			}
			return exchange.Declined
		})
	}
}
