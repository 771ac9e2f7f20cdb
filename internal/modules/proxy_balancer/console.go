package proxy_balancer

import "sallyport/internal/exchange"

func (s *site) console(x *exchange.Exchange, base, rest string) exchange.Verdict {
	return exchange.Status(404)
}
