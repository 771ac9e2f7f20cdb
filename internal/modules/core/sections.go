package core

import (
	"fmt"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
	"sallyport/internal/message"
)

// Option is one of the Options that httpd knows. Sallyport heeds Indexes,
// FollowSymLinks and SymLinksIfOwnerMatch.
type Option uint8

const (
	Indexes Option = 1 << iota
	Includes
	IncludesNoExec
	FollowSymLinks
	SymLinksIfOwnerMatch
	ExecCGI
	MultiViews

	allOptions = Indexes | Includes | FollowSymLinks | ExecCGI
)

var optionNames = map[string]Option{
	"indexes": Indexes, "includes": Includes, "includesnoexec": IncludesNoExec,
	"followsymlinks": FollowSymLinks, "symlinksifownermatch": SymLinksIfOwnerMatch,
	"execcgi": ExecCGI, "runscripts": ExecCGI, "multiviews": MultiViews,
}

// Options is what the lines of one scope say: a whole set, or changes to the
// outer scope's.
type Options struct {
	Whole       bool // Set replaces the outer set
	Set         Option
	Add, Remove Option
}

// over lays o over the outer scope's options (httpd's merge_core_dir_configs).
func (o Options) over(outer Options) Options {
	if o.Whole {
		return o
	}
	return Options{
		Whole:  outer.Whole,
		Set:    outer.Set&^o.Remove | o.Add,
		Add:    outer.Add&^o.Remove | o.Add,
		Remove: outer.Remove&^o.Add | o.Remove,
	}
}

// of resolves the options over httpd's default, FollowSymLinks.
func (o Options) of() Option {
	if o.Whole {
		return o.Set
	}
	return FollowSymLinks&^o.Remove | o.Add
}

func setOptions(c *conf.Cmd, d *DirConf, args []string) error {
	o := &d.Options
	signs := false
	for i, w := range args {
		fail := func(text string) error {
			return &diag.Err{Text: text, Word: i + 1}
		}
		sign, name := byte(0), strings.ToLower(w)
		if w != "" && (w[0] == '+' || w[0] == '-') {
			sign, name = w[0], name[1:]
		}
		if i > 0 && signs != (sign != 0) {
			return fail("Either all Options must start with + or -, or no Option may.")
		}
		signs = sign != 0
		if i == 0 && !signs {
			*o = Options{Whole: true}
		}
		opt, ok := optionNames[name]
		switch {
		case name == "none" && signs:
			return fail("You may not use 'Options +None' or 'Options -None'.")
		case name == "none" && i > 0:
			return fail("'Options None' must be the first Option given.")
		case name == "none":
		case name == "all" && signs:
			return fail("You may not use 'Options +All' or 'Options -All'.")
		case name == "all" && i > 0:
			return fail("'Options All' must be the first option given.")
		case name == "all":
			opt = allOptions
		case !ok:
			return fail("Illegal option " + strings.TrimLeft(w, "+-"))
		}
		switch sign {
		case '-':
			o.Remove |= opt
			o.Add &^= opt
			o.Set &^= opt
		case '+':
			o.Add |= opt
			o.Remove &^= opt
			o.Set |= opt
		default:
			o.Set |= opt
		}
	}
	return nil
}

// ETag is FileETag: what an entity tag is made of. The zero ETag says nothing.
type ETag struct {
	Whole            bool // Set replaces the outer set
	Set, Add, Remove ETagPart
}

// ETagPart is one of the things an entity tag is made of.
type ETagPart uint8

const (
	ETagINode ETagPart = 1 << iota
	ETagMTime
	ETagSize
	ETagDigest
)

var etagNames = []struct {
	name string
	part ETagPart
}{{"INode", ETagINode}, {"MTime", ETagMTime}, {"Size", ETagSize}, {"Digest", ETagDigest}}

func (e ETag) over(outer ETag) ETag {
	if e.Whole {
		return e
	}
	return ETag{
		Whole: outer.Whole, Set: outer.Set&^e.Remove | e.Add,
		Add: outer.Add&^e.Remove | e.Add, Remove: outer.Remove&^e.Add | e.Remove,
	}
}

