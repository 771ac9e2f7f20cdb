package api

import (
	"encoding/json"
	"strings"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/manager"
	"sallyport/internal/message"
)

// Prefix is what follows the Location's path.
const Prefix = "/api/v1"

// Site is the API as one Place serves it.
type Site struct {
	Manager *manager.Manager
	Server  string // key of the virtual host, see manager.At
	// Tokens are those of BalancerManagerTokens; nil: there are none.
	Tokens *Tokens
	// Refuse says why a request may change nothing, though it came in; "" when
	// it may. It is not asked about requests with a token.
	Refuse func(x *exchange.Exchange) string
	// Product is the program's name and version.
	Product string
}

// Rest is the part of a path behind Prefix, without a slash at its ends; ok is
// false where the path is not the API's.
func Rest(path string) (rest string, ok bool) {
	i := strings.Index(path, Prefix)
	if i < 0 {
		return "", false
	}
	rest = path[i+len(Prefix):]
	if rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.Trim(rest, "/"), true
}

// route is one row: a method and a path whose words in braces stand for
// anything.
type route struct {
	method, path string
	serve        func(*call)
	writes       bool
}

var routes = []route{
	{"GET", "", (*call).index, false},
	{"GET", "openapi.json", (*call).openAPI, false},
	{"GET", "parameters", (*call).parameters, false},
	{"GET", "balancers", (*call).balancers, false},
	{"GET", "balancers/{balancer}", (*call).balancer, false},
	{"PATCH", "balancers/{balancer}", (*call).editBalancer, true},
	{"GET", "balancers/{balancer}/members", (*call).members, false},
	{"POST", "balancers/{balancer}/members", (*call).addMember, true},
	{"GET", "balancers/{balancer}/members/{member}", (*call).member, false},
	{"PATCH", "balancers/{balancer}/members/{member}", (*call).editMember, true},
	{"DELETE", "balancers/{balancer}/members/{member}", (*call).removeMember, true},
	{"POST", "balancers/{balancer}/members/{member}/actions", (*call).act, true},
	{"GET", "changes", (*call).history, false},
	{"POST", "changes", (*call).change, true},
	{"GET", "changes/{revision}", (*call).oneChange, false},
	{"POST", "changes/{revision}/undo", (*call).undo, true},
	{"GET", "conflicts", (*call).conflicts, false},
	{"GET", "export", (*call).export, false},
	{"GET", "events", (*call).events, false},
}

// call is one request.
type call struct {
	*Site
	x       *exchange.Exchange
	view    *manager.View
	vars    map[string]string
	query   query
	verdict exchange.Verdict
}

// Serve answers a request below Prefix.
func (s *Site) Serve(x *exchange.Exchange, rest string) exchange.Verdict {
	c := &call{Site: s, x: x, view: s.Manager.At(s.Server), verdict: exchange.Done}
	method := x.Request.Method
	if method == "HEAD" {
		method = "GET"
	}
	var err error
	if c.query, err = parseQuery(x.Query); err != nil {
		c.fail(problem(400, "the query is malformed: "+err.Error()))
		return c.verdict
	}
	var allow []string
	for i := range routes {
		r := &routes[i]
		vars, ok := match(r.path, rest)
		if !ok {
			continue
		}
		if r.method != method {
			allow = append(allow, r.method)
			if r.method == "GET" {
				allow = append(allow, "HEAD")
			}
			continue
		}
		if r.writes {
			if why := c.refusal(); why != "" {
				x.Logf(errorlog.Error, "proxy_balancer", "edit refused: %s", why)
				c.fail(problem(403, why))
				return c.verdict
			}
		}
		c.vars = vars
		r.serve(c)
		return c.verdict
	}
	switch {
	case len(allow) == 0:
		c.fail(problem(404, "there is nothing at "+Prefix+"/"+rest+"; see "+Prefix+"/openapi.json"))
	case method == "OPTIONS":
		x.Out.Status = 204
		x.Out.Header.Set("Allow", strings.Join(append(allow, "OPTIONS"), ", "))
		x.Out.Body = message.Body{}
		x.Begin()
	default:
		x.Always.Set("Allow", strings.Join(append(allow, "OPTIONS"), ", "))
		c.fail(problem(405, method+" is not for this; allowed: "+strings.Join(allow, ", ")))
	}
	return c.verdict
}

// refusal says why this request may change nothing; "" when it may.
func (c *call) refusal() string {
	if c.Tokens.byToken(c.x) || c.Refuse == nil {
		return ""
	}
	return c.Refuse(c.x)
}

// match compares a path with a pattern.
func match(pattern, path string) (vars map[string]string, ok bool) {
	for pattern != "" || path != "" {
		var want, got string
		want, pattern, _ = strings.Cut(pattern, "/")
		got, path, _ = strings.Cut(path, "/")
		if name, isVar := strings.CutPrefix(want, "{"); isVar && got != "" {
			if vars == nil {
				vars = map[string]string{}
			}
			vars[strings.TrimSuffix(name, "}")] = got
		} else if want != got {
			return nil, false
		}
	}
	return vars, true
}

// send answers with JSON. version (zero: none) is what ETag says.
func (c *call) send(status int, version manager.Version, v any) {
	if version != (manager.Version{}) {
		c.x.Out.Header.Set("ETag", `"`+version.String()+`"`)
	}
	c.body(status, "application/json", encode(v))
}

func encode(v any) []byte {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		panic("api: " + err.Error()) // the shapes of show.go can all be encoded
	}
	return append(b, '\n')
}

// body answers with bytes. Nothing of it may be kept by a cache, framed, or
// taken for something else by a browser.
func (c *call) body(status int, kind string, b []byte) {
	h := &c.x.Out.Header
	h.Set("Content-Type", kind)
	c.x.Always.Set("Cache-Control", "no-store")
	c.x.Always.Set("X-Content-Type-Options", "nosniff")
	c.x.Out.Status, c.x.Out.Reason = status, message.ReasonOf(status)
	c.x.Out.Body.Length = int64(len(b))
	if c.x.Begin() == nil && c.x.Request.Method != "HEAD" {
		c.x.Write(b)
	}
}

// Routes lists method and path of all that is served, as openapi.json has them.
func Routes() []string {
	var out []string
	for i := range routes {
		out = append(out, routes[i].method+" "+routes[i].path)
	}
	return out
}
