package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
)

// Idle is a directive that was accepted and means nothing here. One note per
// reason says so after a load.
type Idle struct {
	Name string
	Why  string
	Pos  diag.Position // of the first
}

// Accept makes the row of a directive that is read and checked like in httpd
// and then has no effect, with the reason. check may be nil.
func Accept(name string, in conf.Context, args conf.Arity, help, why string, check func(c *conf.Cmd, args []string) error) conf.Directive {
	return conf.Directive{Name: name, In: in, Args: args, Help: help, Set: func(c *conf.Cmd, args []string) error {
		if check != nil {
			if err := check(c, args); err != nil {
				return err
			}
		}
		top := c.Scope
		for top.Outer != nil {
			top = top.Outer
		}
		p := Process.Make(top.Server)
		for i := range p.Idle {
			if p.Idle[i].Name == name {
				return nil
			}
		}
		p.Idle = append(p.Idle, Idle{name, why, c.Pos})
		return nil
	}}
}

// idleNotes says in one note per reason which directives do nothing.
func idleNotes(p *ProcessConf) (notes diag.List) {
	var whys []string
	names := map[string][]string{}
	first := map[string]diag.Position{}
	for _, d := range p.Idle {
		if names[d.Why] == nil {
			whys = append(whys, d.Why)
			first[d.Why] = d.Pos
		}
		names[d.Why] = append(names[d.Why], d.Name)
	}
	for _, why := range whys {
		verb := " has no effect: "
		if len(names[why]) > 1 {
			verb = " have no effect: "
		}
		notes = append(notes, diag.Diagnostic{
			Severity: diag.Note, Pos: first[why], Text: strings.Join(names[why], ", ") + verb + why,
		})
	}
	return notes
}

// The reasons.
const (
	whyNoHtaccess = "Sallyport reads no .htaccess files"
	whyNoCGI      = "Sallyport runs no CGI programs"
	whyBuffers    = "buffers are as large as what they carry needs"
	whyOneProcess = "Sallyport is one process, whose parts need no mutex files"
	whySockets    = "Sallyport leaves it to the system when a connection is accepted"
	whyMemory     = "Go manages the memory of the process"
)

func checkOnOff(c *conf.Cmd, args []string) error {
	_, err := onOff(args[0])
	return err
}

func checkUint(c *conf.Cmd, args []string) error {
	if _, err := strconv.ParseUint(args[0], 10, 32); err != nil {
		return &diag.Err{Text: fmt.Sprintf("parameter must be a number between 0 and 4294967295: %s", args[0]), Word: 1}
	}
	return nil
}

func checkFlush(c *conf.Cmd, args []string) error {
	if n, err := strconv.ParseInt(args[0], 10, 32); err != nil || n < -1 {
		return &diag.Err{Text: "parameter must be a number between -1 and 2147483647: " + args[0], Word: 1}
	}
	return nil
}

func checkXMLBody(c *conf.Cmd, args []string) error {
	if number(args[0]) < 0 {
		return &diag.Err{Text: "LimitXMLRequestBody requires a non-negative integer.", Word: 1}
	}
	return nil
}

func checkSize(c *conf.Cmd, args []string) error {
	if n := number(args[0]); n < 0 {
		return &diag.Err{Text: "Invalid " + c.Directive.Name + " value: " + args[0], Word: 1}
	}
	return nil
}

func checkPositive(c *conf.Cmd, args []string) error {
	if n := number(args[0]); n <= 0 {
		return &diag.Err{Text: c.Directive.Name + " must be > 0", Word: 1}
	}
	return nil
}

func checkDumpDir(c *conf.Cmd, args []string) error {
	if path := c.Path(args[0]); !isDir(path) {
		return &diag.Err{Text: "CoreDumpDirectory " + path + " does not exist", Word: 1}
	}
	return nil
}

// mutexKinds are the mechanisms of the Mutex directive, in httpd's order.
const mutexKinds = "(Mutex mechanisms are: 'none', 'default', 'flock:/path/to/file', 'fcntl:/path/to/file', 'file:/path/to/file', 'pthread', 'sysvsem', 'posixsem', 'sem')"

func checkMutex(c *conf.Cmd, args []string) error {
	if len(args) == 0 {
		return &diag.Err{Text: "Mutex requires at least a mechanism argument " + mutexKinds}
	}
	kind, _, _ := strings.Cut(args[0], ":") // httpd takes a path behind all of them
	switch strings.ToLower(kind) {
	case "flock", "fcntl", "file", "none", "no", "default", "yes", "pthread", "sysvsem", "posixsem", "sem":
		return nil
	}
	return &diag.Err{Text: "Invalid Mutex argument " + args[0] + " " + mutexKinds, Word: 1}
}

func checkRegexOptions(c *conf.Cmd, args []string) error {
	for i, w := range args {
		switch name := strings.ToLower(strings.TrimLeft(w, "+-")); name {
		case "none", "icase", "extended", "dotall", "dollar_endonly":
		default:
			return &diag.Err{Text: "RegexDefaultOptions: option '" + w + "' unknown", Word: i + 1}
		}
	}
	c.Warn("RegexDefaultOptions has no effect", "write the options into the patterns: (?i) (?s)")
	return nil
}

// cosmetic are filters whose absence changes how many bytes travel, not what
// they say.
var cosmetic = []string{"none", "deflate", "brotli_compress"}

// setFilter is SetOutputFilter and SetInputFilter: there are no filters, which
// is fine for some and an error for those without which answers or uploads
// would be wrong.
func setFilter(c *conf.Cmd, args []string) error {
	for name := range strings.SplitSeq(args[0], ";") {
		switch out := c.Directive.Name == "SetOutputFilter"; {
		case strings.EqualFold(name, "none"):
		case out && slices.Contains(cosmetic, strings.ToLower(name)):
			c.Warn("SetOutputFilter "+name+" has no effect: Sallyport does not compress", "")
		default:
			return &diag.Err{Text: c.Directive.Name + ": there is no filter " + name, Hint: "Sallyport passes bodies on as they are", Word: 1}
		}
	}
	return nil
}

// The few that httpd itself has only words for.

func warnNameVirtualHost(c *conf.Cmd, args []string) error {
	c.Warn("AH00548: NameVirtualHost has no effect and will be removed in the next release", "")
	return nil
}

func warnDefaultType(c *conf.Cmd, args []string) error {
	if !strings.EqualFold(args[0], "none") {
		c.Warn("AH00117: Ignoring deprecated use of DefaultType", "use ForceType")
	}
	return nil
}

func refusePort(*conf.Cmd, []string) error {
	return &diag.Err{Text: "Port was replaced with Listen in Apache 2.0", Expected: "Listen and the same port"}
}

// warnMergeTrailers: trailers that become headers change what was already
// decided about the request.
func warnMergeTrailers(c *conf.Cmd, args []string) error {
	if args[0] == "on" {
		c.Warn("MergeTrailers On has no effect: trailers are never merged into the header", "")
	}
	return nil
}
