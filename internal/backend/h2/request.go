package h2

import (
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"

	"sallyport/internal/backend"
	"sallyport/internal/fault"
	"sallyport/internal/message"
	h1 "sallyport/internal/wire/h1"
	wire "sallyport/internal/wire/h2"
)

// open sends the request's head, and its body where that is at hand.
func (st *stream) open() *fault.Fault {
	r := st.req
	if h1.BadField(&r.Header) >= 0 || badText(r.Host) || badText(r.Path) || badText(r.Query) || badText(r.Prefix) {
		return &fault.Fault{Kind: fault.ClientBody, Status: 400, Err: errBadField}
	}
	plain := r.Whole && !trailing(r)
	body := !st.connect && r.Body != nil && !r.Body.None() && !(plain && len(r.Ahead) == 0)
	whole := plain && len(r.Ahead) <= firstData
	if body && !(whole && !r.Expect) {
		st.sender = newSender(st)
	}
	end := !st.connect && (!body || whole && len(r.Ahead) == 0)
	s := st.s
	s.mu.Lock()
	inline := body && st.sender == nil && !end && int64(len(r.Ahead)) <= min(s.initial, s.window)
	if body && st.sender == nil && !end && !inline {
		st.sender = newSender(st)
	}
	s.mu.Unlock()
	var refused bool
	err := s.write(func(b []byte) []byte {
		s.mu.Lock()
		if s.closing || s.err != nil {
			refused = true
			s.mu.Unlock()
			return b
		}
		st.id = s.next
		s.next += 2
		st.window = s.initial
		if inline && int64(len(r.Ahead)) <= min(s.initial, s.window) {
			st.window -= int64(len(r.Ahead))
			s.window -= int64(len(r.Ahead))
		} else if inline {
			inline = false
			st.sender = newSender(st)
		}
		st.closed = end || inline
		s.calm.Given()
		s.streams[st.id] = st
		s.mu.Unlock()
		st.wire = true
		s.block.Reset()
		st.encode()
		at := len(b)
		b = wire.AppendHeaders(b, st.id, s.block.Bytes(), end)
		if s.block.Cap() > writeBuffer {
			s.block.Reset()
		}
		if inline {
			b = appendData(b, st.id, r.Ahead, true)
		}
		st.sent += int64(len(b) - at)
		return b
	})
	switch {
	case refused:
		return &fault.Fault{Kind: fault.Refused, Err: errClosing}
	case err != nil:
		return &fault.Fault{Kind: fault.SendFailed, Err: err}
	}
	return nil
}

// trailing reports that a trailer section may follow the content.
func trailing(r *backend.Request) bool {
	if r.Body == nil || r.Body.Trailer == nil {
		return false
	}
	if !r.Whole {
		return true
	}
	t := r.Body.Trailer()
	return t != nil && len(t.Fields) > 0
}

// firstData is what may travel with the head: more would keep others from
// writing.
const firstData = wire.MaxFrame

func appendData(b []byte, id uint32, p []byte, end bool) []byte {
	h := wire.Head{Length: len(p), Type: wire.Data, Stream: id}
	if end {
		h.Flags = wire.EndStream
	}
	return append(wire.AppendHead(b, h), p...)
}

// badText finds what must not stand in a pseudo-field.
func badText(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// encode makes the header block. Under wmu.
func (st *stream) encode() {
	r, s := st.req, st.s
	scheme := "http"
	if st.work.TLS != nil {
		scheme = "https"
	}
	method := r.Method
	if st.connect {
		method = "CONNECT"
	}
	field := func(name, value string, sensitive bool) {
		s.enc.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: sensitive})
	}
	field(":method", method, false)
	if st.connect {
		field(":protocol", "websocket", false)
	}
	field(":scheme", scheme, false)
	field(":authority", r.Host, false)
	path := r.Prefix + r.Path
	if r.HasQuery {
		path += "?" + r.Query
	}
	if path == "" {
		path = "/"
	}
	field(":path", path, false)
	for i := range r.Header.Fields {
		f := &r.Header.Fields[i]
		switch f.Known {
		case message.Other:
			if st.connect && message.EqualFold(f.Name, "Sec-WebSocket-Key") {
				continue
			}
			field(strings.ToLower(f.Name), f.Value, false)
		case message.Connection, message.KeepAlive, message.ProxyConnection, message.TransferEncoding,
			message.Upgrade, message.TE, message.ContentLength, message.Host:
		case message.Authorization, message.ProxyAuthorization:
			field(f.Known.Lower(), f.Value, true)
		default:
			field(f.Known.Lower(), f.Value, false)
		}
	}
	if !st.connect {
		field("te", "trailers", false) // we take them, whether the client does or not
	}
	if r.Expect && !st.connect {
		field("expect", "100-continue", false)
	}
	switch {
	case st.connect || r.Body == nil || r.Body.None():
	case r.Whole && r.Ahead != nil && (r.Body.Length >= 0 || r.SendLength):
		field("content-length", strconv.Itoa(len(r.Ahead)), false)
	case r.Body.Length >= 0:
		field("content-length", strconv.FormatInt(r.Body.Length, 10), false)
	}
}
