// Package macro is mod_macro: <Macro>, Use and UndefMacro. They act while the
// text is read, in package conf, which owns their rows. Nothing of this room is
// left when requests come.
package macro

import (
	"sallyport/internal/conf"
	"sallyport/internal/module"
)

// Room declares mod_macro.
var Room = module.Room{Name: "macro", Directives: conf.MacroDirectives()}
