package bridge

import (
	"strconv"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/httpdate"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h1"
)

// Encoder takes the fields of a header section one by one.
type Encoder interface{ Field(name, value string) }

// Fields hands every field of a response's head to e, with its name in lower
// case: those of x.Out without those of a connection, then Date and Server as
// mod_http2 places them. status is what the client is told; tunnel means that
// a 101 answers an extended CONNECT.
func Fields(x *exchange.Exchange, r *message.Response, status int, tunnel bool, length int64, e Encoder) {
	h := &r.Header
	date, server := false, false
	for i := range h.Fields {
		f := &h.Fields[i]
		switch f.Known {
		case message.ContentLength:
			continue // length has it
		case message.Date:
			date = true
		case message.Server:
			server = true
		case message.Other:
			if tunnel && message.EqualFold(f.Name, "Sec-WebSocket-Accept") {
				continue
			}
			e.Field(Lower(f.Name), f.Value)
			continue
		}
		if !Forbidden(f.Known) {
			e.Field(f.Known.Lower(), f.Value)
		}
	}
	if v, ok := h.Known(message.ContentLength); ok && length < 0 && !tunnel && status != 204 {
		e.Field("content-length", v) // of a HEAD or 304
	} else if length >= 0 {
		e.Field("content-length", strconv.FormatInt(length, 10))
	}
	if !date {
		var b [32]byte
		e.Field("date", string(httpdate.Append(b[:0], x.Received)))
	}
	if !server {
		if t := x.ServerToken(); t != "" {
			e.Field("server", t)
		}
	}
}

// Begin decides how a response begins: r is the response itself, or a 500 in its
// place, for a head that may not be written; tunnel says that it answers an
// extended CONNECT. length and none are content's.
func Begin(x *exchange.Exchange, r *message.Response, tunnel bool) (_ *message.Response, status int, length int64, none bool) {
	x.KeepAlive = false // for the log (%X): it is not the exchange's to say
	// No field's name or value may be taken for something else.
	if wire.BadField(&r.Header) >= 0 {
		x.Logf(errorlog.Error, "core", "AH02430: Response header value contains invalid characters, aborting request")
		x.Restart()
		x.Out.Status = 500
		r = &x.Out
	}
	status = r.Status
	length, none = content(x, r)
	if tunnel {
		status, length, none = tunnelStatus(x, status, length, none)
	}
	return r, status, length, none
}

// content decides about the content of a response: length is what to announce,
// -1 for nothing; none means that no byte of content may follow.
func content(x *exchange.Exchange, r *message.Response) (length int64, none bool) {
	none = message.Bodyless(r.Status) || x.Request.Method == "HEAD"
	switch {
	case r.Status == 204 || r.Status < 200:
		return -1, true
	case none:
		if r.Header.Has(message.ContentLength) || r.Status == 304 || r.Body.Length == 0 {
			return -1, true
		}
		return r.Body.Length, true
	}
	return r.Body.Length, false
}

// tunnelStatus is what answers an extended CONNECT: 200 for the 101 of HTTP/1.1,
// and no other 2xx, which would say that the tunnel is open.
func tunnelStatus(x *exchange.Exchange, status int, length int64, none bool) (int, int64, bool) {
	switch {
	case status == 101:
		return 200, -1, false
	case status < 300:
		x.Logf(errorlog.Error, "http2", "the backend answers %d to a WebSocket, client gets 502", status)
		return 502, 0, true
	}
	return status, length, none
}
