package balancer_test

import (
	"sync"

	"sallyport/internal/live"
	"sallyport/internal/workerconf"
)

// editor lays operators' edits over what workers were configured with, as
// package manager does, and keeps them over a reload.
type editor struct {
	reg   *live.Registry
	mu    sync.Mutex
	text  map[live.WorkerKey]live.Configured
	edits map[live.WorkerKey]edit
}

// edit is what was edited of one worker; zero fields are left alone.
type edit struct {
	key     live.WorkerKey
	factor  int32
	set     *uint8
	route   *string
	to      *string // redirect
	on, off live.Flags
	revert  bool
}

func newEditor(reg *live.Registry) *editor {
	return &editor{reg: reg, text: map[live.WorkerKey]live.Configured{}, edits: map[live.WorkerKey]edit{}}
}

// worker is d.Worker with the edits laid over c.
func (ed *editor) worker(d *live.Draft, key live.WorkerKey, c live.Configured) *live.Worker {
	ed.mu.Lock()
	defer ed.mu.Unlock()
	ed.text[key] = c
	return d.Worker(key, ed.edits[key].over(c))
}

func (e edit) over(c live.Configured) live.Configured {
	if e.factor != 0 {
		c.Factor = e.factor
	}
	if e.set != nil {
		c.LBSet = *e.set
	}
	if e.route != nil {
		c.Route = *e.route
	}
	if e.to != nil {
		c.Redirect = *e.to
	}
	c.Flags = (c.Flags | e.on) &^ e.off
	return c
}

// apply lets an edit land; false: the worker is not there.
func (ed *editor) apply(e edit) bool {
	ed.mu.Lock()
	defer ed.mu.Unlock()
	all := ed.edits[e.key]
	if e.revert {
		all = edit{}
	}
	all.on, all.off = all.on&^e.off|e.on&^live.Health, all.off&^e.on|e.off&^live.Health
	if e.factor != 0 {
		all.factor = e.factor
		if len(ed.text) == 1 {
			all.factor = 100 // as the manager has it, and httpd
		}
	}
	if e.set != nil {
		all.set = e.set
	}
	if e.route != nil {
		all.route = e.route
	}
	if e.to != nil {
		all.to = e.to
	}
	ed.edits[e.key] = all
	landed := ed.reg.Configure(e.key, all.over(ed.text[e.key]))
	if e.factor != 0 {
		ed.reg.Restart(e.key.Balancer)
	}
	if w := ed.reg.Worker(e.key); w != nil && (e.on|e.off)&live.HealthFailed != 0 {
		w.Balancer().Lock()
		w.SetHealthFailed(e.on&live.HealthFailed != 0)
		w.Balancer().Unlock()
	}
	return landed
}

// editOf reads an edit of a worker as the stories write it.
func editOf(key live.WorkerKey, w *workerconf.Worker) edit {
	e := edit{key: key, on: w.Status.V.On, off: w.Status.V.Off}
	if w.LoadFactor.Is {
		e.factor = int32(w.LoadFactor.V)
	}
	if w.LBSet.Is {
		set := uint8(w.LBSet.V)
		e.set = &set
	}
	if w.Route.Is {
		e.route = &w.Route.V
	}
	if w.Redirect.Is {
		e.to = &w.Redirect.V
	}
	return e
}
