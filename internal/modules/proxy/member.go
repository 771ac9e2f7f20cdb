package proxy

import (
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
	"sallyport/internal/workerconf"
)

// setMember reads BalancerMember: inside a section the balancer is its
// argument, outside it is the first word.
func setMember(c *conf.Cmd, args []string) error {
	section := c.Scope.Section
	name, url := "", ""
	haveName := section != nil
	if haveName {
		name = section.Arg
		if section.Kind == conf.InIf {
			name = "*if" // as httpd calls it: no balancer's name
		}
	}
	var params []param
	for i, word := range syntax.Words(args[0]) {
		key, value, ok := workerconf.Split(word)
		switch {
		case ok:
			params = setParam(params, key, value)
		case !haveName:
			name, haveName = word, true
		case url == "":
			url = word
		case section != nil:
			return &diag.Err{
				Text: "BalancerMember can not have a balancer name when defined in a location",
				Hint: "remove " + url + ": the section names the balancer",
				Word: i + 1,
			}
		default:
			return &diag.Err{
				Text:     "Invalid BalancerMember parameter. Parameter must be in the form 'key=value'",
				Expected: "key=value",
				Word:     i + 1,
			}
		}
	}
	switch {
	case !haveName:
		return &diag.Err{
			Text:     "BalancerMember must define balancer name when outside <Proxy > section",
			Expected: "balancer://name and the member's URL",
		}
	case url == "":
		return &diag.Err{
			Text:     "BalancerMember must define remote proxy server",
			Expected: "the member's URL, such as http://127.0.0.1:8080",
		}
	}
	canonical, err := balancerName(name)
	if err != nil {
		return workerconf.Complaint("BalancerMember ", err, "")
	}
	if _, _, ok := unsocket(url); !ok {
		return &diag.Err{Text: `BalancerMember uses an invalid "unix:" URL`, Expected: "unix:/path/socket|http://host/"}
	}
	n := line{verb: member, balancer: canonical, url: url, params: params}
	if n.to, err = parseTarget(url, false); err != nil {
		return workerconf.Complaint("BalancerMember ", err, "")
	}
	if err := n.checkWorker(c, "BalancerMember ", ""); err != nil {
		return err
	}
	linesOf(c).add(c, n)
	return nil
}

// setParameters reads ProxySet: inside <Proxy> about what the section names,
// outside about what the first word names, which must be there already.
func setParameters(c *conf.Cmd, args []string) error {
	words := syntax.Words(args[0])
	name := ""
	inProxy := c.Scope.Section != nil && c.Scope.Section.Kind == conf.InProxy
	if inProxy {
		name = c.Scope.Section.Arg
	} else if len(words) > 0 {
		name, words = words[0], words[1:]
	}
	l := linesOf(c)
	n := line{verb: set, url: name}
	if isBalancer(name) {
		canonical, err := balancerName(name)
		if err != nil && inProxy {
			return workerconf.Complaint("ProxySet ", err, "")
		}
		if !inProxy && !l.balancers[canonical] {
			return &diag.Err{
				Text: "ProxySet can not find '" + name + "' Balancer.",
				Hint: "name it further up in this server, with BalancerMember or ProxyPass",
				Word: 1,
			}
		}
		n.balancer = canonical
	} else {
		t, err := parseTarget(name, false)
		if inProxy && err != nil {
			return workerconf.Complaint("ProxySet ", err, "")
		}
		if !inProxy && (err != nil || l.worker(name) == "") {
			return &diag.Err{
				Text: "ProxySet can not find '" + name + "' Worker.",
				Hint: "name it further up in this server, with ProxyPass or <Proxy>",
				Word: 1,
			}
		}
		n.to = t
	}
	var err error
	if n.params, err = pairs(words, "ProxySet"); err != nil {
		return err
	}
	if n.balancer != "" {
		err = n.checkBalancer(c, "ProxySet: ", name)
	} else {
		err = n.checkWorker(c, "ProxySet: ", name)
	}
	if err != nil {
		return err
	}
	l.add(c, n)
	return nil
}

// pairs reads words that must all be key=value.
func pairs(words []string, directive string) ([]param, error) {
	var out []param
	for i, w := range words {
		key, value, ok := workerconf.Split(w)
		if !ok {
			return nil, &diag.Err{
				Text:     "Invalid " + directive + " parameter. Parameter must be in the form 'key=value'",
				Expected: "key=value",
				Word:     i + 1,
			}
		}
		out = append(out, param{key, value})
	}
	return out, nil
}

// openProxy takes the parameters that may stand in the opening of <Proxy>.
// The loader has checked the patterns; it runs the body afterwards, in a scope
// of its own: args are the section's argument and the words behind it.
//
// Unlike httpd: a parameter that is set in the opening and in the body again
// has the body's value, because that stands further down.
func openProxy(c *conf.Cmd, args []string) error {
	section := c.Scope.Section
	if len(section.Arg) > 6 && strings.EqualFold(section.Arg[:6], "proxy:") {
		section.Arg = section.Arg[6:]
	}
	name, words := section.Arg, args[1:]
	if len(words) == 0 {
		return nil
	}
	switch {
	case hasGlob(name):
		return &diag.Err{Text: "<Proxy> arguments are not supported for wildchar url.", Word: 2}
	case !strings.Contains(name, ":"):
		return &diag.Err{Text: "<Proxy> arguments are not supported for non url.", Word: 2}
	}
	n := line{verb: set, url: name}
	var err error
	if isBalancer(name) {
		n.balancer, err = balancerName(name)
	} else {
		n.to, err = parseTarget(name, false)
	}
	if err != nil {
		return workerconf.Complaint("<Proxy ", err, "")
	}
	if n.params, err = pairs(words, "Proxy"); err != nil {
		return err
	}
	if n.balancer != "" {
		err = n.checkBalancer(c, "<Proxy ", name)
	} else {
		err = n.checkWorker(c, "<Proxy ", name)
	}
	if err != nil {
		return err
	}
	linesOf(c).add(c, n)
	return nil
}

// worker finds the worker a URL belongs to among those defined so far: the
// longest name the URL begins with, scheme and host being equal
// (ap_proxy_get_worker). "" when there is none.
func (l *lines) worker(url string) string {
	url, least := lowerAuthority(url)
	for n := len(url); n >= least; n-- {
		if l.workers[url[:n]] {
			return url[:n]
		}
	}
	return ""
}

// lowerAuthority puts scheme and authority in lower case and returns their
// length too.
func lowerAuthority(url string) (string, int) {
	at := 0
	if strings.HasPrefix(strings.ToLower(url), "unix:") {
		at = strings.IndexByte(url, '|') + 1
	}
	n := at + authorityLen(url[at:])
	return url[:at] + strings.ToLower(url[at:n]) + url[n:], n
}
