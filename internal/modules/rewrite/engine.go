package rewrite

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/expr"
	"sallyport/internal/message"
)

// run is one pass of rules over a request.
type run struct {
	x *exchange.Exchange
	// file is httpd's r->filename: the URL path, file or URL as rewritten so
	// far; info is the path info behind it, in sections.
	file, info string
	dir        string // the section's prefix; "" for a server's rules
	status     int    // to end the exchange with
	halt       bool   // at once
	proxied    bool   // file is a URL for the proxy
	passed     bool   // [PT]
	ended      bool   // [END]
	last       *rule  // the last one that changed something

	ruleMatch, condMatch expr.Match
	seen                 []string // fields read since the last condition
	question             bool     // the first "?" of a substitution came from the request
}

// result is what a list of rules has come to.
type result uint8

const (
	unchanged result = iota
	changed
	changedRaw // [NE]: as it stands
	refused    // status says how
)

func (n *run) tells(l errorlog.Level) bool { return n.x.Logger().Enabled("rewrite", l) }

// logf tells the story of a request at trace level 1 to 8.
func (n *run) logf(level int, format string, args ...any) {
	l := errorlog.Debug + errorlog.Level(level)
	if !n.tells(l) {
		return
	}
	where := ""
	if n.dir != "" {
		where = "[perdir " + n.dir + "] "
	}
	n.x.Logf(l, "rewrite", where+format, args...)
}

// apply runs a list of rules (apply_rewrite_list).
func (n *run) apply(rules []*rule) result {
	res := unchanged
	round := 0
	limit := 2 * max(n.x.Server.Core.LimitRequestLine, 8190)
	for i := 0; i < len(rules); i++ {
		r := rules[i]
		if r.noSub && (n.x.Sub > 0 || n.x.Ahead) {
			continue
		}
		hit, changes := n.rule(r)
		if n.halt {
			return refused
		}
		if !hit {
			for r.chain && i+1 < len(rules) {
				i++
				r = rules[i]
			}
			continue
		}
		if len(n.file) > limit {
			n.x.Logf(errorlog.Error, "rewrite", "RewriteRule '%s' and URI '%.100s…' exceeded the maximum length", r.pattern, n.x.Path)
			n.status = 500
			return refused
		}
		if changes {
			n.last = r
			res = changed
			if r.noEscape {
				res = changedRaw
			}
		}
		if r.pass && changes && !n.proxied && n.status == 0 && !absolute(n.file) {
			n.logf(2, "forcing '%s' to get passed through to next API URI-to-filename handler", n.file)
			n.passed = true
			return changed
		}
		if r.end {
			n.logf(8, "Rule has END flag, no further rewriting for this request")
			n.ended = true
			break
		}
		if r.proxy || r.last {
			break
		}
		if r.next > 0 {
			if round++; round >= r.next {
				n.x.Logf(errorlog.Error, "rewrite", "AH02596: RewriteRule '%s' and URI '%s' exceeded maximum number of rounds (%d) via the [N] flag", r.pattern, n.x.Path, r.next)
				n.status = 500
				return refused
			}
			i = -1
			continue
		}
		i += r.skip
	}
	return res
}

