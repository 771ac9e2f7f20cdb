package authz_core

import (
	"sallyport/internal/authz"
	"sallyport/internal/conf"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

func compile(b *module.Build) func(*module.Plan) {
	b.EachDir(func(v conf.Vector) { warnOff(b, v) })
	return furnish
}

// warnOff warns of AuthMerging Off without rules: what reads like a default
// opens the section to everybody.
func warnOff(b *module.Build, v conf.Vector) {
	if d := dir.Of(v); d != nil && d.Root == nil && d.Merging.Is && d.Merging.V == off {
		b.Warn(d.Merging.Pos, "AuthMerging Off without a Require lifts the access rules of all outer sections here", "")
	}
}

func furnish(p *module.Plan) {
	d := dir.Of(p.Dir)
	if d == nil || d.Root == nil {
		return
	}
	g := &guard{root: compileNode(d.Root, p), forbid: d.Forbid.V}
	if res, ok := g.root.constant(); ok && res == authz.Granted {
		return
	}
	p.Hook(exchange.Access, module.Middle, g.access)
	if d.Root.users() {
		p.Hook(exchange.Auth, module.Last, g.auth)
	}
}

// guard is the rules of one Place at work.
type guard struct {
	root   rule
	forbid bool // AuthzSendForbiddenOnFailure
}

func (g *guard) ask(x *exchange.Exchange) authz.Result {
	return g.root.apply(x, true, x.Logger().Enabled("authz_core", errorlog.Debug))
}

// access decides without a user, or leaves it to phase Auth (httpd's
// authorize_userless).
func (g *guard) access(x *exchange.Exchange) exchange.Verdict {
	x.NeedUser = nil
	if x.Satisfied == x.Place {
		return exchange.OK
	}
	switch g.ask(x) {
	case authz.Granted:
		return exchange.OK
	case authz.NoUser:
		x.NeedUser = x.Place
		return exchange.Declined
	case authz.Fault:
		return exchange.Status(500)
	}
	return deny(x)
}

// auth decides with the user that the rooms in front of this hook have
// authenticated (authorize_user).
func (g *guard) auth(x *exchange.Exchange) exchange.Verdict {
	if x.NeedUser != x.Place {
		return exchange.Declined
	}
	if x.User == "" || x.Claimed {
		x.Logf(errorlog.Error, "core", "AH00027: No authentication done but request not allowed without authentication for %s. Authentication not configured?", x.Path)
		return exchange.Status(500)
	}
	switch g.ask(x) {
	case authz.Granted:
		return exchange.OK
	case authz.Fault:
		return exchange.Status(500)
	case authz.NoUser:
		x.Logf(errorlog.Error, "authz_core", "AH01628: authorization failure (no authenticated user): %s", x.Path)
		return x.Unauthorized()
	}
	if g.forbid {
		return deny(x)
	}
	x.Logf(errorlog.Error, "authz_core", "AH01631: user %s: authorization failure for \"%s\": ", x.User, x.Path)
	return x.Unauthorized()
}

func deny(x *exchange.Exchange) exchange.Verdict {
	x.Logf(errorlog.Error, "authz_core", "AH01630: client denied by server configuration: %s", x.MappedName())
	return exchange.Status(403)
}