// String resolves the setting over httpd's default: names in the order INode,
// MTime, Size, Digest, or "None".
func (e ETag) String() string {
	parts := (ETagMTime|ETagSize)&^e.Remove | e.Add
	if e.Whole {
		parts = e.Set
	}
	var names []string
	for _, n := range etagNames {
		if parts&n.part != 0 {
			names = append(names, n.name)
		}
	}
	if names == nil {
		return "None"
	}
	return strings.Join(names, " ")
}

func setETag(c *conf.Cmd, d *DirConf, args []string) error {
	e := &d.ETag
	whole := false
	for i, w := range args {
		sign, name := byte(0), w
		if w != "" && (w[0] == '+' || w[0] == '-') {
			sign, name = w[0], w[1:]
		}
		var part ETagPart
		set := strings.EqualFold(name, "none") || strings.EqualFold(name, "all")
		if strings.EqualFold(name, "all") {
			part = ETagINode | ETagMTime | ETagSize
		}
		for _, n := range etagNames {
			if strings.EqualFold(name, n.name) {
				part = n.part
			}
		}
		switch {
		case set && sign != 0:
			return &diag.Err{Text: "FileETag keyword '" + name + "' cannot be used with '+' or '-'", Word: i + 1}
		case part == 0 && !set:
			return &diag.Err{Text: "Unknown keyword '" + name + "' for FileETag directive", Expected: "INode, MTime, Size, Digest, All or None", Word: i + 1}
		}
		switch sign {
		case '+':
			e.Add, e.Remove, e.Set = e.Add|part, e.Remove&^part, e.Set|part
		case '-':
			e.Add, e.Remove, e.Set = e.Add&^part, e.Remove|part, e.Set&^part
		default:
			if !whole || set {
				*e = ETag{Whole: true}
			}
			whole = true
			e.Set |= part
		}
	}
	return nil
}

// setAllowOverride accepts what httpd accepts; Sallyport reads no .htaccess
// files, which is what None means.
func setAllowOverride(c *conf.Cmd, d *DirConf, args []string) error {
	if c.Scope.Kind != conf.InDirectory {
		c.Warn("AH00114: Useless use of AllowOverride", "it belongs in <Directory>")
	}
	for i, w := range args {
		name, value, has := strings.Cut(strings.ToLower(w), "=")
		switch {
		case name == "options" && has:
			for opt := range strings.SplitSeq(w[len(w)-len(value):], ",") {
				if low := strings.ToLower(opt); optionNames[low] == 0 && low != "none" && low != "all" {
					return &diag.Err{Text: "Illegal option " + opt, Word: i + 1}
				}
			}
		case name == "nonfatal" && has:
		case has:
			return &diag.Err{Text: "Illegal override option " + w, Word: i + 1}
		}
		switch name {
		case "none":
		case "limit", "options", "fileinfo", "authconfig", "indexes", "all", "nonfatal":
			c.Warn("AllowOverride "+w+" has no effect: Sallyport reads no .htaccess files", "move their lines into <Directory> sections")
		default:
			return &diag.Err{Text: "Illegal override option " + w, Expected: "None", Word: i + 1}
		}
	}
	return nil
}

func setOverrideList(c *conf.Cmd, d *DirConf, args []string) error {
	if c.Scope.Kind != conf.InDirectory {
		c.Warn("AH00115: Useless use of AllowOverrideList", "it belongs in <Directory>")
		return nil
	}
	if len(args) > 0 && !(len(args) == 1 && strings.EqualFold(args[0], "none")) {
		c.Warn("AllowOverrideList has no effect: Sallyport reads no .htaccess files", "move their lines into <Directory> sections")
	}
	return nil
}

