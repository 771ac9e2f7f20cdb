package conf

import (
	"errors"
	"os"
	"path/filepath"
)

// CoreDirectives are the rows of httpd's core that this package owns: those
// that act while the text is read, and the sections. The loader adds them to
// the room named core.
func CoreDirectives() []Directive {
	reading := func(name string, a Arity, help string, set Setter) Directive {
		return Directive{Name: name, In: Anywhere, Args: a, Help: help, Set: set, Reading: true}
	}
	when := func(name, help string, test func(*Cmd, string) (bool, error)) Directive {
		d := reading(name, Raw, help, condition(test))
		d.Section = true
		return d
	}
	container := func(name string, in, opens Context, help string) Directive {
		return Directive{Name: name, In: in, Args: Raw, Help: help, Section: true, Opens: opens}
	}
	const inDir = Servers | InDirectory | InFiles | InIf
	return []Directive{
		reading("ServerRoot", One, "directory that relative paths start from", setServerRoot),
		reading("Include", One, "file, directory or wildcard to read here; must match", setInclude),
		reading("IncludeOptional", One, "file, directory or wildcard to read here; need not match", setInclude),
		reading("Define", OneTwo, "a name, and the value that ${name} stands for", setDefine),
		reading("UnDefine", One, "a name to forget", setUnDefine),
		when("IfModule", "read if a module is loaded", ifModule),
		when("IfDefine", "read if a name was defined", ifDefine),
		when("IfDirective", "read if a directive is known", ifDirective),
		when("IfSection", "read if a section is known", ifSection),
		when("IfFile", "read if a file exists", ifFile),
		{Name: "Error", In: Anywhere, Args: Raw, Help: "text with which to refuse the configuration", Set: setError},

		container("VirtualHost", InServer, InVHost, "addresses that these directives are for"),
		container("Directory", Servers, InDirectory, "directory that these directives are for, with all below"),
		container("DirectoryMatch", Servers, InDirectory, "pattern of the directories that these directives are for"),
		container("Location", Servers, InLocation, "URL path that these directives are for, with all below"),
		container("LocationMatch", Servers, InLocation, "pattern of the URL paths that these directives are for"),
		container("Files", inDir, InFiles, "file names that these directives are for"),
		container("FilesMatch", inDir, InFiles, "pattern of the file names that these directives are for"),
		container("If", Anywhere, InIf, "expression under which these directives apply"),
		container("ElseIf", Anywhere, InIf, "expression under which these directives apply when those before do not"),
		container("Else", Anywhere, InIf, "directives that apply when those before do not"),
		{Name: "Limit", In: Sections, Args: Raw, Help: "methods that these directives are for", Set: limit, Section: true},
		{Name: "LimitExcept", In: Sections, Args: Raw, Help: "methods that these directives are not for", Set: limit, Section: true},
	}
}

// SoDirectives are the rows of mod_so.
func SoDirectives() []Directive {
	return []Directive{
		{Name: "LoadModule", In: Anywhere, Args: Two, Help: "a module's identifier and the file it is in", Set: loadModule, Reading: true},
		{Name: "LoadFile", In: Anywhere, Args: Each, Help: "shared objects to load", Set: loadFile, Reading: true},
	}
}

// VersionDirectives are the rows of mod_version.
func VersionDirectives() []Directive {
	return []Directive{
		{Name: "IfVersion", In: Anywhere, Args: Raw, Help: "read if httpd's version compares so", Set: ifVersion, Reading: true, Section: true},
	}
}

// MacroDirectives are the rows of mod_macro.
func MacroDirectives() []Directive {
	return []Directive{
		{Name: "Macro", In: Anywhere, Args: Raw, Help: "name and arguments of lines to use again", Set: defineMacro, Reading: true, Section: true},
		{Name: "Use", In: Anywhere, Args: Raw, Help: "name and arguments of a macro whose lines stand here", Set: useMacro, Reading: true},
		{Name: "UndefMacro", In: Anywhere, Args: One, Help: "name of a macro to forget", Set: undefMacro, Reading: true},
	}
}

func setServerRoot(c *Cmd, args []string) error {
	path, err := filepath.Abs(args[0]) // not below the old one
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(path); err == nil && !info.IsDir() {
			err = os.ErrInvalid
		}
	}
	if err != nil {
		return errors.New("ServerRoot must be a valid directory")
	}
	c.Loader.cfg.Root = path
	return nil
}
