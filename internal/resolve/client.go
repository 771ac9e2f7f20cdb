package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// client asks name servers. The zero client reads the system's files, again
// when they have changed.
type client struct {
	mu     sync.Mutex
	conf   *dns.ClientConfig
	confAt time.Time
	hosts  map[string][]netip.Addr
	hostAt time.Time
	files  [2]string // of the tests: resolv.conf and hosts
}

func (c *client) file(i int) string {
	if c.files[i] != "" {
		return c.files[i]
	}
	return [2]string{"/etc/resolv.conf", "/etc/hosts"}[i]
}

// load brings both files up to date.
func (c *client) load() (*dns.ClientConfig, map[string][]netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st, err := os.Stat(c.file(0)); err == nil && !st.ModTime().Equal(c.confAt) {
		if conf, err := dns.ClientConfigFromFile(c.file(0)); err == nil {
			c.conf, c.confAt = conf, st.ModTime()
		}
	}
	if st, err := os.Stat(c.file(1)); err == nil && !st.ModTime().Equal(c.hostAt) {
		if text, err := os.ReadFile(c.file(1)); err == nil {
			c.hosts, c.hostAt = readHosts(string(text)), st.ModTime()
		}
	}
	return c.conf, c.hosts
}

// readHosts reads lines of an address and its names.
func readHosts(text string) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		for _, name := range f[1:] {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			out[name] = append(out[name], a.Unmap())
		}
	}
	return out
}

// lookup finds the addresses of a name and how long they hold.
func (c *client) lookup(ctx context.Context, n Name) ([]netip.AddrPort, time.Duration, error) {
	conf, hosts := c.load()
	if !n.SRV {
		if a := hosts[strings.TrimSuffix(n.Host, ".")]; len(a) > 0 {
			return withPort(nil, a, n.Port), fixedTTL, nil
		}
	}
	if conf == nil || len(conf.Servers) == 0 {
		return systemLookup(ctx, n)
	}
	var last error
	for _, full := range conf.NameList(n.Host) {
		var out []netip.AddrPort
		var ttl time.Duration
		var err error
		if n.SRV {
			out, ttl, err = c.services(ctx, conf, full)
		} else {
			var a []netip.Addr
			a, ttl, err = c.addresses(ctx, conf, full)
			out = withPort(nil, a, n.Port)
		}
		if err == nil {
			return out, ttl, nil
		}
		last = err
		if !errors.Is(err, errNone) {
			break
		}
	}
	return nil, 0, fmt.Errorf("look up %s: %w", n.Host, last)
}

// systemLookup asks as any program of the system would, without a TTL.
func systemLookup(ctx context.Context, n Name) ([]netip.AddrPort, time.Duration, error) {
	if n.SRV {
		return nil, 0, fmt.Errorf("look up %s: no name server is configured", n.Host)
	}
	a, err := net.DefaultResolver.LookupNetIP(ctx, "ip", n.Host)
	for i := range a {
		a[i] = a[i].Unmap()
	}
	return withPort(nil, a, n.Port), fixedTTL, err
}

func withPort(to []netip.AddrPort, addrs []netip.Addr, port uint16) []netip.AddrPort {
	for _, a := range addrs {
		to = append(to, netip.AddrPortFrom(a, port))
	}
	return to
}

// errNone: the name, or records of the kind, do not exist.
var errNone = errors.New("no such name")

// addresses asks for A and AAAA at the same time. One kind is enough.
func (c *client) addresses(ctx context.Context, conf *dns.ClientConfig, name string) ([]netip.Addr, time.Duration, error) {
	type part struct {
		addrs []netip.Addr
		ttl   time.Duration
		err   error
	}
	parts := make(chan part, 2)
	for _, kind := range [2]uint16{dns.TypeA, dns.TypeAAAA} {
		go func() {
			var p part
			var m *dns.Msg
			if m, p.err = exchange(ctx, conf, name, kind); p.err == nil {
				p.addrs, p.ttl = read(m)
			}
			parts <- p
		}()
	}
	var out []netip.Addr
	ttl, failed := maxTTL, error(nil)
	for range 2 {
		p := <-parts
		switch {
		case p.err != nil && (failed == nil || errors.Is(failed, errNone)):
			failed = p.err
		case len(p.addrs) > 0:
			out, ttl = append(out, p.addrs...), min(ttl, p.ttl)
		}
	}
	if len(out) > 0 {
		return out, ttl, nil
	}
	if failed == nil {
		failed = errNone
	}
	return nil, 0, failed
}

// read takes the addresses out of an answer; the smallest TTL on the way to
// them holds.
func read(m *dns.Msg) (addrs []netip.Addr, ttl time.Duration) {
	ttl = maxTTL
	for _, rr := range m.Answer {
		ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
		var ip net.IP
		switch r := rr.(type) {
		case *dns.A:
			ip = r.A
		case *dns.AAAA:
			ip = r.AAAA
		default:
			continue
		}
		if a, ok := netip.AddrFromSlice(ip); ok {
			addrs = append(addrs, a.Unmap())
		}
	}
	return addrs, ttl
}

// services asks for SRV records and the addresses of what they name, of the
// best priority only.
func (c *client) services(ctx context.Context, conf *dns.ClientConfig, name string) ([]netip.AddrPort, time.Duration, error) {
	m, err := exchange(ctx, conf, name, dns.TypeSRV)
	if err != nil {
		return nil, 0, err
	}
	ttl, best := maxTTL, uint16(0xffff)
	for _, rr := range m.Answer {
		ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
		if s, ok := rr.(*dns.SRV); ok {
			best = min(best, s.Priority)
		}
	}
	var out []netip.AddrPort
	for _, rr := range m.Answer {
		s, ok := rr.(*dns.SRV)
		if !ok || s.Priority != best || s.Target == "." {
			continue
		}
		a, t, err := c.addresses(ctx, conf, s.Target)
		if err != nil {
			// The whole answer fails: half of it would take members out.
			return nil, 0, err
		}
		out, ttl = withPort(out, a, s.Port), min(ttl, t)
	}
	if len(out) == 0 {
		return nil, 0, errNone
	}
	return out, ttl, nil
}

// exchange asks the servers one after the other, by TCP where the answer does
// not fit.
func exchange(ctx context.Context, conf *dns.ClientConfig, name string, kind uint16) (*dns.Msg, error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), kind)
	q.SetEdns0(1232, false)
	timeout := time.Duration(max(conf.Timeout, 1)) * time.Second
	last := errors.New("no name server")
	for range max(conf.Attempts, 1) {
		for _, s := range conf.Servers {
			if ctx.Err() != nil {
				return nil, last
			}
			addr := net.JoinHostPort(s, conf.Port)
			c := dns.Client{Timeout: timeout}
			m, _, err := c.ExchangeContext(ctx, q, addr)
			if err == nil && m.Truncated {
				c.Net = "tcp"
				m, _, err = c.ExchangeContext(ctx, q, addr)
			}
			switch {
			case err != nil:
				last = err
			case m.Rcode == dns.RcodeNameError:
				return nil, errNone
			case m.Rcode != dns.RcodeSuccess:
				last = errors.New("name server " + s + " answers " + dns.RcodeToString[m.Rcode])
			default:
				return m, nil
			}
		}
	}
	return nil, last
}
