package rewrite

import (
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
)

func empty(*run) string { return "" }

// fields are the variables that stand for a request field; reading one counts
// for Vary.
var fields = map[string]string{
	"HTTP_ACCEPT": "Accept", "HTTP_COOKIE": "Cookie", "HTTP_FORWARDED": "Forwarded", "HTTP_HOST": "Host",
	"HTTP_PROXY_CONNECTION": "Proxy-Connection", "HTTP_REFERER": "Referer", "HTTP_USER_AGENT": "User-Agent",
}

// lookup compiles %{NAME} and %{PREFIX:NAME}.
func lookup(c *conf.Cmd, name string) func(*run) string {
	if prefix, rest, ok := strings.Cut(name, ":"); ok {
		switch strings.ToUpper(prefix) {
		case "ENV":
			return func(n *run) string { return exprvars.Of(n.x).Call(expr.Env, rest) }
		case "SSL":
			return func(n *run) string { return exprvars.Of(n.x).Other(rest) }
		case "HTTP":
			return func(n *run) string { return n.field(rest) }
		case "LA-U":
			v := lookup(c, rest)
			return func(n *run) string { return n.ahead(v, false) }
		case "LA-F":
			v := lookup(c, rest)
			return func(n *run) string { return n.ahead(v, true) }
		}
	}
	up := strings.ToUpper(name)
	if f, ok := fields[up]; ok {
		return func(n *run) string { return n.field(f) }
	}
	switch up {
	case "REQUEST_FILENAME", "SCRIPT_FILENAME":
		return func(n *run) string { return n.file }
	case "PATH_INFO":
		return func(n *run) string { return n.info }
	case "SERVER_ADDR":
		return func(n *run) string { return n.x.Client.Local.Addr().Unmap().String() }
	case "API_VERSION":
		return func(n *run) string { return exprvars.Of(n.x).Var(expr.APIVersion) + ":1" }
	}
	if v, ok := expr.LookupVariable(up); ok {
		return func(n *run) string { return exprvars.Of(n.x).Var(v) }
	}
	c.Warn(c.Directive.Name+": there is no variable %{"+name+"}: it is always empty", "")
	return empty
}

// field reads a request field and notes it for Vary.
func (n *run) field(name string) string {
	v, ok := n.x.Request.Header.Joined(name)
	if ok {
		n.seen = append(n.seen, name)
	}
	return v
}

// ahead asks a variable about the request as it will be: for LA-U and LA-F.
func (n *run) ahead(v func(*run) string, file bool) (out string) {
	target := n.file
	if !file {
		if target = exchange.EscapePath(target); n.x.HasQuery {
			target += "?" + n.x.Query
		}
	}
	if p, ok := n.x.Run.(exprvars.Prober); ok {
		p.Probe(n.x, target, file, func(sub *exchange.Exchange) {
			out = v(&run{x: sub, file: exprvars.Filename(sub) + sub.PathInfo, info: sub.PathInfo})
		})
	}
	return out
}
