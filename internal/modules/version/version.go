// Package version is mod_version: <IfVersion>. It acts while the text is read,
// in package conf, which owns its row. Nothing of this room is left when
// requests come.
package version

import (
	"sallyport/internal/conf"
	"sallyport/internal/module"
)

// Room declares mod_version.
var Room = module.Room{Name: "version", Static: true, Directives: conf.VersionDirectives()}
