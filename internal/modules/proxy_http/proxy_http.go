// Package proxy_http is the room of mod_proxy_http. It has no directives and
// no hooks: that it is loaded makes http:// and ws:// targets work, which the
// room proxy asks for; package backend/http does the carrying. A configuration
// that names it in LoadModule or <IfModule> finds it here.
package proxy_http

import "sallyport/internal/module"

// Room is mod_proxy_http.
var Room = module.Room{Name: "proxy_http"}
