package exchange

import (
	"strconv"
	"strings"
)

// FileKind says what stands at a mapped path. Package storage finds it out.
type FileKind uint8

const (
	NotLooked FileKind = iota
	Missing            // nothing there
	Regular
	Directory
	Special // a device, a pipe, a socket: never served
)

// SelfURL makes an absolute URL of this server from a path that is already
// spelt for the wire, with query if it has one (httpd's ap_construct_url):
// scheme, name and port follow ServerName or the client's Host, as
// UseCanonicalName and UseCanonicalPhysicalPort say. The port is left out
// where the scheme implies it. The port of a <VirtualHost> line counts for
// nothing here.
func (x *Exchange) SelfURL(path string) string {
	scheme, implied := "http", uint16(80)
	if x.Client.TLS != nil {
		scheme = "https"
	}
	if x.Server.Scheme != "" {
		scheme = x.Server.Scheme
	}
	if scheme == "https" {
		implied = 443
	}
	host, port := x.SelfHost()
	if port == 0 {
		port = implied
	}
	if port == implied {
		return scheme + "://" + host + path
	}
	return scheme + "://" + host + ":" + strconv.Itoa(int(port)) + path
}

// SelfHost is the name and port this server goes by for the exchange, as
// UseCanonicalName says (httpd's ap_get_server_name and ap_get_server_port).
// Port 0 means the scheme's own. An IPv6 literal keeps its brackets.
func (x *Exchange) SelfHost() (string, uint16) {
	core := x.Server.Core
	name, port := x.Server.Name, x.Server.Port
	if core.UseCanonicalName != NameFromServer {
		asked, askedPort := splitAuthority(x.Request.Authority)
		if core.UseCanonicalName == NameFromClient && asked != "" {
			name = asked
		}
		if askedPort != 0 {
			return name, askedPort
		}
		if core.UseCanonicalPort {
			port = x.Client.Local.Port()
		}
	} else if port == 0 && core.UseCanonicalPort {
		port = x.Client.Local.Port()
	}
	if strings.IndexByte(name, ':') >= 0 && name[0] != '[' {
		name = "[" + name + "]"
	}
	return name, port
}

// HostName is the name this server goes by for the exchange, without port and
// without the brackets of an IPv6 literal: httpd's ap_get_server_name (%V).
func (x *Exchange) HostName() string {
	if x.Server.Core.UseCanonicalName == NameFromClient {
		if asked, _ := splitAuthority(x.Request.Authority); asked != "" {
			return strings.TrimSuffix(strings.TrimPrefix(asked, "["), "]")
		}
	}
	return x.Server.Name
}

// splitAuthority cuts host[:port] and brings the host into the form httpd
// compares and shows: lower case, without a final dot.
func splitAuthority(a string) (host string, port uint16) {
	host = a
	if i := strings.LastIndexByte(a, ':'); i >= 0 && i > strings.LastIndexByte(a, ']') {
		if n, err := strconv.ParseUint(a[i+1:], 10, 16); err == nil {
			port = uint16(n)
		}
		host = a[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, ".")), port
}

// EscapePath spells a decoded path for a Location field or a local redirect
// (httpd's ap_escape_uri): what may stand bare in a path stays, any other byte
// becomes %xx in lower case.
func EscapePath(s string) string {
	n := 0
	for i := 0; i < len(s); i++ {
		if !bare(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(s)+2*n)
	for i := 0; i < len(s); i++ {
		if c := s[i]; bare(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

func bare(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' ||
		strings.IndexByte("$-_.+!*'(),:;@&=/~", c) >= 0
}
