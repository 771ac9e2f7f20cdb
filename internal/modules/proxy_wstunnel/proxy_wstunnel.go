// Package proxy_wstunnel is the room of mod_proxy_wstunnel, which httpd itself
// has made superfluous: since 2.4.47 mod_proxy_http upgrades connections and
// tunnels them, and mod_proxy_wstunnel steps aside unless
// ProxyWebsocketFallbackToProxyHttp says Off. Here it always steps aside.
package proxy_wstunnel

import (
	"sallyport/internal/conf"
	"sallyport/internal/module"
)

// Room is mod_proxy_wstunnel.
var Room = module.Room{
	Name: "proxy_wstunnel",
	Directives: []conf.Directive{
		{Name: "ProxyWebsocketFallbackToProxyHttp", In: conf.Anywhere, Args: conf.Flag, Set: setFallback,
			Help: "whether to let mod_proxy_http handle the upgrade and tunneling, On by default"},
	},
}

// Unlike httpd: Off does not bring the old module's ways back (an alias that is
// passed over without an Upgrade, 426 for another protocol), because nothing a
// websocket backend needs is lost without them.
func setFallback(c *conf.Cmd, args []string) error {
	if args[0] == "off" {
		c.Warn("ProxyWebsocketFallbackToProxyHttp Off has no effect: mod_proxy_http serves ws:// here", "")
	}
	return nil
}
