package alias

import (
	"fmt"
	"strings"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/exprvars"
	"sallyport/internal/module"
	"sallyport/internal/storage"
	"sallyport/internal/urlmap"
)

// compile warns of aliases that an earlier one hides and furnishes Places.
func compile(b *module.Build) func(*module.Plan) {
	for _, sb := range b.Servers {
		s := server.Of(sb.Source.Conf)
		if s == nil {
			continue
		}
		s.aliases.overlaps(func(ln, earlier *line) {
			kind := "Alias"
			if earlier.handler != "" {
				kind = "ScriptAlias"
			}
			if earlier.regex != nil {
				kind += "Match"
			}
			b.Warn(ln.pos, fmt.Sprintf("AH00671: The %s directive in %s at line %d will probably never match because it overlaps an earlier %s.",
				ln.directive, ln.pos.File, ln.pos.Line, kind), fmt.Sprintf("line %d takes it", earlier.pos.Line))
		})
	}
	return furnish
}

// place is what the room knows of one Place.
type place struct {
	redirect, alias bool // the section's own are set
	own             redirect
	file            target
	from            *urlmap.Map // the Location's path, with AliasPreservePath
	relative        bool
	redirects       layers // the sections'
	serverRedirects layers
	serverAliases   layers
}

func furnish(p *module.Plan) {
	var w place
	if d := dir.Of(p.Dir); d != nil {
		w.redirect, w.own = d.redirect.Is, d.redirect.V
		w.alias, w.file = d.alias.Is, d.alias.V
		w.relative = d.relative.V
		if d.preserve.V && w.file.from != "" {
			w.from = urlmap.New([]urlmap.Pattern{{Prefix: w.file.from}})
		}
		w.redirects = d.redirects
	}
	if s := server.Of(p.Conf); s != nil {
		w.serverRedirects, w.serverAliases = s.redirects, s.aliases
	}
	if w.redirect || w.alias || w.serverRedirects != nil || w.serverAliases != nil {
		p.Hook(exchange.Translate, module.Middle, w.translate)
	}
	// A section's redirects come at last, so that they also take what is
	// proxied or stands behind access control.
	if w.redirect || w.redirects != nil {
		p.Hook(exchange.Fixup, module.Middle, w.fixup)
	}
}

// translate maps a URL (httpd's translate_alias_redir).
func (w *place) translate(x *exchange.Exchange) exchange.Verdict {
	if x.Path == "" || x.Path[0] != '/' {
		return exchange.Declined
	}
	if w.redirect {
		return w.send(x, w.own.status, w.own.to(x))
	}
	if ln, hit := w.serverRedirects.first(x.Path); ln != nil {
		return w.send(x, ln.status, ln.url(x.Path, hit))
	}
	if w.alias {
		file := w.file.file
		if w.file.expr != nil {
			file = rooted(w.file.root, w.file.expr.Value(exprvars.Of(x), nil))
		}
		if w.from != nil {
			if hit := w.from.First(x.Path, 0); hit.Index >= 0 {
				file += x.Path[hit.Len:]
			}
		}
		return lead(x, file, w.file.handler)
	}
	if ln, hit := w.serverAliases.first(x.Path); ln != nil {
		if ln.regex != nil {
			return lead(x, string(urlmap.Subst(nil, ln.real, x.Path, hit.Groups)), ln.handler)
		}
		return lead(x, ln.real+x.Path[hit.Len:], ln.handler)
	}
	return exchange.Declined
}

// fixup answers with the redirects of sections (httpd's fixup_redir).
func (w *place) fixup(x *exchange.Exchange) exchange.Verdict {
	if w.redirect {
		return w.send(x, w.own.status, w.own.to(x))
	}
	if ln, hit := w.redirects.first(x.Path); ln != nil {
		return w.send(x, ln.status, ln.url(x.Path, hit))
	}
	return exchange.Declined
}

// lead maps x to a file.
func lead(x *exchange.Exchange, file, handler string) exchange.Verdict {
	if handler != "" {
		x.Handler = handler
	}
	return storage.Map(x, file)
}

// to is where a redirect without a path of its own sends x.
func (r *redirect) to(x *exchange.Exchange) string {
	if r.expr != nil {
		return spell(r.expr.Value(exprvars.Varying(x), nil))
	}
	return r.url
}

// url is where a redirect sends path.
func (ln *line) url(path string, hit urlmap.Hit) string {
	switch {
	case ln.real == "":
		return ""
	case ln.regex != nil:
		return spell(string(urlmap.Subst(nil, ln.real, path, hit.Groups)))
	}
	return ln.real + exchange.EscapePath(path[hit.Len:])
}

// send answers with a status and, for 3xx, a Location. The request's query
// goes along unless the URL brings one.
func (w *place) send(x *exchange.Exchange, status int, url string) exchange.Verdict {
	if status >= 300 && status < 400 {
		if !isURL(url) && (url == "" || url[0] != '/') {
			x.Logf(errorlog.Error, "alias", "AH00674: cannot redirect '%s' to '%s'; target is not a valid absoluteURI or abs_path", x.Path, url)
			return exchange.Status(500)
		}
		if url[0] == '/' && !w.relative {
			made := x.SelfURL(url)
			x.Logf(errorlog.Debug, "alias", "AH00673: incomplete redirection target of '%s' for URI '%s' modified to '%s'", url, x.Path, made)
			url = made
		}
		if x.HasQuery && strings.IndexByte(url, '?') < 0 {
			url += "?" + x.Query
		}
		x.Out.Header.Set("Location", url)
	}
	if !answerable(status) {
		x.Logf(errorlog.Error, "http", "AH01579: Invalid response status %d", status)
		return exchange.Status(500)
	}
	return exchange.Status(status)
}
