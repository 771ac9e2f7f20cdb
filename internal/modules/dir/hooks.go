package dir

import (
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// place is what the room knows of one Place.
type place struct {
	names    []string
	slash    bool
	redirect int
	fallback string
	check    bool
}

func compile(*module.Build) func(*module.Plan) {
	return func(p *module.Plan) {
		w := &place{names: []string{"index.html"}, slash: true}
		if d := section.Of(p.Dir); d != nil {
			if d.Names.Is {
				w.names = d.Names.V
			}
			w.slash = d.Slash.Or(true)
			w.redirect, w.fallback, w.check = d.Redirect.V, d.Fallback.V, d.Check.V
		}
		// Before the room headers, whose RequestHeader lines must not run
		// both here and for what takes over, and before rewrite's rules that
		// wait for the slash to be added.
		p.Hook(exchange.Fixup, module.Last-2, w.fixup)
	}
}

// fixup is httpd's dir_fixups.
func (w *place) fixup(x *exchange.Exchange) exchange.Verdict {
	if x.Mapped.Kind != exchange.File {
		return exchange.Declined
	}
	switch x.Mapped.What {
	case exchange.Directory:
		return w.directory(x)
	case exchange.Missing:
		if w.fallback != "" && x.Handler == "" {
			return w.stand(x)
		}
	}
	return exchange.Declined
}

// directory adds a missing slash, or looks for an index.
func (w *place) directory(x *exchange.Exchange) exchange.Verdict {
	if x.Path == "" || x.Path[len(x.Path)-1] != '/' {
		if !w.slash {
			return exchange.Declined
		}
		if m := x.Request.Method; m != "GET" && m != "HEAD" && x.Env.Has("redirect-carefully") {
			return exchange.Declined // a client that cannot follow redirects
		}
		url := exchange.EscapePath(x.Path) + "/"
		if x.HasQuery {
			url += "?" + x.Query
		}
		return send(x, 301, url)
	}
	if w.check && x.Handler != "" {
		return exchange.Declined
	}
	if v := try(x, w.names, w.redirect); v != exchange.Declined {
		return v
	}
	if w.fallback != "" {
		return w.stand(x)
	}
	return exchange.Declined
}

// stand answers with the FallbackResource.
func (w *place) stand(x *exchange.Exchange) exchange.Verdict {
	return try(x, []string{w.fallback}, 0)
}

// try answers with the first of the local URLs that leads somewhere, or with a
// redirect to it when there is a status for one. Declined: none does. An error
// that one of them met, other than 404, is the answer when none does.
func try(x *exchange.Exchange, names []string, redirect int) exchange.Verdict {
	failed := exchange.Declined
	from := leave(x)
	for _, name := range names {
		v := visit(x, name)
		if v == exchange.OK && redirect == 0 {
			return takeOver(x)
		}
		found := exchange.EscapePath(x.Path)
		from.enter(x)
		switch {
		case v == exchange.OK:
			return send(x, redirect, found)
		case v >= 300 && v < 400:
			return v // with its Location
		case v > 0 && v != 404:
			failed = v
		}
	}
	return failed
}

// send answers with a redirect to a path of this server.
func send(x *exchange.Exchange, status int, path string) exchange.Verdict {
	x.Out.Header.Set("Location", x.SelfURL(path))
	return exchange.Status(status)
}
