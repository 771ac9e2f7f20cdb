// Package dir is mod_dir: what a directory answers with, and what stands in
// for files that are not there.
//
// # To the newcomer
//
// All work happens in one hook, just before the handler (hooks.go). An index
// is found by asking where its URL would lead, as for any request (visit.go):
// so an index.php that is proxied is found too, though no file is there. What
// is found then takes the request over from access control on. Listings of
// directories are not made.
package dir

import (
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/module"
)

// Room is mod_dir.
var Room = module.Room{
	Name:       "dir",
	Directives: directives,
	Compile:    compile,
}

// dirConf is the configuration of one section. Names are not joined with those
// of outer sections: the innermost DirectoryIndex counts.
type dirConf struct {
	Names    conf.Opt[[]string]
	Slash    conf.Opt[bool]
	Redirect conf.Opt[int] // status of DirectoryIndexRedirect; 0: off
	Fallback conf.Opt[string]
	Check    conf.Opt[bool]
}

var section = conf.NewDirKey[dirConf]("dir")

var directives = []conf.Directive{
	{Name: "DirectoryIndex", In: conf.Anywhere, Args: conf.Raw, Help: "a list of file names", Set: section.Do(setIndex)},
	{
		Name: "DirectorySlash", In: conf.Anywhere, Args: conf.Flag, Help: "On or Off",
		Set: section.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.Slash }),
	},
	{
		Name: "DirectoryCheckHandler", In: conf.Anywhere, Args: conf.Flag, Help: "On or Off",
		Set: section.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.Check }),
	},
	{
		Name: "DirectoryIndexRedirect", In: conf.Anywhere, Args: conf.One, Help: "On, Off, or a 3xx status code.",
		Set: section.Do(setRedirect),
	},
	{
		Name: "FallbackResource", In: conf.Anywhere, Args: conf.One, Help: "Set a default handler",
		Set: section.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			d.Fallback = conf.Some(c, args[0])
			if strings.EqualFold(args[0], "disabled") {
				d.Fallback.V = ""
			}
			return nil
		}),
	},
}

// setIndex adds to the names of the scope; "disabled" alone empties the list.
func setIndex(c *conf.Cmd, d *dirConf, args []string) error {
	words := syntax.Words(args[0])
	names := d.Names.V
	if len(words) == 1 && strings.EqualFold(words[0], "disabled") {
		words, names = nil, nil
	}
	d.Names = conf.Some(c, append(names, words...))
	return nil
}

func setRedirect(c *conf.Cmd, d *dirConf, args []string) error {
	status := 0
	switch w := strings.ToLower(args[0]); {
	case w == "on", w == "temp":
		status = 302
	case w == "off":
	case w == "permanent":
		status = 301
	case w == "seeother":
		status = 303
	case w[0] >= '0' && w[0] <= '9':
		var err error
		if status, err = strconv.Atoi(w); err != nil || status < 300 || status > 399 {
			return &diag.Err{Text: "DirectoryIndexRedirect only accepts values between 300 and 399", Word: 1}
		}
	default:
		return &diag.Err{Text: "DirectoryIndexRedirect ON|OFF|permanent|temp|seeother|3xx", Word: 1}
	}
	d.Redirect = conf.Some(c, status)
	return nil
}
