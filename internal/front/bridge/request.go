// Package bridge is what the fronts for HTTP/2 and HTTP/3 share: how header
// fields that come one by one, with pseudo-fields in front, become a request of
// the house, and which fields of a response may go back that way. In this
// house such a request becomes HTTP/1.1 text at a backend sooner or later, so
// this is where it is held to the rules of both worlds.
//
// It knows no frames, no streams and no sockets: front/h2 and front/h3 do.
package bridge

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"sallyport/internal/exchange"
	"sallyport/internal/message"
	wire "sallyport/internal/wire/h1"
)

// Malformed says why a request breaks the rules of its own protocol (RFC 9113
// §8.1.1): its stream is reset, nothing answers it.
type Malformed string

func (m Malformed) Error() string { return string(m) }

// Head collects the header section of one request. The zero Head is ready.
type Head struct {
	Method, Scheme, Authority, Path, Protocol string

	seen    pseudo
	regular bool // a field that is no pseudo-field has come
	cookie  int  // 1 + its index
	size    int  // RFC 9113 §6.5.2: names, values and 32 each
	over    bool // size has passed the limit; the rest was dropped
	bad     error
}

// pseudo is a set of pseudo-fields.
type pseudo uint8

const (
	method pseudo = 1 << iota
	scheme
	authority
	path
	protocol
)

// fieldOverhead is what a field counts for beside its bytes.
const fieldOverhead = 32

// Size is how much of the section is held, as SETTINGS_MAX_HEADER_LIST_SIZE
// counts.
func (h *Head) Size() int { return h.size }

// Add takes the next field in order. limit bounds the section; what comes beyond
// it is dropped.
func (h *Head) Add(r *message.Request, name, value string, limit int) {
	n := len(name) + len(value) + fieldOverhead
	if h.over = h.over || h.size+n > limit; h.over || h.bad != nil {
		return
	}
	h.size += n
	if name != "" && name[0] == ':' {
		h.bad = h.pseudo(name, value)
		return
	}
	if !h.regular {
		h.regular = true
		// The place of Host, which Request fills: in front, as in HTTP/1.1.
		r.Header.AddKnown(message.Host, "")
	}
	h.bad = h.field(&r.Header, name, value)
}

func (h *Head) pseudo(name, value string) error {
	var p pseudo
	var to *string
	switch name {
	case ":method":
		p, to = method, &h.Method
	case ":scheme":
		p, to = scheme, &h.Scheme
	case ":authority":
		p, to = authority, &h.Authority
	case ":path":
		p, to = path, &h.Path
	case ":protocol":
		p, to = protocol, &h.Protocol
	default:
		return Malformed("unknown pseudo-field")
	}
	if h.regular {
		return Malformed("pseudo-field behind a field")
	}
	if h.seen&p != 0 {
		return Malformed("pseudo-field twice")
	}
	h.seen |= p
	*to = value
	return nil
}

func (h *Head) field(to *message.Header, name, value string) error {
	value = trim(value)
	if err := checkField(name, value); err != nil {
		return err
	}
	k := message.Lookup(name)
	switch k {
	case message.TE:
		if value != "trailers" {
			return Malformed("TE with something else than trailers")
		}
	case message.Host:
		// One that repeats :authority is nothing new.
		// Unlike httpd: another one is not ignored, because RFC 9113 §8.3.1 says so.
		if f := &to.Fields[0]; f.Value == "" && (h.Authority == "" || message.EqualFold(h.Authority, value)) {
			f.Value = value
			return nil
		}
		return Malformed("Host beside another one, or another :authority")
	case message.Cookie:
		// RFC 9113 §8.2.3: crumbs become one again.
		if h.cookie > 0 {
			to.Fields[h.cookie-1].Value += "; " + value
			return nil
		}
		h.cookie = len(to.Fields) + 1
	}
	if k != message.Other {
		to.AddKnown(k, value)
	} else if name != "http2-settings" {
		to.Fields = append(to.Fields, message.Field{Name: Title(name), Value: value})
	}
	return nil
}

// trim takes away the white space around a field's value, which RFC 9113 §8.2.1
// forbids and clients send all the same; mod_http2 does so too.
func trim(value string) string { return strings.Trim(value, " \t") }

// checkField holds a field, or one of a trailer section, to RFC 9113 §8.2.
func checkField(name, value string) error {
	if name == "" {
		return Malformed("empty field name")
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c >= 0x7f || c >= 'A' && c <= 'Z' || c == ':' {
			return Malformed("field name with a forbidden byte")
		}
	}
	if Forbidden(message.Lookup(name)) {
		return Malformed("field of a connection")
	}
	if strings.ContainsAny(value, "\x00\r\n") {
		return Malformed("field value with a forbidden byte")
	}
	return nil
}

// Forbidden reports whether a field belongs to a connection of HTTP/1.1 and
// does not exist behind it (RFC 9113 §8.2.2).
func Forbidden(k message.Known) bool {
	switch k {
	case message.Connection, message.KeepAlive, message.ProxyConnection, message.TransferEncoding, message.Upgrade:
		return true
	}
	return false
}

// Title spells a field's name the way HTTP/1.1 is used to: "x-foo" becomes
// "X-Foo" (what mod_http2 does; backends are known that look at the case).
func Title(name string) string {
	b := []byte(name)
	up := true
	for i, c := range b {
		if up && c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
		up = c == '-'
	}
	return string(b)
}

