package proxy

import (
	"strconv"
	"strings"

	"sallyport/internal/backend"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

// prepare fills rec.req with what any worker would be sent; aim adds what
// depends on the worker. (httpd: ap_proxy_create_hdrbrgd.)
func (h *handler) prepare(x *exchange.Exchange, rec *record) {
	r := &rec.req
	in := &x.Request
	r.Method = in.Method
	r.Body = &in.Body
	r.Path, r.Query, r.HasQuery = rec.path, rec.query, rec.hasQuery
	r.Replay = safe(in.Method)

	host, hasHost := h.copyFields(x, rec)
	h.addForwards(x, r)
	h.addVia(x, r)
	if h.addHeaders {
		merge(&r.Header, message.XForwardedFor, clientAddr(x))
		if hasHost {
			merge(&r.Header, message.XForwardedHost, host)
		}
		merge(&r.Header, message.XForwardedServer, h.site.server.Name)
	}
	if h.preserveHost {
		if !hasHost {
			host = h.site.server.Name
			x.Logf(errorlog.Warn, "proxy", "AH01092: no HTTP 0.9 request (with no host line) on incoming request "+
				"and preserve host set forcing hostname to be %s for uri %s", host, x.Path)
		}
		r.Host = host
	}
	r.Interim = backend.InterimDefault
	r.ClientExpects = rec.expects
	if x.Env.Len() > 0 {
		h.environment(x, r)
	}
}

// safe reports whether a method may be repeated without asking (RFC 9110
// §9.2.1).
func safe(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// copyFields takes over the client's end-to-end fields. It returns the Host.
func (h *handler) copyFields(x *exchange.Exchange, rec *record) (host string, hasHost bool) {
	r := &rec.req
	in := x.Request.Header.Fields
	out := r.Header.Fields[:0]
	hop := connectionList(&x.Request.Header)
	for i := range in {
		f := &in[i]
		switch f.Known {
		case message.Host:
			if !hasHost {
				host, hasHost = f.Value, true
			}
			continue
		case message.Connection, message.ProxyConnection, message.KeepAlive, message.TE,
			message.Trailer, message.TransferEncoding, message.ContentLength:
			continue
		case message.Upgrade:
			if rec.upgrade == "" {
				rec.upgrade = f.Value
			}
			continue
		case message.Expect:
			if message.EqualFold(f.Value, "100-continue") {
				rec.expects = true
			}
			continue
		case message.ProxyAuthorization:
			if x.User != "" && !x.Env.Has("Proxy-Chain-Auth") {
				continue
			}
		case message.Via:
			if h.site.via == viaBlock {
				continue
			}
		}
		if hop != nil && hop.lists(f.Name) {
			continue
		}
		out = append(out, *f)
	}
	r.Header.Fields = out
	return host, hasHost
}

// merge appends a value to a field, or adds it (apr_table_mergen).
func merge(h *message.Header, k message.Known, value string) {
	for i := range h.Fields {
		if h.Fields[i].Known == k {
			h.Fields[i].Value += ", " + value
			return
		}
	}
	h.AddKnown(k, value)
}

// hopList are the field names that Connection declares hop-by-hop. It is nil
// for the usual "keep-alive" or "close".
type hopList []string

func (l hopList) lists(name string) bool {
	for _, n := range l {
		if message.EqualFold(n, name) {
			return true
		}
	}
	return false
}

func connectionList(h *message.Header) (l hopList) {
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.Known != message.Connection {
			continue
		}
		for tok := range message.Tokens(f.Value) {
			if !message.EqualFold(tok, "keep-alive") && !message.EqualFold(tok, "close") && !message.EqualFold(tok, "upgrade") {
				l = append(l, tok)
			}
		}
	}
	return l
}

// addForwards counts Max-Forwards down; handle has checked that it can be.
func (h *handler) addForwards(x *exchange.Exchange, r *backend.Request) {
	for i := range r.Header.Fields {
		f := &r.Header.Fields[i]
		if f.Known == message.MaxForwards {
			n, _ := strconv.ParseInt(f.Value, 10, 64)
			f.Value = strconv.FormatInt(n-1, 10)
			return
		}
	}
	if h.site.maxForwards >= 0 {
		r.Header.AddKnown(message.MaxForwards, strconv.Itoa(h.site.maxForwards))
	}
}

func (h *handler) addVia(x *exchange.Exchange, r *backend.Request) {
	if v := h.site.via; v == viaOn || v == viaFull {
		merge(&r.Header, message.Via, h.viaText(x))
	}
}

// viaText is this proxy's entry in Via (RFC 9110 §7.6.3). The name is the
// server's own, whatever the client called it; the port is the one the client
// asked for.
func (h *handler) viaText(x *exchange.Exchange) string {
	v := x.Request.Version
	s := string([]byte{'0' + byte(v)/10, '.', '0' + byte(v)%10, ' '}) + h.site.server.Name
	if _, port := x.SelfHost(); port != 0 && port != selfPort(x) {
		s += ":" + strconv.Itoa(int(port))
	}
	if h.site.via == viaFull {
		// The product alone, however much the Server field tells.
		if t, _, _ := strings.Cut(x.ServerToken(), " "); t != "" {
			s += " (" + t + ")"
		}
	}
	return s
}

// selfPort is the default port of the scheme the client uses.
func selfPort(x *exchange.Exchange) uint16 {
	if x.Client.TLS != nil {
		return 443
	}
	return 80
}

// clientAddr is the client's address in text.
func clientAddr(x *exchange.Exchange) string { return x.Client.Text() }

// environment reads the variables by which a configuration steers the proxy.
func (h *handler) environment(x *exchange.Exchange, r *backend.Request) {
	for name, value := range x.Env.All() {
		if len(name) < len("proxy-send") || name[0]|0x20 != 'p' && name[0]|0x20 != 'f' {
			continue
		}
		switch {
		case message.EqualFold(name, "force-proxy-request-1.0"):
			r.HTTP10 = true
		case message.EqualFold(name, "proxy-nokeepalive"):
			r.Close = true
		case message.EqualFold(name, "proxy-initial-not-pooled"):
			r.Fresh = x.Client.Served == 0
		case message.EqualFold(name, "proxy-sendcl"):
			r.SendLength = true
		case message.EqualFold(name, "proxy-sendchunked"), message.EqualFold(name, "proxy-sendchunks"):
			r.SendChunked = true
		case message.EqualFold(name, "proxy-prefetch-nonblocking"):
			r.AtOnce = true
		case message.EqualFold(name, "proxy-sendextracrlf"):
			r.ExtraCRLF = true
		case message.EqualFold(name, "proxy-interim-response"):
			switch {
			case message.EqualFold(value, "RFC"):
				r.Interim = backend.InterimRFC
			case message.EqualFold(value, "Suppress"):
				r.Interim = backend.InterimSuppress
			}
		}
	}
	if r.SendChunked {
		r.SendLength = false
	}
}

// aim directs the request at one worker. member says that it stands in a
// balancer: its own path goes in front.
func (h *handler) aim(x *exchange.Exchange, rec *record, l *link, member bool) {
	r := &rec.req
	rec.to = l
	if !h.preserveHost {
		r.Host = l.host
	}
	if l.secure {
		r.ServerName = h.serverNameFor(r.Host, l)
	}
	r.Prefix = ""
	if member {
		r.Prefix = l.path
	}
	r.Upgrade = ""
	if rec.upgrade != "" && x.Request.Version >= message.HTTP11 && maySwitch(l.upgrade, rec.upgrade) {
		r.Upgrade = rec.upgrade
	}
	// A client's expectation goes end to end; ping= asks even for a client
	// that did not.
	r.Expect = !in(x).None() && (rec.expects && h.continue100 || l.ping > 0)
}

func in(x *exchange.Exchange) *message.Body { return &x.Request.Body }

// maySwitch reports whether a worker's list of protocols holds the one asked
// for. "*" holds all.
func maySwitch(list, protocol string) bool {
	return list != "" && (list == "*" || message.EqualFold(list, protocol) || message.HasToken(list, protocol))
}
