package core

import (
	"net/netip"
	"strconv"
	"strings"

	"sallyport/internal/diag"
	"sallyport/internal/module"
)

// warnHosts warns of virtual hosts that no request can reach: because nothing
// listens for their addresses, or because the host in front of them on the same
// address has their name already.
func warnHosts(b *module.Build) {
	p := Process.Of(b.Config.Main.Conf)
	if p == nil || len(p.Listen) == 0 {
		return
	}
	type address struct{ word, name string }
	taken := map[address]diag.Position{}
	for _, sb := range b.Servers[1:] {
		own := Server.Of(sb.Source.Conf)
		for _, word := range sb.Source.Addrs {
			host, port := hostPort(word, b.Servers[0].Server.Port)
			if !p.listensFor(host, port) {
				b.Warn(sb.Source.Pos, "<VirtualHost "+word+">: no Listen line is for that address, so that no request gets here", "")
				continue
			}
			if own == nil || !own.Name.Is {
				continue
			}
			at := address{host + ":" + strconv.Itoa(int(port)), strings.ToLower(own.Name.V.Host)}
			if first, ok := taken[at]; ok {
				b.Warn(own.Name.Pos, "ServerName "+at.name+": the virtual host "+place(first, own.Name.Pos)+" has that name on "+word+
					" already and gets its requests", "")
				continue
			}
			taken[at] = sb.Source.Pos
			for _, alias := range own.Aliases {
				k := address{at.word, strings.ToLower(strings.TrimSuffix(alias, "."))}
				if _, ok := taken[k]; !ok && !strings.ContainsAny(alias, "*?") {
					taken[k] = sb.Source.Pos
				}
			}
		}
	}
}

// place names a position for a message about another one.
func place(p, from diag.Position) string {
	if p.File == from.File {
		return "of line " + strconv.Itoa(p.Line)
	}
	return "of " + p.File + ":" + strconv.Itoa(p.Line)
}

// hostPort takes a word of <VirtualHost> apart: host "*" is any, port 0 too.
func hostPort(word string, mainPort uint16) (host string, port uint16) {
	i := strings.LastIndexByte(word, ':')
	if word == "*" {
		host = word
	} else if i < 0 || strings.HasSuffix(word, "]") || strings.Count(word, ":") > 1 && word[0] != '[' {
		host, port = word, mainPort
	} else {
		host = word[:i]
		n, _ := strconv.ParseUint(word[i+1:], 10, 16) // "*" and what is wrong: any
		port = uint16(n)
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "_default_" || host == "0.0.0.0" || host == "::" {
		host = "*"
	}
	return host, port
}

// listensFor reports whether a connection can come to host and port. A name is
// not looked up: it may be any address.
func (p *ProcessConf) listensFor(host string, port uint16) bool {
	want, err := netip.ParseAddr(host)
	for i := range p.Listen {
		l := &p.Listen[i]
		if port != 0 && l.Port != port {
			continue
		}
		if len(l.Addrs) == 0 || err != nil {
			return true
		}
		for _, a := range l.Addrs {
			if a.IsUnspecified() || a.Unmap() == want.Unmap() {
				return true
			}
		}
	}
	return false
}
