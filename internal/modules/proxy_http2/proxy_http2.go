// Package proxy_http2 is the room of mod_proxy_http2. It has no directives and
// no hooks: that it is loaded makes h2:// and h2c:// targets work, which the
// room proxy asks for; package backend/h2 does the carrying. A configuration
// that names it in LoadModule or <IfModule> finds it here.
package proxy_http2

import "sallyport/internal/module"

// Room is mod_proxy_http2.
var Room = module.Room{Name: "proxy_http2"}
