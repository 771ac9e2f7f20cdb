package setenvif

import (
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
	"sallyport/internal/hosts"
	"sallyport/internal/message"
	"sallyport/internal/module"
	"sallyport/internal/regex"
	"sallyport/internal/urlmap"
)

// attribute says where a rule finds its text.
type attribute uint8

const (
	field      attribute = iota // a field of the request, else a variable
	fieldsLike                  // the last field whose name matches a pattern
	remoteAddr
	remoteHost
	remoteUser
	serverAddr
	requestURI
	requestMethod
	requestProtocol
	expression // cond decides
)

var attributes = map[string]attribute{
	"remote_addr": remoteAddr, "remote_host": remoteHost, "remote_user": remoteUser,
	"server_addr": serverAddr, "request_uri": requestURI, "request_method": requestMethod,
	"request_protocol": requestProtocol,
}

// rule is one line. Immutable once read.
type rule struct {
	name    string
	from    attribute
	known   message.Known
	names   *regex.Regex // for fieldsLike
	pattern *regex.Regex
	cond    *expr.Cond
	effects []effect
}

// effect sets or unsets one variable.
type effect struct {
	name, value string
	unset       bool
	filled      bool // value has groups of the match to fill in
}

// look finds out what the rule's name means: an attribute in any case, else a
// field; with a character that no field name has, a pattern for one.
func (r *rule) look(nocase bool) (err error) {
	if a, ok := attributes[strings.ToLower(r.name)]; ok {
		r.from = a
		return nil
	}
	r.known = message.Lookup(r.name)
	for i := 0; i < len(r.name); i++ {
		c := r.name[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			continue
		}
		r.from = fieldsLike
		r.names, err = regex.Compile(r.name, nocase)
		return err
	}
	return nil
}

// text finds what the pattern is for; "" where there is nothing.
func (r *rule) text(x *exchange.Exchange) string {
	h := &x.Request.Header
	switch r.from {
	case expression:
		return ""
	case remoteAddr:
		return x.Client.Addr.Addr().Unmap().String()
	case remoteHost:
		if l := x.Place.Core.HostnameLookups; l != exchange.LookupsOff {
			if name := hosts.Name(x.Client, l == exchange.LookupsDouble); name != "" {
				return name
			}
		}
		return x.Client.Addr.Addr().Unmap().String()
	case remoteUser:
		return x.RemoteUser()
	case serverAddr:
		return x.Client.Local.Addr().Unmap().String()
	case requestURI:
		return x.Path
	case requestMethod:
		return x.Request.Method
	case requestProtocol:
		return x.Request.Version.String()
	case fieldsLike:
		for i := len(h.Fields) - 1; i >= 0; i-- {
			if r.names.Match(h.Fields[i].Name) {
				v, _ := h.Joined(h.Fields[i].Name)
				return v
			}
		}
		return ""
	}
	if r.known != message.Other && !h.Has(r.known) {
		return x.Getenv(r.name)
	}
	if v, ok := h.Joined(r.name); ok {
		return v
	}
	return x.Getenv(r.name)
}

// apply runs the rule on x.
func (r *rule) apply(x *exchange.Exchange, text string) {
	if r.from == expression {
		var m expr.Match
		if r.cond.Eval(exprvars.Varying(x), &m) {
			r.act(x, m.Source, m.Groups)
		}
		return
	}
	if m := r.pattern.Find(text); m != nil {
		r.act(x, text, m)
	}
}

// act sets what the rule sets; m are the groups of a match in text.
func (r *rule) act(x *exchange.Exchange, text string, m []int) {
	for i := range r.effects {
		e := &r.effects[i]
		switch {
		case e.unset:
			x.Env.Unset(e.name)
		case e.filled:
			x.Env.Set(e.name, string(urlmap.Subst(nil, e.value, text, m)))
		default:
			x.Env.Set(e.name, e.value)
		}
	}
}

// compile furnishes Places: the server's rules for when the request is read,
// the sections' for when they are known.
func compile(*module.Build) func(*module.Plan) {
	return func(p *module.Plan) {
		if s := server.Of(p.Conf); s != nil && len(s.List) > 0 {
			list := s.List
			p.Hook(exchange.Read, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
				for _, r := range list {
					if r.from == requestURI {
						// As in httpd the path is as received, neither
						// decoded nor normalised.
						r.apply(x, x.RawPath)
						continue
					}
					r.apply(x, r.text(x))
				}
				return exchange.Declined
			})
		}
		if d := dir.Of(p.Dir); d != nil && len(d.List) > 0 {
			list := d.List
			p.Hook(exchange.Head, module.Middle, func(x *exchange.Exchange) exchange.Verdict {
				for _, r := range list {
					r.apply(x, r.text(x))
				}
				return exchange.Declined
			})
		}
	}
}
