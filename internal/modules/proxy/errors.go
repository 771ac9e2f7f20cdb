package proxy

import (
	"errors"
	"html"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"sallyport/internal/backend/secure"
	"sallyport/internal/clock"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/fault"
	wire "sallyport/internal/wire/h1"
)

// now is the clock of elections.
func now() time.Time { return clock.Now() }

// refuse answers with a "Proxy Error" page that gives the reason (httpd's
// ap_proxyerror).
func refuse(x *exchange.Exchange, status int, reason string) exchange.Verdict {
	x.Logf(errorlog.Error, "proxy", "AH00898: %s returned by %s", reason, x.Path)
	setReason(x, status, reason)
	return exchange.Status(status)
}

func refuseErr(x *exchange.Exchange, status int, err error, reason string) exchange.Verdict {
	x.LogErr(errorlog.Error, "proxy", err, "AH00898: %s returned by %s", reason, x.Path)
	setReason(x, status, reason)
	return exchange.Status(status)
}

func setReason(x *exchange.Exchange, status int, reason string) {
	x.Restart()
	x.Out.Status, x.Out.Reason = status, "Proxy Error"
	x.Notes.Set("error-notes", "The proxy server could not handle the request<p>Reason: <strong>"+
		html.EscapeString(reason)+"</strong></p>")
	x.Notes.Set("verbose-error-to", "*")
}

// failed logs a fault that came before the response began, once, and answers
// it by the fault table.
func failed(x *exchange.Exchange, l *link, f *fault.Fault) exchange.Verdict {
	if f.Begun {
		logBroken(x, l, f)
		x.Aborted = true
		return exchange.Done
	}
	x.Restart()
	row := f.Kind.Row()
	status := f.Code()
	host, _, _ := strings.Cut(l.Target.Addr, ":")
	if n, _, err := net.SplitHostPort(l.Target.Addr); err == nil {
		host = n
	}
	switch f.Kind {
	case fault.ClientGone:
		x.Aborted = true
		x.Out.Status = statusClientGone
		return exchange.Done
	case fault.ClientBody:
		x.KeepAlive = false
		x.LogErr(errorlog.Error, "proxy_http", f.Err, "AH01095: prefetch request body failed to %s (%s) from %s ()",
			l.Target.Addr, host, clientAddr(x))
		return exchange.Status(status)
	case fault.ConnectFailed, fault.ConnectTimeout:
		if l.Target.Network == "unix" {
			x.LogErr(errorlog.Error, "proxy", system(f), "AH02454: %s: attempt to connect to Unix domain socket %s (%s) failed",
				strings.ToUpper(l.scheme), l.Target.Addr, l.host)
		} else {
			x.LogErr(errorlog.Error, "proxy", system(f), "AH00957: %s: attempt to connect to %s (%s) failed",
				l.scheme, orAddr(f.Detail, l.Target.Addr), l.Target.Addr)
		}
		x.Logf(errorlog.Error, "proxy_http", "AH01114: HTTP: failed to make connection to backend: %s", host)
		return exchange.Status(status)
	case fault.TLSDisabled:
		x.Logf(errorlog.Error, "proxy", "AH00961: %s: failed to enable ssl support for %s (%s)", l.scheme, l.Target.Addr, host)
		return exchange.Status(status)
	case fault.TLSFailed:
		why, id := f.Err, "AH02003"
		if c, ok := errors.AsType[*secure.CheckError](f.Err); ok {
			id = c.ID
		}
		x.LogErr(errorlog.Error, "ssl", why, "%s: SSL Proxy: handshake with %s (%s) failed", id, orAddr(f.Detail, l.Target.Addr), l.Name)
	case fault.Refused:
		x.LogErr(errorlog.Error, "proxy_http2", f.Err, "%s (%s) did not take the request", l.Target.Addr, l.Name)
		return exchange.Status(status)
	case fault.PoolTimeout:
		x.Logf(errorlog.Error, "proxy", "AH00941: %s: failed to acquire connection for (%s:%d)", l.scheme, host, l.Max)
		return exchange.Status(status)
	case fault.Unresolved:
		return refuseErr(x, status, f.Err, row.Page+orAddr(f.Detail, host))
	case fault.ReadTimeout:
		x.LogErr(errorlog.Error, "proxy_http", system(f), "AH01102: error reading status line from remote server %s", l.Target.Addr)
		x.Logf(errorlog.Debug, "proxy_http", "AH01103: read timeout")
	case fault.ClosedEarly, fault.SendFailed:
		x.LogErr(errorlog.Error, "proxy_http", system(f), "AH01102: error reading status line from remote server %s", l.Target.Addr)
	case fault.BadHead:
		logBadHead(x, f)
	case fault.BadName:
		logBadField(x, f)
		x.KeepAlive = false
	case fault.BadStatusLine:
		if f.Detail != "" {
			return refuse(x, status, row.Page+": "+f.Detail)
		}
	case fault.BadFraming:
		x.LogErr(errorlog.Error, "proxy_http", f.Err, "AH01110: error reading response")
	}
	if row.Page != "" {
		return refuse(x, status, row.Page)
	}
	return exchange.Status(status)
}

// logBadHead tells of a head that ended early, broke a limit or is malformed:
// first what httpd calls it where it has a name for it, then whose it was.
func logBadHead(x *exchange.Exchange, f *fault.Fault) {
	switch p, ok := errors.AsType[*wire.Problem](f.Err); {
	case !ok:
		err := system(f)
		if err == nil {
			err = io.EOF
		}
		x.LogErr(errorlog.Warn, "proxy_http", err, "AH10404: Error reading headers from backend")
	case p.ID != "AH01106":
		x.Logf(errorlog.Warn, "proxy_http", "%s: %s", p.ID, p.Text)
	}
	x.Logf(errorlog.Warn, "proxy_http", "AH01106: bad HTTP/1.1 header returned by %s (%s)", x.Path, x.Request.Method)
}

func logBadField(x *exchange.Exchange, f *fault.Fault) {
	p, _ := errors.AsType[*wire.Problem](f.Err)
	switch {
	case p == nil:
		x.LogErr(errorlog.Error, "http", f.Err, "AH02429: Response header name or value contains invalid characters, aborting request")
	case p.ID == "AH02429":
		x.Logf(errorlog.Error, "http", "AH02429: Response header name '%s' contains invalid characters, aborting request", f.Detail)
	case p.ID == "AH02430":
		x.Logf(errorlog.Error, "http", "AH02430: Response header '%s' value contains invalid characters, aborting request", f.Detail)
	default:
		x.Logf(errorlog.Error, "http", "%s: %s", p.ID, p.Text)
	}
}

// statusClientGone is logged for an exchange whose client left before there
// was an answer; it is never sent.
const statusClientGone = 499

func orAddr(s, addr string) string {
	if s == "" {
		return addr
	}
	return s
}

// system is what the log line shows in front: all time-outs look alike.
func system(f *fault.Fault) error {
	if f.Kind == fault.ConnectTimeout || f.Kind == fault.ReadTimeout || errors.Is(f.Err, os.ErrDeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return f.Err
}

// logBroken logs what ended an exchange whose response had begun.
func logBroken(x *exchange.Exchange, l *link, f *fault.Fault) {
	if f == nil || f.Kind == fault.ClientGone {
		return
	}
	x.LogErr(errorlog.Error, "proxy_http", f.Err, "AH01110: error reading response from %s", l.Target.Addr)
}
