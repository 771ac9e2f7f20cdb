package proxy

import (
	"strings"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/urlmap"
)

// translate maps the exchange's path by the section's own alias or the
// server's list. It runs twice: in phase Encoded for the aliases with mapping=,
// in phase Translate for the others.
func (s *site) translate(x *exchange.Exchange, own *route, interpolate, encoded bool) exchange.Verdict {
	if x.Mapped.Kind != exchange.Unmapped {
		return exchange.Declined
	}
	path := x.Path
	if path == "" || path[0] != '/' || x.Env.Len() > 0 && x.Env.Has("no-proxy") {
		return exchange.Declined
	}
	if own != nil && own.encoded == encoded {
		if v, done := s.tryAlone(x, own, interpolate); done {
			return v
		}
	}
	if s.outer != nil {
		if v, done := s.walk(x, s.outer.list(encoded), interpolate); done {
			return v
		}
	}
	v, _ := s.walk(x, s.list(encoded), interpolate)
	return v
}

func (s *site) list(encoded bool) *table {
	if encoded {
		return &s.encoded
	}
	return &s.plain
}

// walk finds the first alias of a list that takes the path. done says that
// the search is over: by an exclusion, too.
func (s *site) walk(x *exchange.Exchange, t *table, interpolate bool) (v exchange.Verdict, done bool) {
	if t.lines == nil {
		return exchange.Declined, false
	}
	for from := 0; ; {
		hit := t.lines.First(x.Path, from)
		if hit.Index < 0 {
			return exchange.Declined, false
		}
		r := t.list[hit.Index]
		if r.servlet || r.interpolate {
			if v, done := s.tryAlone(x, r, interpolate); done {
				return v, true
			}
			from = hit.Index + 1
			continue
		}
		return s.take(x, r, r.real, hit.Len, hit.Groups), true
	}
}

// tryAlone matches one alias, and maps the path if it does.
func (s *site) tryAlone(x *exchange.Exchange, r *route, interpolate bool) (exchange.Verdict, bool) {
	prefix, real := r.alias.path, r.real
	if r.interpolate && interpolate {
		prefix = urlmap.Interpolate(prefix, x.Getenv)
		real = urlmap.Interpolate(real, x.Getenv)
	}
	switch {
	case r.regex != nil:
		if g := r.regex.Find(x.Path); g != nil {
			return s.take(x, r, real, 0, g), true
		}
	case r.servlet:
		if n, seen := urlmap.MatchServlet(x.Path, prefix); n > 0 {
			v := s.take(x, r, real, n, nil)
			if v == exchange.OK {
				x.Path = seen // what sections are matched against from now on
			}
			return v, true
		}
	default:
		if n := urlmap.MatchPrefix(x.Path, prefix); n > 0 {
			return s.take(x, r, real, n, nil), true
		}
	}
	return exchange.Declined, false
}

// take maps the path by an alias that matched: n bytes of it by a prefix, or
// groups by a regular expression. real is the target, interpolated.
func (s *site) take(x *exchange.Exchange, r *route, real string, n int, groups []int) exchange.Verdict {
	if r.exclude {
		return exchange.Declined
	}
	rec := recordOf(x)
	rec.route, rec.site = r, s
	rec.encoded = r.encoded
	raw := r.nocanon && !r.servlet
	if path, ok := r.identity(x, real, n); ok && !raw && groups == nil {
		rec.authority = r.authority
		rec.made = exchange.Mapping{Kind: exchange.Proxied, Path: real, Rest: x.Path[n:]}
		x.Mapped = rec.made
		rec.spell(x, path)
		return exchange.OK
	}
	var url string
	switch {
	case groups != nil:
		url, raw = s.substitute(x, r, real, groups, raw)
	case raw && s.rawMatches(x, r, n):
		url = real + x.RawPath[n:]
	default:
		if raw {
			s.unsafeRaw(x)
			raw = false
		}
		url = real + x.Path[n:]
	}
	rec.raw = raw
	rec.authority = r.authority
	if !r.static || len(real) != len(r.real) || !boundary(url, r.authority) ||
		groups != nil && url[:r.authority] != r.real[:r.authority] {
		rec.authority = -1 // only this request's URL tells where it ends
	}
	x.Mapped = exchange.Mapping{Kind: exchange.Proxied, Path: url}
	rec.made = x.Mapped
	rec.canonicalise(x)
	return exchange.OK
}

