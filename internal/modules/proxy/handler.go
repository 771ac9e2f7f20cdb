package proxy

import (
	"strconv"
	"strings"

	"sallyport/internal/backend"
	"sallyport/internal/backend/secure"
	"sallyport/internal/balancer"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	"sallyport/internal/module"
	"sallyport/internal/modules/ssl"
	"sallyport/internal/workerconf"
)

// handler is the room's work in one Place, everything resolved.
type handler struct {
	site          *site
	interpolate   bool
	preserveHost  bool
	addHeaders    bool
	continue100   bool
	override      bool
	overrideCodes []int
	reverse       []mirror
	cookieDomain  []cookieRule
	cookiePath    []cookieRule
	backends      *secure.Settings // nil: SSLProxyEngine is off
}

// furnish adds the room's hooks to a Place.
func furnish(p *module.Plan, s *site, sections map[*alias]*route) {
	c := sectionConf(p.Dir)
	h := &handler{
		site:          s,
		interpolate:   c.Interpolate.V,
		preserveHost:  c.PreserveHost.V,
		addHeaders:    c.AddHeaders.Or(true),
		continue100:   c.Continue100.Or(true),
		override:      c.ErrorOverride.V,
		overrideCodes: c.OverrideCodes,
		reverse:       mirrors(c.Reverse, s),
		cookieDomain:  c.CookieDomain,
		cookiePath:    c.CookiePath,
		backends:      ssl.Backends(p.Dir),
	}
	var own *route
	if a := c.Alias.V; a != nil {
		if own = sections[a]; own == nil {
			own = newRoute(a, nil) // an exclusion
		}
	}
	interpolate := h.interpolate
	if own != nil && own.encoded || s.has(true) {
		p.Hook(exchange.Encoded, module.First, func(x *exchange.Exchange) exchange.Verdict {
			return s.translate(x, own, interpolate, true)
		})
	}
	if own != nil && !own.encoded || s.has(false) {
		p.Hook(exchange.Translate, module.First, func(x *exchange.Exchange) exchange.Verdict {
			return s.translate(x, own, interpolate, false)
		})
	}
	p.Hook(exchange.Fixup, module.First, s.fixup)
	p.Hook(exchange.Handle, module.First, h.handle)
}

// has reports whether the server has aliases that are tried in the phase.
func (s *site) has(encoded bool) bool {
	return s.list(encoded).lines != nil || s.outer != nil && s.outer.list(encoded).lines != nil
}

const handlerPrefix = "proxy:"

// handle answers what leads to a backend (httpd's proxy_handler).
func (h *handler) handle(x *exchange.Exchange) exchange.Verdict {
	if x.Mapped.Kind != exchange.Proxied {
		if !strings.HasPrefix(x.Handler, handlerPrefix) {
			return exchange.Declined
		}
		// SetHandler "proxy:URL": the file's path goes behind the URL.
		x.Mapped = exchange.Mapping{Kind: exchange.Proxied, Path: x.Handler[len(handlerPrefix):] + x.Mapped.Path}
		if v := h.site.fixup(x); v != exchange.Declined {
			return v
		}
	}
	rec := h.site.record(x)
	return h.forward(x, rec)
}

func (h *handler) forward(x *exchange.Exchange, rec *record) exchange.Verdict {
	if v := h.mayPass(x); v != exchange.OK {
		return v
	}
	l, b, v := h.site.resolve(x, rec)
	if v != exchange.OK {
		return v
	}
	h.prepare(x, rec)
	if b == nil {
		if v := h.site.permits(x, l); v != exchange.OK {
			return v
		}
		h.aim(x, rec, l, false)
		v, o := h.carry(x, rec, l)
		if l.live != nil {
			l.live.AddTraffic(o.Sent, o.Received)
		}
		return v
	}
	return h.balance(x, rec, b)
}

