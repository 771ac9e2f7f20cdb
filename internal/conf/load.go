package conf

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
)

// Version is the httpd version Sallyport speaks for: <IfVersion> compares
// with it.
const Version = "2.4.71"

// ModuleInfo is what the loader knows of a room.
type ModuleInfo struct {
	// Name without "mod_" and "_module": "headers".
	Name string
	// Source is the file name <IfModule> knows; "" means mod_<Name>.c.
	Source string
	// Static modules are there without a LoadModule line.
	Static     bool
	Directives []Directive
	// Expand, if not nil, may write on in a configuration that was read and
	// executed without an error: virtual hosts, Listen addresses that one of
	// the module's directives stands for.
	Expand func(c *Config)
}

// Options say what to load and what the loader may see of the world.
type Options struct {
	// File is the main file, absolute or relative to Root. Text, when not
	// empty, is read in its place; File is then only its name.
	File, Text string
	// Root is ServerRoot until the text sets another one.
	Root string
	// Defines are the names given with -D.
	Defines []string
	// Before and After are the directives given with -C and -c.
	Before, After []string
	// Modules are the rooms, in their order. Their names and the names of
	// their directives must be unique.
	Modules []ModuleInfo
	// ReadFile reads the files; nil: os.ReadFile.
	ReadFile func(path string) ([]byte, error)
	// Env looks up the process environment for ${NAME}; nil: os.LookupEnv.
	Env func(name string) (string, bool)
}

// Load reads and executes a configuration as httpd does: first the whole text
// with everything it includes, then the directives, in order. It goes on after
// an error, so that the list holds all of them: those of reading first, then
// those of execution, each in the order in which httpd would come upon them.
// The list also holds the warnings. The Config is never nil, but must not be
// used when the list holds an error.
func Load(o Options) (*Config, diag.List) {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	// A text without any LoadModule line means all rooms. Whether it has one
	// shows only while reading; then reading starts anew.
	ld := newLoader(o, false)
	ld.readAll()
	if ld.again {
		ld = newLoader(o, true)
		ld.readAll()
	}
	if !ld.stop {
		ld.execute(ld.tree.Roots, ld.main)
	}
	return ld.finish()
}

// LoadText loads a snippet with the given tables, all of them counting as
// loaded: for the tests of rooms. Positions name the file "test.conf";
// ServerRoot is "/".
func LoadText(text string, tables ...[]Directive) (*Config, diag.List) {
	o := Options{File: "test.conf", Text: text, Root: "/"}
	if text == "" {
		o.Text = "\n"
	}
	for i, t := range tables {
		o.Modules = append(o.Modules, ModuleInfo{Name: "table" + string(rune('A'+i)), Static: true, Directives: t})
	}
	for _, m := range []ModuleInfo{
		{Name: "so", Directives: SoDirectives()},
		{Name: "version", Directives: VersionDirectives()},
		{Name: "macro", Directives: MacroDirectives()},
	} {
		m.Static = true
		o.Modules = append(o.Modules, m)
	}
	return Load(o)
}

// Loader reads a configuration: see Load. Setters meet it as Cmd.Loader and
// may ask it about what was read; it lives only during the load.
type Loader struct {
	opts   Options
	cfg    *Config
	main   *Scope
	diags  diag.List
	table  table
	vars   variables
	macros map[string]*macro

	// Reading.
	in       *input
	tree     syntax.Tree
	chain    []diag.Position   // the Include lines we are below
	explicit bool              // LoadModule decides what is loaded
	again    bool              // a LoadModule line: read again with explicit
	tooDeep  bool              // an Include went below maxDepth
	stop     bool              // nothing to execute: the main file is missing
	seen     map[string]bool   // files in Config.Includes
	skipped  map[*lacking]bool // LoadModule named them, and we lack them

	// Execution.
	parents []*syntax.Node
	methods *MethodSet
	sources map[string]*syntax.Source
}

func newLoader(o Options, explicit bool) *Loader {
	main := &Server{Main: true}
	cfg := &Config{Main: main, Root: o.Root}
	ld := &Loader{
		opts:     o,
		cfg:      cfg,
		main:     &Scope{Kind: InServer, Host: main, Server: &main.Conf, Dir: &main.Dir},
		macros:   map[string]*macro{},
		explicit: explicit,
		sources:  map[string]*syntax.Source{},
		seen:     map[string]bool{},
		skipped:  map[*lacking]bool{},
	}
	ld.vars.init(o)
	ld.table.init(o.Modules, explicit, &ld.diags)
	return ld
}

