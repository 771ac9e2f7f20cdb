package proxy

import (
	"testing"

	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
)

// BenchmarkExchange is the room's whole share of one small request.
func BenchmarkExchange(b *testing.B) {
	for _, c := range []struct{ name, conf string }{
		{"plain", "ProxyPass / http://b/\nProxyPassReverse / http://b/"},
		{"balancer", "BalancerMember balancer://b http://one\nBalancerMember balancer://b http://two\nProxyPass / balancer://b/"},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, _ := build(b, c.conf)
			s.remote.mute = true
			p := s.place(0)
			x, rec := exchangetest.NewExchange("GET", "/some/path?q=1", "Host: a", "User-Agent: x", "Accept: */*")
			x.Server, x.Place = p.Server, p
			b.ReportAllocs()
			for range b.N {
				x.Mapped = exchange.Mapping{}
				x.Begun, rec.Begun = false, false
				rec.Body.Reset()
				exchangetest.Run(x, exchange.Translate)
				exchangetest.Run(x, exchange.Fixup)
				exchangetest.Run(x, exchange.Handle)
			}
		})
	}
}