// mayPass refuses CONNECT, and applies the rules on Max-Forwards and TRACE.
func (h *handler) mayPass(x *exchange.Exchange) exchange.Verdict {
	if x.Request.Method == "CONNECT" {
		// Unlike httpd: connect, because no backend opens a tunnel, and its 2xx
		// says to every proxy on the way that one is open (RFC 9110 §9.3.6).
		x.Always.Set("Allow", "")
		return exchange.Status(405)
	}
	if v, ok := x.Request.Header.Known(message.MaxForwards); ok {
		n, err := strconv.ParseInt(v, 10, 64)
		switch {
		case err != nil || n < 0:
			return refuse(x, 400, "Max-Forwards request header could not be parsed")
		case n > 0:
		case x.Request.Method == "OPTIONS":
			return answerOptions(x)
		case x.Request.Method == "TRACE":
			x.Mapped = exchange.Mapping{Kind: exchange.Nowhere}
			return exchange.Declined // the server's own TRACE answers
		default:
			return refuse(x, 400, "Max-Forwards has reached zero - proxy loop?")
		}
	}
	if x.Request.Method == "TRACE" {
		switch trace := x.Server.Core.TraceEnable; {
		case trace == exchange.TraceOff:
			x.Logf(errorlog.Error, "proxy", "TRACE forbidden by server configuration")
			return exchange.Status(405)
		case trace != exchange.TraceExtended && x.Request.Body.Length != 0 && !x.Request.Body.None():
			x.Logf(errorlog.Error, "proxy", "TRACE with request body is not allowed")
			return exchange.Status(413)
		}
	}
	return exchange.OK
}

// answerOptions says what is allowed here: Max-Forwards has run out.
func answerOptions(x *exchange.Exchange) exchange.Verdict {
	x.Out.Status = 200
	x.Out.Reason = message.ReasonOf(200)
	x.Out.Header.Add("Allow", "TRACE")
	x.Out.Body = message.Body{Length: 0}
	x.Begin()
	return exchange.Done
}

// balance elects a member and carries the exchange to it; where a fault
// allows it, to another one, up to maxattempts times.
func (h *handler) balance(x *exchange.Exchange, rec *record, b *balancer.Balancer) exchange.Verdict {
	cookie, _ := x.Request.Header.Joined("Cookie")
	url := rec.path
	if rec.hasQuery && b.WantsURL() {
		url += "?" + rec.query
	}
	ask := balancer.Request{URL: url, Cookie: cookie}
	if log := x.Logger(); log.Enabled("proxy_balancer", errorlog.Debug) || log.Enabled("proxy", errorlog.Debug) {
		ask.Trace = true
	}
	if b.WantsKey() {
		ask.Key, ask.HasKey = keyOf(x, b.Data().(*workerconf.Key))
	}
	rec.paced = b.WantsPace()
	defer h.end(x, rec, b)
	for {
		if v := h.elect(x, rec, b, ask); v != exchange.OK {
			return v
		}
		w := rec.pick.Member.Data.(*worker)
		l := w.at(h.site.fallback)
		if v := h.site.permits(x, l); v != exchange.OK {
			b.Done(&rec.pick, balancer.Outcome{Fault: fault.Blocked}, now())
			return v
		}
		h.tell(x, rec)
		h.aim(x, rec, l, true)
		if ask.Trace {
			x.Logf(errorlog.Debug, "proxy_balancer", "AH01172: %s: worker (%s) rewritten to %s", b.Name(), rec.pick.Member.URL(),
				l.scheme+"://"+l.host+rec.req.Prefix+rec.path)
		}
		v, o := h.carry(x, rec, l)
		o.Safe = rec.req.Replay && !x.Begun && !rec.req.Streaming
		verdict := b.Done(&rec.pick, o, now())
		if verdict.Error {
			rec.pick.Member.Worker.SetCause(now(), verdict.Why(rec.fault))
			h.site.house.prober.look(b)
			h.site.house.checks.hurry(rec.pick.Member.Worker)
		}
		if module, id, text, ok := verdict.Line(); ok {
			x.Logf(errorlog.Error, module, "%s: %s", id, text)
		}
		if !verdict.Again || x.Begun || rec.req.Streaming {
			return v
		}
		x.Restart()
	}
}

// end gives the member back and keeps what log lines ask for.
func (h *handler) end(x *exchange.Exchange, rec *record, b *balancer.Balancer) {
	b.Release(&rec.pick)
	h.site.house.explain.why(x, rec)
}

