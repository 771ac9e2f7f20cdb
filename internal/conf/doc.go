// Package conf turns the text of a configuration into typed configuration: it
// reads the files as httpd reads them, executes the directives that the rooms
// (see package module) put into its tables, and says everything that is wrong
// at once. It knows no HTTP and opens nothing but the files that are included.
// Below it is conf/syntax, which knows lines, words and sections; above it
// package snapshot merges and compiles what a Config holds.
//
// # Two phases
//
// Reading goes through the text line by line, replaces ${NAME}, acts upon the
// few directives marked Reading (Include, Define, <IfModule>, LoadModule,
// <Macro> …) and makes nodes of all others. Then the nodes are executed in
// order: each directive is looked up, its place and the number of its words
// are checked, and its setter writes into the scope it stands in. Both phases
// go on after an error.
//
// # How a room uses it
//
// A room declares one struct per kind of configuration, a key for it, and a
// table of directives:
//
//	type dirConf struct {
//		Handler conf.Opt[string]
//		Rules   []rule // lists are joined on merge, outer first
//	}
//
//	var dir = conf.NewDirKey[dirConf]("alias")
//
//	var Directives = []conf.Directive{
//		{Name: "SetHandler", In: conf.Anywhere, Args: conf.One, Help: "a handler name",
//			Set: dir.Text(func(d *dirConf) *conf.Opt[string] { return &d.Handler })},
//		{Name: "Alias", In: conf.Servers | conf.InLocation, Args: conf.OneTwo, Help: "a path and a file",
//			Set: dir.Do(func(c *conf.Cmd, d *dirConf, args []string) error {
//				if !strings.HasPrefix(args[0], "/") {
//					return &diag.Err{Text: "Alias must begin with /", Expected: "/path", Word: 1}
//				}
//				d.Rules = append(d.Rules, rule{args[0], c.Pos})
//				return nil
//			})},
//	}
//
// Words are split and counted before the setter runs (see Arity); what the
// setter returns is shown behind "AH00526: Syntax error on line N of FILE:",
// with the line and a caret below Err.Word. With Args Raw the setter gets the
// rest of the line as one string and splits it with syntax.Word or Words; Word
// still counts the words of the line. c.Warn adds a warning, c.Fail a further
// error, c.Path makes a path absolute, c.Parent is the section around.
//
// Sections come in two kinds. With Opens, the loader makes the scope: the
// argument goes to Section.Arg, what follows it to Section.Words (only
// <Proxy url k=v> may have some), and a setter, if there is one, runs in the
// new scope before the body, with those words. Without Opens the setter decides
// and calls c.RunBody, with its own Scope or nil for the one it stands in; a
// Scope with another Section collects the body's configuration there. <Limit>
// opens no scope: its directives see Cmd.Methods.
//
// The loader itself owns the rows of CoreDirectives (the reading directives and
// the sections of httpd's core), SoDirectives, VersionDirectives and
// MacroDirectives. A room may list such a row too; the loader's counts.
//
// A room's tests load a snippet with its table and look at the typed result:
//
//	cfg, diags := conf.LoadText("Alias /a /b\n", Directives)
//	if diags.Failed() { t.Fatal(diags) }
//	got := dir.Of(cfg.Main.Dir)             // or cfg.Hosts[0].Sections[0].Dir
//	diags[0].Text, diags[0].Pos.Line, diags[0].Hint // of what went wrong
//
// # What is loaded
//
// A text that has a LoadModule line loads the modules it names, as in httpd:
// a directive of a room that is not loaded is an unknown one, and <IfModule>
// tells which ones are. A text without any such line, as people write for
// Sallyport alone, has all rooms. Static rooms are always there.
package conf
