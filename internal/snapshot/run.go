package snapshot

import (
	"cmp"
	"net/netip"
	"strconv"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	wire "sallyport/internal/wire/h1"
)

// Address is the virtual hosts of one local address of this snapshot: what a
// connection looks up once.
type Address struct {
	snap *Snapshot
	set  *Set
}

// At finds the virtual hosts of a local address.
func (s *Snapshot) At(local netip.AddrPort) Address {
	return Address{s, s.hosts.at(local)}
}

// Snapshot is the one the address belongs to.
func (a Address) Snapshot() *Snapshot { return a.snap }

// Default is the server that a request falls to while its host is unknown.
func (a Address) Default() *exchange.Server {
	if a.set == nil {
		return a.snap.hosts.main
	}
	return a.set.Servers[0]
}

// Serve runs an exchange whose head has been read from the phase Read to the
// phase Log; the response has been ended when it returns.
func (a Address) Serve(x *exchange.Exchange) {
	x.Run = a.snap
	if a.set == nil {
		x.Server = a.snap.hosts.main
	} else if a.set.paths && x.Request.Authority == "" {
		x.Server = a.set.byPath(x.RawPath)
	} else {
		x.Server = a.set.named(x.Request.Authority)
	}
	a.snap.process(x)
	a.snap.finish(x)
}

// Refuse answers a request that could not be read.
func (a Address) Refuse(x *exchange.Exchange, status int, why string) {
	x.Run = a.snap
	x.Server = a.Default()
	x.Place = x.Server.Base
	x.Logf(errorlog.Info, "core", "request refused with %d: %s", status, why)
	a.snap.Fail(x, status)
	a.snap.finish(x)
}

// finish ends the response and logs.
func (s *Snapshot) finish(x *exchange.Exchange) {
	if !x.Begun && !x.Aborted {
		s.Fail(x, 500)
	}
	if err := x.Down.End(nil); err != nil {
		x.Aborted = true
	}
	for _, h := range x.Place.Hooks[exchange.Log] {
		h(x)
	}
}

// process runs the phases up to the response.
func (s *Snapshot) process(x *exchange.Exchange) {
	core := x.Server.Core
	x.Place = x.Server.Base
	encoded, p := wire.NormalizePath(x.RawPath, core.MergeSlashes)
	x.Encoded, x.Path = encoded, encoded
	if p != nil {
		x.Path = x.RawPath
		x.Logf(errorlog.Error, "core", "AH10244: invalid URI path (%s)", x.Request.Target)
		s.Fail(x, p.Status)
		return
	}
	s.settle(x, s.enter(x))
}

// enter runs the phase Read and those after it.
func (s *Snapshot) enter(x *exchange.Exchange) exchange.Verdict {
	for _, h := range x.Server.Base.Hooks[exchange.Read] {
		if v := h(x); v != exchange.Declined && v != exchange.OK {
			return v
		}
	}
	return s.handle(x)
}

// settle acts on the last verdict of an exchange.
func (s *Snapshot) settle(x *exchange.Exchange, v exchange.Verdict) {
	switch {
	case v == exchange.Done || v == exchange.OK || x.Begun:
	case v == exchange.Declined:
		s.Fail(x, 404)
	default:
		s.Fail(x, int(v))
	}
}

// handle takes an exchange from its path to its handler. It is run again for
// an internal redirect.
func (s *Snapshot) handle(x *exchange.Exchange) exchange.Verdict {
	if x.RawPath == "*" {
		return asterisk(x)
	}
	if v := s.lead(x); v != exchange.OK || x.Sub > 0 {
		return v
	}
	if limit := x.Place.Core.LimitRequestBody; limit > 0 && x.Request.Body.Length > limit && x.Mapped.Kind != exchange.Proxied {
		x.Logf(errorlog.Error, "core", "AH00588: Request body of %d bytes is larger than the configured limit of %d", x.Request.Body.Length, limit)
		return exchange.Status(413)
	}
	v := x.First(exchange.Handle)
	if v == exchange.Declined && x.Request.Method == "TRACE" {
		return trace(x) // of a proxied URL, for Max-Forwards ends here
	}
	return v
}

