package authz_core

import (
	"errors"
	"strings"

	"sallyport/internal/authz"
	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/module"
)

// within is where rules may stand.
const within = conf.Sections | conf.InHtaccess

// Room declares mod_authz_core.
var Room = module.Room{
	Name: "authz_core",
	Directives: []conf.Directive{
		{Name: "Require", In: within, Args: conf.Raw, Set: dir.Do(require),
			Help: "specifies authorization directives which one must pass (or not) for a request to suceeed"},
		{Name: "RequireAll", In: within, Args: conf.None, Section: true, Set: dir.Do(container),
			Help: "container for grouping authorization directives of which none must fail and at least one must pass for a request to succeed"},
		{Name: "RequireAny", In: within, Args: conf.None, Section: true, Set: dir.Do(container),
			Help: "container for grouping authorization directives of which one must pass for a request to succeed"},
		{Name: "RequireNone", In: within, Args: conf.None, Section: true, Set: dir.Do(container),
			Help: "container for grouping authorization directives of which none must pass for a request to succeed"},
		{Name: "AuthMerging", In: within, Args: conf.One, Set: dir.Do(authMerging),
			Help: "controls how a <Directory>, <Location>, or similar directive's authorization directives are combined with those of its predecessor"},
		{Name: "AuthzSendForbiddenOnFailure", In: within, Args: conf.Flag, Set: dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.Forbid }),
			Help: "Controls if an authorization failure should result in a '403 FORBIDDEN' response instead of the HTTP-conforming '401 UNAUTHORIZED'"},
		{Name: "AuthzProviderAlias", In: conf.InServer, Args: conf.Raw, Section: true, Set: aliases.Do(providerAlias),
			Help: "container for grouping an authorization provider's directives under a provider alias"},
	},
	Compile: compile,
}

// dirConf is what one section says about access.
type dirConf struct {
	Root    *node // nil: nothing
	Merging conf.Opt[merging]
	Forbid  conf.Opt[bool]
}

var dir = func() *conf.Key[dirConf] {
	k := conf.NewDirKey[dirConf]("authz_core")
	k.Merge = merge
	return k
}()

// aliasConf holds the <AuthzProviderAlias> sections, in the main server.
type aliasConf struct{ Named map[string]alias }

type alias struct {
	args string
	rule *authz.Rule
}

var aliases = conf.NewServerKey[aliasConf]("authz_core")

func limited(c *conf.Cmd) methods {
	if c.Methods == nil {
		return methods{every: true}
	}
	return methods{sets: []*conf.MethodSet{c.Methods}}
}

// join adds a finished node to what the directive stands in.
func (d *dirConf) join(n *node) error {
	if d.Root == nil {
		d.Root = &node{}
	}
	return d.Root.add(n)
}

func require(c *conf.Cmd, d *dirConf, args []string) error {
	n := &node{methods: limited(c)}
	n.provider, n.args = syntax.Word(args[0])
	if strings.EqualFold(n.provider, "not") {
		n.negate = true
		n.provider, n.args = syntax.Word(n.args)
	}
	if a, ok := aliasFor(c, n.provider); ok {
		n.rule = a.rule
		return d.join(n)
	}
	rule, err := parseRule(c, n.provider, n.args)
	if err != nil {
		return err
	}
	n.rule = rule
	return d.join(n)
}

func parseRule(c *conf.Cmd, name, args string) (*authz.Rule, error) {
	p := find(name)
	switch {
	case p == nil:
		return nil, &diag.Err{Text: "Unknown Authz provider: " + name, Expected: "one of: " + known(c), Word: 1}
	case !loaded(c, p):
		return nil, &diag.Err{Text: "Unknown Authz provider: " + name,
			Hint: "LoadModule " + p.Module + "_module modules/mod_" + p.Module + ".so", Word: 1}
	}
	rule, err := p.Parse(args)
	return &rule, err
}

// container is <RequireAll>, <RequireAny> and <RequireNone>.
func container(c *conf.Cmd, d *dirConf, args []string) error {
	n := &node{}
	switch c.Directive.Name {
	case "RequireAll":
		n.all = true
	case "RequireNone":
		n.negate = true
	}
	strangers(c)
	outer := d.Root
	d.Root = n
	c.RunBody(nil)
	d.Root = outer
	if len(n.kids) == 0 {
		return errors.New(n.title() + " directive contains no authorization directives")
	}
	return d.join(n)
}

// strangers complains of directives that have no business in a container.
func strangers(c *conf.Cmd) {
	for _, kid := range c.Node.Children {
		switch name := strings.ToLower(kid.Name); {
		case strings.HasPrefix(name, "require"), strings.HasPrefix(name, "auth"), strings.HasPrefix(name, "limit"), name == "satisfy":
		default:
			at := *c
			at.Pos = kid.Pos
			at.Fail(errors.New(kid.Title() + " not allowed in " + c.Node.Title() + " context"))
		}
	}
}

func authMerging(c *conf.Cmd, d *dirConf, args []string) error {
	m, ok := parseMerging(args[0])
	if !ok {
		return &diag.Err{Text: "AuthMerging must be one of: Off | And | Or", Expected: "Off, And or Or", Word: 1}
	}
	d.Merging = conf.Some(c, m)
	return nil
}

// providerAlias is <AuthzProviderAlias provider name "arguments">.
func providerAlias(c *conf.Cmd, s *aliasConf, args []string) error {
	words := syntax.Words(args[0])
	if len(words) < 2 || words[1] == "" {
		return errors.New("<AuthzProviderAlias> directive requires additional arguments")
	}
	if len(words) > 3 {
		c.Warn("AH10142: When several arguments ("+words[2]+" "+words[3]+"...) are passed to a <AuthzProviderAlias directive, "+
			"they must be enclosed in quotation marks.  Otherwise, only the first one is taken into account", "")
	}
	a := alias{}
	if len(words) > 2 {
		a.args = words[2]
	}
	p := find(words[0])
	if p == nil || !loaded(c, p) {
		return errors.New("Unknown Authz provider: " + words[0])
	}
	rule, err := p.Parse(a.args)
	if err != nil {
		return errors.New("Can't parse 'Require " + words[0] + " " + a.args + "': " + err.Error())
	}
	a.rule = &rule
	if len(c.Node.Children) > 0 {
		c.Warn("the directives in <AuthzProviderAlias> have no effect on the provider "+words[0], "")
	}
	if _, taken := s.Named[words[1]]; taken || find(words[1]) != nil {
		c.Warn("AH02136: The alias provider '"+words[1]+"' has already be registered previously as either a base provider or an alias provider.", "")
		return nil
	}
	if s.Named == nil {
		s.Named = map[string]alias{}
	}
	s.Named[words[1]] = a
	return nil
}

func aliasFor(c *conf.Cmd, name string) (alias, bool) {
	main := c.Scope
	for main.Outer != nil {
		main = main.Outer
	}
	s := aliases.Of(*main.Server)
	if s == nil {
		return alias{}, false
	}
	a, ok := s.Named[name]
	return a, ok
}
