// Package headers is mod_headers: the directives Header and RequestHeader.
//
// # To the newcomer
//
// A line becomes an op (op.go) whose value is a format (format.go), both
// checked while the configuration is read. hooks.go furnishes a Place with
// three lists of ops: for the request, for what an answer always carries
// (httpd's err_headers_out) and for what it carries when it is not a page of
// our own for an error (headers_out).
//
// The room does not frame messages: Content-Length, Transfer-Encoding, Date
// and Server are the front's, whatever stands in a table. Expressions (expr=)
// are package expr's.
package headers

import (
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/exprvars"
	"sallyport/internal/module"
	"sallyport/internal/regex"
)

// Room is mod_headers.
var Room = module.Room{
	Name:       "headers",
	Directives: directives,
	Compile:    compile,
}

// dirConf is the room's configuration of one section, outer sections first.
type dirConf struct {
	In     []*op // RequestHeader
	Out    []*op // Header onsuccess
	Always []*op // Header always
}

var dir = conf.NewDirKey[dirConf]("headers")

var directives = []conf.Directive{
	{
		Name: "Header", In: conf.Anywhere, Args: conf.Raw,
		Help: "an optional condition, an action, header and value followed by optional env clause",
		Set:  dir.Do(setHeader),
	},
	{
		Name: "RequestHeader", In: conf.Anywhere, Args: conf.Raw,
		Help: "an action, header and value followed by optional env clause",
		Set:  dir.Do(setRequestHeader),
	},
}

func setHeader(c *conf.Cmd, d *dirConf, args []string) error {
	w := words{name: "Header", list: syntax.Words(args[0])}
	switch strings.ToLower(w.word(0)) {
	case "always":
		w.at++
		return w.add(c, &d.Always)
	case "onsuccess":
		w.at++
	}
	return w.add(c, &d.Out)
}

func setRequestHeader(c *conf.Cmd, d *dirConf, args []string) error {
	w := words{name: "RequestHeader", list: syntax.Words(args[0]), request: true}
	return w.add(c, &d.In)
}

// words are the words of one line.
type words struct {
	name    string // of the directive
	request bool
	list    []string
	at      int // where the action stands
}

// word returns word i behind the action; "" when there is none.
func (w *words) word(i int) string {
	if w.at+i < len(w.list) {
		return w.list[w.at+i]
	}
	return ""
}

// fail makes an error that points at word i behind the action.
func (w *words) fail(i int, text, expected, hint string) error {
	return &diag.Err{Text: text, Expected: expected, Hint: hint, Word: w.at + i + 1}
}

const (
	verbList = "'add', 'set', 'setifempty', 'append', 'merge', 'unset', 'echo', 'note', 'edit', or 'edit*'."
	quoteIt  = "put a value with spaces between quotes"
)

// add reads an op from the words behind the condition and adds it to list.
func (w *words) add(c *conf.Cmd, list *[]*op) error {
	o := &op{}
	action := strings.ToLower(w.word(0))
	var ok bool
	if o.verb, ok = verbs[action]; !ok {
		return w.fail(0, "first argument must be "+verbList, "", nearest(action))
	}
	if w.request && o.verb == note {
		return w.fail(0, "RequestHeader does not support the 'note' action", "", "the request's fields are logged with %{Name}i")
	}
	if w.request && o.verb == echo {
		return w.fail(0, "Header echo only valid on Header directives", "", "")
	}
	more := len(w.list) - w.at - 2 // words behind the field name
	if more > 3 {
		return w.fail(5, w.name+" has too many arguments", "", quoteIt)
	}
	var clause int // the word that may hold the condition
	switch o.verb {
	case edit, editAll:
		if more < 2 {
			return w.fail(1, "Header edit requires a match and a substitution", "a regular expression and its replacement", "")
		}
		re, err := regex.Compile(w.word(2), false)
		if err != nil {
			return w.fail(2, "Header edit regex could not be compiled", "", err.Error())
		}
		o.regex, clause = re, 4
		if err := w.format(c, o, 3); err != nil {
			return err
		}
	case unset, echo:
		if more > 2 {
			return w.fail(4, "Too many arguments to directive", "", "")
		}
		if more == 2 {
			which := "header unset"
			if o.verb == echo {
				which = "Header echo"
			}
			return w.fail(3, which+" takes two arguments", "a field name and a clause", "")
		}
		clause = 2
	default:
		if more > 2 {
			return w.fail(4, "Too many arguments to directive", "", quoteIt)
		}
		if more < 1 {
			return w.fail(1, "Header requires three arguments", "an action, a field name and a value", "")
		}
		clause = 3
		if err := w.format(c, o, 2); err != nil {
			return err
		}
	}
	if err := w.condition(c, o, clause); err != nil {
		return err
	}
	name, _, _ := strings.Cut(w.word(1), ":")
	switch {
	case o.verb == echo:
		re, err := regex.Compile(name, false)
		if err != nil {
			return w.fail(1, "Header echo regex could not be compiled", "", err.Error())
		}
		o.regex = re
	case !token(name) && o.verb != unset && o.verb != note:
		// Unlike httpd: it takes the line and then answers 500 wherever the
		// field would be sent.
		return w.fail(1, "'"+name+"' cannot be the name of a header field", "a name of letters, digits, - and _", "")
	}
	o.setName(name)
	*list = append(*list, o)
	return nil
}

// format compiles word i, the value of an op.
func (w *words) format(c *conf.Cmd, o *op, i int) error {
	value := w.word(i)
	if len(value) > 5 && strings.EqualFold(value[:5], "expr=") {
		t, err := exprvars.Text(value[5:], "Can't parse value expression : ", w.at+i+1)
		if err != nil {
			return err
		}
		o.value = format{expr: t}
		return nil
	}
	f, bad, ok := parseFormat(value)
	if !ok {
		return w.fail(i, "Unrecognized header format %"+bad, "one of %t %D %l %i %b %{NAME}e %{NAME}s %%", "write %% for a percent sign")
	}
	if f.broken {
		// Unlike httpd: it answers 500 for a value with a line break in it.
		c.Warn("line breaks in a header field's value are sent as spaces", "")
	}
	o.value = f
	return nil
}

// condition reads word i, if it is there.
func (w *words) condition(c *conf.Cmd, o *op, i int) error {
	clause := w.word(i)
	low := strings.ToLower(clause)
	switch {
	case clause == "":
	case low == "early":
		o.early = true
		if c.Scope.Section != nil {
			c.Warn("an early "+w.name+" never takes effect inside a section", "write it in the main server or in a virtual host")
		}
	case strings.HasPrefix(low, "env="):
		o.env = clause[4:]
		if o.env != "" && o.env[0] == '!' {
			o.env, o.unless = o.env[1:], true
		}
		if o.env == "" {
			return w.fail(i, "error: missing environment variable name. envclause should be in the form env=envar", "env=NAME or env=!NAME", "")
		}
	case strings.HasPrefix(low, "expr="):
		cond, err := exprvars.Cond(clause[5:], "Can't parse envclause/expression: ", w.at+i+1)
		if err != nil {
			return err
		}
		o.cond = cond
	default:
		return w.fail(i, "Unknown parameter: "+clause, "early, env=NAME, env=!NAME or expr=CONDITION", quoteIt)
	}
	return nil
}

// nearest suggests a verb for a misspelt one; "" when none is near.
func nearest(word string) string {
	best, at := "", 3
	for name := range verbs {
		if d := syntax.Distance(word, name); d < at || d == at && name < best {
			best, at = name, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// token reports a field name of RFC 9110 §5.1.
func token(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' {
			continue
		}
		if strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
