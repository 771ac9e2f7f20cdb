package http2

import (
	"encoding/base64"
	"strconv"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
	"sallyport/internal/module"
	wire "sallyport/internal/wire/h1"
)

// compile writes the settings of the servers, and returns what furnishes their
// Places.
func compile(b *module.Build) func(*module.Plan) {
	for _, sb := range b.Servers {
		s, d := server.Of(sb.Conf), dir.Of(sb.Dir)
		if s == nil {
			s = new(serverConf)
		}
		if d == nil {
			d = new(dirConf)
		}
		core := sb.Server.Core
		core.Versions.HTTP2 = &exchange.HTTP2{
			Direct:         s.Direct.Or(true),
			DirectTLS:      s.Direct.V,
			MaxStreams:     s.Streams.Or(100),
			Window:         s.Window.Or(65535),
			StreamTimeout:  d.Timeout.V,
			MaxFrame:       s.MaxFrame.V,
			MaxHeaderBlock: s.MaxHeader.V,
			MaxErrors:      s.MaxErrors.Or(8),
			Padding:        1<<s.Padding.V - 1,
			EarlyHints:     s.EarlyHints.V,
			WebSockets:     s.WebSockets.V,
			EarlyData:      s.EarlyData.V,
		}
		core.Protocols = core.Versions.ALPN()
	}
	return furnish
}

func furnish(p *module.Plan) {
	set := &p.Server.Server.Core.Versions
	d := dir.Of(p.Dir)
	if d == nil {
		d = new(dirConf)
	}
	if set.Allows(exchange.ProtoH2) || set.Allows(exchange.ProtoH2C) || set.Allows(exchange.ProtoH3) {
		p.Hook(exchange.Read, module.First, variables)
		// Unlike httpd, which refuses it in sections: they may have it, as the
		// manual says.
		if t := d.Timeout.V; d.Timeout.Is && t != set.HTTP2.StreamTimeout {
			p.Hook(exchange.Fixup, module.First, func(x *exchange.Exchange) exchange.Verdict {
				if x.Patience = t; t == 0 {
					x.Patience = x.Server.Core.Timeout
				}
				return exchange.Declined
			})
		}
		if len(d.Hints) > 0 && set.HTTP2.EarlyHints {
			h := &message.Header{Fields: d.Hints}
			p.Hook(exchange.Handle, module.First, func(x *exchange.Exchange) exchange.Verdict {
				if x.Request.Version >= message.HTTP2 && x.Prev == nil {
					x.Down.Inform(103, h)
				}
				return exchange.Declined
			})
		}
	}
	if set.Allows(exchange.ProtoH3) && p.Server.Server.TLS != nil {
		p.Hook(exchange.Respond, module.Last, announce)
	}
	if set.Allows(exchange.ProtoH2C) && d.Upgrade.Or(true) {
		p.Hook(exchange.Handle, module.First, upgrade)
	}
}

// variables sets what mod_http2 tells of a request that came by HTTP/2. There
// is no push.
func variables(x *exchange.Exchange) exchange.Verdict {
	if x.Request.Version < message.HTTP2 {
		return exchange.Declined
	}
	if x.Request.Version == message.HTTP2 {
		x.Env.Set("HTTP2", "on")
	} else {
		x.Env.Set("HTTP3", "on")
	}
	x.Env.Set("H2PUSH", "off")
	x.Env.Set("H2_PUSH", "off")
	id := strconv.FormatUint(x.Client.Stream, 10)
	x.Env.Set("H2_STREAM_ID", id)
	x.Env.Set("H2_STREAM_TAG", strconv.FormatUint(x.Client.ID, 10)+"-"+id)
	return exchange.Declined
}

// upgrade answers a request that asks for h2c with a 101; it gets its own
// answer in HTTP/2 (RFC 7540 §3.2). A request with content stays in HTTP/1.1.
func upgrade(x *exchange.Exchange) exchange.Verdict {
	r := &x.Request
	offer, ok := r.Header.Known(message.Upgrade)
	if !ok || x.Client.TLS != nil || r.Version != message.HTTP11 || !r.Body.None() || !message.HasToken(offer, exchange.ProtoH2C) {
		return exchange.Declined
	}
	conn, _ := r.Header.Known(message.Connection)
	text, ok := r.Header.Find("HTTP2-Settings")
	if !ok || !message.HasToken(conn, "upgrade") || !message.HasToken(conn, "http2-settings") {
		return exchange.Declined
	}
	settings, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(settings)%6 != 0 {
		return exchange.Declined
	}
	sw, ok := x.Down.(exchange.Switcher)
	if !ok || !sw.SwitchH2(settings) {
		return exchange.Declined
	}
	x.Out.Status, x.Out.Reason = 101, message.ReasonOf(101)
	x.Out.Header.AddKnown(message.Upgrade, exchange.ProtoH2C)
	x.Out.Header.AddKnown(message.Connection, "Upgrade")
	x.Begin()
	return exchange.Done
}

// announce tells clients of HTTP/1.1 and HTTP/2 inside of TLS that HTTP/3 is
// spoken at the same port (RFC 7838): the one that they know, which a router in
// front may have changed.
func announce(x *exchange.Exchange) exchange.Verdict {
	if x.Client.TLS == nil || x.Request.Version >= message.HTTP3 {
		return exchange.Declined
	}
	if _, ok := x.Out.Header.Find("Alt-Svc"); ok {
		return exchange.Declined
	}
	_, port, ok := wire.SplitAuthority(x.Request.Authority)
	if !ok || port == 0 || port == 443 {
		x.Out.Header.Add("Alt-Svc", `h3=":443"; ma=86400`)
	} else {
		x.Out.Header.Add("Alt-Svc", `h3=":`+strconv.Itoa(int(port))+`"; ma=86400`)
	}
	return exchange.Declined
}

func sound(f message.Field) bool {
	return f.Name != "" && wire.BadField(&message.Header{Fields: []message.Field{{Name: f.Name, Value: f.Value}}}) < 0
}
