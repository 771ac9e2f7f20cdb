// Package alias is mod_alias: URL paths that lead to files elsewhere, and
// paths that clients are sent away from.
//
// # To the newcomer
//
// Lines with a path of their own (Alias /a /b, Redirect /a http://b/) stand in
// lists in which the first match wins (list.go): a server's are asked while
// the URL is translated, redirects before aliases, those of a section just
// before the handler. Lines without one (<Location /a> Redirect http://b/)
// belong to their section and come before the lists (hooks.go).
//
// Nothing here opens a file: where an alias leads is package storage's to
// find out and the room files's to serve. CGI programs are not run.
package alias

import (
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
	"sallyport/internal/message"
	"sallyport/internal/module"
	"sallyport/internal/regex"
)

// Room is mod_alias.
var Room = module.Room{
	Name:       "alias",
	Directives: directives,
	Compile:    compile,
}

// serverConf is a server's lists. The virtual host's own come before the main
// server's; each stays apart, so that ten thousand hosts can share one.
type serverConf struct{ redirects, aliases layers }

// dirConf is what stands in sections. Inner sections' redirects come first.
type dirConf struct {
	redirects layers
	// Redirect and alias without a path of their own.
	redirect conf.Opt[redirect]
	alias    conf.Opt[target]
	preserve conf.Opt[bool] // AliasPreservePath
	relative conf.Opt[bool] // RedirectRelative
}

// redirect is a status with a URL, "" for a status that sends nowhere.
type redirect struct {
	status int
	url    string
	expr   *expr.Text // the URL, where it depends on the request
}

// target is the file of an Alias inside a Location.
type target struct {
	file    string
	handler string
	// expr makes the file where it depends on the request; relative ones
	// start at root.
	expr *expr.Text
	root string
	// from is the Location's path, for AliasPreservePath; "" for a pattern.
	from string
}

var (
	server = &conf.Key[serverConf]{Room: "alias", Merge: func(outer, inner *serverConf) *serverConf {
		return &serverConf{
			redirects: inner.redirects.then(outer.redirects),
			aliases:   inner.aliases.then(outer.aliases),
		}
	}}
	dir = &conf.Key[dirConf]{Room: "alias", Dir: true, Merge: func(outer, inner *dirConf) *dirConf {
		return &dirConf{
			redirects: inner.redirects.then(outer.redirects),
			redirect:  inner.redirect.Over(outer.redirect),
			alias:     inner.alias.Over(outer.alias),
			preserve:  inner.preserve.Over(outer.preserve),
			relative:  inner.relative.Over(outer.relative),
		}
	}}
)

const (
	aliasHelp         = "a fakename and a realname, or a realname in a Location"
	aliasMatchHelp    = "a regular expression and a filename"
	redirectHelp      = "an optional status, then document to be redirected and destination URL"
	redirectMatchHelp = "an optional status, then a regular expression and destination URL"
	redirectTwoHelp   = "a document to be redirected, then the destination URL"
)

var directives = []conf.Directive{
	{Name: "Alias", In: conf.Anywhere, Args: conf.OneTwo, Help: aliasHelp, Set: setAlias("")},
	{Name: "ScriptAlias", In: conf.Anywhere, Args: conf.OneTwo, Help: aliasHelp, Set: setAlias(script)},
	{Name: "AliasMatch", In: conf.Servers, Args: conf.Two, Help: aliasMatchHelp, Set: setAliasMatch("")},
	{Name: "ScriptAliasMatch", In: conf.Servers, Args: conf.Two, Help: aliasMatchHelp, Set: setAliasMatch(script)},
	{
		Name: "AliasPreservePath", In: conf.Anywhere, Args: conf.Flag,
		Help: "On to append the path behind the Location to an Alias inside of it",
		Set:  dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.preserve }),
	},
	{Name: "Redirect", In: conf.Anywhere, Args: conf.OneTwoThree, Help: redirectHelp, Set: setRedirect(302, false)},
	{Name: "RedirectMatch", In: conf.Anywhere, Args: conf.TwoThree, Help: redirectMatchHelp, Set: setRedirect(302, true)},
	{Name: "RedirectTemp", In: conf.Anywhere, Args: conf.Two, Help: redirectTwoHelp, Set: setRedirect(302, false)},
	{Name: "RedirectPermanent", In: conf.Anywhere, Args: conf.Two, Help: redirectTwoHelp, Set: setRedirect(301, false)},
	{
		Name: "RedirectRelative", In: conf.Anywhere, Args: conf.Flag,
		Help: "On to send a redirect to a path as a path, Off to make it a URL",
		Set:  dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.relative }),
	},
}

// script is the handler that ScriptAlias gives its files.
const script = "cgi-script"

func setAlias(handler string) conf.Setter {
	return func(c *conf.Cmd, args []string) error {
		if err := c.Outside(conf.InLimit); err != nil {
			return err
		}
		if len(args) == 2 && args[1] != "" {
			if c.Scope.Section != nil {
				return &diag.Err{
					Text: c.Directive.Name + " cannot occur within directory context", Expected: "outside of sections",
					Hint: "inside a <Location> the path is left out",
				}
			}
			warnScript(c, handler)
			s := server.In(c)
			s.aliases.add(&line{
				fake: args[0], real: rooted(c.Path(""), args[1]), handler: handler, directive: c.Directive.Name, pos: c.Pos,
			})
			return nil
		}
		switch c.Scope.Kind {
		case conf.InDirectory:
			return &diag.Err{Text: c.Directive.Name + " cannot occur within <Directory> section"}
		case conf.InFiles:
			return &diag.Err{Text: c.Directive.Name + " cannot occur within <Files> section"}
		}
		if c.Scope.Section == nil {
			return &diag.Err{Text: "Alias must have two arguments when used globally", Expected: "a path and a file"}
		}
		text, err := exprvars.Text(args[0], "Cannot parse alias expression '"+args[0]+"': ", 1)
		if err != nil {
			return err
		}
		warnScript(c, handler)
		t := target{handler: handler, root: c.Path("")}
		if file, ok := text.Literal(); ok {
			t.file = rooted(t.root, file)
		} else {
			t.expr = text
		}
		if !c.Scope.Section.Regex {
			t.from = c.Scope.Section.Arg
		}
		dir.In(c).alias = conf.Some(c, t)
		return nil
	}
}

