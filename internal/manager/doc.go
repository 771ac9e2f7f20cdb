// Package manager is the desk at which balancers are looked at and changed
// while the server runs: what the balancer-manager page, the JSON API, ctl and
// the console have in common.
//
// One Manager lives as long as the process. It owns the log of edits (package
// cluster) and knows the Board of the configuration that runs: its balancers
// with what the text says about them, put there by the room proxy when a
// configuration goes into service. From both follows a Layout, what holds: the
// text with the edits laid over it. A pure function makes it (layout.go); the
// room makes members of it, when it compiles a configuration and again whenever
// an edit has landed, so that a reload and an edit can not differ.
//
// How to use it, in the order one needs it:
//
//	view := m.At(serverKey)            // what one virtual host sees; see Build.Env.Manager
//	for _, b := range view.Balancers() // live state, parameters, members (state.go)
//	m.Preview(edits)                   // who would get which share (preview.go)
//	m.Propose(ctx, by, at, edits)      // an *Invalid names field, value and range
//	m.Undo(ctx, by, revision)          // history.go
//	m.Watch(ctx)                       // every change and state worth telling (watch.go)
//
// What it is not: it speaks no HTTP and makes no pages (modules/proxy_balancer
// does), it elects nobody (package balancer) and checks nobody's health.
package manager