// readAll is the first phase.
func (ld *Loader) readAll() {
	ld.commandLine(nil, ld.opts.Before)
	if ld.again {
		return
	}
	if ld.opts.Text != "" {
		ld.cfg.File = ld.opts.File
		ld.readText(ld.opts.File, ld.opts.Text)
	} else {
		ld.cfg.File = ld.Path(ld.opts.File)
		text, err := ld.opts.ReadFile(ld.cfg.File)
		if err != nil {
			ld.diags = append(ld.diags, diag.Diagnostic{Text: cannotOpen(ld.cfg.File, err), Hint: ld.besides(err), Reading: true})
			ld.stop = true
			return
		}
		ld.cfg.Includes = append(ld.cfg.Includes, ld.cfg.File)
		ld.seen[ld.cfg.File] = true
		ld.cfg.Inclusions = append(ld.cfg.Inclusions, Inclusion{File: ld.cfg.File})
		ld.readText(ld.cfg.File, string(text))
	}
	if !ld.again {
		ld.commandLine(ld.opts.Before, ld.opts.After)
	}
}

// besides tells of a file that was meant in the working directory, while a
// relative one is looked for below ServerRoot.
func (ld *Loader) besides(err error) string {
	if filepath.IsAbs(ld.opts.File) || !errors.Is(err, os.ErrNotExist) {
		return ""
	}
	here, err := filepath.Abs(ld.opts.File)
	if err != nil {
		return ""
	}
	if _, err := os.Stat(here); err != nil {
		return ""
	}
	return "as with httpd, -f is relative to ServerRoot; for the file here: -f " + here
}

// commandLine reads the directives of -C or -c; before are those read already.
// Their lines are numbered through, so that a number means one line.
func (ld *Loader) commandLine(before, lines []string) {
	if len(lines) == 0 || ld.again {
		return
	}
	text := strings.Join(lines, "\n") + "\n"
	ld.readText(diag.CommandLine, strings.Repeat("\n", len(before))+text)
	ld.source(diag.CommandLine, strings.Join(append(before[:len(before):len(before)], text), "\n"))
}

// finish gives the result away.
func (ld *Loader) finish() (*Config, diag.List) {
	c := ld.cfg
	c.Defines, c.DefineOrder = maps.Clone(ld.vars.defines), ld.vars.order
	c.loaded = map[string]bool{}
	for _, m := range ld.table.modules {
		if m.loaded {
			c.Modules = append(c.Modules, m.id)
			c.loaded[m.id] = m.shared
		}
	}
	c.sources = ld.sources
	if !ld.diags.Failed() {
		for _, m := range ld.table.modules {
			if m.loaded && m.Expand != nil {
				m.Expand(c)
			}
		}
	}
	c.Show(ld.diags)
	c.Warnings = ld.diags.Warnings()
	return c, ld.diags
}

// Show fills in the text lines that the diagnostics of l speak of, where they
// are still missing: for those that rooms add after the load.
func (c *Config) Show(l diag.List) {
	for i := range l {
		if d := &l[i]; d.Line == "" {
			if src := c.sources[d.Pos.File]; src != nil {
				d.Line = src.Line(d.Pos.Line)
			}
		}
	}
}

// Path makes a path of the configuration absolute: relative ones start at
// ServerRoot.
func (ld *Loader) Path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(ld.cfg.Root, p)
}

// Path makes a path of the configuration absolute: relative ones start at
// ServerRoot.
func (c *Cmd) Path(p string) string { return c.Loader.Path(p) }

// ReadFile reads a file with the rights that configuration files are read with;
// path must be absolute.
func (ld *Loader) ReadFile(path string) ([]byte, error) { return ld.opts.ReadFile(path) }

// Defined reports whether name was set with Define or -D.
func (ld *Loader) Defined(name string) bool { return ld.vars.defined(name) }

// Loaded reports whether a module is loaded; name is what <IfModule> takes.
func (ld *Loader) Loaded(name string) bool {
	m := ld.table.module(name)
	return m != nil && m.loaded
}

// Directive returns the row of a directive whose module is loaded; section
// tells whether <name> is meant. Nil when there is none.
func (ld *Loader) Directive(name string, section bool) *Directive {
	if r := ld.table.find(name, section); r != nil && r.module.loaded {
		return r.d
	}
	return nil
}