func setAliasMatch(handler string) conf.Setter {
	return func(c *conf.Cmd, args []string) error {
		re, err := regex.Compile(args[0], false)
		if err != nil {
			return &diag.Err{Text: "Regular expression could not be compiled.", Hint: err.Error(), Word: 1}
		}
		warnScript(c, handler)
		s := server.In(c)
		s.aliases.add(&line{
			fake: args[0], regex: re, real: rooted(c.Path(""), args[1]), handler: handler, directive: c.Directive.Name, pos: c.Pos,
		})
		return nil
	}
}

func warnScript(c *conf.Cmd, handler string) {
	if handler == script {
		c.Warn(c.Directive.Name+": CGI programs are not run; requests for them are answered with 500", "pass them to a server that runs them: ProxyPass")
	}
}

// rooted makes a file name absolute, relative ones starting at ServerRoot. It
// keeps a slash at the end, for what follows is simply appended, and leaves
// the groups of a substitution alone.
func rooted(root, file string) string {
	if !filepath.IsAbs(file) {
		file = root + "/" + file
	}
	if !strings.Contains(file, "//") && !strings.Contains(file, "/.") {
		return file
	}
	clean := path.Clean(file)
	if strings.HasSuffix(file, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// setRedirect reads [status] [path] URL. Which of the words are there, the
// first one tells: a status word or a number is a status.
func setRedirect(status int, match bool) conf.Setter {
	return func(c *conf.Cmd, args []string) error {
		words := [3]string{}
		n := copy(words[:], args)
		for n > 1 && words[n-1] == "" {
			n--
		}
		status, known := status, true
		switch first := strings.ToLower(words[0]); {
		case first == "permanent":
			status = 301
		case first == "temp":
			status = 302
		case first == "seeother":
			status = 303
		case first == "gone":
			status = 410
		case first != "" && first[0] >= '0' && first[0] <= '9':
			status = leading(first)
		default:
			known = false
		}
		if n == 3 && !known {
			return &diag.Err{Text: "Redirect: invalid first argument (of three)", Expected: "permanent, temp, seeother, gone or a number", Word: 1}
		}
		moves := status >= 300 && status < 400
		section := c.Scope.Section != nil
		if !answerable(status) {
			c.Warn("AH01579: Invalid response status "+strconv.Itoa(status)+": such requests are answered with 500", "")
		}
		// Without a path of its own.
		whole, url := false, ""
		switch {
		case known && n == 1 && !moves:
			whole = true
		case section && known && n == 2 && moves:
			whole, url = true, words[1]
		case section && !known && n == 1:
			whole, url = true, words[0]
		}
		if whole {
			text, err := exprvars.Text(url, "Cannot parse redirect expression '"+url+"': ", n)
			if err != nil {
				return err
			}
			r := redirect{status: status}
			if fixed, ok := text.Literal(); ok {
				r.url = spell(fixed)
			} else {
				r.expr = text
			}
			dir.In(c).redirect = conf.Some(c, r)
			return nil
		}
		l := &line{status: status, directive: c.Directive.Name, pos: c.Pos}
		at := 0 // the word of the path
		if known {
			at = 1
		}
		l.fake, l.real = words[at], words[min(at+1, 2)]
		if at+1 >= n {
			l.real = ""
		}
		if match {
			re, err := regex.Compile(l.fake, false)
			if err != nil {
				return &diag.Err{Text: "Regular expression could not be compiled.", Hint: err.Error(), Word: at + 1}
			}
			l.regex = re
		}
		switch {
		case moves && l.real == "":
			return &diag.Err{Text: "URL to redirect to is missing", Expected: "a path and a URL"}
		case moves && !match && !isURL(l.real) && l.real[0] != '/':
			return &diag.Err{Text: "Redirect to non-URL", Expected: "a URL, or a path that begins with /", Word: at + 2}
		case !moves && l.real != "":
			return &diag.Err{Text: "Redirect URL not valid for this status", Word: at + 2}
		}
		if !match {
			l.real = printable(l.real)
		}
		if section {
			d := dir.In(c)
			d.redirects.add(l)
			return nil
		}
		s := server.In(c)
		s.redirects.add(l)
		return nil
	}
}

// answerable reports a status that can end an exchange. Unlike httpd, which
// sends "101 Switching Protocols" and then stays with HTTP.
func answerable(status int) bool {
	return status >= 200 && message.ReasonOf(status) != ""
}

// leading reads the digits a text begins with, as C's atoi.
func leading(s string) int {
	end := 0
	for end < len(s) && end < 9 && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, _ := strconv.Atoi(s[:end])
	return n
}

// isURL reports a text that begins with a scheme (httpd's ap_is_url).
func isURL(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == ':':
			return i > 0
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '+', c == '-', c == '.':
		default:
			return false
		}
	}
	return false
}
