package live

import (
	"cmp"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
)

// Registry is all live state of the process. Safe for use by many goroutines.
// Make one with NewRegistry.
type Registry struct {
	mu        sync.Mutex
	balancers map[BalancerKey]*Balancer
	workers   map[WorkerKey]*Worker
	secret    []byte
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{
		balancers: map[BalancerKey]*Balancer{},
		workers:   map[WorkerKey]*Worker{},
		secret:    []byte(rand.Text()),
	}
}

// Secret is random and the same as long as the process lives: for cookies
// that a reload must not make worthless.
func (r *Registry) Secret() []byte { return r.secret }

// Draft is the live side of a configuration that is being built: what it names
// is found or made, and nothing that runs sees a change before Commit. A draft
// that is dropped leaves no trace. For one goroutine.
type Draft struct {
	reg       *Registry
	balancers map[BalancerKey]*Balancer
	workers   map[WorkerKey]drafted
}

type drafted struct {
	worker *Worker
	conf   Configured
}

// Begin starts a draft. Two drafts begun before either is committed do not see
// each other's new workers: build one configuration at a time.
func (r *Registry) Begin() *Draft {
	return &Draft{r, map[BalancerKey]*Balancer{}, map[WorkerKey]drafted{}}
}

// Balancer finds or makes the balancer under key.
func (d *Draft) Balancer(key BalancerKey) *Balancer {
	b := d.balancers[key]
	if b == nil {
		d.reg.mu.Lock()
		b = d.reg.balancers[key]
		d.reg.mu.Unlock()
		if b == nil {
			b = &Balancer{key: key}
		}
		d.balancers[key] = b
	}
	return b
}

// Worker finds or makes the worker under key and notes what the configuration
// says about it. Asked for twice it is the same one, and the first
// configuration counts.
func (d *Draft) Worker(key WorkerKey, c Configured) *Worker {
	if w, ok := d.workers[key]; ok {
		return w.worker
	}
	b := d.Balancer(key.Balancer)
	d.reg.mu.Lock()
	w := d.reg.workers[key]
	if w == nil {
		w = newWorker(key, b, c)
	}
	d.reg.mu.Unlock()
	d.workers[key] = drafted{w, c}
	return w
}

// Commit makes the draft the running state: configuration reaches the workers
// that were there before, new ones can be found, and what the draft did not
// name leaves the registry (exchanges under way may still hold it). It returns
// the keys of the workers removed, sorted.
func (d *Draft) Commit() (removed []WorkerKey) {
	r := d.reg
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.workers {
		if _, kept := d.workers[key]; !kept {
			removed = append(removed, key)
		}
	}
	anew := map[BalancerKey]bool{}
	for _, key := range removed {
		anew[key.Balancer] = true
	}
	was := r.workers
	r.balancers = maps.Clone(d.balancers)
	r.workers = make(map[WorkerKey]*Worker, len(d.workers))
	for key, w := range d.workers {
		r.workers[key] = w.worker
		if was[key] == nil || w.worker.reconfigure(w.conf) {
			anew[key.Balancer] = true
		}
	}
	// Standings are shares of what all members weigh: where that has changed
	// they start from zero, as they all do when httpd reloads.
	for key := range anew {
		if b := r.balancers[key]; b != nil {
			b.Lock()
			b.Settle()
			r.each(key, (*Worker).Forget)
			b.Changed()
			b.Unlock()
		}
	}
	slices.SortFunc(removed, compareKeys)
	return removed
}

// Join finds or makes a worker that no draft names: an address of a name that
// stands for several members. It is there until Part, or until a draft that
// does not name it is committed.
func (r *Registry) Join(key WorkerKey, c Configured) *Worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.workers[key]
	if w == nil {
		b := r.balancers[key.Balancer]
		if b == nil {
			b = &Balancer{key: key.Balancer}
			r.balancers[key.Balancer] = b
		}
		w = newWorker(key, b, c)
		r.workers[key] = w
	}
	return w
}

// Part forgets a worker that Join made. Exchanges under way may still hold it.
func (r *Registry) Part(key WorkerKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.workers, key)
}

// Worker finds a running worker; nil when there is none.
func (r *Registry) Worker(key WorkerKey) *Worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.workers[key]
}

// Workers lists the running workers by server, balancer and URL.
func (r *Registry) Workers() []*Worker {
	r.mu.Lock()
	out := slices.Collect(maps.Values(r.workers))
	r.mu.Unlock()
	slices.SortFunc(out, func(a, b *Worker) int { return compareKeys(a.key, b.key) })
	return out
}

// Members appends the running members of all balancers to list, in no order.
func (r *Registry) Members(list []*Worker) []*Worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		if !w.Plain() {
			list = append(list, w)
		}
	}
	return list
}

// each visits the workers of a balancer.
func (r *Registry) each(key BalancerKey, f func(*Worker)) {
	for k, w := range r.workers {
		if k.Balancer == key {
			f(w)
		}
	}
}

func compareKeys(a, b WorkerKey) int {
	return cmp.Or(
		cmp.Compare(a.Balancer.Server, b.Balancer.Server),
		cmp.Compare(a.Balancer.Name, b.Balancer.Name),
		cmp.Compare(a.URL, b.URL))
}
