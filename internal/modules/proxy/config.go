package proxy

import (
	"net/netip"
	"time"

	"sallyport/internal/backend"
	"sallyport/internal/conf"
	"sallyport/internal/module"
)

// Room is mod_proxy.
var Room = module.Room{
	Name:       "proxy",
	Directives: directives,
	Compile:    compile,
}

// serverConf is what one server or virtual host says.
type serverConf struct {
	Via           conf.Opt[via]
	Timeout       conf.Opt[time.Duration]
	IOBuffer      conf.Opt[int] // bytes
	ReceiveBuffer conf.Opt[int] // bytes; 0: the system's
	MaxForwards   conf.Opt[int] // negative: do not add
	BadHeader     conf.Opt[backend.BadHeader]
	Source        conf.Opt[netip.Addr]
	Status        conf.Opt[statusLevel]
	Block         []string // lower case; "*": everything

	PassInherit, BalancerInherit conf.Opt[bool]
	Growth                       conf.Opt[int]
	Persist                      conf.Opt[bool]
	PersistFile                  conf.Opt[string] // absolute

	// Own are the lines of this very server about workers and balancers; who
	// inherits what of them is decided when all is known (workers.go).
	Own *lines
}

// dirConf is what one section says, or a server outside of sections.
type dirConf struct {
	// Alias is the section's own ProxyPass.
	Alias conf.Opt[*alias]
	// Reverse, CookieDomain and CookiePath are tried in order, the outermost
	// section's first.
	Reverse                  []reverse
	CookieDomain, CookiePath []cookieRule

	Interpolate   conf.Opt[bool]
	PreserveHost  conf.Opt[bool]
	AddHeaders    conf.Opt[bool]
	Continue100   conf.Opt[bool]
	ErrorOverride conf.Opt[bool]
	OverrideCodes []int // none: every error
}

var (
	server = conf.NewServerKey[serverConf]("proxy")
	dir    = conf.NewDirKey[dirConf]("proxy")
)

// via is ProxyVia.
type via uint8

const (
	viaOff via = iota
	viaOn
	viaFull
	viaBlock
)

// statusLevel is ProxyStatus.
type statusLevel uint8

const (
	statusOff statusLevel = iota
	statusOn
	statusFull
)

const helpInherit = " defined in the main server (Setting to off recommended if using the Balancer Manager)"

