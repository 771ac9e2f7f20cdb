package snapshot

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
)

// hosts finds the virtual hosts of a local address (httpd's iphash_table):
// the most specific of ip:port, ip:*, *:port and *:* wins.
type hosts struct {
	main  *exchange.Server
	tls   *tls.Config             // of addresses without virtual hosts; nil: clear
	byIP  map[netip.AddrPort]*Set // port 0: any
	byAny map[uint16]*Set         // port 0: any
	uses  []use                   // as met, for -S
}

// use is one address of one virtual host.
type use struct {
	server int // its index
	set    *Set
}

// Set is the virtual hosts of one address in the order of the file; the first
// is the default.
type Set struct {
	Addr    string     // as -S prints it: "*:80", "127.0.0.1:*"
	IP      netip.Addr // the zero Addr: any
	Port    uint16
	Servers []*exchange.Server
	Names   [][]Name // of each server

	tls   *tls.Config    // of connections to this address; nil: clear
	exact map[string]int // host name → index into Servers
	wild  []wildName
	paths bool // some server has a ServerPath
}

// Name is one name a virtual host goes by.
type Name struct {
	Text string
	Kind NameKind
}

// NameKind tells ServerName from the aliases, for -S.
type NameKind uint8

const (
	MainName NameKind = iota
	Alias
	WildAlias
)

type wildName struct {
	pattern string
	server  int
}

const resolveTimeout = 5 * time.Second

func (h *hosts) build(b *module.Build) {
	h.main = b.Servers[0].Server
	h.byIP = map[netip.AddrPort]*Set{}
	h.byAny = map[uint16]*Set{}
	for _, sb := range b.Servers[1:] {
		for _, word := range sb.Source.Addrs {
			h.add(b, sb, word)
		}
	}
}

// add enters a virtual host under one address of its <VirtualHost> line.
func (h *hosts) add(b *module.Build, sb *module.ServerBuild, word string) {
	host, port, ok := splitAddr(word, h.main.Port)
	if !ok {
		b.Fail(sb.Source.Pos, "The port number \""+word[strings.LastIndexByte(word, ':')+1:]+"\" is outside the appropriate range (i.e., 1..65535).", "")
		return
	}
	if host == "*" || host == "_default_" {
		h.addAny(sb, port)
		return
	}
	addrs, err := resolve(host)
	if err != nil {
		// httpd ignores the address and goes on (AH00547).
		b.Warn(sb.Source.Pos, "AH00547: Could not resolve host name "+host+" -- ignoring!", "")
		return
	}
	for _, a := range addrs {
		if a.IsUnspecified() { // 0.0.0.0 and [::] are other words for "*"
			h.addAny(sb, port)
			continue
		}
		k := netip.AddrPortFrom(a, port)
		set := h.byIP[k]
		if set == nil {
			text := a.String()
			if a.Is6() {
				text = "[" + text + "]"
			}
			set = newSet(text, a, port)
			h.byIP[k] = set
		}
		h.uses = append(h.uses, use{sb.Server.Index, set})
		set.add(sb)
	}
}

// addAny enters a virtual host under every address.
func (h *hosts) addAny(sb *module.ServerBuild, port uint16) {
	set := h.byAny[port]
	if set == nil {
		set = newSet("*", netip.Addr{}, port)
		h.byAny[port] = set
	}
	h.uses = append(h.uses, use{sb.Server.Index, set})
	set.add(sb)
}

func newSet(host string, ip netip.Addr, port uint16) *Set {
	p := "*"
	if port != 0 {
		p = strconv.Itoa(int(port))
	}
	return &Set{Addr: host + ":" + p, IP: ip, Port: port, exact: map[string]int{}}
}

// splitAddr cuts a word of <VirtualHost>: addr, addr:port, addr:*, [v6]:port.
// Port 0 is any, which a lone "*" means, too. Another word without a port takes
// the main server's, if that has one.
func splitAddr(word string, mainPort uint16) (host string, port uint16, ok bool) {
	host = word
	if word == "*" {
		return host, 0, true
	}
	i := strings.LastIndexByte(word, ':')
	if i < 0 || strings.HasSuffix(word, "]") || strings.Count(word, ":") > 1 && word[0] != '[' {
		host = strings.Trim(word, "[]")
		return host, mainPort, true
	}
	host = strings.Trim(word[:i], "[]")
	if word[i+1:] == "*" {
		return host, 0, true
	}
	n, err := strconv.ParseUint(word[i+1:], 10, 16)
	return host, uint16(n), err == nil && n > 0
}

func resolve(host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return found, err
}

func (s *Set) add(sb *module.ServerBuild) {
	for _, srv := range s.Servers {
		if srv == sb.Server {
			return
		}
	}
	i := len(s.Servers)
	s.Servers = append(s.Servers, sb.Server)
	s.paths = s.paths || sb.Server.Path != ""
	var names []Name
	put := func(text string, k NameKind) {
		names = append(names, Name{text, k})
		text = strings.ToLower(strings.TrimSuffix(text, "."))
		if k == WildAlias {
			s.wild = append(s.wild, wildName{text, i})
		} else if _, taken := s.exact[text]; !taken {
			s.exact[text] = i
		}
	}
	put(sb.Server.Name, MainName)
	for _, a := range sb.Server.Aliases {
		if strings.ContainsAny(a, "*?") {
			put(a, WildAlias)
		} else {
			put(a, Alias)
		}
	}
	s.Names = append(s.Names, names)
}

// at returns the virtual hosts of a local address; nil: the main server's.
func (h *hosts) at(local netip.AddrPort) *Set {
	ip, port := local.Addr().Unmap(), local.Port()
	if len(h.byIP) > 0 {
		if s := h.byIP[netip.AddrPortFrom(ip, port)]; s != nil {
			return s
		}
		if s := h.byIP[netip.AddrPortFrom(ip, 0)]; s != nil {
			return s
		}
	}
	if s := h.byAny[port]; s != nil {
		return s
	}
	return h.byAny[0]
}

// named finds the server for an authority (host[:port]): the first in the
// order of the file whose name or alias matches, else the default.
func (s *Set) named(authority string) *exchange.Server {
	if len(s.Servers) == 1 || authority == "" {
		return s.Servers[0]
	}
	host := hostOf(authority)
	best, ok := s.exact[host]
	if !ok {
		best = len(s.Servers)
	}
	for _, w := range s.wild {
		if w.server >= best {
			break // in the order of the file: none further can be earlier
		}
		if matchWild(w.pattern, host) {
			best = w.server
			break
		}
	}
	if best == len(s.Servers) {
		best = 0
	}
	return s.Servers[best]
}

// byPath finds the server of a request without a host: the first whose
// ServerPath covers the path, else the default (httpd's check_serverpath).
func (s *Set) byPath(path string) *exchange.Server {
	for _, srv := range s.Servers {
		if p := srv.Path; p != "" && strings.HasPrefix(path, p) &&
			(len(path) == len(p) || path[len(p)] == '/' || p[len(p)-1] == '/') {
			return srv
		}
	}
	return s.Servers[0]
}

// hostOf cuts the port off and brings the name into lower case without a
// final dot. Allocates only for names in upper case.
func hostOf(a string) string {
	if i := strings.LastIndexByte(a, ':'); i >= 0 && i > strings.LastIndexByte(a, ']') {
		a = a[:i]
	}
	return strings.ToLower(strings.TrimSuffix(a, "."))
}

// matchWild is httpd's ap_strcasecmp_match for lower-case arguments: "*" stands
// for any run, "?" for one byte.
func matchWild(p, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
