package authz_core

import (
	"sallyport/internal/authz"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/hosts"
	"sallyport/internal/module"
)

// rule is a node made ready for one Place. Immutable.
type rule struct {
	node  *node
	check authz.Check  // of a line; nil: fixed is the result
	fixed authz.Result // before negation
	kids  []rule
}

// compileNode makes the rule of a node in the Place that p furnishes.
func compileNode(n *node, p *module.Plan) rule {
	r := rule{node: n}
	if n.rule != nil {
		r.fixed, r.check = n.rule.Fixed, n.rule.Check
		if n.rule.Bind != nil {
			r.check = n.rule.Bind(p)
		}
		return r
	}
	for i := 0; i < len(n.kids); {
		run := n.addresses(i)
		if run < 2 {
			r.kids = append(r.kids, compileNode(n.kids[i], p))
			i++
			continue
		}
		r.kids = append(r.kids, joined(n.kids[i:i+run]))
		i += run
	}
	return r
}

// addresses counts the kids from i on that are mere lists of addresses and can
// be asked as one: any of them grants, or any of them denies.
func (n *node) addresses(i int) int {
	run := 0
	for _, k := range n.kids[i:] {
		if k.rule == nil || k.rule.Nets == nil || !k.methods.every || k.negate != n.all {
			break
		}
		run++
	}
	return run
}

func joined(kids []*node) rule {
	var nets []hosts.Net
	for _, k := range kids {
		nets = append(nets, k.rule.Nets...)
	}
	set := hosts.MakeSet(nets)
	all := *kids[0]
	all.args += " …"
	return rule{node: &all, check: func(x *exchange.Exchange) authz.Result {
		if set.Contains(x.Client.Addr.Addr()) {
			return authz.Granted
		}
		return authz.Denied
	}}
}

// constant gives the result where it is always the same.
func (r *rule) constant() (authz.Result, bool) {
	n := r.node
	if !n.methods.every || r.check != nil {
		return 0, false
	}
	res := r.fixed
	if n.rule == nil {
		res = authz.Neutral
		for i := range r.kids {
			kid, ok := r.kids[i].constant()
			if !ok {
				return 0, false
			}
			var done bool
			if res, done = combine(n.all, res, kid); done {
				break
			}
		}
	}
	return n.invert(res), true
}

// users reports whether a rule below may ask for a user.
func (n *node) users() bool {
	if n.rule != nil {
		return n.rule.User
	}
	for _, k := range n.kids {
		if k.users() {
			return true
		}
	}
	return false
}

// apply asks the rule about x (httpd's apply_authz_sections). parentAll tells
// what an answer of "not for this method" must be to do no harm.
func (r *rule) apply(x *exchange.Exchange, parentAll, debug bool) authz.Result {
	n := r.node
	if !n.methods.has(x.Request.Method) {
		res := authz.Neutral
		if parentAll {
			res = authz.Granted
		}
		if debug {
			x.Logf(errorlog.Debug, "authz_core", "AH01625: authorization result of %s: %s (directive limited to other methods)", n.title(), res)
		}
		return res
	}
	res := r.fixed
	switch {
	case r.check != nil:
		res = r.check(x)
	case n.rule == nil:
		res = authz.Neutral
		for i := range r.kids {
			kid := r.kids[i].apply(x, n.all, debug)
			if kid == authz.Fault {
				return kid
			}
			var done bool
			if res, done = combine(n.all, res, kid); done {
				break
			}
		}
	}
	res = n.invert(res)
	if debug {
		x.Logf(errorlog.Debug, "authz_core", "AH01626: authorization result of %s: %s", n.title(), res)
	}
	return res
}

// combine adds a kid's result to a container's; done says that the others need
// not be asked. NoUser is the result only if a user might change it.
func combine(all bool, res, kid authz.Result) (sum authz.Result, done bool) {
	switch {
	case kid == authz.Neutral:
		return res, false
	case all && kid == authz.Denied, !all && kid == authz.Granted:
		return kid, true
	case res == authz.Neutral:
		return kid, false
	case all && kid == authz.NoUser && res != authz.Denied, !all && kid == authz.NoUser && res == authz.Denied:
		return kid, false
	}
	return res, false
}

// invert is what "not" makes of a result: a refusal turned round is no grant.
func (n *node) invert(res authz.Result) authz.Result {
	if !n.negate {
		return res
	}
	switch res {
	case authz.Granted:
		return authz.Denied
	case authz.Denied, authz.NoUser:
		return authz.Neutral
	}
	return res
}
