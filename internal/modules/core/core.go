// Package core is the room of httpd's core, HTTP core and listener directives:
// what a server is called, where it listens, how long it waits, what it
// accepts, and the settings of sections that no other room owns. Sections
// themselves, Include, Define and their kind belong to package conf.
//
// Files in the order the data meets them: config.go holds the typed
// configuration, table.go the directives, then their setters by subject
// (names.go, listen.go, limits.go, sections.go, logs.go, accepted.go), and
// hooks.go resolves it all into exchange.ServerSettings and
// exchange.DirSettings, opens the error logs and furnishes Places.
//
// Other packages read Server, Dir and Process; the front, the snapshot and the
// rooms read the resolved settings.
package core

import "sallyport/internal/module"

// Room declares httpd's core.
var Room = module.Room{
	Name:       "core",
	Source:     "core.c",
	Static:     true,
	Directives: directives,
	Compile:    compile,
	Handlers:   []string{"default-handler"},
}