// setErrorDocument reads a status and what to answer it with: a local path, a
// URL, "default" or a text (httpd's set_error_document).
func setErrorDocument(c *conf.Cmd, d *DirConf, args []string) error {
	status := number(args[0])
	if message.ReasonOf(status) == "" {
		return &diag.Err{Text: "Unsupported HTTP response code " + args[0], Word: 1}
	}
	remark(c, args[0])
	doc := exchange.ErrorDocument{Kind: 't', Value: args[1]}
	switch {
	case strings.EqualFold(args[1], "default"):
		doc = exchange.ErrorDocument{Kind: 'd'}
	case args[1][0] == '/':
		doc.Kind = 'p'
	case isURL(args[1]):
		if status == 401 {
			// The client would never see the challenge.
			c.Warn("AH00113: cannot use a full URL in a 401 ErrorDocument directive --- ignoring!", "")
			return nil
		}
		doc.Kind = 'u'
	}
	if strings.Contains(args[1], "%{") {
		t, err := exprvars.Text(args[1], "Cannot parse expression in ErrorDocument: ", 2)
		if err != nil {
			return err
		}
		doc.Make = func(x *exchange.Exchange) string { return t.Value(exprvars.Of(x), nil) }
	}
	if d.ErrorDocuments == nil {
		d.ErrorDocuments = map[int]exchange.ErrorDocument{}
	}
	d.ErrorDocuments[status] = doc
	return nil
}

// isURL is httpd's ap_is_url: a scheme and a colon, followed by "//" for the
// usual ones.
func isURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || !strings.HasPrefix(rest, "//") {
		return false
	}
	for i := 0; i < len(scheme); i++ {
		c := scheme[i] | 0x20
		if (c < 'a' || c > 'z') && (scheme[i] < '0' || scheme[i] > '9') && !strings.ContainsRune("+-.", rune(scheme[i])) {
			return false
		}
	}
	return true
}

// wordOrNone makes the setter of ForceType: a word, or None.
func wordOrNone(field func(*DirConf) *conf.Opt[string]) conf.Setter {
	return Dir.Do(func(c *conf.Cmd, d *DirConf, args []string) error {
		word := args[0]
		if strings.EqualFold(word, "none") {
			word = ""
		}
		*field(d) = conf.Some(c, word)
		return nil
	})
}

// setHandler is the setter of SetHandler: a word, None, or a text with variables.
func setHandler(c *conf.Cmd, d *DirConf, args []string) error {
	t, err := exprvars.Text(args[0], "Can't parse expression : ", 1)
	if err != nil {
		return err
	}
	word, fixed := t.Literal()
	if !fixed {
		d.HandlerExpr, d.Handler = conf.Some(c, t), conf.Some(c, "")
		return nil
	}
	if word = exchange.HandlerName(word); word == "none" {
		word = ""
	}
	d.HandlerExpr, d.Handler = conf.Some[*expr.Text](c, nil), conf.Some(c, word)
	return nil
}

func setPathInfo(c *conf.Cmd, d *DirConf, args []string) error {
	switch w := strings.ToLower(args[0]); w {
	case "on", "off", "default":
		d.PathInfo = conf.Some(c, w)
		return nil
	}
	return &diag.Err{Text: "AcceptPathInfo must be set to on, off or default", Word: 1}
}

func setSendfile(c *conf.Cmd, d *DirConf, args []string) error {
	on, err := onOff(args[0])
	if err == nil {
		d.Sendfile = conf.Some(c, on)
	}
	return err
}

// setCharset reads AddDefaultCharset: Off, On (httpd's iso-8859-1) or a name.
func setCharset(c *conf.Cmd, d *DirConf, args []string) error {
	name := args[0]
	switch strings.ToLower(name) {
	case "off":
		name = ""
	case "on":
		name = "iso-8859-1"
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '"' || r == ';' || r == 0x7f }) {
		return &diag.Err{Text: "AddDefaultCharset must be On, Off or the name of a charset", Word: 1}
	}
	d.Charset = conf.Some(c, name)
	return nil
}

// ranges makes the setter of MaxRanges and its like.
func ranges(standard, least int, field func(*DirConf) *conf.Opt[int]) conf.Setter {
	return Dir.Do(func(c *conf.Cmd, d *DirConf, args []string) error {
		v := 0
		switch strings.ToLower(args[0]) {
		case "none":
			v = -1
		case "default":
			v = standard
		case "unlimited":
		default:
			if v = number(args[0]); v < least {
				return &diag.Err{Text: fmt.Sprintf("%s requires 'none', 'default', 'unlimited' or a positive integer", c.Directive.Name), Word: 1}
			}
			remark(c, args[0])
		}
		*field(d) = conf.Some(c, v)
		return nil
	})
}
