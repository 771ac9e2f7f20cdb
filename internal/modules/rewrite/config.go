// Package rewrite is mod_rewrite: rules that change the URL of a request, send
// the client elsewhere, hand the request to a backend, or refuse it.
//
// # To the newcomer
//
// config.go reads the directives, parse.go the words of a line and the flags of
// a rule. A substitution and a test string become a template (template.go), a
// condition a cond (cond.go). engine.go applies a list of rules to a run, the
// working state of one pass; hooks.go starts such passes: while the URL is
// translated for the rules of a server, just before the handler for those of a
// section, and turns the result into a mapping, a redirect or a status. maps.go
// is RewriteMap.
//
// The room forwards nothing: what a rule with [P] names is left in
// Exchange.Mapped, where the room proxy finds it.
package rewrite

import (
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/module"
)

// Room is mod_rewrite.
var Room = module.Room{Name: "rewrite", Directives: directives, Compile: compile}

// options are the words of RewriteOptions.
type options struct {
	inherit, inheritBefore, inheritDown, inheritDownBefore, ignoreInherit bool
	noSlash, anyURI, mergeBase, ignoreContext, legacyPrefix, longURL      bool
}

// config is what one server or section says.
type config struct {
	engine  conf.Opt[bool]
	options conf.Opt[options]
	base    conf.Opt[string] // RewriteBase
	rules   []*rule
	maps    map[string]*rewriteMap
	// pending are the conditions waiting for their rule.
	pending []*cond
	// directory is the prefix of the section's paths, with a final slash; ""
	// outside of sections.
	directory string
}

var (
	server = &conf.Key[config]{Room: "rewrite", Merge: func(_, inner *config) *config { return inner }}
	dir    = &conf.Key[config]{Room: "rewrite", Dir: true, Merge: merge}
)

// merge lays a section over the one around it (config_perdir_merge): its rules
// replace the outer ones unless they are to be inherited.
func merge(outer, inner *config) *config {
	out := *inner
	out.engine = inner.engine.Over(outer.engine)
	out.options = inner.options.Over(outer.options)
	if out.options.V.mergeBase {
		out.base = inner.base.Over(outer.base)
	}
	out.rules = inherit(outer, &config{options: out.options, rules: inner.rules})
	return &out
}

// inherit is the list of inner's rules with those of outer, where the options
// want them.
func inherit(outer, inner *config) []*rule {
	in, down := inner.options.V, outer.options.V
	after, before := in.inherit, in.inheritBefore
	if !after && !before && !in.ignoreInherit {
		after, before = down.inheritDown, down.inheritDownBefore
	}
	switch {
	case after:
		return append(inner.rules[:len(inner.rules):len(inner.rules)], outer.rules...)
	case before:
		return append(outer.rules[:len(outer.rules):len(outer.rules)], inner.rules...)
	}
	return inner.rules
}

const everywhere = conf.Anywhere

var directives = []conf.Directive{
	{Name: "RewriteEngine", In: everywhere, Args: conf.Flag, Help: "On or Off to enable or disable (default) the whole rewriting engine",
		Set: func(c *conf.Cmd, args []string) error {
			of(c).engine = conf.Some(c, args[0] == "on")
			return nil
		}},
	{Name: "RewriteOptions", In: everywhere, Args: conf.Each, Help: "List of option strings to set", Set: setOption},
	{Name: "RewriteBase", In: conf.Anywhere, Args: conf.One, Help: "the base URL of the per-directory context", Set: setBase},
	{Name: "RewriteCond", In: everywhere, Args: conf.Raw, Help: "an input string and a to be applied regexp-pattern", Set: setCond},
	{Name: "RewriteRule", In: everywhere, Args: conf.Raw, Help: "an URL-applied regexp-pattern and a substitution URL", Set: setRule},
	{Name: "RewriteMap", In: conf.Servers, Args: conf.TwoThree, Help: "a mapname and a filename and options", Set: setMap},
}

// of returns the configuration of the scope a directive stands in.
func of(c *conf.Cmd) *config {
	if c.Scope.Section == nil {
		return server.In(c)
	}
	d := dir.In(c)
	if d.directory == "" {
		d.directory = directoryOf(c.Scope)
	}
	return d
}

