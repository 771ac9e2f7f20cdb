// Package resolve knows the addresses of backends by name. It asks the name
// servers of /etc/resolv.conf itself, because only so the time to live of an
// answer is seen; names in /etc/hosts come from there.
//
// Dear newcomer: an answer that was good once is given at once for ever, while
// it is asked for anew in the background when its time is over: a request
// waits only for a name that was never known. A name server that fails, or
// says that a name is gone, changes nothing until there is another good
// answer. Nothing is asked when a configuration is loaded.
//
// Unlike httpd: names are followed without being told to, because backends move
// and a name server that fails must not matter.
//
// It does not connect (backend/pool does) and starts no goroutine that stays:
// the server's ticker calls Tend, which asks what is due.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Name is what is looked up.
type Name struct {
	Host string // lower case
	Port uint16 // goes into the answers; of an SRV look-up, the record's does
	// SRV asks for the service records of Host, such as "_http._tcp.app".
	SRV bool
}

func (n Name) String() string { return net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port))) }

// Limits of what is believed of a time to live.
const (
	minTTL   = time.Second
	maxTTL   = time.Hour
	fixedTTL = 30 * time.Second // where there is none: /etc/hosts, the system's own look-up
	firstTry = time.Second      // after a failure; doubles up to lastTry
	lastTry  = 30 * time.Second
	patience = 10 * time.Second // for one look-up
	unused   = 10 * time.Minute // after which a name is no longer asked for
)

// Resolver remembers names. Safe for use by many goroutines.
type Resolver struct {
	ask func(context.Context, Name) ([]netip.AddrPort, time.Duration, error)
	now func() time.Time

	mu     sync.Mutex
	names  map[Name]*entry
	closed bool
	busy   sync.WaitGroup
	ctx    context.Context
	stop   context.CancelFunc
}

// entry is one name. Guarded by the resolver's lock; the slices in it are
// never changed.
type entry struct {
	addrs   []netip.AddrPort
	texts   []string      // addrs as text
	err     error         // of the last look-up
	asked   time.Time     // when addrs were found
	within  time.Duration // how old they may become, whatever their time to live; 0: no limit
	due     time.Time
	used    time.Time
	fails   int
	asking  chan struct{} // closed when the look-up under way has ended
	watches map[*watch]struct{}
}

type watch struct{ changed func([]netip.AddrPort) }

// New makes a resolver that asks the servers of the system's configuration.
func New() *Resolver { return newResolver((&client{}).lookup, time.Now) }

// NewFrom makes a resolver that reads other files than /etc/resolv.conf and
// /etc/hosts: for tests.
func NewFrom(conf, hosts string) *Resolver {
	return newResolver((&client{files: [2]string{conf, hosts}}).lookup, time.Now)
}