// Lower spells a field's name for HTTP/2 and HTTP/3.
func Lower(name string) string {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c >= 'A' && c <= 'Z' {
			return strings.ToLower(name)
		}
	}
	return name
}

// WebSocket is the :protocol of RFC 8441 and RFC 9220.
const WebSocket = "websocket"

// Request makes r of what was collected, and cuts its target into x's paths. An
// error is a Malformed, or a *wire.Problem with the status to answer. connect
// says that extended CONNECT was offered; then tunnel tells that the request is
// one, and r is what it would be in HTTP/1.1 (RFC 8441 §5). end says that no
// content follows.
func (h *Head) Request(x *exchange.Exchange, set *exchange.ServerSettings, connect, end bool) (tunnel bool, err error) {
	r := &x.Request
	r.Method = h.Method
	r.Target = h.Path
	switch {
	case h.bad != nil:
		return false, h.bad
	case h.over:
		return false, problemTooLarge
	}
	const origin = method | scheme | path
	switch {
	case h.seen&protocol != 0:
		if !connect || h.Method != "CONNECT" || h.seen&(origin|authority) != origin|authority {
			return false, Malformed("extended CONNECT was not offered, or lacks a pseudo-field")
		}
		if h.Protocol != WebSocket {
			return false, problemProtocol
		}
		tunnel = true
		r.Method = "GET"
	case h.Method == "CONNECT":
		if h.seen != method|authority {
			return false, Malformed("CONNECT with other pseudo-fields than :authority")
		}
		r.Target = h.Authority
	case h.seen&origin != origin:
		return false, Malformed("a pseudo-field is missing")
	case h.Path == "":
		return false, Malformed("empty :path")
	}
	if h.Method != "CONNECT" && h.Path[0] != '/' && h.Path != "*" {
		return false, problemPath
	}
	if h.seen&scheme != 0 && h.Scheme != "http" && h.Scheme != "https" {
		return false, problemScheme
	}
	if !h.regular {
		r.Header.AddKnown(message.Host, "")
	}
	if h.seen&authority != 0 {
		r.Header.Fields[0].Value = h.Authority
	}
	lim := wire.Limits{Line: set.LimitRequestLine, Fields: set.LimitRequestFields, FieldSize: set.LimitFieldSize}
	opt := wire.Options{Unsafe: set.Unsafe, Registered: set.RegisteredMethods, Methods: set.Methods}
	if p := wire.CheckRequest(r, &lim, opt); p != nil {
		return false, p
	}
	if tunnel {
		upgrade(&r.Header)
	}
	fr, p := wire.RequestFraming(r)
	switch {
	case p != nil:
		return false, p
	case end && fr.Length > 0:
		return false, Malformed("content announced and none sent")
	case tunnel, end:
		r.Body.Length = 0
	case fr.Kind == wire.NoBody:
		r.Body.Length = -1
	default:
		r.Body.Length = fr.Length
	}
	t, p := wire.ParseTarget(r, opt)
	if p != nil {
		return false, p
	}
	if v, ok := r.Header.Known(message.Expect); ok && v != "" && !message.EqualFold(v, "100-continue") {
		return false, problemExpect
	}
	r.Header.Join()
	x.RawPath, x.Query, x.HasQuery = t.Path, t.Query, t.HasQuery
	return tunnel, nil
}

var (
	problemTooLarge = &wire.Problem{Status: 431, ID: "AH00563", Text: "header section larger than LimitRequestFields and LimitRequestFieldSize allow"}
	problemProtocol = &wire.Problem{Status: 501, Text: "extended CONNECT for another protocol than websocket"}
	problemPath     = &wire.Problem{Status: 400, ID: "AH03450", Text: ":path does not begin with a slash"}
	problemScheme   = &wire.Problem{Status: 400, Text: ":scheme is neither http nor https"}
	problemExpect   = &wire.Problem{Status: 417, Text: "the client expects what this server does not know"}
)

// upgrade adds what HTTP/1.1 asks for a WebSocket with. The key is ours: this
// protocol knows none (RFC 8441 §5.1).
func upgrade(h *message.Header) {
	h.DelFunc(func(f *message.Field) bool {
		return f.Known == message.Other && message.EqualFold(f.Name, "Sec-WebSocket-Key")
	})
	var key [16]byte
	rand.Read(key[:])
	h.AddKnown(message.Upgrade, WebSocket)
	h.AddKnown(message.Connection, "Upgrade")
	h.Add("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:]))
}

// Trailer collects a trailer section.
type Trailer struct {
	Header message.Header
	size   int
}

// Add takes the next field in order.
func (t *Trailer) Add(name, value string, limit int) error {
	if t.size += len(name) + len(value) + fieldOverhead; t.size > limit {
		return Malformed("trailer section too large")
	}
	if err := checkField(name, value); err != nil {
		return err // also for a pseudo-field
	}
	t.Header.Add(Title(name), trim(value))
	return nil
}

// Limit is how large a header section may be, in bytes: as large as the limits
// for single fields make it, within reason.
func Limit(set *exchange.ServerSettings) int {
	const most = 256 << 10
	fields := set.LimitRequestFields
	if fields <= 0 {
		return most
	}
	return min(set.LimitRequestLine+fields*(set.LimitFieldSize+fieldOverhead), most)
}
