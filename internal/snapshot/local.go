package snapshot

import (
	"sallyport/internal/exchange"
	wire "sallyport/internal/wire/h1"
)

// asterisk answers "OPTIONS *", which asks about the server as a whole and is
// never proxied.
func asterisk(x *exchange.Exchange) exchange.Verdict {
	x.Out.Status = 200
	x.Out.Body.Length = 0
	x.Begin()
	return exchange.Done
}

// trace answers TRACE with the request as it arrived (RFC 9110 §9.3.8).
func trace(x *exchange.Exchange) exchange.Verdict {
	if x.Request.Body.Length != 0 && !x.Request.Body.None() && x.Server.Core.TraceEnable != exchange.TraceExtended {
		x.Notes.Set("error-notes", "TRACE with request body is not allowed")
		return exchange.Status(413)
	}
	b := wire.AppendRequestLine(nil, x.Request.Method, x.Request.Target, x.Request.Version)
	b = wire.AppendFields(b, &x.Request.Header)
	b = wire.AppendBlank(b)
	x.Out.Status = 200
	x.Out.Header.Set("Content-Type", "message/http")
	x.Out.Body.Length = -1
	if x.Begin() == nil {
		x.Write(b)
	}
	return exchange.Done
}