// tell puts the pick into the request's environment.
func (h *handler) tell(x *exchange.Exchange, rec *record) {
	rec.vars = rec.pick.Vars(rec.vars[:0])
	for _, v := range rec.vars {
		x.Env.Set(v.Name, v.Value)
	}
}

// carry sends the request over one link and delivers the answer. The outcome
// is what the balancer learns.
func (h *handler) carry(x *exchange.Exchange, rec *record, l *link) (exchange.Verdict, balancer.Outcome) {
	if l.transport == nil {
		x.Logf(errorlog.Warn, "proxy", noHandler, x.Path, l.scheme)
		return exchange.Status(500), balancer.Outcome{Fault: fault.NoHandler}
	}
	var reply backend.Reply
	var f *fault.Fault
	rec.req.Sent, rec.req.Received = 0, 0
	switch {
	case !l.secure:
		reply, f = l.transport.Start(x, &l.Worker, &rec.req)
	case h.backends == nil:
		f = disabled(x, l)
	default:
		l = l.over(h.backends, h.site.house)
		reply, f = l.transport.Start(x, &l.Worker, &rec.req)
	}
	rec.fault = f
	if f != nil {
		o := balancer.Outcome{Fault: f.Kind, Sent: rec.req.Sent, Received: rec.req.Received}
		row := f.Kind.Row()
		if rec.paced && row.Side == fault.Backend && !row.Unsent {
			o.Answered = now().Sub(rec.pick.At)
		}
		if row.Side == fault.Backend && l.live != nil {
			l.live.Count(x.Client.ID, 0, 0)
		}
		return failed(x, l, f), o
	}
	status := x.Out.Status
	o := balancer.Outcome{Status: status}
	if rec.pick.Member != nil {
		took := now().Sub(rec.pick.At)
		l.live.Count(x.Client.ID, status, took)
		if rec.paced {
			o.Answered = took
		}
	}
	x.Notes.Set("proxy-status", statusNote(status))
	x.Notes.Set("proxy-source-port", reply.LocalPort())
	if status == 101 {
		if !h.switched(x, rec) {
			got, _ := x.Out.Header.Known(message.Upgrade)
			reply.Discard()
			return refuse(x, 502, "Unexpected Upgrade: "+orNone(got)+" (expecting "+orNone(rec.req.Upgrade)+")"),
				balancer.Outcome{Fault: fault.BadUpgrade}
		}
		x.KeepAlive = false
		if x.Begin() == nil {
			f = tunnel(x, l, reply)
		} else {
			reply.Discard()
		}
		o.Sent, o.Received = rec.req.Sent, rec.req.Received
		logBroken(x, l, f)
		return exchange.Done, o
	}
	h.filter(x, l)
	if h.overrides(status) {
		if status == 401 {
			for _, v := range x.Out.Header.Values("WWW-Authenticate") {
				x.Always.Add("WWW-Authenticate", v)
			}
		}
		reply.Discard()
		o.Sent, o.Received = rec.req.Sent, rec.req.Received
		return exchange.Status(status), o
	}
	if rec.pick.Member != nil {
		if c := rec.pick.SetCookie(now(), x.Client.TLS != nil); c != "" {
			x.Out.Header.Add("Set-Cookie", c)
		}
	}
	if x.Begin() != nil {
		reply.Discard()
		o.Sent, o.Received = rec.req.Sent, rec.req.Received
		return exchange.Done, o
	}
	if f = reply.Deliver(x); f != nil {
		logBroken(x, l, f)
		x.Aborted = true
		if f.Kind != fault.ClientGone {
			o.Fault = f.Kind
		}
	}
	o.Sent, o.Received = rec.req.Sent, rec.req.Received
	return exchange.Done, o
}

// tunnel carries bytes both ways until one side has enough, counted for whoever
// wants to take the member out.
func tunnel(x *exchange.Exchange, l *link, reply backend.Reply) *fault.Fault {
	if l.live != nil {
		l.live.AddTunnel(1)
		defer l.live.AddTunnel(-1)
	}
	return reply.Tunnel(x, tunnelIdle(x, l), !x.Env.Has("proxy-nohalfclose"))
}

func orNone(s string) string {
	if s == "" {
		return "n/a"
	}
	return s
}
