package conf

import (
	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/expr"
	"sallyport/internal/regex"
)

// Context is a set of places where a directive may stand.
type Context uint16

// The places. InServer is the file's top level (httpd's "server config").
const (
	InServer Context = 1 << iota
	InVHost
	InDirectory // <Directory>, <DirectoryMatch>
	InFiles     // <Files>, <FilesMatch>
	InLocation  // <Location>, <LocationMatch>
	InProxy     // <Proxy>, <ProxyMatch>
	InIf        // <If>, <ElseIf>, <Else>
	InLimit     // <Limit>, <LimitExcept>: transparent, see Cmd.Methods
	InHtaccess  // documentation only: Sallyport reads no .htaccess

	// Server-wide: httpd's RSRC_CONF.
	Servers = InServer | InVHost
	// Directory-like: httpd's ACCESS_CONF.
	Sections = InDirectory | InFiles | InLocation | InProxy | InIf
	// Anywhere: RSRC_CONF|ACCESS_CONF.
	Anywhere = Servers | Sections
)

// Arity says how a directive's words are counted and split before its setter
// runs, and which complaint a wrong count earns (httpd's cmd_how).
type Arity uint8

const (
	None        Arity = iota // takes no arguments
	Raw                      // the whole rest of the line is args[0]
	One                      // exactly one
	Two                      // exactly two
	OneTwo                   // one or two
	Three                    // exactly three
	TwoThree                 // two or three
	OneTwoThree              // one, two or three
	OneThree                 // one or three
	Many                     // any number, all at once (httpd's TAKE_ARGV)
	Each                     // one or more; the setter runs once per word (ITERATE)
	FirstEach                // the setter runs with (first, each other) (ITERATE2)
	Flag                     // On or Off: args[0] is "on" or "off"
)

// Setter executes one directive: it checks the words and writes typed
// configuration into the scope. The error's text is shown as httpd shows it,
// behind "AH00526: Syntax error on line N of FILE:"; use *diag.Error to add a
// hint or to point at a word. A setter must not touch anything outside its
// configuration: the load may still fail as a whole.
type Setter func(c *Cmd, args []string) error

// Directive is one row of a room's table: everything -L, -t and the docs know.
type Directive struct {
	Name string
	In   Context
	Args Arity
	Help string // one line, no full stop, as httpd's -L shows
	Set  Setter
	// Section marks <Name …>…</Name>. With Open set to a Context the body is
	// executed in a new Section scope of that kind (see loader); with 0 the
	// setter decides by calling c.RunBody.
	Section bool
	Opens   Context
	// Reading marks the few that act while the file is read, before any
	// other directive runs (Define, Include, IfModule, LoadModule, Macro …).
	// Only package conf has such rows.
	Reading bool
}

// Cmd is one directive being executed. It lives only during the call.
type Cmd struct {
	Directive *Directive
	Node      *syntax.Node
	Pos       diag.Position
	Raw       string // text after the name, variables expanded, outer space trimmed
	Scope     *Scope
	// Methods is the set named by the enclosing <Limit>/<LimitExcept>; nil
	// outside of them.
	Methods *MethodSet
	Loader  *Loader

	bodyRead bool // by a reading section, or at least tried
}

// MethodSet is what <Limit> (Except false) or <LimitExcept> (true) names.
type MethodSet struct {
	Names  []string // upper case
	Except bool
}

// Has reports whether a request of this method falls under the set. A nil set
// covers every method.
func (m *MethodSet) Has(method string) bool {
	if m == nil {
		return true
	}
	for _, n := range m.Names {
		if n == method || n == "GET" && method == "HEAD" {
			return !m.Except
		}
	}
	return m.Except
}

// Scope is where directives write: a server's configuration and, inside of
// it, the innermost section's.
type Scope struct {
	Kind    Context  // exactly one bit
	Host    *Server  // the server or virtual host this is in
	Section *Section // nil at server level
	Server  *Vector  // == &Host.Conf
	Dir     *Vector  // the section's, or the server's base
	Outer   *Scope   // enclosing scope; nil for the main server
}

// Server is the main server or one virtual host as written, before merging.
type Server struct {
	Pos      diag.Position
	Main     bool
	Addrs    []string // the words of <VirtualHost …>
	Conf     Vector   // per-server configuration
	Dir      Vector   // per-section configuration outside any section
	Sections []*Section
}

// Section is one <Location>, <Directory>, <Files>, <Proxy> or <If> as written.
type Section struct {
	Kind Context
	Pos  diag.Position
	Name string // as opened: "Location", "LocationMatch", …
	// Arg is the (first) argument; Regex says it is a regular expression
	// (the Match forms and "~").
	Arg   string
	Regex bool
	// Pattern is Arg compiled, where Regex is set.
	Pattern *regex.Regex
	// Words are the arguments behind the first (<Proxy url key=value …>).
	Words []string
	// Cond is the condition of <If> and <ElseIf>; Else says that the section
	// only applies when the sections before it, back to the <If>, do not.
	Cond     *expr.Cond
	Else     bool
	Dir      Vector
	Sections []*Section // nested: <Files> or <If> inside
}

// Config is a whole configuration, read and executed, not yet compiled.
type Config struct {
	Main  *Server
	Hosts []*Server // in file order
	// Root is ServerRoot; File the main configuration file.
	Root, File string
	Defines    map[string]string
	// DefineOrder are the names of Defines, those of the command line first,
	// then in the order they were defined.
	DefineOrder []string
	// Inclusions are the files as they were read, each as often as it was.
	Inclusions []Inclusion
	Modules    []string // loaded module identifiers, e.g. "headers_module"
	Includes   []string // files read, in order, the main one first; each once
	Files      []string // other files that directives have read (Cmd.ReadFile)
	Warnings   diag.List

	sources map[string]*syntax.Source
	loaded  map[string]bool // by identifier: whether a LoadModule line did it
	shared  []string        // those that one did, in that order
}

// Inclusion is one reading of a file.
type Inclusion struct {
	File  string
	Line  int // of the Include that asked for it; 0: the main file
	Depth int // how many Includes lead to it
}
