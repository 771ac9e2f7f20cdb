package proxy

import (
	"slices"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/modules/proxy_hcheck"
	"sallyport/internal/regex"
	"sallyport/internal/workerconf"
)

// alias is one ProxyPass or ProxyPassMatch: what it matches and where that
// leads. Which worker serves it is known per server, see route.
type alias struct {
	pos diag.Position
	// path is what it matches: a literal prefix, or the text of regex.
	path    string
	regex   *regex.Regex
	exclude bool // "!"
	// real is the target URL without its "unix:…|"; authority is the length of
	// its scheme://host[:port].
	real      string
	authority int
	to        target // of a worker
	balancer  string // "balancer://name"; "" for a worker

	nocanon, interpolate, noquery, encoded, servlet bool
}

// line is one directive that names workers or balancers, kept in order: what
// it means depends on the lines before it (workers.go).
type line struct {
	pos diag.Position
	// verb says what stands there.
	verb verb
	// alias of a pass line; nil on others. listed: it stands in the server's
	// list, not in a section.
	alias  *alias
	listed bool
	// balancer is the canonical name of the balancer meant; with verb member
	// the one the worker joins. "" for a line about a plain worker.
	balancer string
	to       target // the worker
	url      string // as written
	regex    bool   // $n may stand in url
	params   []param
	names    *proxy_hcheck.Names
	// As the server stood at this line: a worker takes these when it is made.
	timeout       conf.Opt[time.Duration]
	receiveBuffer conf.Opt[int]
}

type verb uint8

const (
	pass   verb = iota // ProxyPass
	member             // BalancerMember
	set                // ProxySet, <Proxy URL key=value>
)

// param is one key=value. The value has been checked.
type param struct{ key, value string }

// lines are a server's own, and the names they define so far.
type lines struct {
	list      []line
	workers   map[string]bool // by canonical URL
	balancers map[string]bool // by canonical name
}

// linesOf returns the lines of the server a directive stands in.
func linesOf(c *conf.Cmd) *lines {
	s := server.In(c)
	if s.Own == nil {
		s.Own = &lines{workers: map[string]bool{}, balancers: map[string]bool{}}
	}
	return s.Own
}

// add keeps a line and notes what it defines.
func (l *lines) add(c *conf.Cmd, n line) {
	n.pos = c.Pos
	s := server.In(c)
	n.timeout, n.receiveBuffer = s.Timeout, s.ReceiveBuffer
	if n.balancer != "" {
		l.balancers[n.balancer] = true
	} else {
		l.workers[n.to.name()] = true
	}
	l.list = append(l.list, n)
}

// setPass reads ProxyPass and ProxyPassMatch.
func setPass(c *conf.Cmd, args []string) error {
	match := strings.EqualFold(c.Directive.Name, "ProxyPassMatch")
	if err := c.Outside(nowhere); err != nil {
		return err
	}
	section := c.Scope.Section
	a := &alias{pos: c.Pos}
	var params []param
	real, havePath, haveReal := "", false, false
	if section != nil {
		a.path, havePath = section.Arg, true
	}
	isRegex := match
	for i, word := range syntax.Words(args[0]) {
		switch {
		case !havePath && word == "~":
			if match {
				return &diag.Err{Text: "ProxyPassMatch invalid syntax ('~' usage).", Hint: "remove the ~", Word: i + 1}
			}
			isRegex = true
		case !havePath:
			a.path, havePath = word, true
		case !haveReal:
			real, haveReal = word, true
		case strings.EqualFold(word, "nocanon"):
			a.nocanon = true
		case strings.EqualFold(word, "interpolate"):
			a.interpolate = true
		case strings.EqualFold(word, "noquery"):
			a.noquery = true
		default:
			key, value, ok := workerconf.Split(word)
			switch {
			case !ok && section != nil && strings.HasPrefix(real, "/"):
				return &diag.Err{
					Text: "ProxyPass|ProxyPassMatch can not have a path when defined in a location.",
					Hint: "inside <" + section.Name + "> the section's path is the path: remove " + real,
				}
			case !ok:
				return &diag.Err{
					Text:     "Invalid ProxyPass|ProxyPassMatch parameter. Parameter must be in the form 'key=value'.",
					Expected: "key=value, nocanon, interpolate or noquery",
					Word:     i + 1,
				}
			case !strings.EqualFold(key, "mapping"):
				params = setParam(params, key, value)
			case strings.EqualFold(value, "encoded"):
				a.encoded = true
			case strings.EqualFold(value, "servlet"):
				a.encoded, a.servlet = true, true
			default:
				return &diag.Err{Text: "unknown mapping", Expected: "mapping=encoded or mapping=servlet", Word: i + 1}
			}
		}
	}
	if !haveReal {
		return &diag.Err{
			Text:     "ProxyPass|ProxyPassMatch needs a path when not defined in a location",
			Expected: "a path and a URL, such as /app http://127.0.0.1:8080/app",
		}
	}
	var ok bool
	if a.real, _, ok = unsocket(real); !ok {
		return &diag.Err{Text: `ProxyPass|ProxyPassMatch uses an invalid "unix:" URL`, Expected: "unix:/path/socket|http://host/"}
	}
	if section != nil && hasGlob(a.path) {
		isRegex = true
	}
	if isRegex {
		re, err := regex.Compile(a.path, false)
		if err != nil {
			return &diag.Err{Text: "Regular expression could not be compiled.", Hint: err.Error(), Word: 1}
		}
		a.regex = re
	}
	a.exclude = real == "!"
	n := line{pos: c.Pos, verb: pass, alias: a, url: real, regex: isRegex, params: params}
	if !a.exclude {
		if err := n.aim(c, a); err != nil {
			return err
		}
	}
	if section != nil {
		dir.In(c).Alias = conf.Some(c, a)
	}
	n.listed = section == nil
	switch l := linesOf(c); {
	case !a.exclude:
		// A section's alias is no entry of the server's list, but its worker
		// is one of the server's.
		l.add(c, n)
	case n.listed:
		l.list = append(l.list, n)
	}
	return nil
}