// directoryOf is the prefix of a section, with a slash at the end. An <If> has
// that of the section around it; where there is none, one that no path has.
func directoryOf(s *conf.Scope) string {
	arg := "/"
	for s != nil && s.Section != nil && s.Section.Kind == conf.InIf {
		s, arg = s.Outer, "*If"
	}
	if s != nil && s.Section != nil {
		arg = s.Section.Arg
	}
	return strings.TrimSuffix(arg, "/") + "/"
}

func setOption(c *conf.Cmd, args []string) error {
	f := of(c)
	o := f.options.V
	switch strings.ToLower(args[0]) {
	case "inherit":
		o.inherit = true
	case "inheritbefore":
		o.inheritBefore = true
	case "inheritdown":
		o.inheritDown = true
	case "inheritdownbefore":
		o.inheritDownBefore = true
	case "ignoreinherit":
		o.ignoreInherit = true
	case "allownoslash":
		o.noSlash = true
	case "allowanyuri":
		o.anyURI = true
	case "mergebase":
		o.mergeBase = true
	case "ignorecontextinfo":
		o.ignoreContext = true
	case "legacyprefixdocroot":
		o.legacyPrefix = true
	case "longurloptimization":
		o.longURL = true
	default:
		if strings.HasPrefix(strings.ToLower(args[0]), "maxredirects=") {
			c.Warn("RewriteOptions: MaxRedirects option has been removed in favor of the global LimitInternalRecursion directive and will be ignored.", "")
			return nil
		}
		return &diag.Err{Text: "RewriteOptions: unknown option '" + args[0] + "'", Word: 1,
			Expected: "Inherit, InheritBefore, InheritDown, InheritDownBefore, IgnoreInherit, AllowNoSlash, AllowAnyURI, MergeBase, IgnoreContextInfo, LegacyPrefixDocRoot or LongURLOptimization"}
	}
	f.options = conf.Some(c, o)
	return nil
}

func setBase(c *conf.Cmd, args []string) error {
	if c.Scope.Section == nil {
		return &diag.Err{Text: "RewriteBase: only valid in per-directory config files", Expected: "RewriteBase in " + conf.Sections.String()}
	}
	if args[0] == "" || args[0][0] != '/' {
		return &diag.Err{Text: "RewriteBase: argument is not a valid URL", Expected: "a path that begins with /", Word: 1}
	}
	of(c).base = conf.Some(c, args[0])
	return nil
}

func setCond(c *conf.Cmd, args []string) error {
	w, ok := words(args[0])
	if !ok || len(w) < 2 {
		return &diag.Err{Text: "RewriteCond: bad argument line '" + args[0] + "'", Expected: "a test string, a pattern and perhaps [flags]"}
	}
	f := of(c)
	n, err := newCond(c, f, w)
	if err != nil {
		return err
	}
	f.pending = append(f.pending, n)
	return nil
}

func setRule(c *conf.Cmd, args []string) error {
	w, ok := words(args[0])
	if !ok || len(w) < 2 {
		return &diag.Err{Text: "RewriteRule: bad argument line '" + args[0] + "'", Expected: "a pattern, a substitution and perhaps [flags]"}
	}
	f := of(c)
	r, err := newRule(c, f, w)
	if err != nil {
		return err
	}
	r.conds, f.pending = f.pending, nil
	f.rules = append(f.rules, r)
	return nil
}

func setMap(c *conf.Cmd, args []string) error {
	f := server.In(c)
	m, err := newMap(c, args)
	if err != nil {
		return err
	}
	if f.maps == nil {
		f.maps = map[string]*rewriteMap{}
	}
	f.maps[args[0]] = m
	return nil
}

// mapFor finds a map by its name while a configuration is read.
func mapFor(c *conf.Cmd, name string) *rewriteMap {
	for s := c.Scope; s != nil; s = s.Outer {
		if f := server.Of(*s.Server); f != nil && f.maps[name] != nil {
			return f.maps[name]
		}
	}
	return nil
}
