package dir

import (
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h1"
)

// whereabouts is where an exchange is: its URL and what that is mapped to.
type whereabouts struct {
	path, encoded, rawPath, query string
	hasQuery                      bool
	mapped                        exchange.Mapping
	pathInfo, handler             string
	kind                          exchange.Type
	place                         *exchange.Place
	proxy                         any
	user, authType, challenge     string
	claimed                       bool
	asked                         *exchange.Place
}

// leave remembers where x is.
func leave(x *exchange.Exchange) whereabouts {
	return whereabouts{
		x.Path, x.Encoded, x.RawPath, x.Query, x.HasQuery, x.Mapped,
		x.PathInfo, x.Handler, x.Type, x.Place, x.Proxy,
		x.User, x.AuthType, x.Challenge, x.Claimed, x.Asked,
	}
}

// enter puts x back there.
func (b whereabouts) enter(x *exchange.Exchange) {
	x.Path, x.Encoded, x.RawPath, x.Query, x.HasQuery = b.path, b.encoded, b.rawPath, b.query, b.hasQuery
	x.Mapped, x.PathInfo, x.Handler, x.Type = b.mapped, b.pathInfo, b.handler, b.kind
	x.Place, x.Proxy = b.place, b.proxy
	x.User, x.AuthType, x.Challenge, x.Claimed, x.Asked = b.user, b.authType, b.challenge, b.claimed, b.asked
}

// visit takes x to a local URL, relative to its own, and reports OK when it
// leads to a file or to a backend that the client may have: x is then there, as
// if it had been asked for. Else it returns what translation or access control
// answered, 404 where nothing is; the caller brings x back.
//
// httpd asks with a subrequest (ap_sub_req_lookup_uri).
func visit(x *exchange.Exchange, name string) exchange.Verdict {
	path, query, own := strings.Cut(name, "?")
	if !strings.HasPrefix(path, "/") {
		base := exchange.EscapePath(x.Path)
		path = base[:strings.LastIndexByte(base, '/')+1] + path
	}
	x.Sub++ // for rules that are not meant for looks ahead
	defer func() { x.Sub-- }()
	core := x.Server.Core
	encoded, p := wire.NormalizePath(path, core.MergeSlashes)
	if p != nil {
		return exchange.Status(p.Status)
	}
	if own {
		x.Query, x.HasQuery = query, true
	}
	x.RawPath, x.Encoded, x.Path = path, encoded, encoded
	x.Mapped, x.PathInfo, x.Handler = exchange.Mapping{}, "", ""
	x.Type, x.Proxy = exchange.Type{}, nil
	x.Place = x.Server.Locate(x)
	v := x.First(exchange.Encoded)
	if v == exchange.Declined {
		plain, p := wire.Unescape(encoded, wire.Slashes(core.EncodedSlashes), core.MergeSlashes)
		if p != nil {
			return exchange.Status(p.Status)
		}
		x.Path = plain
		x.Place = x.Server.Locate(x)
		v = x.First(exchange.Translate)
	}
	if v != exchange.OK {
		if v == exchange.Declined {
			return 404
		}
		return v
	}
	if x.Mapped.Kind == exchange.Proxied || x.Mapped.Kind == exchange.File && x.Mapped.What == exchange.Regular {
		x.Place = x.Server.Locate(x)
		return ask(x)
	}
	return 404
}

// ask lets the rules of x's Place decide. Who the client was found to be in the
// directory does not count here: other rules may have other passwords.
func ask(x *exchange.Exchange) exchange.Verdict {
	x.User, x.AuthType, x.Challenge, x.Claimed = "", "", "", false
	x.Asked = x.Place
	v := pass(x, exchange.Access, exchange.Auth)
	if v != exchange.OK {
		x.Always.DelKnown(message.WWWAuthenticate) // the next one may be open
	}
	return v
}

// takeOver runs the fixups and the handler of where visit has taken x (httpd's
// ap_internal_fast_redirect). The verdict is final.
func takeOver(x *exchange.Exchange) exchange.Verdict {
	x.SetHandler()
	x.Ahead = true
	v := pass(x, exchange.Fixup)
	x.Ahead = false
	if v != exchange.OK {
		return v
	}
	if x.Sub > 0 {
		return exchange.OK // nobody to answer
	}
	switch v := x.First(exchange.Handle); v {
	case exchange.Declined:
		return 404
	case exchange.OK:
		return exchange.Done
	default:
		return v
	}
}

// pass runs phases in which all hooks have a say: OK, or the first objection.
func pass(x *exchange.Exchange, phases ...exchange.Phase) exchange.Verdict {
	for _, ph := range phases {
		for _, h := range x.Place.Hooks[ph] {
			if v := h(x); v != exchange.Declined && v != exchange.OK {
				return v
			}
		}
	}
	return exchange.OK
}