// aim finds out what the URL of a ProxyPass names and checks its parameters.
func (n *line) aim(c *conf.Cmd, a *alias) error {
	if isBalancer(a.real) {
		name, err := balancerName(a.real)
		if err != nil {
			return workerconf.Complaint("ProxyPass ", err, "")
		}
		n.balancer, a.balancer = name, name
		a.authority = authorityLen(a.real)
		return n.checkBalancer(c, "ProxyPass ", "")
	}
	t, err := parseTarget(n.url, n.regex)
	if err != nil {
		return workerconf.Complaint("ProxyPass ", err, "")
	}
	n.to, a.to = t, t
	a.authority = authorityLen(a.real)
	return n.checkWorker(c, "ProxyPass ", "")
}

// authorityLen is the length of scheme://authority in a URL.
func authorityLen(url string) int {
	i := strings.Index(url, "://")
	if i < 0 {
		return len(url)
	}
	i += len("://")
	if j := strings.IndexAny(url[i:], "/?#"); j >= 0 {
		return i + j
	}
	return len(url)
}

// checkWorker tries the parameters on an empty worker.
func (n *line) checkWorker(c *conf.Cmd, before, after string) error {
	var w workerconf.Worker
	known := n.knownTo(c)
	for _, p := range n.params {
		note, err := w.Set(known, p.key, p.value, c.Pos)
		if err != nil {
			return complaint(c, before, err, after, p)
		}
		noted(c, note)
	}
	return nil
}

func (n *line) checkBalancer(c *conf.Cmd, before, after string) error {
	var b workerconf.Balancer
	known := n.knownTo(c)
	for _, p := range n.params {
		note, err := b.Set(known, p.key, p.value, c.Pos)
		if err != nil {
			return complaint(c, before, err, after, p)
		}
		noted(c, note)
	}
	return nil
}

// complaint words an error about a parameter; where after is set httpd adds
// the parameter itself.
func complaint(c *conf.Cmd, before string, err error, after string, p param) error {
	word := slices.Index(syntax.Words(c.Raw), p.key+"="+p.value) + 1
	if after != "" {
		after = " " + p.key + "=" + p.value + "; " + after
	}
	err = workerconf.Complaint(before, err, after)
	if e, ok := err.(*diag.Err); ok && e.Word == 0 && e.Excerpt == "" {
		e.Word = word
	}
	return err
}

// knownTo answers the questions the parameters have about the configuration,
// and keeps those names that they will ask for again.
func (n *line) knownTo(c *conf.Cmd) *workerconf.Known {
	n.names = proxy_hcheck.NamesOf(c)
	k := n.names.Known()
	k.Method = func(name string) bool { return c.Loader.Loaded("lbmethod_" + name + "_module") }
	k.Hcheck = c.Loader.Loaded("proxy_hcheck_module")
	return k
}

// known answers them when the configuration is compiled: all that was wrong has
// been said.
func (n *line) known() *workerconf.Known {
	k := &workerconf.Known{Hcheck: true}
	if n.names != nil {
		k.Template = n.names.Template
	}
	return k
}

// setParam adds a key=value; a key that was there takes the new value.
func setParam(list []param, key, value string) []param {
	for i := range list {
		if strings.EqualFold(list[i].key, key) && !workerconf.Repeats(key) {
			list[i].value = value
			return list
		}
	}
	return append(list, param{key, value})
}

// nowhere is where ProxyPass and ProxyPassReverse can't stand.
const nowhere = conf.InDirectory | conf.InFiles | conf.InIf | conf.InLimit

// hasGlob reports whether a path holds shell wildcards: ?, *, or brackets
// (apr_fnmatch_test).
func hasGlob(s string) bool {
	open := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '?', '*':
			return true
		case '\\':
			i++
		case '[':
			open = true
		case ']':
			if open {
				return true
			}
		}
	}
	return false
}
