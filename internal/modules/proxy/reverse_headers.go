package proxy

import (
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
	"sallyport/internal/urlmap"
)

// mirror is a ProxyPassReverse line as one Place uses it.
type mirror struct {
	reverse
	// members are the URLs of a balancer's members, if real names a balancer
	// of this server; tail is the path behind the balancer's name.
	members []string
	tail    string
}

// mirrors resolves the lines of a section against the server's balancers. A
// balancer that is not known here is a plain prefix.
func mirrors(list []reverse, s *site) []mirror {
	out := make([]mirror, 0, len(list))
	for _, r := range list {
		m := mirror{reverse: r}
		if isBalancer(r.real) && authorityLen(r.real) > len("balancer://") {
			if b := s.balancer(balancerScheme + "//" + balancerHost(r.real[len("balancer://"):])); b != nil {
				for _, w := range b.Members() {
					m.members = append(m.members, w.URL())
				}
				if m.tail = r.real[authorityLen(r.real):]; m.tail == "/" {
					m.tail = ""
				}
			}
		}
		out = append(out, m)
	}
	return out
}

// turnRound shows the client its own side of an address the backend named
// (httpd: ap_proxy_location_reverse_map). The first line that matches decides.
func (h *handler) turnRound(x *exchange.Exchange, value string) string {
	for i := range h.reverse {
		m := &h.reverse[i]
		fake, real := m.fake, m.real
		if m.interpolate && h.interpolate {
			fake, real = urlmap.Interpolate(fake, x.Getenv), urlmap.Interpolate(real, x.Getenv)
		}
		var rest string
		var ok bool
		if m.members != nil {
			rest, ok = m.ofMember(value)
			if ok && m.tail == "" && fake == "/" && strings.HasPrefix(rest, "/") {
				rest = rest[1:] // no doubled slash
			}
		} else {
			rest, ok = behind(value, real)
		}
		if !ok {
			continue
		}
		url := fake + rest
		if isURL(url) {
			return url
		}
		return x.SelfURL(url)
	}
	return value
}

// ofMember cuts a member's URL, and the balancer's path, off a value.
func (m *mirror) ofMember(value string) (rest string, ok bool) {
	for _, url := range m.members {
		if m.tail != "" {
			url = strings.TrimSuffix(url, "/")
		}
		if rest, ok = cutFold(value, url); !ok {
			continue
		}
		if rest, ok = strings.CutPrefix(rest, m.tail); ok {
			return rest, true
		}
	}
	return "", false
}

// behind cuts real off a value, in any case and anywhere in a segment. A real
// that is only a path is compared with the path of any host's URL.
func behind(value, real string) (rest string, ok bool) {
	if real == "" {
		return "", false
	}
	if real[0] == '/' {
		if i := strings.Index(value, "://"); i >= 0 {
			if j := strings.IndexByte(value[i+3:], '/'); j >= 0 {
				value = value[i+3+j:]
			}
		}
	}
	return cutFold(value, real)
}

func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !message.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// isURL reports whether a text begins with scheme:// (ap_is_url).
func isURL(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	return ok && isScheme(scheme)
}

// turnCookie rewrites the attributes Path and Domain of a Set-Cookie value
// (httpd: ap_proxy_cookie_reverse_map). Of an attribute that occurs more than
// once the last that a line matches is rewritten.
func (h *handler) turnCookie(x *exchange.Exchange, value string) string {
	var path, domain edit
	for at := 0; at <= len(value); {
		end := strings.IndexByte(value[at:], ';')
		if end < 0 {
			end = len(value)
		} else {
			end += at
		}
		from := at
		for from < end && isBlank(value[from]) {
			from++
		}
		word := value[from:end]
		if v, ok := cutFold(word, "path="); ok {
			h.match(x, h.cookiePath, v, end, strings.HasPrefix, &path)
		} else if v, ok := cutFold(word, "domain="); ok {
			h.match(x, h.cookieDomain, v, end, func(s, prefix string) bool { _, ok := cutFold(s, prefix); return ok }, &domain)
		}
		at = end + 1
	}
	switch {
	case !path.is && !domain.is:
		return value
	case path.is && domain.is && domain.from < path.from:
		path, domain = domain, path
		fallthrough
	case path.is && domain.is:
		return value[:path.from] + path.text + value[path.to:domain.from] + domain.text + value[domain.to:]
	case path.is:
		return value[:path.from] + path.text + value[path.to:]
	}
	return value[:domain.from] + domain.text + value[domain.to:]
}

// edit is one replacement in a text.
type edit struct {
	is       bool
	from, to int
	text     string
}

// match finds the first line for an attribute's value, which ends at offset
// end of the field.
func (h *handler) match(x *exchange.Exchange, rules []cookieRule, v string, end int, fits func(s, prefix string) bool, e *edit) {
	for _, r := range rules {
		internal, public := r.internal, r.public
		if r.interpolate && h.interpolate {
			internal, public = urlmap.Interpolate(internal, x.Getenv), urlmap.Interpolate(public, x.Getenv)
		}
		if fits(v, internal) {
			*e = edit{true, end - len(v), end, public}
			return
		}
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }
