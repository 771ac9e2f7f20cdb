package resolve

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A file of hosts may hold anything.
func FuzzReadHosts(f *testing.F) {
	f.Add("127.0.0.1 localhost LocalHost.\n::1 ip6 # no\nfe80::1%eth0 z\nx y\n1.2.3.4")
	f.Fuzz(func(t *testing.T, text string) {
		for name, addrs := range readHosts(text) {
			if name != strings.ToLower(name) || strings.ContainsAny(name, " \t\n#") || len(addrs) == 0 {
				t.Errorf("%q: %v", name, addrs)
			}
			for _, a := range addrs {
				if !a.IsValid() || a.Is4In6() {
					t.Errorf("%q: %v", name, a)
				}
			}
		}
	})
}

// So may an answer of a name server that unpacks.
func FuzzRead(f *testing.F) {
	for _, rr := range []string{"a.test. 60 IN A 192.0.2.1", "a.test. 5 IN AAAA 2001:db8::1", "a.test. 0 IN CNAME b.test."} {
		r, err := dns.NewRR(rr)
		if err != nil {
			f.Fatal(err)
		}
		m := &dns.Msg{Answer: []dns.RR{r}}
		if b, err := m.Pack(); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m dns.Msg
		if m.Unpack(b) != nil {
			return
		}
		addrs, ttl := read(&m)
		if ttl < 0 || ttl > maxTTL || len(addrs) > len(m.Answer) {
			t.Errorf("%v for %v", addrs, ttl)
		}
		for _, a := range addrs {
			if !a.IsValid() || a.Is4In6() {
				t.Errorf("%v", a)
			}
		}
	})
}
