package core

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
)

// resolveTimeout bounds the look-up of a name in a Listen line.
const resolveTimeout = 5 * time.Second

var (
	errListenCount = &diag.Err{Text: "Listen requires 1 or 2 arguments.", Expected: "[address:]port, and the protocol if it wants"}
	errListenPort  = &diag.Err{Text: "Port must be specified", Expected: "port, address:port or [IPv6 address]:port", Word: 1}
	errListenAddr  = &diag.Err{Text: "Invalid address or port", Expected: "port, address:port or [IPv6 address]:port", Word: 1}
	errListenTwice = &diag.Err{Text: "Cannot define multiple Listeners on the same IP:port", Word: 1}
)

// setListen reads [address:]port [protocol] (ap_set_listener). A last word
// options=… is accepted: the sockets are shared between reloads anyway.
func setListen(c *conf.Cmd, p *ProcessConf, args []string) error {
	if n := len(args); n > 1 && strings.HasPrefix(strings.ToLower(args[n-1]), "options=") {
		c.Warn("Listen: "+args[n-1]+" has no effect", "")
		args = args[:n-1]
	}
	if len(args) < 1 || len(args) > 2 || args[0] == "" {
		return errListenCount
	}
	l := Listen{Proto: "http", Pos: c.Pos}
	host, err := l.split(args[0])
	if err != nil {
		return err
	}
	if host != "" && host != "*" {
		if l.Addrs, err = resolve(host); err != nil {
			return &diag.Err{Text: "Listen setup failed", Hint: err.Error(), Word: 1}
		}
	}
	if l.Port == 443 {
		l.Proto = "https"
	}
	if len(args) == 2 {
		l.Proto = strings.ToLower(args[1])
	}
	for i := range p.Listen {
		if p.Listen[i].clashes(&l) {
			e := *errListenTwice
			e.Hint = "the first stands on line " + lineOf(p.Listen[i].Pos)
			return &e
		}
	}
	p.Listen = append(p.Listen, l)
	return nil
}

// split cuts the word of a Listen line and sets the port (apr_parse_addr_port).
func (l *Listen) split(word string) (host string, err error) {
	digits := word
	if i := strings.LastIndexByte(word, ':'); i >= 0 && i > strings.LastIndexByte(word, ']') {
		host, digits = word[:i], word[i+1:]
		if host == "" || digits == "" {
			if digits == "" {
				return "", errListenPort
			}
			return "", errListenAddr
		}
	} else if strings.HasPrefix(word, "[") {
		if strings.IndexByte(word, ']') < 0 {
			return "", errListenAddr
		}
		return "", errListenPort
	}
	n, rest := atoi(digits)
	if rest != "" || digits[0] == '-' || digits[0] == '+' {
		return "", errListenPort
	}
	if n < 1 || n > 65535 {
		return "", errListenAddr
	}
	l.Port = uint16(n)
	if strings.HasPrefix(host, "[") {
		inner := strings.TrimSuffix(host[1:], "]")
		if a, err := netip.ParseAddr(inner); err != nil || !a.Is6() || len(inner) != len(host)-2 {
			return "", errListenAddr
		}
		host = inner
	}
	return host, nil
}

func resolve(host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found), err
}

// clashes reports whether two lines name the same address and port. A line
// without address clashes only with another such; what the system refuses
// beyond that shows when the sockets are opened.
func (l *Listen) clashes(m *Listen) bool {
	if l.Port != m.Port || (len(l.Addrs) == 0) != (len(m.Addrs) == 0) {
		return false
	}
	return len(l.Addrs) == 0 || slices.ContainsFunc(l.Addrs, func(a netip.Addr) bool { return slices.Contains(m.Addrs, a) })
}

func setAcceptFilter(c *conf.Cmd, p *ProcessConf, args []string) error {
	proto := strings.ToLower(args[0])
	p.Eager = slices.DeleteFunc(p.Eager, func(other string) bool { return other == proto })
	if args[1] == "none" {
		p.Eager = append(p.Eager, proto)
	}
	return nil
}

func setDeferAccept(c *conf.Cmd, p *ProcessConf, args []string) error {
	n := number(args[0])
	if n <= 0 {
		return &diag.Err{Text: "ListenTCPDeferAccept must be > 0", Word: 1}
	}
	remark(c, args[0])
	p.Defer = conf.Some(c, n)
	return nil
}

func setBacklog(c *conf.Cmd, p *ProcessConf, args []string) error {
	n := number(args[0])
	if n <= 0 {
		return &diag.Err{Text: "ListenBacklog must be > 0", Word: 1}
	}
	remark(c, args[0])
	p.Backlog = conf.Some(c, n)
	return nil
}

// buffer makes the setter of SendBufferSize or ReceiveBufferSize.
func buffer(field func(*ProcessConf) *conf.Opt[int]) conf.Setter {
	return Process.Do(func(c *conf.Cmd, p *ProcessConf, args []string) error {
		n := number(args[0])
		if n < 512 && n != 0 {
			return &diag.Err{Text: c.Directive.Name + " must be >= 512 bytes, or 0 for system default.", Word: 1}
		}
		remark(c, args[0])
		*field(p) = conf.Some(c, n)
		return nil
	})
}

// setProtocols adds to the list of protocols. Like httpd, it takes any name:
// what nobody speaks is never offered.
func setProtocols(c *conf.Cmd, s *ServerConf, args []string) error {
	list := s.Protocols.V[:len(s.Protocols.V):len(s.Protocols.V)]
	for _, w := range args {
		name := strings.ToLower(w)
		switch name {
		case exchange.ProtoH1, exchange.ProtoH2, exchange.ProtoH2C, exchange.ProtoH3, "acme-tls/1":
		default:
			c.Warn("Protocols "+w+": nobody speaks this", "known are h3, h2, h2c and http/1.1")
		}
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	s.Protocols = conf.Some(c, list)
	return nil
}

func setOrder(c *conf.Cmd, s *ServerConf, args []string) error {
	on, err := onOff(args[0])
	if err != nil {
		return &diag.Err{Text: "ProtocolsHonorOrder must be 'on' or 'off'", Word: 1}
	}
	s.HonorOrder = conf.Some(c, on)
	return nil
}
