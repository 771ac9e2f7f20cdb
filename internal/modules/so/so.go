// Package so is mod_so: LoadModule and LoadFile. Sallyport's rooms are linked
// in, so that loading one only means to count it as there; what these
// directives do happens while the text is read, in package conf, which owns
// their rows. Nothing of this room is left when requests come.
package so

import (
	"sallyport/internal/conf"
	"sallyport/internal/module"
)

// Room declares mod_so.
var Room = module.Room{Name: "so", Static: true, Directives: conf.SoDirectives()}
