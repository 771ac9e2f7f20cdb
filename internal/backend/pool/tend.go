package pool

// Tend has names asked for anew and closes idle connections whose ttl has passed: nobody would use them
// again, and a backend need not be made to wait for it. The server calls it
// about once a second. It looks only at pools that hold such connections.
//
// How the numbers of a pool (min, smax, max, ttl) act together:
//
//   - max bounds the connections handed out at a time, over the whole server.
//   - smax without ttl: a connection that comes back while smax others are
//     idle is closed at once, as in httpd. With ttl it stays until then.
//   - min is accepted and changes nothing: httpd keeps that many empty slots,
//     and a slot costs nothing here.
func (r *Registry) Tend() {
	r.Names.Tend()
	r.mu.Lock()
	pools := make([]*Pool, 0, len(r.pools))
	for _, p := range r.pools {
		if p.aging.Load() {
			pools = append(pools, p)
		}
	}
	r.mu.Unlock()
	for _, p := range pools {
		p.prune()
	}
}

// Shed closes all idle connections, because the process has no descriptor left.
func (r *Registry) Shed() {
	r.mu.Lock()
	pools := make([]*Pool, 0, len(r.pools))
	for _, p := range r.pools {
		pools = append(pools, p)
	}
	r.mu.Unlock()
	for _, p := range pools {
		p.Clear()
	}
}

// prune closes what is too old and notes whether anything is left that ages.
func (p *Pool) prune() {
	now := p.reg.Watch.Now()
	p.aging.Store(false)
	if s := p.shared.Load(); s != nil && (*s).Prune(false) {
		p.aging.Store(true)
	}
	var old []*Conn
	for i := range p.shard {
		s := &p.shard[i]
		s.Lock()
		kept := s.idle[:0]
		for _, c := range s.idle {
			switch {
			case c.until == 0:
				kept = append(kept, c)
			case c.until < now:
				old = append(old, c)
			default:
				kept = append(kept, c)
				p.aging.Store(true)
			}
		}
		clear(s.idle[len(kept):])
		s.idle = kept
		s.Unlock()
	}
	for _, c := range old {
		c.close()
	}
}
