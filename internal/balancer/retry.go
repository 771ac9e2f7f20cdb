package balancer

import "sallyport/internal/fault"

// budget bounds what retries= adds to the load: every exchange saves a fifth
// of a repetition, up to budgetMax, and each repetition takes one. When all
// members break down together, repeating everything would keep them down.
// Guarded by the live balancer's lock.
type budget struct{ saved int }

const (
	budgetEarn  = 1               // per exchange
	budgetCost  = 5               // per repetition: at most 20 % on top
	budgetMax   = 50 * budgetCost // saved for a bad minute
	budgetStart = 5 * budgetCost
)

func (b *budget) earn() { b.saved = min(b.saved+budgetEarn, budgetMax) }

func (b *budget) spend() bool {
	if b.saved < budgetCost {
		return false
	}
	b.saved -= budgetCost
	return true
}

// broken reports a reply that broke before its head was whole.
func broken(k fault.Kind) bool {
	switch k {
	case fault.ClosedEarly, fault.SendFailed, fault.ReadTimeout, fault.BadStatusLine, fault.BadHead:
		return true
	}
	return false
}

// again decides whether a safe request is sent once more after a broken
// reply.
//
// Unlike httpd, which never repeats what was sent: the client of a safe
// request can not be harmed by it (RFC 9110 section 9.2.1).
func (b *Balancer) again(v Verdict, p *Pick, o Outcome) Verdict {
	if p.retries >= b.conf.Load().Retries || !o.Safe || !broken(o.Fault) {
		return v
	}
	b.g.live.Lock()
	if b.budget.spend() {
		v.Again, v.Resent = true, true
		p.retries++
		p.attempts++
		p.addTried(p.Member)
	}
	b.g.live.Unlock()
	if v.Again {
		b.Release(p)
	}
	return v
}
