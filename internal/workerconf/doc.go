// Package workerconf holds the parameters of workers and balancers: the
// key=value words behind ProxyPass, BalancerMember, ProxySet and <Proxy>. Two
// tables, WorkerParams and BalancerParams, say of each its name, kind, unit,
// default, range, meaning and place; the same rows parse it, complain about it in
// httpd's words, spell it again, and print the documentation.
//
// The result is typed: every field is a conf.Opt and so knows whether it was
// set, and where. Nothing here opens, resolves or elects anything. Package
// live owns the letters of status=; package balancer and the proxy room read
// the values.
//
// # Numbers and times
//
// httpd reads most of its older parameters with a plain integer conversion:
// leading digits count, the rest is ignored without a word. A configuration
// may lean on that, so it is accepted here, with a note.
//
// Unlike httpd: a unit is never ignored. timeout=500ms is half a second, not
// 500 seconds, because that is what its author wrote; the note says what
// httpd makes of it.
package workerconf
