package proxy

import (
	"slices"
	"strconv"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/httpdate"
	"sallyport/internal/message"
)

// filter makes the backend's head in x.Out one for the client: hop-by-hop
// fields go, dates get one form, Via is added, addresses are turned round.
// (httpd: ap_proxy_read_headers and ap_proxy_http_process_response.)
func (h *handler) filter(x *exchange.Exchange, l *link) {
	out := &x.Out.Header
	hop := connectionList(out)
	noLength := x.Out.Status == 204 || x.Out.Status == 304 || out.Has(message.TransferEncoding)
	typed := false
	kept := out.Fields[:0]
	for i := range out.Fields {
		f := &out.Fields[i]
		switch f.Known {
		case message.ContentType:
			if typed {
				continue // the first one counts, as in httpd
			}
			typed = true
		case message.Connection, message.ProxyConnection, message.KeepAlive, message.ProxyAuthenticate,
			message.TE, message.Trailer, message.TransferEncoding:
			continue
		case message.Upgrade:
			if !maySwitch(l.upgrade, f.Value) {
				continue
			}
		case message.ContentLength:
			if noLength {
				continue
			}
		case message.Date, message.Expires, message.LastModified:
			f.Value = canonDate(f.Value)
		case message.Location, message.ContentLocation, message.URI, message.Destination:
			if len(h.reverse) > 0 {
				f.Value = h.turnRound(x, f.Value)
			}
		case message.SetCookie:
			if len(h.cookieDomain) > 0 || len(h.cookiePath) > 0 {
				f.Value = h.turnCookie(x, f.Value)
			}
		}
		if hop != nil && hop.lists(f.Name) {
			continue
		}
		kept = append(kept, *f)
	}
	clear(out.Fields[len(kept):])
	out.Fields = kept
	if v := h.site.via; v == viaOn || v == viaFull {
		out.AddKnown(message.Via, h.viaText(x))
	}
}

// canonDate writes a date in the one form a sender may use (RFC 9110 §5.6.7);
// what is no date stays.
func canonDate(v string) string {
	if len(v) == len(httpdate.Layout) && v[3] == ',' {
		return v
	}
	t, err := httpdate.Parse(v)
	if err != nil {
		return v
	}
	return string(httpdate.Append(nil, t))
}

// overrides reports whether a status from the backend is to be answered by
// this server's own page (ProxyErrorOverride).
func (h *handler) overrides(status int) bool {
	return h.override && status >= 400 && status < 600 &&
		(len(h.overrideCodes) == 0 || slices.Contains(h.overrideCodes, status))
}

// statusNote is the text of the note proxy-status.
func statusNote(status int) string {
	if 100 <= status && status < 600 {
		return statusTexts[status-100]
	}
	return strconv.Itoa(status)
}

var statusTexts = func() (t [500]string) {
	for i := range t {
		t[i] = strconv.Itoa(i + 100)
	}
	return t
}()

// switched makes the backend's 101 one for the client. It reports false when
// the backend switched to what nobody asked for.
func (h *handler) switched(x *exchange.Exchange, rec *record) bool {
	got, _ := x.Out.Header.Known(message.Upgrade)
	if rec.req.Upgrade == "" || !message.EqualFold(got, rec.req.Upgrade) {
		return false
	}
	out := &x.Out.Header
	hop := connectionList(out)
	out.DelFunc(func(f *message.Field) bool {
		switch f.Known {
		case message.Connection, message.ProxyConnection, message.KeepAlive, message.TE, message.Trailer,
			message.TransferEncoding, message.ContentLength, message.Upgrade:
			return true
		}
		return hop.lists(f.Name)
	})
	out.AddKnown(message.Upgrade, rec.req.Upgrade)
	out.AddKnown(message.Connection, "Upgrade")
	return true
}

// tunnelIdle is how long a tunnel may be silent: the longer of the time-outs
// of its two sides.
func tunnelIdle(x *exchange.Exchange, l *link) time.Duration {
	return max(coreTimeout(x.Server), l.Timeout)
}
