package access_compat

import (
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/hosts"
	"sallyport/internal/module"
)

func compile(*module.Build) func(*module.Plan) { return furnish }

func furnish(p *module.Plan) {
	d := dir.Of(p.Dir)
	if d == nil || d.open() {
		return
	}
	g := &gate{d: d, allow: newList(d.Allow), deny: newList(d.Deny)}
	p.Hook(exchange.Access, module.First, g.access)
}

// open reports that everybody is let in and must still answer to Require: then
// there is nothing to do.
func (d *dirConf) open() bool {
	for _, s := range d.Satisfy {
		if s.yes {
			return false
		}
	}
	if len(d.Deny) > 0 {
		return false
	}
	for _, o := range d.Order {
		if o.yes {
			// allow,deny lets in only those who are allowed.
			l := newList(d.Allow)
			return l.all
		}
	}
	return true
}

// gate is the directives of one Place at work.
type gate struct {
	d           *dirConf
	allow, deny list
}

// list is the words behind all Allow or all Deny lines, made ready.
type list struct {
	all   bool      // everybody, by every method
	nets  hosts.Set // addresses, by every method
	tests []test    // the others
}

func newList(tests []test) (l list) {
	var nets []hosts.Net
	for _, t := range tests {
		switch {
		case t.methods == nil && t.kind == everybody:
			l.all = true
		case t.methods == nil && t.kind == address:
			nets = append(nets, t.net)
		default:
			l.tests = append(l.tests, t)
		}
	}
	l.nets = hosts.MakeSet(nets)
	return l
}

// access is httpd's check_dir_access.
func (g *gate) access(x *exchange.Exchange) exchange.Verdict {
	method := x.Request.Method
	anyWill := chosen(g.d.Satisfy, method, false)
	x.Satisfied = nil
	if g.allows(x, chosen(g.d.Order, method, false)) {
		if anyWill {
			x.Satisfied = x.Place
		}
		return exchange.OK
	}
	x.Logf(errorlog.Error, "access_compat", "AH01797: client denied by server configuration: %s", x.MappedName())
	if anyWill {
		return exchange.Declined
	}
	return exchange.Status(403)
}

func (g *gate) allows(x *exchange.Exchange, allowFirst bool) bool {
	if allowFirst {
		return g.allow.has(x) && !g.deny.has(x)
	}
	return !g.deny.has(x) || g.allow.has(x)
}

func (l *list) has(x *exchange.Exchange) bool {
	if l.all || l.nets.Contains(x.Client.Addr.Addr()) {
		return true
	}
	for i := range l.tests {
		t := &l.tests[i]
		if t.methods.Has(x.Request.Method) && t.holds(x) {
			return true
		}
	}
	return false
}

func (t *test) holds(x *exchange.Exchange) bool {
	switch t.kind {
	case address:
		return t.net.Contains(x.Client.Addr.Addr())
	case domain:
		name := hosts.Name(x.Client, true)
		return name != "" && hosts.InDomain(t.word, name)
	case envSet:
		return x.Env.Has(t.word)
	case envUnset:
		return !x.Env.Has(t.word)
	}
	return true
}