// lead takes an exchange from its path to the door of its handler. The
// verdict is OK, or what ends the exchange before.
func (s *Snapshot) lead(x *exchange.Exchange) exchange.Verdict {
	core := x.Server.Core
	if x.Request.Method == "TRACE" && core.TraceEnable == exchange.TraceOff {
		x.Always.Set("Allow", "")
		return exchange.Status(405)
	}
	x.Place = x.Server.Locate(x)
	v := x.First(exchange.Encoded)
	if v == exchange.Declined {
		path, p := wire.Unescape(x.Encoded, wire.Slashes(core.EncodedSlashes), core.MergeSlashes)
		if p != nil {
			x.Logf(errorlog.Info, "core", "AH00026: found %%2f (encoded '/') in URI path (%s), returning 404", x.Encoded)
			return exchange.Status(p.Status)
		}
		if path != x.Path {
			x.Path = path
			x.Place = x.Server.Locate(x)
		}
		v = x.First(exchange.Translate)
	}
	if v != exchange.OK && v != exchange.Declined {
		return v
	}
	if v == exchange.OK {
		x.Place = x.Server.Locate(x)
	}
	if x.Request.Method == "TRACE" && x.Mapped.Kind != exchange.Proxied && x.Sub == 0 {
		return trace(x) // whatever is there, and whoever may see it, as in httpd
	}
	return s.ask(x)
}

// ask runs the phases in which an exchange may be refused.
func (s *Snapshot) ask(x *exchange.Exchange) exchange.Verdict {
	x.SetHandler()
	// As in httpd: what was asked before an internal redirect, and refused to
	// lead to an ErrorDocument, is not asked again in the same place.
	asked := x.Asked == x.Place
	if !asked {
		x.User, x.AuthType, x.Challenge, x.Claimed = "", "", "", false
	}
	for _, ph := range [...]exchange.Phase{exchange.Head, exchange.Access, exchange.Auth, exchange.Fixup} {
		switch ph {
		case exchange.Access:
			if asked {
				continue
			}
			x.Asked = x.Place
		case exchange.Auth:
			if asked {
				continue
			}
		}
		for _, h := range x.Place.Hooks[ph] {
			if v := h(x); v != exchange.Declined && v != exchange.OK {
				return v
			}
		}
	}
	return exchange.OK
}

// Redirect implements exchange.Runner: the exchange begins again at another
// local URL, with its environment under REDIRECT_ names (httpd's
// ap_internal_redirect).
func (s *Snapshot) Redirect(x *exchange.Exchange, target string) exchange.Verdict {
	return s.redirect(x, target, 0)
}

// redirect is Redirect; failing is the status whose ErrorDocument is fetched.
func (s *Snapshot) redirect(x *exchange.Exchange, target string, failing int) exchange.Verdict {
	depth := 0
	for p := x.Prev; p != nil; p = p.Prev {
		depth++
	}
	if most := x.Server.Core.Redirects; depth >= most {
		x.Logf(errorlog.Error, "core", "AH00124: Request exceeded the limit of %d internal redirects due to probable configuration error. Use 'LimitInternalRecursion' to increase the limit if necessary. Use 'LogLevel debug' to get a backtrace.", most)
		return exchange.Status(500)
	}
	prev := &exchange.Prev{
		Path: x.Path, Query: x.Query, Target: x.Request.Target,
		Status: x.Out.Status, Failing: failing, Env: x.Env.Clone(), Prev: x.Prev,
	}
	x.Prev = prev
	env := x.Env
	x.Env = exchange.Vars{}
	for name, value := range env.All() {
		x.Env.Set("REDIRECT_"+name, value)
	}
	status := failing
	if status == 0 {
		status = cmp.Or(x.Out.Status, 200)
	}
	x.Env.Set("REDIRECT_STATUS", strconv.Itoa(status))
	vary, varies := x.Out.Header.Joined("Vary")
	path, query, has := target, "", false
	for i := 0; i < len(target); i++ {
		if target[i] == '?' {
			path, query, has = target[:i], target[i+1:], true
			break
		}
	}
	x.RawPath, x.Query, x.HasQuery = path, query, has
	x.Mapped = exchange.Mapping{}
	x.Handler, x.PathInfo, x.Ahead = "", "", false
	x.Type = exchange.Type{}
	x.Restart()
	if varies && failing == 0 {
		x.Out.Header.Add("Vary", vary) // what led here may have read the request's fields
	}
	encoded, p := wire.NormalizePath(path, x.Server.Core.MergeSlashes)
	if p != nil {
		return exchange.Status(p.Status)
	}
	x.Encoded, x.Path = encoded, encoded
	return s.enter(x)
}
