// Package mime is mod_mime: what a file's extensions say about it.
//
// # To the newcomer
//
// The Add and Remove directives fill a table by extension (config.go), to
// which the types file adds types for the extensions that no AddType names
// (types.go). Just before the other fixups the name of the file, or of what a
// proxied URL ends in, is looked through from left to right and the result is
// left in Exchange.Type (hooks.go). Who sends it is the room files, which also
// knows ForceType and AddDefaultCharset.
//
// Filters and content negotiation do not exist here.
package mime

import (
	"maps"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// Room is mod_mime.
var Room = module.Room{
	Name:       "mime",
	Directives: directives,
	Compile:    compile,
}

// fact is one thing an extension can tell.
type fact uint8

const (
	mediaType fact = iota
	charset
	encoding
	language
	handler
	facts
)

// meaning is what the directives say about one extension; "" is nothing.
type meaning [facts]string

// untyped is the mediaType of an extension that RemoveType has taken it from:
// neither an outer AddType nor the types file gives it one.
const untyped = "\x00"

// dirConf is the configuration of one section. The keys are extensions, lower
// case, without dot.
type dirConf struct {
	extensions map[string]meaning
	// removed facts are struck out after everything else of the scope.
	removed     map[string][facts]bool
	language    conf.Opt[string]
	usePathInfo conf.Opt[bool]
}

type serverConf struct{ types conf.Opt[string] }

var (
	server = &conf.Key[serverConf]{Room: "mime", Merge: func(outer, inner *serverConf) *serverConf {
		return &serverConf{inner.types.Over(outer.types)}
	}}
	dir = &conf.Key[dirConf]{Room: "mime", Dir: true, Merge: func(outer, inner *dirConf) *dirConf {
		out := &dirConf{
			extensions:  outer.resolved(),
			language:    inner.language.Over(outer.language),
			usePathInfo: inner.usePathInfo.Over(outer.usePathInfo),
			removed:     inner.removed,
		}
		if out.extensions == nil {
			out.extensions = map[string]meaning{}
		}
		for ext, m := range inner.extensions {
			all := out.extensions[ext]
			for f, v := range m {
				if v != "" {
					all[f] = v
				}
			}
			out.extensions[ext] = all
		}
		return out
	}}
)

// resolved is a copy of the table with what was removed struck out.
func (d *dirConf) resolved() map[string]meaning {
	all := maps.Clone(d.extensions)
	for ext, gone := range d.removed {
		m, ok := all[ext]
		if !ok {
			continue
		}
		for f := range m {
			if gone[f] {
				m[f] = ""
			}
		}
		all[ext] = m
	}
	return all
}

// extension brings one into the form of the table's keys.
func extension(word string) string {
	return strings.ToLower(strings.TrimPrefix(word, "."))
}

const removeHelp = "one or more file extensions"

var directives = []conf.Directive{
	add("AddType", mediaType, "a mime type followed by one or more file extensions"),
	add("AddCharset", charset, "a charset (e.g., iso-2022-jp), followed by one or more file extensions"),
	add("AddEncoding", encoding, "an encoding (e.g., gzip), followed by one or more file extensions"),
	add("AddLanguage", language, "a language (e.g., fr), followed by one or more file extensions"),
	add("AddHandler", handler, "a handler name followed by one or more file extensions"),
	{
		// Like an AddType, and unlike the other Remove lines, in its turn.
		Name: "RemoveType", In: conf.Anywhere, Args: conf.Each, Help: removeHelp,
		Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			d.set(extension(args[0]), mediaType, untyped)
			return nil
		}),
	},
	remove("RemoveCharset", charset),
	remove("RemoveEncoding", encoding),
	remove("RemoveLanguage", language),
	remove("RemoveHandler", handler),
	noFilter("AddInputFilter", conf.FirstEach, "input filter name (or ; delimited names) followed by one or more file extensions"),
	noFilter("AddOutputFilter", conf.FirstEach, "output filter name (or ; delimited names) followed by one or more file extensions"),
	noFilter("RemoveInputFilter", conf.Each, removeHelp),
	noFilter("RemoveOutputFilter", conf.Each, removeHelp),
	{
		Name: "DefaultLanguage", In: conf.Anywhere, Args: conf.One,
		Help: "language to use for documents with no other language file extension",
		Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			if !visible(args[0]) {
				return &diag.Err{Text: "DefaultLanguage must be a language tag", Word: 1}
			}
			d.language = conf.Some(c, args[0])
			return nil
		}),
	},
	{
		Name: "ModMimeUsePathInfo", In: conf.Sections, Args: conf.Flag,
		Help: "Set to 'yes' to allow mod_mime to use path info for type checking",
		Set:  dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.usePathInfo }),
	},
	{
		Name: "MultiviewsMatch", In: conf.Anywhere, Args: conf.Many,
		Help: "NegotiatedOnly (default), Handlers and/or Filters, or Any", Set: multiviewsMatch,
	},
	{
		Name: "TypesConfig", In: conf.Servers, Args: conf.One, Help: "the MIME types config file",
		Set: server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
			s.types = conf.Some(c, c.Path(args[0]))
			return nil
		}),
	},
}