// identity is the path of the target where the alias leaves it as it is
// ("ProxyPass / http://h/"), so that no new string need be made of it.
func (r *route) identity(x *exchange.Exchange, real string, n int) (path string, ok bool) {
	if !r.static || len(real) != len(r.real) || len(real) <= r.authority || n == 0 {
		return "", false
	}
	own := real[r.authority:] // begins with "/"
	if own[0] != '/' || n < len(own) || x.Path[n-len(own):n] != own {
		return "", false
	}
	return x.Path[n-len(own):], true
}

// boundary reports that the authority of a URL ends at n.
func boundary(url string, n int) bool {
	return len(url) == n || len(url) > n && url[n] == '/'
}

// rawMatches reports whether the path as received gives the same match, so
// that what is behind it can be forwarded as it came.
func (s *site) rawMatches(x *exchange.Exchange, r *route, n int) bool {
	return x.Request.Target != "" && (x.Request.Target[0] == '/' || x.Prev != nil) &&
		urlmap.MatchPrefix(x.RawPath, r.alias.path) == n
}

func (s *site) unsafeRaw(x *exchange.Exchange) {
	x.Logf(errorlog.Warn, "proxy", "AH01136: Unescaped URL path matched ProxyPass; ignoring unsafe nocanon")
}

// substitute fills the groups into the target. A target that nothing was
// filled into gets the whole path behind it.
func (s *site) substitute(x *exchange.Exchange, r *route, real string, groups []int, raw bool) (string, bool) {
	path := x.Path
	if raw {
		if g := r.regex.Find(x.RawPath); g != nil {
			path, groups = x.RawPath, g
		} else {
			s.unsafeRaw(x)
			raw = false
		}
	}
	url := string(urlmap.Subst(make([]byte, 0, len(real)+len(path)), real, path, groups))
	if url == real {
		url += path
	}
	return url, raw
}

// canonicalise spells the mapped URL's path for the wire (httpd's canon
// handlers for http and balancer).
func (rec *record) canonicalise(x *exchange.Exchange) {
	url := x.Mapped.URL()
	n := rec.authority
	if n < 0 {
		n = authorityLen(url)
	}
	path := url[n:]
	if path == "" {
		path = "/"
	} else if path[0] != '/' {
		path = "/" + path
	}
	rec.spell(x, path)
}

// spell puts the path into the form the wire wants.
func (rec *record) spell(x *exchange.Exchange, path string) {
	rec.query, rec.hasQuery = x.Query, x.HasQuery
	switch {
	case rec.raw || rec.encoded:
		if !urlmap.Sendable(path) {
			x.Logf(errorlog.Error, "proxy_http", "AH10415: To be forwarded path contains control characters or spaces")
			rec.refuse = 403
			return
		}
	case urlmap.Plain(path):
	default:
		keep := x.Server.Core.EncodedSlashes == exchange.SlashesKept
		path = string(urlmap.Encode(make([]byte, 0, len(path)+16), path, keep))
	}
	if rec.hasQuery && !urlmap.Sendable(rec.query) {
		x.Logf(errorlog.Error, "proxy_http", "AH10408: To be forwarded query string contains control characters or spaces")
		rec.refuse = 403
		return
	}
	rec.path = path
}

// fixup completes what another room mapped, and lets out the refusals that
// access control comes before.
func (s *site) fixup(x *exchange.Exchange) exchange.Verdict {
	if x.Mapped.Kind != exchange.Proxied {
		return exchange.Declined
	}
	rec := s.record(x)
	if rec.refuse != 0 {
		return exchange.Status(rec.refuse)
	}
	return exchange.Declined
}

// record is the exchange's, made now if no alias of ours mapped it.
func (s *site) record(x *exchange.Exchange) *record {
	if rec, ok := x.Proxy.(*record); ok && rec.site != nil && rec.made == x.Mapped {
		return rec
	}
	return s.adopt(x)
}

// adopt makes the record of a URL that no alias made.
func (s *site) adopt(x *exchange.Exchange) *record {
	rec := recordOf(x)
	rec.site = s
	if i := strings.IndexByte(x.Mapped.Path, '|'); i > 0 && strings.HasPrefix(x.Mapped.Path, "unix:") {
		// The socket stays with the worker's name; the URL behind it counts.
		rec.socket = x.Mapped.Path[:i+1]
		x.Mapped.Path = x.Mapped.Path[i+1:]
	}
	rec.made = x.Mapped
	rec.raw = x.Mapped.Raw
	rec.canonicalise(x)
	return rec
}
