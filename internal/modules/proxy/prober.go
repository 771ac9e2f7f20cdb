package proxy

import (
	"sync"
	"time"

	"sallyport/internal/backend/pool"
	"sallyport/internal/balancer"
	"sallyport/internal/fault"
)

// prober tries members in error that are the only ones who could serve, from
// 100 ms upward, so that the first request after an outage finds them back.
// One goroutine does it for all balancers of a configuration; while nothing is
// in error it waits for news and costs nothing.
//
// Unlike httpd: there a lone member is left alone for the whole of retry=.
type prober struct {
	news    chan *balancer.Balancer
	results chan result
	quit    chan struct{}
	ended   sync.WaitGroup
}

type result struct {
	b      *balancer.Balancer
	member *balancer.Member
	ok     bool
}

// probeTimeout bounds a try whatever connectiontimeout= says.
const probeTimeout = 5 * time.Second

func newProber() *prober {
	return &prober{news: make(chan *balancer.Balancer, 64), results: make(chan result), quit: make(chan struct{})}
}

func (p *prober) start() {
	p.ended.Add(1)
	go p.run()
}

// stop ends the goroutine and waits for it and its tries.
func (p *prober) stop() {
	close(p.quit)
	p.ended.Wait()
}

// look tells of a balancer that has a new member in error. For any goroutine;
// when too much is new at once it is dropped: the next failure tells again.
func (p *prober) look(b *balancer.Balancer) {
	select {
	case p.news <- b:
	default:
	}
}

func (p *prober) run() {
	defer p.ended.Done()
	watched := map[*balancer.Balancer]bool{} // true: a try is under way
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(p.try(watched))
		select {
		case <-p.quit:
			return
		case b := <-p.news:
			if _, known := watched[b]; !known {
				watched[b] = false
			}
		case r := <-p.results:
			r.b.Probed(r.member, r.ok, now())
			watched[r.b] = false
		case <-timer.C:
		}
	}
}

// try begins what is due and returns the time until something else is.
func (p *prober) try(watched map[*balancer.Balancer]bool) time.Duration {
	next := time.Hour
	for b, busy := range watched {
		if busy {
			continue
		}
		m, at := b.Lone()
		if m == nil {
			delete(watched, b)
			continue
		}
		if wait := at.Sub(now()); wait > 0 {
			next = min(next, wait)
			continue
		}
		watched[b] = true
		p.ended.Add(1)
		go p.probe(b, m)
	}
	return next
}

func (p *prober) probe(b *balancer.Balancer, m *balancer.Member) {
	defer p.ended.Done()
	l := m.Data.(*worker).links[0]
	if o := l.last(); o != nil {
		l = o // as the request had it that failed
	}
	ok := false
	if conns, is := l.Pool.(*pool.Pool); is {
		w := l.Worker
		w.ConnectTimeout = min(max(w.ConnectTimeout, time.Millisecond), probeTimeout)
		f := conns.Probe(&w, l.serverName)
		ok = f == nil || f.Kind == fault.None
	}
	select {
	case p.results <- result{b, m, ok}:
	case <-p.quit:
	}
}