// rule applies one rule: hit says that pattern and conditions matched, changes
// that the URL was rewritten (apply_rewrite_rule).
func (n *run) rule(r *rule) (hit, changes bool) {
	subject := n.file
	if n.dir != "" {
		if n.info != "" {
			n.logf(3, "add path info postfix: %s -> %s%s", subject, subject, n.info)
			subject += n.info
		}
		if rest, ok := strings.CutPrefix(subject, n.dir); ok && !n.proxied {
			n.logf(3, "strip per-dir prefix: %s -> %s", subject, rest)
			subject = rest
		}
	}
	n.logf(3, "applying pattern '%s' to uri '%s'", r.pattern, subject)
	n.condMatch, n.ruleMatch = expr.Match{}, expr.Match{}
	if r.negate {
		if r.regex.Match(subject) {
			return false, false
		}
	} else {
		g := r.regex.Find(subject)
		if g == nil {
			return false, false
		}
		n.ruleMatch = expr.Match{Source: subject, Groups: g}
	}
	if !r.holds(n) {
		return false, false
	}
	var to string
	if r.to != nil {
		n.question = false
		to = r.to.expand(n, r)
		n.logf(2, "rewrite '%s' -> '%s'", subject, to)
		if n.question && !r.unsafe3F {
			n.x.Logf(errorlog.Error, "rewrite", "AH10508: Unsafe URL with %%3f URL rewritten without UnsafeAllow3F")
			n.status, n.halt = 403, true
			return false, false
		}
	}
	n.effects(r)
	if r.to == nil {
		n.force(r)
		if r.status != 0 && !r.redirect { // a redirect to nowhere is none
			n.logf(2, "forcing responsecode %d for %s", r.status, n.file)
			n.status, n.halt = r.status, true
		}
		return true, false
	}
	if !n.proxied && !strings.HasPrefix(to, "/") && !absolute(to) {
		if n.dir != "" {
			n.logf(3, "add per-dir prefix: %s -> %s%s", to, n.dir, to)
			to = n.dir + to
		} else if !r.proxy && !r.redirect {
			to = "/" + to
		}
	}
	if r.discardPath || n.dir != "" {
		n.info = ""
	}
	n.file = to
	n.splitQuery(r)
	n.proxied = false
	if r.proxy {
		n.qualify()
		n.logf(2, "forcing proxy-throughput with %s", n.file)
		n.proxied = true
		return true, true
	}
	if r.redirect {
		n.qualify()
		n.logf(2, "explicitly forcing redirect with %s", n.file)
		n.status = r.status
		return true, true
	}
	n.reduce()
	if absolute(n.file) {
		n.logf(2, "implicitly forcing redirect (rc=%d) with %s", 302, n.file)
		n.status = 302
		return true, true
	}
	n.force(r)
	return true, true
}

// schemes are those a substitution may begin with to be a URL; the value says
// whether a query makes sense there.
var schemes = []struct {
	prefix string
	query  bool
}{
	{"http://", true}, {"https://", true}, {"ajp://", true}, {"balancer://", true}, {"ws://", true}, {"wss://", true},
	{"fcgi://", true}, {"scgi://", true}, {"uwsgi://", true}, {"h2://", true}, {"h2c://", true}, {"unix:", true},
	{"ftp://", true}, {"gopher://", true}, {"ldap://", false}, {"mailto:", true}, {"news:", false}, {"nntp://", false},
}

func scheme(s string) (length int, query bool) {
	for _, c := range schemes {
		if len(s) >= len(c.prefix) && strings.EqualFold(s[:len(c.prefix)], c.prefix) {
			return len(c.prefix), c.query
		}
	}
	return 0, true
}

func absolute(s string) bool {
	n, _ := scheme(s)
	return n > 0
}

// splitQuery moves what follows a "?" to the query (splitout_queryargs).
func (n *run) splitQuery(r *rule) {
	x := n.x
	if length, query := scheme(n.file); length > 0 && !query {
		x.Query, x.HasQuery = "", false
		return
	}
	if r.queryDiscard && x.HasQuery {
		n.logf(2, "discarding query string")
		x.Query, x.HasQuery = "", false
	}
	i := strings.IndexByte(n.file, '?')
	if r.queryLast {
		i = strings.LastIndexByte(n.file, '?')
	}
	if i < 0 {
		return
	}
	was, query := n.file, n.file[i+1:]
	n.file = n.file[:i]
	switch {
	case !r.queryAppend:
		x.Query = query
	case query != "":
		x.Query = query + "&" + x.Query
	}
	x.Query = strings.TrimSuffix(x.Query, "&")
	x.HasQuery = x.Query != ""
	n.logf(3, "split uri=%s -> uri=%s, args=%s", was, n.file, x.Query)
}

