package md

import (
	"strings"

	"sallyport/internal/certs"
	"sallyport/internal/exchange"
)

// challengePath begins the paths that an authority asks for (RFC 8555 §8.3).
const challengePath = "/.well-known/acme-challenge/"

// wellKnown paths are never redirected: somebody looks for something by http.
const wellKnown = "/.well-known/"

// hsts is what MDRequireHttps permanent promises: half a year, as httpd.
const hsts = "max-age=15768000"

// retryAfter is when a client may come back that found no certificate, in
// seconds.
const retryAfter = "30"

// site is a server with a managed domain.
type site struct {
	domain  *certs.Domain
	require require
	twin    side
	status  bool
	files   bool // there is a certificate from SSLCertificateFile in any case
}

// prove answers challenges, on any server, before anything else can.
func prove(x *exchange.Exchange, m *certs.Manager) exchange.Verdict {
	token, ok := strings.CutPrefix(x.Path, challengePath)
	if !ok || token == "" || strings.IndexByte(token, '/') >= 0 {
		return exchange.Declined
	}
	answer, ours := m.HTTPProof(hostOf(x), token)
	switch {
	case answer == "" && ours:
		return exchange.Status(404)
	case answer == "":
		return exchange.Declined // of somebody behind us, maybe
	case x.Request.Method != "GET" && x.Request.Method != "HEAD":
		return exchange.Status(501)
	}
	return send(x, "text/plain", answer)
}

// send answers with a text.
func send(x *exchange.Exchange, media, text string) exchange.Verdict {
	x.Out.Status = 200
	x.Out.Header.Set("Content-Type", media)
	x.Out.Body.Length = int64(len(text))
	if x.Begin() == nil && x.Request.Method != "HEAD" {
		x.Write([]byte(text))
	}
	return exchange.Done
}

// hostOf is the host that the client asked for, in lower case.
func hostOf(x *exchange.Exchange) string {
	host, _ := splitHost(x.Request.Authority)
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// read says 503 while there is no certificate that a client could trust, and
// sends clients of AutoHTTPS to https.
func (s *site) read(x *exchange.Exchange) exchange.Verdict {
	if s.twin == neither && x.Client.TLS == nil {
		return exchange.Declined
	}
	if !s.files && !s.domain.Ready() {
		x.Always.Set("Retry-After", retryAfter)
		return exchange.Status(503)
	}
	if s.twin != plain || strings.HasPrefix(x.Path, wellKnown) {
		return exchange.Declined
	}
	return s.away(x, s.require != requireTemporary)
}

// redirect is MDRequireHttps: http goes to https. As mod_md's it comes before
// rewriting and the rules about access.
//
// Unlike httpd: in front of ProxyPass, too; there mod_md leaves what is proxied
// alone, against its manual.
func (s *site) redirect(x *exchange.Exchange) exchange.Verdict {
	if x.Client.TLS != nil || x.Sub > 0 || strings.HasPrefix(x.Path, wellKnown) || !s.domain.Spec().Covers(hostOf(x)) {
		return exchange.Declined
	}
	return s.away(x, s.require == requirePermanent)
}

// away redirects to the same URL by https. The port is the one that clients
// see: 443, whatever MDPortMap says about ours.
func (s *site) away(x *exchange.Exchange, forGood bool) exchange.Verdict {
	if !strings.HasPrefix(x.RawPath, "/") {
		return exchange.Declined // OPTIONS *
	}
	host := hostOf(x)
	if !s.domain.Spec().Covers(host) {
		host = x.Server.Name
	}
	to := "https://" + host + x.RawPath
	if x.HasQuery {
		to += "?" + x.Query
	}
	x.Out.Header.Set("Location", to)
	get := x.Request.Method == "GET" || x.Request.Method == "HEAD"
	switch {
	case forGood && get:
		return exchange.Status(301)
	case forGood:
		return exchange.Status(308)
	case get:
		return exchange.Status(302)
	}
	return exchange.Status(307)
}

// strict promises https for the time to come (RFC 6797), over https alone.
func (s *site) strict(x *exchange.Exchange) exchange.Verdict {
	if x.Client.TLS != nil {
		x.Out.Header.Set("Strict-Transport-Security", hsts)
	}
	return exchange.Declined
}
