package live

import "time"

// Set is a value that may be left alone: the zero Set is.
type Set[T any] struct {
	V  T
	Is bool
}

// To makes a Set.
func To[T any](v T) Set[T] { return Set[T]{v, true} }

// Or gives the value, or def when it was left alone.
func (s Set[T]) Or(def T) T {
	if s.Is {
		return s.V
	}
	return def
}

func (s Set[T]) over(outer Set[T]) Set[T] {
	if s.Is {
		return s
	}
	return outer
}

// WorkerEdit is what operators changed about a worker. On and Off hold flags
// out of Editable; a later edit wins over an earlier.
type WorkerEdit struct {
	Factor          Set[int32] // hundredths
	LBSet           Set[uint8]
	Route, Redirect Set[string]
	On, Off         Flags
}

// BalancerEdit is what operators changed about a balancer, as one server sees
// it.
type BalancerEdit struct {
	Method                   Set[string]
	Timeout                  Set[time.Duration]
	MaxAttempts              Set[int]
	NoFailover               Set[bool]
	StickyCookie, StickyPath Set[string]
}

// Edit is one operator's change to a worker (URL is set) or to a balancer.
type Edit struct {
	Balancer BalancerKey
	URL      string // of the member; "": the edit is about the balancer
	Worker   WorkerEdit
	Settings BalancerEdit
	// Revert takes back all earlier edits of the target before this one
	// lands: the configuration speaks again.
	Revert bool
}

// Effect tells what one edit did, for logs and for whoever must act on it.
type Effect struct {
	Edit   Edit
	Landed bool // false: nothing of that name runs; the edit is remembered
	Before Flags
	After  Flags
}

// Overlay is all operators' edits that hold: what a store keeps and a reload
// lays over the new configuration.
type Overlay struct {
	Workers   map[WorkerKey]WorkerEdit
	Balancers map[BalancerKey]BalancerEdit
}

// Apply lets operators' edits land: they are laid over the configuration, now
// and after every reload, until an edit takes them back. Setting or clearing
// HealthFailed is the exception: it is done once and then left to the checks.
func (r *Registry) Apply(edits ...Edit) []Effect {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Effect, 0, len(edits))
	for _, e := range edits {
		if e.URL == "" {
			out = append(out, r.editBalancer(e))
		} else {
			out = append(out, r.editWorker(e))
		}
	}
	return out
}

func (r *Registry) editBalancer(e Edit) Effect {
	old := r.overlay.Balancers[e.Balancer]
	if e.Revert {
		old = BalancerEdit{}
	}
	next := e.Settings.over(old)
	r.overlay.Balancers[e.Balancer] = next
	d := r.desks[e.Balancer]
	if d != nil {
		d.edit.Store(&next)
	}
	return Effect{Edit: e, Landed: d != nil}
}

func (r *Registry) editWorker(e Edit) Effect {
	key := WorkerKey{e.Balancer, e.URL}
	old := r.overlay.Workers[key]
	if e.Revert {
		old = WorkerEdit{}
	}
	if e.Worker.Factor.Is && r.members(e.Balancer) == 1 {
		e.Worker.Factor.V = 100 // as in httpd: there is nothing to weigh it against
	}
	e.Worker.On &= Editable
	e.Worker.Off &= Editable &^ e.Worker.On
	next := e.Worker.over(old)
	r.overlay.Workers[key] = next

	w := r.workers[key]
	if w == nil {
		return Effect{Edit: e}
	}
	b := w.bal
	b.Lock()
	defer b.Unlock()
	before := w.Flags()
	w.relay(w.conf, next)
	w.setFlags((w.Flags() | e.Worker.On&HealthFailed) &^ (e.Worker.Off & HealthFailed))
	if (e.Worker.On|e.Worker.Off)&HealthFailed != 0 && w.probes != nil {
		w.probes.Passes, w.probes.Fails = 0, 0 // the checks have to say it anew
	}

	// As in httpd a changed factor starts the round anew, every member at its
	// own factor. A member that comes back keeps the standing it left with.
	if e.Worker.Factor.Is {
		r.each(e.Balancer, func(w *Worker) { w.lbstatus = int64(w.settings.Factor) })
		b.Changed()
	}
	return Effect{Edit: e, Landed: true, Before: before, After: w.Flags()}
}

// each visits the workers of a balancer.
func (r *Registry) each(key BalancerKey, f func(*Worker)) {
	for k, w := range r.workers {
		if k.Balancer == key {
			f(w)
		}
	}
}

func (r *Registry) members(key BalancerKey) (n int) {
	r.each(key, func(*Worker) { n++ })
	return n
}

func (e WorkerEdit) over(outer WorkerEdit) WorkerEdit {
	keep := ^(e.On | e.Off | Health)
	return WorkerEdit{
		Factor:   e.Factor.over(outer.Factor),
		LBSet:    e.LBSet.over(outer.LBSet),
		Route:    e.Route.over(outer.Route),
		Redirect: e.Redirect.over(outer.Redirect),
		On:       outer.On&keep | e.On&^Health,
		Off:      outer.Off&keep | e.Off&^Health,
	}
}

func (e BalancerEdit) over(outer BalancerEdit) BalancerEdit {
	return BalancerEdit{
		Method:       e.Method.over(outer.Method),
		Timeout:      e.Timeout.over(outer.Timeout),
		MaxAttempts:  e.MaxAttempts.over(outer.MaxAttempts),
		NoFailover:   e.NoFailover.over(outer.NoFailover),
		StickyCookie: e.StickyCookie.over(outer.StickyCookie),
		StickyPath:   e.StickyPath.over(outer.StickyPath),
	}
}
