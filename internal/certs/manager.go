package certs

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/errorlog"
)

// Manager owns the managed domains of a process. Make it with NewManager.
type Manager struct {
	log    func(l errorlog.Level, format string, args ...any)
	now    func() time.Time
	proofs proofs
	busy   chan struct{} // a place for each attempt under way

	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup // the domains' goroutines

	byHost atomic.Pointer[map[string]*Domain] // of the settled Draft

	mu      sync.Mutex
	domains map[domainKey]*Domain // settled
	pending *Draft                // prepared
	started bool
}

// domainKey is what a Domain keeps its identity by.
type domainKey struct{ store, name string }

// attempts is how many certificates are obtained at the same time.
const attempts = 4

// NewManager makes a manager without domains. log takes its lines for the error
// log, under the name of mod_md.
func NewManager(log func(errorlog.Level, string, ...any)) *Manager {
	m := &Manager{log: log, now: time.Now, busy: make(chan struct{}, attempts), domains: map[domainKey]*Domain{}}
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.byHost.Store(&map[string]*Domain{})
	return m
}

// Start lets work begin: attempts to obtain certificates, programs. Until then
// Domains only hold what the store has. Called once the process has become the
// user that it stays.
func (m *Manager) Start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.started = true
	for _, d := range m.domains {
		m.tend(d)
	}
}

// Stop ends all attempts and waits for them.
func (m *Manager) Stop() {
	m.mu.Lock()
	m.started = false
	m.mu.Unlock()
	m.stop()
	m.done.Wait()
}

// tend gives a domain its goroutine. Under m.mu.
func (m *Manager) tend(d *Domain) {
	if d.cancel != nil || m.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancel(m.ctx)
	d.cancel = cancel
	m.done.Add(1)
	go func() {
		defer m.done.Done()
		d.run(ctx)
	}()
}

// at finds the domain that covers a host name; nil: none.
func (m *Manager) at(host string) *Domain {
	hosts := *m.byHost.Load()
	if d := hosts[host]; d != nil {
		return d
	}
	if _, parent, ok := strings.Cut(host, "."); ok {
		return hosts["*."+parent]
	}
	return nil
}

// Draft is the domains of a configuration that is being built.
type Draft struct {
	m       *Manager
	store   *Store
	domains []*Domain
	specs   []*Spec
}

// Draft begins one; store is where its domains live.
func (m *Manager) Draft(store *Store) *Draft { return &Draft{m: m, store: store} }

// Add has the draft want a domain. What it returns is that Domain, maybe alive
// already: it serves handshakes once the draft is prepared.
func (f *Draft) Add(s *Spec) *Domain {
	f.m.mu.Lock()
	d := f.m.domains[domainKey{f.store.Dir, s.Name}]
	f.m.mu.Unlock()
	if d == nil {
		d = &Domain{manager: f.m, store: f.store, wake: make(chan struct{}, 1)}
		d.spec.Store(s) // until then nobody else sees it
	}
	f.domains, f.specs = append(f.domains, d), append(f.specs, s)
	return d
}

// Prepare opens the store and reads what it has for domains that are new: after
// it the next Settle can't fail. On an error nothing has changed.
func (f *Draft) Prepare() error {
	if len(f.domains) > 0 {
		if err := f.store.open(); err != nil {
			return err
		}
	}
	for i, d := range f.domains {
		if d.shown.Load() == nil {
			d.load(f.specs[i])
		}
	}
	f.m.mu.Lock()
	f.m.pending = f
	f.m.mu.Unlock()
	return nil
}

// Discard forgets what was prepared: the configuration will not be used.
func (m *Manager) Discard() {
	m.mu.Lock()
	m.pending = nil
	m.mu.Unlock()
}

// Settle makes the domains of the Draft that was prepared those of the process,
// or none where none was. The others are left alone from now on.
func (m *Manager) Settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.pending
	m.pending = nil
	if f == nil {
		f = new(Draft)
	}
	next := make(map[domainKey]*Domain, len(f.domains))
	hosts := map[string]*Domain{}
	for i, d := range f.domains {
		s := f.specs[i]
		d.spec.Store(s)
		d.load(s)
		next[domainKey{d.store.Dir, s.Name}] = d
		for _, n := range s.Names {
			hosts[n] = d
		}
	}
	for k, d := range m.domains {
		if next[k] == nil && d.cancel != nil {
			d.cancel()
			d.cancel = nil
		}
	}
	m.domains = next
	m.byHost.Store(&hosts)
	for _, d := range f.domains {
		if m.started {
			m.tend(d)
		}
		d.look()
	}
}