func add(name string, f fact, help string) conf.Directive {
	return conf.Directive{
		Name: name, In: conf.Anywhere, Args: conf.FirstEach, Help: help,
		Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			if strings.ContainsFunc(args[0], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return &diag.Err{Text: name + ": a control character cannot stand in a header field", Word: 1}
			}
			word := strings.ToLower(args[0])
			if f == handler {
				word = exchange.HandlerName(args[0])
			}
			d.set(extension(args[1]), f, word)
			return nil
		}),
	}
}

func (d *dirConf) set(ext string, f fact, word string) {
	m := d.extensions[ext]
	m[f] = word
	if d.extensions == nil {
		d.extensions = map[string]meaning{}
	}
	d.extensions[ext] = m
}

func remove(name string, f fact) conf.Directive {
	return conf.Directive{
		Name: name, In: conf.Anywhere, Args: conf.Each, Help: removeHelp,
		Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
			ext := extension(args[0])
			gone := d.removed[ext]
			gone[f] = true
			if d.removed == nil {
				d.removed = map[string][facts]bool{}
			}
			d.removed[ext] = gone
			return nil
		}),
	}
}

// noFilter accepts a directive about filters.
func noFilter(name string, args conf.Arity, help string) conf.Directive {
	return conf.Directive{
		Name: name, In: conf.Anywhere, Args: args, Help: help,
		Set: func(c *conf.Cmd, args []string) error {
			if strings.HasPrefix(name, "Add") {
				c.Warn(name+" "+args[0]+" "+args[1]+" has no effect: filters by extension are not there", "")
			}
			return nil
		},
	}
}

// multiviewsMatch accepts what httpd accepts; there is no negotiation to set
// up.
func multiviewsMatch(c *conf.Cmd, args []string) error {
	if err := c.Outside(conf.InLocation | conf.InLimit); err != nil {
		return err
	}
	if len(args) == 0 {
		return &diag.Err{Text: "MultiviewsMatch requires at least one argument, " + c.Directive.Help}
	}
	seen := map[string]bool{}
	for i, w := range args {
		switch low := strings.ToLower(w); low {
		case "any", "negotiatedonly":
			for other := range seen {
				if other != low {
					return &diag.Err{Text: "Any is incompatible with NegotiatedOnly, Filters and Handlers", Word: i + 1}
				}
			}
			seen[low] = true
		case "filters", "handlers":
			if seen["any"] || seen["negotiatedonly"] {
				return &diag.Err{Text: strings.ToUpper(low[:1]) + low[1:] + " is incompatible with Any and NegotiatedOnly", Word: i + 1}
			}
			seen[low] = true
		default:
			return &diag.Err{Text: "Unrecognized option '" + w + "'", Expected: c.Directive.Help, Word: i + 1}
		}
	}
	return nil
}

// visible reports a text without blanks and control characters.
func visible(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f })
}
