package files

import (
	"strings"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/httpdate"
	"sallyport/internal/message"
)

// validators are what a client may compare its copy with.
type validators struct {
	etag  string    // as sent, "" for none
	mtime time.Time // whole seconds, not in the future
	now   time.Time // when the request was received
}

// precondition evaluates the conditions of a request in the order of RFC 9110
// §13.2.2. It returns 0 when the request is to be carried out, 304 or 412.
//
// Unlike httpd: a date counts only where no entity tag was sent, as the RFC
// says; httpd wants both to agree.
func precondition(x *exchange.Exchange, v validators) int {
	h := &x.Request.Header
	get := x.Request.Method == "GET" || x.Request.Method == "HEAD"
	if h.Has(message.IfMatch) {
		list, _ := h.Joined("If-Match")
		if !listed(list, v.etag, true) {
			return 412
		}
	} else if since, ok := h.Known(message.IfUnmodifiedSince); ok {
		if t, err := httpdate.Parse(since); err == nil && v.mtime.After(t) {
			return 412
		}
	}
	if h.Has(message.IfNoneMatch) {
		list, _ := h.Joined("If-None-Match")
		if listed(list, v.etag, false) {
			if get {
				return 304
			}
			return 412
		}
	} else if since, ok := h.Known(message.IfModifiedSince); ok && get {
		// A date that is still to come is none, as in httpd.
		if t, err := httpdate.Parse(since); err == nil && !v.mtime.After(t) && !t.After(v.now) {
			return 304
		}
	}
	return 0
}

// ifRange reports whether Range counts: there is no If-Range, or its tag or
// date is exactly ours and strong (RFC 9110 §13.1.5).
func ifRange(x *exchange.Exchange, v validators) bool {
	want, ok := x.Request.Header.Known(message.IfRange)
	if !ok {
		return true
	}
	if strings.HasPrefix(want, `"`) || strings.HasPrefix(want, "W/") {
		return want == v.etag && want[0] == '"'
	}
	t, err := httpdate.Parse(want)
	return err == nil && t.Equal(v.mtime) && v.now.Sub(v.mtime) >= time.Second
}

// listed reports whether an If-Match or If-None-Match list names the tag, or
// is "*". The strong comparison wants both tags strong.
func listed(list, tag string, strong bool) bool {
	list = strings.Trim(list, " \t")
	if list == "*" {
		return true
	}
	if tag == "" || strong && strings.HasPrefix(tag, "W/") {
		return false
	}
	bare := strings.TrimPrefix(tag, "W/")
	for {
		list = strings.TrimLeft(list, " \t,")
		if list == "" {
			return false
		}
		weak := strings.HasPrefix(list, "W/")
		if weak {
			list = list[2:]
		}
		end := len(list)
		if list != "" && list[0] == '"' {
			if i := strings.IndexByte(list[1:], '"'); i >= 0 {
				end = i + 2
			}
		} else if i := strings.IndexByte(list, ','); i >= 0 {
			end = i
		}
		if list[:end] == bare && !(strong && weak) {
			return true
		}
		list = list[end:]
	}
}
