package message

// Known numbers the field names that code looks for. Other stands for every
// name that is not in the table.
type Known uint8

// The table, in alphabetical order. knownNames below holds the spellings.
const (
	Other Known = iota
	Accept
	AcceptCharset
	AcceptEncoding
	AcceptLanguage
	AcceptRanges
	Age
	Allow
	Authorization
	CacheControl
	Connection
	ContentEncoding
	ContentLanguage
	ContentLength
	ContentLocation
	ContentRange
	ContentType
	Cookie
	Date
	Destination
	ETag
	Expect
	Expires
	Forwarded
	From
	Host
	IfMatch
	IfModifiedSince
	IfNoneMatch
	IfRange
	IfUnmodifiedSince
	KeepAlive
	LastModified
	Location
	MaxForwards
	Origin
	Pragma
	ProxyAuthenticate
	ProxyAuthorization
	ProxyConnection
	Range
	Referer
	RetryAfter
	Server
	SetCookie
	StrictTransportSecurity
	TE
	Trailer
	TransferEncoding
	Upgrade
	URI
	UserAgent
	Vary
	Via
	Warning
	WWWAuthenticate
	XForwardedFor
	XForwardedHost
	XForwardedProto
	XForwardedServer
	numKnown
)

var knownNames = [numKnown]string{
	Accept:                  "Accept",
	AcceptCharset:           "Accept-Charset",
	AcceptEncoding:          "Accept-Encoding",
	AcceptLanguage:          "Accept-Language",
	AcceptRanges:            "Accept-Ranges",
	Age:                     "Age",
	Allow:                   "Allow",
	Authorization:           "Authorization",
	CacheControl:            "Cache-Control",
	Connection:              "Connection",
	ContentEncoding:         "Content-Encoding",
	ContentLanguage:         "Content-Language",
	ContentLength:           "Content-Length",
	ContentLocation:         "Content-Location",
	ContentRange:            "Content-Range",
	ContentType:             "Content-Type",
	Cookie:                  "Cookie",
	Date:                    "Date",
	Destination:             "Destination",
	ETag:                    "ETag",
	Expect:                  "Expect",
	Expires:                 "Expires",
	Forwarded:               "Forwarded",
	From:                    "From",
	Host:                    "Host",
	IfMatch:                 "If-Match",
	IfModifiedSince:         "If-Modified-Since",
	IfNoneMatch:             "If-None-Match",
	IfRange:                 "If-Range",
	IfUnmodifiedSince:       "If-Unmodified-Since",
	KeepAlive:               "Keep-Alive",
	LastModified:            "Last-Modified",
	Location:                "Location",
	MaxForwards:             "Max-Forwards",
	Origin:                  "Origin",
	Pragma:                  "Pragma",
	ProxyAuthenticate:       "Proxy-Authenticate",
	ProxyAuthorization:      "Proxy-Authorization",
	ProxyConnection:         "Proxy-Connection",
	Range:                   "Range",
	Referer:                 "Referer",
	RetryAfter:              "Retry-After",
	Server:                  "Server",
	SetCookie:               "Set-Cookie",
	StrictTransportSecurity: "Strict-Transport-Security",
	TE:                      "TE",
	Trailer:                 "Trailer",
	TransferEncoding:        "Transfer-Encoding",
	Upgrade:                 "Upgrade",
	URI:                     "URI",
	UserAgent:               "User-Agent",
	Vary:                    "Vary",
	Via:                     "Via",
	Warning:                 "Warning",
	WWWAuthenticate:         "WWW-Authenticate",
	XForwardedFor:           "X-Forwarded-For",
	XForwardedHost:          "X-Forwarded-Host",
	XForwardedProto:         "X-Forwarded-Proto",
	XForwardedServer:        "X-Forwarded-Server",
}

// String gives the canonical spelling; "" for Other.
func (k Known) String() string { return knownNames[k] }

// Lower gives the spelling of HTTP/2 and HTTP/3; "" for Other.
func (k Known) Lower() string { return lowerNames[k] }

var lowerNames = func() (t [numKnown]string) {
	for k := range t {
		t[k] = lower(knownNames[k])
	}
	return t
}()

// byLen[n] lists the known names of n bytes.
var byLen = func() (t [26][]Known) {
	for k := Other + 1; k < numKnown; k++ {
		t[len(knownNames[k])] = append(t[len(knownNames[k])], k)
	}
	return t
}()

// Lookup finds the number of a field name in any spelling; Other if it has
// none. It allocates nothing: candidates of the same length are told apart by
// their first and last byte before they are compared whole.
func Lookup(name string) Known {
	n := len(name)
	if n == 0 || n >= len(byLen) {
		return Other
	}
	for _, k := range byLen[n] {
		c := knownNames[k]
		if c[0]|0x20 == name[0]|0x20 && c[n-1]|0x20 == name[n-1]|0x20 && EqualFold(c, name) {
			return k
		}
	}
	return Other
}