func newResolver(ask func(context.Context, Name) ([]netip.AddrPort, time.Duration, error), now func() time.Time) *Resolver {
	r := &Resolver{ask: ask, now: now, names: map[Name]*entry{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// Dial gives the addresses of "host:port" as net.Dial wants them, in the
// order to try. A literal address passes through.
func (r *Resolver) Dial(hostport string) ([]string, error) { return r.dial(hostport, -1) }

// DialWithin is Dial that has the name asked for anew at least so often from
// now on, even where its records hold for longer; 0: as they say.
func (r *Resolver) DialWithin(hostport string, within time.Duration) ([]string, error) {
	return r.dial(hostport, within)
}

func (r *Resolver) dial(hostport string, within time.Duration) ([]string, error) {
	n, literal, err := nameOf(hostport)
	switch {
	case err != nil:
		return nil, err
	case literal:
		return []string{hostport}, nil
	}
	return r.get(n, within)
}

// nameOf takes "host:port" apart; literal: the host is an address.
func nameOf(hostport string) (n Name, literal bool, err error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return Name{}, false, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return Name{}, true, nil
	}
	p, err := strconv.ParseUint(port, 10, 16)
	return Name{Host: strings.ToLower(host), Port: uint16(p)}, false, err
}

// Has reports whether an address is still one of those of "host:port", as far
// as is known; of a literal address it always is.
func (r *Resolver) Has(hostport string, a netip.AddrPort) bool {
	n, literal, err := nameOf(hostport)
	if literal || err != nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.names[n]
	if e == nil || len(e.addrs) == 0 {
		return true
	}
	e.used = r.now()
	return slices.Contains(e.addrs, a)
}

func (r *Resolver) get(n Name, within time.Duration) ([]string, error) {
	r.mu.Lock()
	e := r.entry(n)
	e.used = r.now()
	if within >= 0 {
		e.within = within
		if limit := e.asked.Add(within); within > 0 && limit.Before(e.due) && e.err == nil {
			e.due = limit
		}
	}
	if len(e.texts) > 0 {
		defer r.mu.Unlock()
		if !r.now().Before(e.due) {
			r.begin(n, e)
		}
		return e.texts, nil
	}
	if e.err != nil && e.asking == nil && r.now().Before(e.due) {
		defer r.mu.Unlock()
		return nil, e.err // it failed a moment ago
	}
	r.begin(n, e)
	wait := e.asking
	r.mu.Unlock()
	if wait != nil {
		<-wait
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(e.texts) > 0 {
		return e.texts, nil
	}
	if e.err == nil {
		return nil, fmt.Errorf("look up %s: shutting down", n.Host)
	}
	return nil, e.err
}

func (r *Resolver) entry(n Name) *entry {
	e := r.names[n]
	if e == nil {
		e = &entry{}
		r.names[n] = e
	}
	return e
}

// Doubt has a name asked for anew soon: none of its addresses answered.
func (r *Resolver) Doubt(hostport string) {
	n, literal, err := nameOf(hostport)
	if literal || err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.names[n]; e != nil {
		e.due = time.Time{}
	}
}

// Known gives what is known of a name, without waiting; nil: nothing yet.
func (r *Resolver) Known(n Name) []netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.names[n]; e != nil {
		return e.addrs
	}
	return nil
}

// Watch calls changed with all addresses of a name: soon, and whenever they
// change; never with none. The calls come one at a time, from goroutines of
// their own. stop ends that.
func (r *Resolver) Watch(n Name, changed func([]netip.AddrPort)) (stop func()) {
	w := &watch{changed}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entry(n)
	if e.watches == nil {
		e.watches = map[*watch]struct{}{}
	}
	e.watches[w] = struct{}{}
	e.due = time.Time{}
	if len(e.addrs) > 0 && !r.closed {
		r.busy.Add(1)
		go func(addrs []netip.AddrPort) {
			defer r.busy.Done()
			changed(addrs)
		}(e.addrs)
	}
	r.begin(n, e)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(e.watches, w)
	}
}

// Tend asks anew for what is in use and due, and forgets what nobody uses.
func (r *Resolver) Tend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for n, e := range r.names {
		switch {
		case e.asking != nil:
		case len(e.watches) == 0 && now.Sub(e.used) > unused:
			delete(r.names, n)
		case !now.Before(e.due):
			r.begin(n, e)
		}
	}
}

// Close ends all look-ups and waits for them.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.stop()
	r.busy.Wait()
}

// begin starts a look-up unless one is under way; locked.
func (r *Resolver) begin(n Name, e *entry) {
	if e.asking != nil || r.closed {
		return
	}
	e.asking = make(chan struct{})
	r.busy.Add(1)
	go r.look(n, e)
}

func (r *Resolver) look(n Name, e *entry) {
	defer r.busy.Done()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	addrs, ttl, err := r.ask(ctx, n)
	cancel()
	if err == nil && len(addrs) == 0 {
		err = errors.New("look up " + n.Host + ": no address")
	}
	r.mu.Lock()
	var tell []*watch
	if err != nil {
		e.err = err
		e.due = r.now().Add(min(firstTry<<min(e.fails, 10), lastTry))
		e.fails++
	} else {
		slices.SortFunc(addrs, netip.AddrPort.Compare)
		addrs = slices.Compact(addrs)
		e.err, e.fails = nil, 0
		e.asked = r.now()
		hold := min(max(ttl, minTTL), maxTTL)
		if e.within > 0 {
			hold = min(hold, max(e.within, minTTL))
		}
		e.due = e.asked.Add(hold)
		if !slices.Equal(addrs, e.addrs) {
			e.addrs, e.texts = addrs, make([]string, len(addrs))
			for i, a := range addrs {
				e.texts[i] = a.String()
			}
			for w := range e.watches {
				tell = append(tell, w)
			}
		}
	}
	r.mu.Unlock()
	for _, w := range tell {
		w.changed(addrs)
	}
	r.mu.Lock()
	close(e.asking)
	e.asking = nil
	r.mu.Unlock()
}
