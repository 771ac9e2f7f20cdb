// Package all is the one ordered list of rooms. The order decides who comes
// first where several have work in the same phase and rank: it is httpd's,
// where httpd's matters (the proxy translates before alias, alias before the
// file handler; ProxyPassReverse before Header).
package all

import (
	"sallyport/internal/conf"
	"sallyport/internal/module"
	"sallyport/internal/modules/access_compat"
	"sallyport/internal/modules/alias"
	"sallyport/internal/modules/auth_basic"
	"sallyport/internal/modules/authn_anon"
	"sallyport/internal/modules/authn_core"
	"sallyport/internal/modules/authn_file"
	"sallyport/internal/modules/authn_socache"
	"sallyport/internal/modules/authz_core"
	"sallyport/internal/modules/authz_groupfile"
	"sallyport/internal/modules/authz_host"
	"sallyport/internal/modules/authz_user"
	"sallyport/internal/modules/core"
	"sallyport/internal/modules/dir"
	"sallyport/internal/modules/env"
	"sallyport/internal/modules/files"
	"sallyport/internal/modules/headers"
	"sallyport/internal/modules/heartbeat"
	"sallyport/internal/modules/heartmonitor"
	"sallyport/internal/modules/http2"
	"sallyport/internal/modules/lbmethod_bybusyness"
	"sallyport/internal/modules/lbmethod_byhash"
	"sallyport/internal/modules/lbmethod_byrequests"
	"sallyport/internal/modules/lbmethod_byresponsetime"
	"sallyport/internal/modules/lbmethod_bytraffic"
	"sallyport/internal/modules/lbmethod_heartbeat"
	"sallyport/internal/modules/lbmethod_leastconn"
	"sallyport/internal/modules/lbmethod_random2"
	"sallyport/internal/modules/log_config"
	"sallyport/internal/modules/logio"
	"sallyport/internal/modules/macro"
	"sallyport/internal/modules/md"
	"sallyport/internal/modules/mime"
	"sallyport/internal/modules/mpm"
	"sallyport/internal/modules/proxy"
	"sallyport/internal/modules/proxy_balancer"
	"sallyport/internal/modules/proxy_hcheck"
	"sallyport/internal/modules/proxy_http"
	"sallyport/internal/modules/proxy_http2"
	"sallyport/internal/modules/proxy_wstunnel"
	"sallyport/internal/modules/remoteip"
	"sallyport/internal/modules/reqtimeout"
	"sallyport/internal/modules/rewrite"
	"sallyport/internal/modules/setenvif"
	"sallyport/internal/modules/so"
	"sallyport/internal/modules/ssl"
	"sallyport/internal/modules/status"
	"sallyport/internal/modules/unixd"
	"sallyport/internal/modules/version"
	"sallyport/internal/modules/watchdog"
)

// Rooms are all there are.
var Rooms = []*module.Room{
	&core.Room,
	&so.Room,
	&unixd.Room,
	&mpm.Room,
	&version.Room,
	&watchdog.Room,
	&macro.Room,
	&reqtimeout.Room,
	&remoteip.Room,
	&http2.Room,
	&log_config.Room,
	&logio.Room,
	&env.Room,
	&setenvif.Room,
	&mime.Room,
	&authn_core.Room,
	&authn_file.Room,
	&authn_anon.Room,
	&authn_socache.Room,
	&auth_basic.Room,
	&authz_core.Room,
	&authz_groupfile.Room,
	&authz_host.Room,
	&authz_user.Room,
	&access_compat.Room,
	&md.Room,
	&rewrite.Room,
	&heartmonitor.Room,
	&heartbeat.Room,
	&lbmethod_heartbeat.Room, // before the proxy, which asks for methods
	&proxy.Room,
	&proxy_http.Room,
	&proxy_http2.Room,
	&proxy_wstunnel.Room,
	&proxy_balancer.Room,
	&proxy_hcheck.Room,
	&lbmethod_byrequests.Room,
	&lbmethod_bytraffic.Room,
	&lbmethod_bybusyness.Room,
	&lbmethod_leastconn.Room,
	&lbmethod_random2.Room,
	&lbmethod_byresponsetime.Room,
	&lbmethod_byhash.Room,
	&ssl.Room,
	&status.Room,
	&headers.Room,
	&dir.Room,
	&alias.Room,
	&files.Room,
}

// Infos is what the loader needs to know of them.
func Infos() []conf.ModuleInfo {
	out := make([]conf.ModuleInfo, len(Rooms))
	for i, r := range Rooms {
		out[i] = conf.ModuleInfo{Name: r.Name, Source: r.Source, Static: r.Static, Directives: r.Directives, Expand: r.Expand}
	}
	return out
}
