package balancer

import (
	"strings"

	"sallyport/internal/live"
)

// session is what a request says about the session it belongs to.
type session struct {
	name  string // the cookie or parameter that carried it; "" when none did
	value string
	route string
	has   bool // a route came, though it may be empty
}

// findSession looks for a session: first in the URL, then in the cookies.
func (s *settings) findSession(url, cookie string) session {
	var f session
	if s.StickyPath != "" {
		if v, ok := pathParam(url, s.StickyPath, s.Semicolon); ok {
			f.name, f.value = s.StickyPath, v
		}
	}
	if f.name == "" {
		if v, ok := cookieValue(cookie, s.StickyCookie); ok {
			f.name, f.value = s.StickyCookie, v
		}
	}
	switch {
	case f.name == "":
	case s.Separator == 0:
		f.route, f.has = f.value, true
	default:
		if i := strings.IndexByte(f.value, s.Separator); i >= 0 {
			f.route, f.has = f.value[i+1:], true
		}
	}
	return f
}

// pathParam finds "name=value" anywhere in url. The value ends at "?" or "&",
// with semicolon also at ";"; such characters in front of it are skipped. (The
// same places are looked at as in httpd's get_path_param: after a name without
// "=" the search goes on one character further.)
func pathParam(url, name string, semicolon bool) (string, bool) {
	for {
		i := strings.Index(url, name)
		if i < 0 {
			return "", false
		}
		url = url[i+len(name):]
		if strings.HasPrefix(url, "=") {
			url = url[1:]
			if url != "" {
				for url != "" && endsParam(url[0], semicolon) {
					url = url[1:]
				}
				end := 0
				for end < len(url) && !endsParam(url[end], semicolon) {
					end++
				}
				return url[:end], end > 0
			}
		}
		if url == "" {
			return "", false
		}
		url = url[1:]
	}
}

// Cookie finds the value of a cookie in a Cookie field, as sticky sessions do.
func Cookie(field, name string) (string, bool) { return cookieValue(field, name) }

func endsParam(c byte, semicolon bool) bool { return c == '?' || c == '&' || semicolon && c == ';' }

// cookieValue finds the first cookie of that name in a Cookie field. Names are
// compared by letter; blanks may stand before "="; the value ends at ";" or
// ",".
func cookieValue(cookies, name string) (string, bool) {
	for at := 0; ; {
		i := strings.Index(cookies[at:], name)
		if i < 0 {
			return "", false
		}
		at += i
		starts := at == 0
		if !starts {
			c := cookies[at-1]
			starts = c == ';' || c == ',' || isBlank(c)
		}
		if starts {
			at += len(name)
			for at < len(cookies) && isBlank(cookies[at]) {
				at++
			}
			if at+1 < len(cookies) && cookies[at] == '=' {
				v := cookies[at+1:]
				if end := strings.IndexAny(v, ";,"); end >= 0 {
					v = v[:end]
				}
				return v, true
			}
		}
		if at++; at >= len(cookies) {
			return "", false
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// routes finds members by route. A few are searched, many are indexed.
type routes struct {
	index map[string][]*Member
}

// indexFrom is the number of members from which an index pays.
const indexFrom = 16

// refresh rebuilds the index if a route has changed.
func (r *routes) refresh(members []*Member) {
	if len(members) < indexFrom {
		return
	}
	same := r.index != nil
	for _, m := range members {
		if route := m.Worker.Settings().Route; m.route != route {
			m.route, same = route, false
		}
	}
	if same {
		return
	}
	r.index = map[string][]*Member{}
	for _, m := range members {
		if m.route != "" {
			r.index[m.route] = append(r.index[m.route], m)
		}
	}
}

// of returns members among which are all of the given route, in order.
func (r *routes) of(route string, members []*Member) []*Member {
	if r.index != nil {
		return r.index[route]
	}
	return members
}

// routed finds the member for a route: members that are no standby first, then
// standbys. An unusable member's redirect is followed before others of its
// route are looked at. Draining members count as any other: the session is
// theirs. (httpd's find_route_worker.)
func (g *group) routed(route string, e *election, depth int) *Member {
	list := g.routes.of(route, g.members)
	for _, wanted := range [2]live.Flags{0, live.Standby} {
		for _, m := range list {
			w := m.Worker
			if w.Flags()&live.Standby != wanted || w.Settings().Route != route {
				continue
			}
			if e.serves(m) || w.Full() && w.Usable() && !e.pick.hasTried(m) {
				return m // a full one: Elect decides whether to wait for it
			}
			if to := w.Settings().Redirect; to != "" && depth < len(g.members) {
				if r := g.routed(to, e, depth+1); r != nil {
					return r
				}
			}
		}
	}
	return nil
}

// serves reports whether a session's member may take the request, forgiving
// its error when that is due.
func (e *election) serves(m *Member) bool {
	if e.pick.hasTried(m) {
		return false
	}
	if m.Worker.Usable() {
		return !m.Worker.Full()
	}
	return m.Worker.RetryDue(e.now, m.Retry) && e.pick.event(Retried, m) && m.Worker.Usable()
}

// knowsRoute reports whether any member has this route.
func (g *group) knowsRoute(route string) bool {
	if route == "" {
		return false
	}
	for _, m := range g.routes.of(route, g.members) {
		if m.Worker.Settings().Route == route {
			return true
		}
	}
	return false
}