// qualify makes a path a URL of this server (fully_qualify_uri).
func (n *run) qualify() {
	if !absolute(n.file) {
		slash := ""
		if !strings.HasPrefix(n.file, "/") {
			slash = "/"
		}
		n.file = n.x.SelfURL(slash + n.file)
	}
}

// reduce strips http[s]://this-server (reduce_uri).
func (n *run) reduce() {
	length, _ := scheme(n.file)
	if length == 0 || !strings.HasPrefix(strings.ToLower(n.file), "http") {
		return
	}
	secure := n.x.Client.TLS != nil
	if (length == len("https://")) != secure {
		return
	}
	rest := n.file[length:]
	host, path := rest, "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	implied := uint16(80)
	if secure {
		implied = 443
	}
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		return // as in httpd: with a port it is a redirect
	}
	port := n.x.Server.Port
	if port == 0 {
		port = n.x.Client.Local.Port()
	}
	self := func(s string) bool { return strings.EqualFold(s, host) }
	if port == implied && (self(n.x.Server.Name) || slices.ContainsFunc(n.x.Server.Aliases, self)) {
		n.logf(3, "reduce %s -> %s", n.file, path)
		n.file = path
	}
}

// effects sets variables and cookies.
func (n *run) effects(r *rule) {
	for _, e := range r.env {
		name := e.name.expand(n, nil)
		if e.value == nil {
			n.logf(5, "unsetting env variable '%s'", name)
			n.x.Env.Unset(name)
			continue
		}
		v := e.value.expand(n, nil)
		n.logf(5, "setting env variable '%s' to '%s'", name, v)
		n.x.Env.Set(name, v)
	}
	for _, c := range r.cookies {
		n.cookie(c.expand(n, nil))
	}
}

// force notes [T] and [H] for the phase Fixup.
func (n *run) force(r *rule) {
	if r.media != nil {
		v := r.media.expand(n, nil)
		n.logf(2, "remember %s to have MIME-type '%s'", n.file, v)
		n.x.Notes.Set(mediaNote, strings.ToLower(v))
	}
	if r.handler != nil {
		v := r.handler.expand(n, nil)
		n.logf(2, "remember %s to have Content-handler '%s'", n.file, v)
		n.x.Notes.Set(handlerNote, v)
	}
}

const (
	mediaNote   = "rewrite-forced-mimetype"
	handlerNote = "rewrite-forced-handler"
)

// cookie adds a Set-Cookie of name:value:domain[:lifetime[:path[:secure[:httponly[:samesite]]]]].
// Another first byte than a letter stands for the colon. Of one name only the
// first is set.
func (n *run) cookie(s string) {
	sep := ":"
	if rest, ok := strings.CutPrefix(s, ";"); ok {
		sep, s = ";", rest
	}
	f := slices.DeleteFunc(strings.Split(s, sep), func(s string) bool { return s == "" }) // apr_strtok
	if len(f) < 3 {
		return
	}
	get := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	for _, old := range n.x.Always.Fields {
		if old.Known == message.SetCookie && strings.HasPrefix(old.Value, f[0]+"=") {
			n.logf(5, "skipping already set cookie '%s'", f[0])
			return
		}
	}
	v := f[0] + "=" + f[1] + "; path=" + cmp.Or(get(4), "/") + "; domain=" + f[2]
	if life := expr.Int(get(3)); get(3) != "" && life != 0 {
		at := n.x.Received.Add(time.Duration(life) * time.Minute).UTC()
		v += "; expires=" + at.Format("Mon, 02-Jan-2006 15:04:05 GMT")
	}
	yes := func(s string, also string) bool {
		return s == "1" || strings.EqualFold(s, "true") || strings.EqualFold(s, also)
	}
	if yes(get(5), "secure") {
		v += "; secure"
	}
	if yes(get(6), "httponly") {
		v += "; HttpOnly"
	}
	if same := get(7); same != "" && same != "0" && !strings.EqualFold(same, "false") {
		v += "; SameSite=" + same
	}
	n.x.Always.Add("Set-Cookie", v)
	n.logf(5, "setting cookie '%s'", v)
}
