// Package setenvif is mod_setenvif: variables set by attributes of a request.
//
// # To the newcomer
//
// Each line becomes a rule: where to find a text, a pattern for it, and what
// to set when it matches. Rules of servers run when the request has been read,
// before its path is even decoded, and so in time for everything else; rules
// of sections run when the sections are known (hooks.go).
package setenvif

import (
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/expr"
	"sallyport/internal/module"
	"sallyport/internal/regex"
)

// Room is mod_setenvif.
var Room = module.Room{
	Name:       "setenvif",
	Directives: directives,
	Compile:    compile,
}

// rules are joined on merge, outer ones first.
type rules struct{ List []*rule }

var (
	server = conf.NewServerKey[rules]("setenvif")
	dir    = conf.NewDirKey[rules]("setenvif")
)

var directives = []conf.Directive{
	{
		Name: "SetEnvIf", In: conf.Anywhere, Args: conf.Raw,
		Help: "A header-name, regex and a list of variables.", Set: setEnvIf(false),
	},
	{
		Name: "SetEnvIfNoCase", In: conf.Anywhere, Args: conf.Raw,
		Help: "a header-name, regex and a list of variables.", Set: setEnvIf(true),
	},
	{
		Name: "SetEnvIfExpr", In: conf.Anywhere, Args: conf.Raw,
		Help: "an expression and a list of variables.", Set: setEnvIfExpr,
	},
	{
		Name: "BrowserMatch", In: conf.Anywhere, Args: conf.Raw,
		Help: "A browser regex and a list of variables.", Set: browserMatch(false),
	},
	{
		Name: "BrowserMatchNoCase", In: conf.Anywhere, Args: conf.Raw,
		Help: "A browser regex and a list of variables.", Set: browserMatch(true),
	},
}

func setEnvIf(nocase bool) conf.Setter {
	return func(c *conf.Cmd, args []string) error {
		words := syntax.Words(args[0])
		if len(words) == 0 || words[0] == "" {
			return &diag.Err{Text: "Missing header-field name for " + c.Directive.Name, Expected: "a field name, an attribute or a variable, then a regular expression"}
		}
		return addRule(c, words[0], words, 1, nocase)
	}
}

func browserMatch(nocase bool) conf.Setter {
	return func(c *conf.Cmd, args []string) error {
		return addRule(c, "User-Agent", syntax.Words(args[0]), 0, nocase)
	}
}

func setEnvIfExpr(c *conf.Cmd, args []string) error {
	words := syntax.Words(args[0])
	if len(words) == 0 || words[0] == "" {
		return &diag.Err{Text: "Missing expression for SetEnvIfExpr"}
	}
	cond, err := expr.Parse(words[0], expr.Options{Groups: true})
	if err != nil {
		return expr.Diag(err, words[0], "Could not parse expression \""+words[0]+"\": ", 1)
	}
	return finish(c, &rule{name: words[0], from: expression, cond: cond}, words, 1, false)
}

// addRule reads the pattern, words[at], and the variables behind it.
func addRule(c *conf.Cmd, name string, words []string, at int, nocase bool) error {
	if len(words) <= at || words[at] == "" {
		return &diag.Err{Text: "Missing regular expression for " + c.Directive.Name}
	}
	r := &rule{name: name}
	if err := r.look(nocase); err != nil {
		return &diag.Err{Text: c.Directive.Name + "Header name regex could not be compiled.", Hint: err.Error(), Word: 1}
	}
	pattern := words[at]
	re, err := regex.Compile(pattern, nocase)
	if err != nil {
		return &diag.Err{Text: c.Directive.Name + " regex could not be compiled.", Hint: err.Error(), Word: at + 1}
	}
	r.pattern = re
	return finish(c, r, words, at+1, plainText(pattern))
}

// finish reads the variables, words[at:], and files the rule.
func finish(c *conf.Cmd, r *rule, words []string, at int, plain bool) error {
	if len(words) == at {
		return &diag.Err{Text: "Missing envariable expression for " + c.Directive.Name, Expected: "NAME, NAME=value or !NAME"}
	}
	for _, w := range words[at:] {
		r.effects = append(r.effects, newEffect(w, plain))
	}
	if c.Scope.Section != nil {
		d := dir.In(c)
		d.List = append(d.List, r)
		return nil
	}
	s := server.In(c)
	s.List = append(s.List, r)
	return nil
}

// newEffect reads NAME, NAME=value or !NAME. An empty value is "1", as in
// httpd.
func newEffect(w string, plain bool) effect {
	name, value, _ := strings.Cut(w, "=")
	switch {
	case value != "":
		e := effect{name: name, value: value}
		if !plain || hasGroup(value) {
			// Unlike httpd: with a pattern of plain text it leaves "$0" as it
			// stands, against its manual.
			e.filled = strings.ContainsAny(value, `$\`)
		}
		return e
	case strings.HasPrefix(name, "!"):
		return effect{name: name[1:], unset: true}
	}
	return effect{name: name, value: "1"}
}

// hasGroup reports a "$" with a digit behind it.
func hasGroup(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '$' && s[i+1] >= '0' && s[i+1] <= '9' {
			return true
		}
	}
	return false
}

// plainText reports a pattern without any operator: httpd searches for those
// without its regular expressions.
func plainText(p string) bool {
	const operators = `^.$|()[]*+?{}`
	for i := 0; i < len(p); i++ {
		switch {
		case p[i] == '\\' && i+1 < len(p):
			i++
			if p[i] != '\\' && strings.IndexByte(operators, p[i]) < 0 {
				return false
			}
		case strings.IndexByte(operators, p[i]) >= 0:
			return false
		}
	}
	return true
}
