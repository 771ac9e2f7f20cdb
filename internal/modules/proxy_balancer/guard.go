package proxy_balancer

import (
	"net/netip"
	"path"
	"strings"

	"sallyport/internal/exchange"
)

// refusal says why nothing may be changed; "" when it may.
type refusal string

// guarded reports whether access rules stand between the world and the page:
// anything but "everybody is let in".
func guarded(x *exchange.Exchange) bool { return len(x.Place.Hooks[exchange.Access]) > 0 }

// loopback reports whether the client sits on this machine. A proxy on this
// machine does not, whoever stands behind it.
func loopback(x *exchange.Exchange) bool {
	for _, name := range [...]string{"X-Forwarded-For", "Forwarded", "Via"} {
		if _, sent := x.Request.Header.Find(name); sent {
			return false
		}
	}
	return x.Client.Addr.Addr().Unmap().IsLoopback() && x.Client.Remote.Addr().Unmap().IsLoopback()
}

// unprotected refuses edits where nobody is asked who he is: no access rule
// stands in the place, and the client comes from another machine.
//
// Unlike httpd: there whoever reaches the page may change things.
func unprotected(x *exchange.Exchange) refusal {
	if guarded(x) || loopback(x) {
		return ""
	}
	return "no access rule protects this place: write a Require line into its <Location> (changes are taken from this machine alone until then)"
}

// crossSite refuses a change that a page of another site may have sent with the
// browser of somebody who may change things here.
//
// Unlike httpd: there the host of Referer is compared with the server's name,
// without the port, and a page of another port or scheme of this host passes.
// Browsers say more today: Sec-Fetch-Site and Origin are looked at first. Only
// where a client sends neither, because it is a script, the Referer must be of
// this host, as httpd wants it.
func crossSite(x *exchange.Exchange) refusal {
	h := &x.Request.Header
	site, fetched := h.Find("Sec-Fetch-Site")
	if fetched && !strings.EqualFold(site, "same-origin") && !strings.EqualFold(site, "none") {
		return refusal("the request comes from another site (Sec-Fetch-Site: " + site + ")")
	}
	origin, sent := h.Find("Origin")
	if sent {
		if !sameOrigin(x, origin) {
			return refusal("the request comes from another origin (Origin: " + origin + ")")
		}
	}
	if fetched || sent {
		// A browser. A name of somebody else's that leads here (DNS rebinding)
		// is same-origin for it, but not a place it keeps a password for.
		if x.User == "" && !ownName(x) {
			return refusal("the page was asked for under a name that is not this server's (Host: " + x.Request.Authority +
				"): use an address, or name it with ServerName or ServerAlias")
		}
		return ""
	}
	referer, sent := h.Find("Referer")
	if !sent {
		return "neither Origin nor Referer says where the request comes from"
	}
	if host := hostOf(referer); host == "" || !strings.EqualFold(host, hostOf("//"+x.Request.Authority)) && !strings.EqualFold(host, x.HostName()) {
		return refusal("the request comes from another site (Referer: " + referer + ")")
	}
	return ""
}

// sameOrigin compares an Origin with where the request was sent to.
func sameOrigin(x *exchange.Exchange, origin string) bool {
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok {
		return false // "null"
	}
	// TLS may end in front of us: then the browser's scheme is not ours, but
	// nobody can have the same name and port under the other one.
	port := ":80"
	if strings.EqualFold(scheme, "https") {
		port = ":443"
	}
	bare := func(s string) string { return strings.TrimSuffix(strings.ToLower(s), port) }
	return host != "" && bare(host) == bare(x.Request.Authority)
}

// hostOf is the host of a URL, without port and brackets.
func hostOf(url string) string {
	_, rest, ok := strings.Cut(url, "//")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		rest = rest[:i]
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"), ".")
}

// ownName reports whether the name that the client used is this server's: its
// ServerName, an alias, localhost, or an address.
func ownName(x *exchange.Exchange) bool {
	host := strings.ToLower(hostOf("//" + x.Request.Authority))
	if host == "localhost" || host == strings.ToLower(x.Server.Name) {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	for _, a := range x.Server.Aliases {
		if ok, err := path.Match(strings.ToLower(a), host); ok && err == nil {
			return true
		}
	}
	return false
}
