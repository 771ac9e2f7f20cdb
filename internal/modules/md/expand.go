package md

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/modules/core"
)

// plainRooms are the rooms whose configuration matters where all that happens is
// a redirect: names, limits, logs.
var plainRooms = []string{"core", "log_config", "logio", "reqtimeout", "remoteip", "setenvif", "http2", "md"}

// expand makes two of each virtual host with AutoHTTPS: the host itself goes to
// the addresses for https, and a twin that redirects stays at the others. What
// is missing in Listen is added.
func expand(c *conf.Config) {
	main := server.Of(c.Main.Conf)
	p := core.Process.Of(c.Main.Conf)
	if p == nil {
		p = new(core.ProcessConf)
	}
	ports := portsOf(main)
	var hosts []*conf.Server
	for _, h := range c.Hosts {
		s := server.Of(h.Conf)
		if main != nil {
			s = server.Of(conf.Merge(c.Main.Conf, h.Conf))
		}
		if s == nil || !s.Auto.V {
			hosts = append(hosts, h)
			continue
		}
		hosts = append(hosts, split(c, h, p, ports)...)
	}
	c.Hosts = hosts
}

// ports are where http and https arrive.
type ports struct{ http, https int }

func portsOf(main *serverConf) ports {
	out := ports{80, 443}
	if main != nil {
		out.http = main.Global.HTTP.Or(80)
		if n := main.Global.TLS.Or(443); n > 0 {
			out.https = n
		}
	}
	return out
}

// split gives a virtual host its https side and, where http reaches it, a twin.
func split(c *conf.Config, h *conf.Server, p *core.ProcessConf, at ports) []*conf.Server {
	var safe, clear []string
	add := func(list *[]string, host string, port int) {
		if w := joinHost(host, port); !slices.Contains(*list, w) {
			*list = append(*list, w)
		}
	}
	for _, w := range h.Addrs {
		host, port := splitHost(w)
		switch {
		case port == 0: // whatever is listened at
			for i := range p.Listen {
				if n := int(p.Listen[i].Port); !isSecure(p, n, at) {
					add(&clear, host, n)
				}
			}
			add(&safe, host, at.https)
		case isSecure(p, port, at):
			add(&safe, host, port)
		default:
			add(&clear, host, port)
		}
	}
	if len(safe) == 0 {
		for _, w := range h.Addrs {
			host, _ := splitHost(w)
			add(&safe, host, at.https)
		}
	}
	if len(clear) == 0 && at.http > 0 && !nameTaken(c, h, at.http) && slices.ContainsFunc(p.Listen, func(l core.Listen) bool { return int(l.Port) == at.http }) {
		for _, w := range safe {
			host, _ := splitHost(w)
			add(&clear, host, at.http)
		}
	}
	listen(c, h, p, safe)
	out := []*conf.Server{h}
	if len(clear) > 0 {
		twin := &conf.Server{Pos: h.Pos, Addrs: clear, Conf: h.Conf.Only(plainRooms...)}
		own := *server.Make(&twin.Conf)
		own.Twin, own.Domains = plain, nil
		twin.Conf = server.With(twin.Conf, &own)
		out = append(out, twin)
	}
	h.Addrs = safe
	own := serverConf{}
	if s := server.Of(h.Conf); s != nil {
		own = *s
	}
	own.Twin = secure
	h.Conf = server.With(h.Conf, &own)
	return out
}

// isSecure reports a port for https.
func isSecure(p *core.ProcessConf, port int, at ports) bool {
	return port == at.https || slices.ContainsFunc(p.Listen, func(l core.Listen) bool { return int(l.Port) == port && l.Proto == "https" })
}

// nameTaken reports whether another virtual host serves the name at a port.
func nameTaken(c *conf.Config, h *conf.Server, port int) bool {
	own := core.Server.Of(h.Conf)
	if own == nil || !own.Name.Is {
		return true // without a name there is nothing to redirect to
	}
	return slices.ContainsFunc(c.Hosts, func(o *conf.Server) bool {
		s := core.Server.Of(o.Conf)
		if o == h || s == nil || !slices.ContainsFunc(o.Addrs, func(w string) bool { _, n := splitHost(w); return n == port || n == 0 }) {
			return false
		}
		return strings.EqualFold(s.Name.V.Host, own.Name.V.Host) || slices.ContainsFunc(s.Aliases, func(a string) bool { return strings.EqualFold(a, own.Name.V.Host) })
	})
}

// listen adds the ports of addresses that nobody listens at.
func listen(c *conf.Config, h *conf.Server, p *core.ProcessConf, addrs []string) {
	for _, w := range addrs {
		host, port := splitHost(w)
		if slices.ContainsFunc(p.Listen, func(l core.Listen) bool { return int(l.Port) == port }) {
			continue
		}
		l := core.Listen{Port: uint16(port), Proto: "https", Pos: h.Pos}
		if a, err := netip.ParseAddr(host); err == nil && !a.IsUnspecified() {
			l.Addrs = []netip.Addr{a}
		}
		to := core.Process.Make(&c.Main.Conf)
		to.Listen = append(to.Listen, l)
		*p = *to
	}
}

// splitHost cuts a word of <VirtualHost>; port 0: any.
func splitHost(w string) (host string, port int) {
	i := strings.LastIndexByte(w, ':')
	if i < 0 || strings.HasSuffix(w, "]") || strings.Count(w, ":") > 1 && w[0] != '[' {
		return strings.Trim(w, "[]"), 0
	}
	port, _ = strconv.Atoi(w[i+1:])
	return strings.Trim(w[:i], "[]"), port
}

func joinHost(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
