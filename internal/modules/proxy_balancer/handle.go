package proxy_balancer

import (
	"errors"
	"io"
	"slices"
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/manager/api"
	"sallyport/internal/module"
	"sallyport/internal/page"
)

func methodNames(b *module.Build) []string {
	var out []string
	for name := range b.Methods {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// consolePath and what follows it in a URL is the console's; what is in front
// of it is the plain page.
const consolePath = "/console"

// handle answers the requests of SetHandler balancer-manager.
func (s *site) handle(x *exchange.Exchange) exchange.Verdict {
	if x.Handler != handlerName {
		return exchange.Declined
	}
	if s.manager == nil {
		return exchange.Status(500)
	}
	if rest, ok := api.Rest(x.Path); ok {
		return s.api.Serve(x, rest)
	}
	h := &x.Out.Header
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	if base, rest, ok := cutConsole(x.Path); ok {
		return s.console(x, base, rest)
	}
	switch x.Request.Method {
	case "GET", "HEAD":
		return s.plain(x, parseForm(x.Query), notice{})
	case "POST":
		return s.post(x)
	}
	x.Always.Set("Allow", "GET, HEAD, POST")
	return exchange.Status(405)
}

// cutConsole finds the console's part of a path. The last one counts, so that
// a place may itself be called so.
func cutConsole(path string) (base, rest string, ok bool) {
	i := strings.LastIndex(path, consolePath)
	if i < 0 {
		return "", "", false
	}
	base, rest = path[:i], path[i+len(consolePath):]
	return base, rest, rest == "" || rest[0] == '/'
}

// maxForm bounds the body of a form, in bytes.
//
// Unlike httpd: that looks at the first 1024 and forgets the rest.
const maxForm = 256 << 10

var errLarge = errors.New("the form is larger than 256 KB")

// readForm reads the fields of a POST.
func readForm(x *exchange.Exchange) (form, error) {
	kind, _, _ := strings.Cut(x.Request.Header.Get("Content-Type"), ";")
	if kind = strings.ToLower(strings.TrimSpace(kind)); kind != "" && kind != "application/x-www-form-urlencoded" {
		return form{}, errors.New("the form is not application/x-www-form-urlencoded but " + kind)
	}
	if x.Request.Body.None() {
		return form{}, nil
	}
	data, err := io.ReadAll(io.LimitReader(x.Request.Body.Reader, maxForm+1))
	switch {
	case err != nil:
		return form{}, err
	case len(data) > maxForm:
		return form{}, errLarge
	}
	return parseForm(string(data)), nil
}

// form is the fields of a query string or a form. Of a name that comes more
// than once the last one counts, as in httpd.
type form map[string]string

func parseForm(s string) form {
	f := form{}
	for part := range strings.SplitSeq(s, "&") {
		name, value, _ := strings.Cut(part, "=")
		if name != "" {
			f[unescape(name)] = unescape(value)
		}
	}
	return f
}

// unescape undoes form encoding; what is no escape stays as it is.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			out = append(out, ' ')
		case c == '%' && i+2 < len(s) && hexDigit(s[i+1]) >= 0 && hexDigit(s[i+2]) >= 0:
			out = append(out, byte(hexDigit(s[i+1])<<4|hexDigit(s[i+2])))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// send answers with an HTML page that may load nothing and be sent nowhere but
// here.
func send(x *exchange.Exchange, status int, html []byte) exchange.Verdict {
	x.Out.Header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	return page.Send(x, status, "text/html; charset=ISO-8859-1", html)
}