var directives = []conf.Directive{
	{Name: "Proxy", Section: true, Opens: conf.InProxy, In: conf.Servers, Args: conf.Raw, Set: openProxy,
		Help: "Container for directives affecting resources located in the proxied location"},
	{Name: "ProxyMatch", Section: true, Opens: conf.InProxy, In: conf.Servers, Args: conf.Raw, Set: openProxy,
		Help: "Container for directives affecting resources located in the proxied location, in regular expression syntax"},
	{Name: "ProxyRequests", In: conf.Servers, Args: conf.Flag, Set: setRequests,
		Help: "on if the true proxy requests should be accepted"},
	{Name: "ProxyRemote", In: conf.Servers, Args: conf.TwoThree, Set: setRemote,
		Help: "a scheme, partial URL or '*' and a proxy server"},
	{Name: "ProxyRemoteMatch", In: conf.Servers, Args: conf.TwoThree, Set: setRemote,
		Help: "a regex pattern and a proxy server"},
	{Name: "ProxyPassInterpolateEnv", In: conf.Anywhere, Args: conf.Flag,
		Set:  dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.Interpolate }),
		Help: "Interpolate Env Vars in reverse Proxy"},
	{Name: "ProxyPass", In: conf.Anywhere, Args: conf.Raw, Set: setPass,
		Help: "a virtual path and a URL"},
	{Name: "ProxyPassMatch", In: conf.Anywhere, Args: conf.Raw, Set: setPass,
		Help: "a virtual path and a URL"},
	{Name: "ProxyPassReverse", In: conf.Anywhere, Args: conf.OneTwoThree, Set: dir.Do(setReverse),
		Help: "a virtual path and a URL for reverse proxy behaviour"},
	{Name: "ProxyPassReverseCookiePath", In: conf.Anywhere, Args: conf.TwoThree,
		Set:  dir.Do(setCookie(func(d *dirConf) *[]cookieRule { return &d.CookiePath })),
		Help: "Path rewrite rule for proxying cookies"},
	{Name: "ProxyPassReverseCookieDomain", In: conf.Anywhere, Args: conf.TwoThree,
		Set:  dir.Do(setCookie(func(d *dirConf) *[]cookieRule { return &d.CookieDomain })),
		Help: "Domain rewrite rule for proxying cookies"},
	{Name: "ProxyBlock", In: conf.Servers, Args: conf.Each, Set: server.Do(setBlock),
		Help: "A list of names, hosts or domains to which the proxy will not connect"},
	{Name: "ProxyReceiveBufferSize", In: conf.Servers, Args: conf.One,
		Set:  bufferSize(func(s *serverConf) *conf.Opt[int] { return &s.ReceiveBuffer }, 0),
		Help: "Receive buffer size for outgoing HTTP and FTP connections in bytes"},
	{Name: "ProxyIOBufferSize", In: conf.Servers, Args: conf.One,
		Set:  bufferSize(func(s *serverConf) *conf.Opt[int] { return &s.IOBuffer }, defaultIOBuffer),
		Help: "IO buffer size for outgoing HTTP and FTP connections in bytes"},
	{Name: "ProxyMaxForwards", In: conf.Servers, Args: conf.One, Set: server.Do(setMaxForwards),
		Help: "The maximum number of proxies a request may be forwarded through."},
	{Name: "NoProxy", In: conf.Servers, Args: conf.Each, Set: forwardOnly,
		Help: "A list of domains, hosts, or subnets to which the proxy will connect directly"},
	{Name: "ProxyDomain", In: conf.Servers, Args: conf.One, Set: setDomain,
		Help: "The default intranet domain name (in absence of a domain in the URL)"},
	{Name: "ProxyVia", In: conf.Servers, Args: conf.One, Set: server.Do(setVia),
		Help: "Configure Via: proxy header header to one of: on | off | block | full"},
	{Name: "ProxyErrorOverride", In: conf.Anywhere, Args: conf.Each, Set: dir.Do(setErrorOverride),
		Help: "use our error handling pages instead of the servers' we are proxying"},
	{Name: "ProxyPreserveHost", In: conf.Anywhere, Args: conf.Flag,
		Set:  dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.PreserveHost }),
		Help: "on if we should preserve host header while proxying"},
	{Name: "ProxyTimeout", In: conf.Servers, Args: conf.One, Set: server.Do(setTimeout),
		Help: "Set the timeout (in seconds) for a proxied connection. This overrides the server timeout"},
	{Name: "ProxyBadHeader", In: conf.Servers, Args: conf.One, Set: server.Do(setBadHeader),
		Help: "How to handle bad header line in response: IsError | Ignore | StartBody"},
	{Name: "BalancerMember", In: conf.Anywhere, Args: conf.Raw, Set: setMember,
		Help: "A balancer name and scheme with list of params"},
	{Name: "BalancerGrowth", In: conf.Servers, Args: conf.One, Set: server.Do(setGrowth),
		Help: "Number of additional Balancers that can be added post-config"},
	{Name: "BalancerPersistFile", In: conf.InServer, Args: conf.One, Set: server.Do(setPersistFile),
		Help: "file in which BalancerPersist keeps the changes (not in httpd)"},
	{Name: "BalancerPersist", In: conf.Servers, Args: conf.Flag, Set: setPersist,
		Help: "on if the balancer should persist changes on reboot/restart made via the Balancer Manager"},
	{Name: "BalancerInherit", In: conf.Servers, Args: conf.Flag,
		Set:  server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.BalancerInherit }),
		Help: "on if this server should inherit Balancers and Workers" + helpInherit},
	{Name: "ProxyPassInherit", In: conf.Servers, Args: conf.Flag,
		Set:  server.Flag(func(s *serverConf) *conf.Opt[bool] { return &s.PassInherit }),
		Help: "on if this server should inherit all ProxyPass directives" + helpInherit},
	{Name: "ProxyStatus", In: conf.Servers, Args: conf.One, Set: server.Do(setStatus),
		Help: "Configure Status: proxy status to one of: on | off | full"},
	{Name: "ProxySet", In: conf.Anywhere, Args: conf.Raw, Set: setParameters,
		Help: "A balancer or worker name with list of params"},
	{Name: "ProxySourceAddress", In: conf.Servers, Args: conf.One, Set: server.Do(setSource),
		Help: "Configure local source IP used for request forward"},
	{Name: "ProxyAddHeaders", In: conf.Anywhere, Args: conf.Flag,
		Set:  dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.AddHeaders }),
		Help: "on if X-Forwarded-* headers should be added or completed"},
	{Name: "Proxy100Continue", In: conf.Anywhere, Args: conf.Flag,
		Set:  dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.Continue100 }),
		Help: "on if 100-Continue should be forwarded to the origin server, off if the proxy should handle it by itself"},
}
