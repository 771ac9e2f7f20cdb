// Package authn_core is mod_authn_core: AuthType, AuthName and
// <AuthnProviderAlias>. It finds out how clients of a Place are to prove who they
// are; doing it is the work of a room for each AuthType (auth_basic). Where there
// is none for the type, nobody gets in.
package authn_core

import (
	"errors"
	"slices"
	"strings"

	"sallyport/internal/authn"
	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
	"sallyport/internal/module"
	"sallyport/internal/modules/authn_anon"
	"sallyport/internal/modules/authn_file"
	"sallyport/internal/modules/authn_socache"
)

const within = conf.Sections | conf.InHtaccess

// Room declares mod_authn_core.
var Room = module.Room{
	Name: "authn_core",
	Directives: []conf.Directive{
		{Name: "AuthType", In: within, Args: conf.One, Help: `an HTTP authorization type (e.g., "Basic")`,
			Set: text("AuthType", func(d *dirConf) *conf.Opt[*expr.Text] { return &d.Type })},
		{Name: "AuthName", In: within, Args: conf.One, Help: `the authentication realm (e.g. "Members Only")`,
			Set: text("AuthName", func(d *dirConf) *conf.Opt[*expr.Text] { return &d.Name })},
		{Name: "AuthnProviderAlias", In: conf.InServer, Args: conf.Raw, Section: true, Set: aliases.Do(providerAlias),
			Help: "container for grouping an authentication provider's directives under a provider alias"},
	},
	Compile: compile,
}

type dirConf struct {
	Type, Name conf.Opt[*expr.Text]
}

var dir = conf.NewDirKey[dirConf]("authn_core")

func text(name string, field func(*dirConf) *conf.Opt[*expr.Text]) conf.Setter {
	return dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
		t, err := exprvars.Text(args[0], "Cannot parse expression '"+args[0]+"' in "+name+": ", 1)
		if err == nil {
			*field(d) = conf.Some(c, t)
		}
		return err
	})
}

// Scheme is how clients of a Place authenticate.
type Scheme struct {
	typ, name *expr.Text
}

// Of finds the scheme in the merged configuration of a Place; nil where
// AuthType is not set, or is None for every request.
func Of(v conf.Vector) *Scheme {
	d := dir.Of(v)
	if d == nil || !d.Type.Is {
		return nil
	}
	s := &Scheme{typ: d.Type.V, name: d.Name.V}
	if t, fixed := s.typ.Literal(); fixed && none(t) {
		return nil
	}
	return s
}

func none(t string) bool { return t == "" || strings.EqualFold(t, "None") }

// Never reports that the type is another one than t for every request.
func (s *Scheme) Never(t string) bool {
	have, fixed := s.typ.Literal()
	return fixed && !strings.EqualFold(have, t)
}

// Type is AuthType for x; "" for None.
func (s *Scheme) Type(x *exchange.Exchange) string {
	if t := s.typ.Value(exprvars.Of(x), nil); !none(t) {
		return t
	}
	return ""
}

// Realm is AuthName for x; "" where it is not set.
func (s *Scheme) Realm(x *exchange.Exchange) string {
	if s.name == nil {
		return ""
	}
	return s.name.Value(exprvars.Of(x), nil)
}

// types are the AuthTypes there are rooms for, in lower case.
var types = map[string]string{"basic": "auth_basic_module"}

func compile(b *module.Build) func(*module.Plan) {
	has := map[string]bool{}
	for t, id := range types {
		has[t] = slices.Contains(b.Config.Modules, id)
	}
	return func(p *module.Plan) {
		s := Of(p.Dir)
		if s == nil {
			return
		}
		if t, fixed := s.typ.Literal(); fixed && has[strings.ToLower(t)] {
			return
		}
		p.Hook(exchange.Auth, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
			if x.NeedUser != x.Place {
				return exchange.Declined
			}
			t := s.Type(x)
			if t == "" || has[strings.ToLower(t)] {
				return exchange.Declined
			}
			return Unhandled(x, t)
		})
	}
}

// Unhandled answers a request that no room for its AuthType has answered for.
func Unhandled(x *exchange.Exchange, authType string) exchange.Verdict {
	x.Logf(errorlog.Error, "authn_core", "AH01796: AuthType %s configured without corresponding module", authType)
	return exchange.Status(500)
}

// providers are all there are. A room that brings another one is added here.
var providers = []*authn.Provider{&authn_file.Provider, &authn_anon.Provider, &authn_socache.Provider}

// Bound is a provider as a configuration names it: itself, or with the directives
// of an <AuthnProviderAlias>.
type Bound struct {
	Name     string
	provider *authn.Provider
	dir      conf.Vector
}

// New makes the Checker for the merged configuration of a Place.
func (b Bound) New(v conf.Vector) authn.Checker { return b.provider.New(conf.Merge(v, b.dir)) }

// Find looks a provider or an alias up for a directive. known lists all names
// for messages.
func Find(c *conf.Cmd, name string) (b Bound, found bool, known []string) {
	main := c.Scope
	for main.Outer != nil {
		main = main.Outer
	}
	if s := aliases.Of(*main.Server); s != nil {
		if a, ok := s.Named[name]; ok {
			return a, true, nil
		}
		for n := range s.Named {
			known = append(known, n)
		}
	}
	for _, p := range providers {
		if !c.Loader.Loaded(p.Module + "_module") {
			continue
		}
		if p.Name == name {
			return Bound{Name: name, provider: p}, true, nil
		}
		known = append(known, p.Name)
	}
	return Bound{}, false, known
}

// Module names the module that has the provider, "" if none has.
func Module(name string) string {
	for _, p := range providers {
		if p.Name == name {
			return p.Module
		}
	}
	return ""
}

// aliasConf holds the <AuthnProviderAlias> sections, in the main server.
type aliasConf struct{ Named map[string]Bound }

var aliases = conf.NewServerKey[aliasConf]("authn_core")

// providerAlias is <AuthnProviderAlias provider name>.
func providerAlias(c *conf.Cmd, s *aliasConf, args []string) error {
	words := syntax.Words(args[0])
	if len(words) < 2 || words[1] == "" {
		return errors.New("<AuthnProviderAlias> directive requires additional arguments")
	}
	base, name := words[0], words[1]
	if base == name {
		return errors.New("The alias provider name must be different from the base provider name.")
	}
	section := &conf.Section{Kind: conf.InDirectory, Pos: c.Pos, Name: c.Node.Name, Arg: args[0]}
	c.RunBody(&conf.Scope{
		Kind: conf.InDirectory, Host: c.Scope.Host, Section: section, Server: c.Scope.Server, Dir: &section.Dir, Outer: c.Scope,
	})
	b, found, known := Find(c, base)
	if !found {
		return Unknown(base, known, 1)
	}
	if _, taken, _ := Find(c, name); taken || Module(name) != "" {
		return errors.New("The alias provider " + name + " has already be registered previously as either a base provider or an alias provider.")
	}
	b.Name, b.dir = name, conf.Merge(b.dir, section.Dir)
	if s.Named == nil {
		s.Named = map[string]Bound{}
	}
	s.Named[name] = b
	return nil
}
