package exchange

import (
	"strings"
	"time"
)

// ServerSettings are the core room's per-server settings, resolved with their
// defaults: what every protocol front and the proxy rooms look up.
type ServerSettings struct {
	Timeout              time.Duration // I/O on either side; default 60 s
	KeepAlive            bool
	KeepAliveTimeout     time.Duration
	MaxKeepAliveRequests int // 0: no limit
	LimitRequestLine     int // bytes
	LimitRequestFields   int // count, 0: no limit
	LimitFieldSize       int // bytes
	// Unsafe is HttpProtocolOptions Unsafe: tolerated only where it cannot
	// reach a backend in an ambiguous form. LenientMethods: any token.
	Unsafe            bool
	RegisteredMethods bool
	AllowHTTP09       bool
	TraceEnable       Trace
	MergeSlashes      bool
	EncodedSlashes    EncodedSlashes // AllowEncodedSlashes
	UseCanonicalName  CanonicalName
	UseCanonicalPort  bool   // UseCanonicalPhysicalPort
	Tokens            string // the Server field, by ServerTokens: "Apache/2.4.x"-shaped, ours
	DocumentRoot      string // absolute, without final slash ("/" for the root); "": none
	// RequestRead is mod_reqtimeout's; zero values: no limit.
	HeadTimeout, BodyTimeout ReadLimit
	// Protocols are the application protocols that clients are offered over TLS
	// (ALPN), the preferred one first: what Protocols says of those that a front
	// speaks. nil: http/1.1 alone. Written in Compile by a room that stands
	// before room ssl.
	Protocols []string
	// Handshake is its limit for TLS handshakes.
	Handshake ReadLimit
	// Redirects is how many internal redirects one request may make
	// (LimitInternalRecursion).
	Redirects int
	// StrictHost refuses a Host that no virtual host names (StrictHostCheck).
	StrictHost bool
	// Methods are known to RegisteredMethods beyond httpd's own
	// (RegisterHttpMethod).
	Methods []string
	// Versions is what clients may speak, over TLS and without.
	Versions Protocols
}

// ReadLimit bounds how slowly a head or body may arrive (RequestReadTimeout):
// First until the first byte count, extended by one second per MinRate bytes
// up to Max. A zero First means no limit.
type ReadLimit struct {
	First, Max time.Duration
	MinRate    int // bytes per second; 0: First is the whole limit
}

// Trace is TraceEnable.
type Trace uint8

const (
	TraceOn Trace = iota
	TraceOff
	TraceExtended
)

// EncodedSlashes is AllowEncodedSlashes.
type EncodedSlashes uint8

const (
	SlashesRefused EncodedSlashes = iota
	SlashesDecoded
	SlashesKept // NoDecode
)

// CanonicalName is UseCanonicalName.
type CanonicalName uint8

const (
	NameFromClient CanonicalName = iota
	NameFromServer
	NameFromDNS
)

// DirSettings are the core room's per-section settings, resolved.
type DirSettings struct {
	Signature string // ServerSignature: "", "on", "email"
	Handler   string // SetHandler
	// HandlerFor makes the handler's name for a request where SetHandler has
	// an expression; nil: Handler is it.
	HandlerFor       func(*Exchange) string
	ForceType        string
	LimitRequestBody int64  // bytes; 0: no limit
	AcceptPathInfo   string // "on", "off", "default"
	FileETag         string // words of INode MTime Size Digest, or "None"; "": MTime Size
	Charset          string // AddDefaultCharset; "" is Off
	// MaxRanges, MaxRangeOverlaps and MaxRangeReversals: -1 none at all, 0
	// unlimited.
	MaxRanges, RangeOverlaps, RangeReversals int
	Sendfile                                 bool
	FollowSymlinks                           bool
	SymlinksIfOwner                          bool
	Indexes                                  bool
	ErrorDocuments                           map[int]ErrorDocument // nil: none
	HostnameLookups                          Lookups
}

// ErrorDocument is one ErrorDocument line. Kind is 't' text, 'p' local path,
// 'u' external URL, 'd' the default page.
type ErrorDocument struct {
	Kind  byte
	Value string
	// Make makes Value for a request where it is an expression; nil: it is
	// as it stands.
	Make func(*Exchange) string
}

// HandlerName is how the name of a handler is compared: in lower case, but for
// the URL behind "proxy:".
//
// Unlike httpd: it folds the case of that URL's path, too, because a path in
// capitals is meant so.
func HandlerName(s string) string {
	const proxy = "proxy:"
	if len(s) >= len(proxy) && strings.EqualFold(s[:len(proxy)], proxy) {
		return proxy + s[len(proxy):]
	}
	return strings.ToLower(s)
}

// SetHandler gives x the handler that SetHandler names in its Place, if any.
func (x *Exchange) SetHandler() {
	core := &x.Place.Core
	switch {
	case core.HandlerFor != nil:
		if h := core.HandlerFor(x); h != "" && !equalFold(h, "none") {
			x.Handler = HandlerName(h)
		}
	case core.Handler != "":
		x.Handler = core.Handler
	}
}

// Lookups is HostnameLookups: whether clients' names are looked up for the
// log, and whether a name must lead back to the address.
type Lookups uint8

const (
	LookupsOff Lookups = iota
	LookupsOn
	LookupsDouble
)
