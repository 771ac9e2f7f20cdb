package h1

import (
	"net/netip"
	"strings"

	"sallyport/internal/message"
)

// Form is the shape of a request target (RFC 9112 §3.2).
type Form uint8

const (
	OriginForm    Form = iota // /path?query
	AbsoluteForm              // http://host/path?query
	AuthorityForm             // host:port, CONNECT only
	AsteriskForm              // *, OPTIONS only
)

// Target is a request target taken apart. Path is as received, not decoded:
// "/" for an absolute form without one and for the authority form, "*" for the
// asterisk. HasQuery tells "/a?" from "/a".
type Target struct {
	Form        Form
	Path, Query string
	HasQuery    bool
}

// ParseTarget takes r.Target apart, checks the Host field and sets
// r.Authority. An absolute form covers the Host field, whose value is replaced
// (RFC 9112 §3.2.2). A repeated or invalid Host is refused even then.
func ParseTarget(r *message.Request, opt Options) (Target, *Problem) {
	t := Target{Path: r.Target}
	if strings.IndexByte(r.Target, '#') >= 0 {
		return t, problemFragment
	}
	host, p := hostField(r, opt)
	if p != nil {
		return t, p
	}
	r.Authority = ""
	if host != nil {
		r.Authority = host.Value
	}
	switch {
	case r.Method == "CONNECT":
		// httpd takes a CONNECT for a request of "/" on that authority.
		t.Form, t.Path = AuthorityForm, "/"
		if !validAuthority(r.Target, opt) || strings.LastIndexByte(r.Target, ':') <= strings.LastIndexByte(r.Target, ']') {
			return t, problemTarget
		}
		override(r, host, r.Target)
		return t, nil
	case r.Target != "" && r.Target[0] == '/':
	case r.Target == "*":
		t.Form = AsteriskForm
		if r.Method != "OPTIONS" {
			return t, problemTarget
		}
		return t, nil
	default:
		rest, ok := cutScheme(r.Target)
		if !ok {
			return t, problemTarget
		}
		t.Form, t.Path = AbsoluteForm, "/"
		authority := rest
		if r.Method == "OPTIONS" && strings.IndexByte(rest, '/') < 0 && strings.IndexByte(rest, '?') < 0 {
			t.Form, t.Path = AsteriskForm, "*" // RFC 9112 §3.2.4
		}
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			authority, t.Path = rest[:i], rest[i:]
		}
		if strings.IndexByte(authority, '@') >= 0 {
			return t, problemUserinfo
		}
		// Unlike httpd, which serves "http:///x": RFC 9110 §4.2.1 forbids an
		// empty host.
		if !validAuthority(authority, opt) {
			return t, problemAuthority
		}
		// Unlike httpd: also where the scheme is not the connection's.
		override(r, host, strings.ToLower(authority))
	}
	if i := strings.IndexByte(t.Path, '?'); i >= 0 && t.Form != AsteriskForm {
		t.Path, t.Query, t.HasQuery = t.Path[:i], t.Path[i+1:], true
	}
	if t.Path == "" { // http://host?query
		t.Path = "/"
	}
	return t, nil
}

// cutScheme removes "http://" or "https://".
func cutScheme(s string) (string, bool) {
	if len(s) >= 7 && message.EqualFold(s[:7], "http://") {
		return s[7:], true
	}
	if len(s) >= 8 && message.EqualFold(s[:8], "https://") {
		return s[8:], true
	}
	return s, false
}

// override makes the authority of the target that of the request.
func override(r *message.Request, host *message.Field, authority string) {
	r.Authority = authority
	if host != nil {
		host.Value = authority
	}
}

// hostField finds the Host field and checks it: exactly one in HTTP/1.1, not
// empty, and a name and port that httpd would take.
func hostField(r *message.Request, opt Options) (*message.Field, *Problem) {
	var host *message.Field
	for i := range r.Header.Fields {
		f := &r.Header.Fields[i]
		if f.Known != message.Host {
			continue
		}
		if host != nil {
			return nil, problemHostTwice
		}
		host = f
	}
	switch {
	case host == nil || host.Value == "":
		if r.Version >= message.HTTP11 {
			return nil, problemNoHost
		}
		return host, nil
	case !validAuthority(host.Value, opt):
		return nil, problemHost
	}
	return host, nil
}

// SplitAuthority takes host[:port] apart. An IPv6 address keeps its brackets.
// port is 0 where none is given; ok is false for what ParseTarget refuses.
func SplitAuthority(s string) (host string, port uint16, ok bool) {
	host = s
	colon := strings.LastIndexByte(s, ':')
	if colon > strings.LastIndexByte(s, ']') {
		host = s[:colon]
		digits := s[colon+1:]
		if digits == "" || len(digits) > 5 {
			return s, 0, false
		}
		n := 0
		for i := 0; i < len(digits); i++ {
			if digits[i] < '0' || digits[i] > '9' {
				return s, 0, false
			}
			n = n*10 + int(digits[i]-'0')
		}
		if n == 0 || n > 65535 {
			return s, 0, false
		}
		port = uint16(n)
	}
	return host, port, host != ""
}

func validAuthority(s string, opt Options) bool {
	host, _, ok := SplitAuthority(s)
	if !ok {
		return false
	}
	if host[0] == '[' {
		if host[len(host)-1] != ']' {
			return false
		}
		a, err := netip.ParseAddr(host[1 : len(host)-1])
		return err == nil && a.Is6() && a.Zone() == ""
	}
	if opt.Unsafe {
		return looseHost(host)
	}
	return strictHost(host)
}

// looseHost is httpd's check under HttpProtocolOptions Unsafe.
func looseHost(h string) bool {
	for i := 0; i < len(h); i++ {
		switch c := h[i]; {
		case class[c]&cTarget == 0, c == '/', c == '\\', c == ',', c == '@', c == '?', c == ':':
			return false
		case c == '.' && i+1 < len(h) && h[i+1] == '.':
			return false
		}
	}
	return true
}

// strictHost takes the names httpd takes by default: letters, digits, "-", "_"
// and single dots, one dot at the end; all digits only as a dotted quad
// without leading zeros; a last label that begins with a letter (RFC 1123
// §2.1).
func strictHost(h string) bool {
	if h[len(h)-1] == '.' {
		h = h[:len(h)-1]
	}
	numeric, zero, dots, label := true, false, 0, 0
	for i := 0; i <= len(h); i++ {
		if i < len(h) && h[i] != '.' {
			if class[h[i]]&cHost == 0 {
				return false
			}
			numeric = numeric && isDigit(h[i])
			continue
		}
		if i == label && i > 0 { // an empty label is only the first's privilege
			return false
		}
		zero = zero || h != "" && h[label] == '0' && i > label+1
		if i < len(h) {
			dots++
			label = i + 1
		}
	}
	if numeric {
		return dots == 3 && !zero && h[0] != '.'
	}
	return dots == 0 || h[label]|0x20 >= 'a' && h[label]|0x20 <= 'z'
}
