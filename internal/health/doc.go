// Package health is what httpd calls health checks, as far as it can be told
// without a socket: what a check sends (method.go, request.go), whether an
// answer is good (expect.go, vars.go, agent.go), what follows from a row of
// good and bad ones for a member (machine.go), and when to look again
// (schedule.go).
//
// It is pure: no sockets, no clock, no goroutines. Its neighbour
// health/checker goes out, asks, and brings home a live.Check; package live
// keeps what was found, over reloads; the parameters hc… are read by
// workerconf, the directives ProxyHCExpr and ProxyHCTemplate by the room
// proxy_hcheck, and the room proxy joins all of it for each member.
//
// # One state machine
//
// What requests find out about a member (live.Worker.Fail, RetryDue, Eject …)
// and what checks find out (Rules.Take) moves the same flags:
//
//	healthy  --hcfails failed checks in a row-->  failed (C, "HcFl")
//	healthy  --a request fails-->                 error (E, "Err")
//	error    --hcfails failed checks in a row-->  error and failed
//	error    --retry= is over-->                  healthy
//	error, failed --hcpasses passed checks in a row--> healthy
//
// The stories in the tests print the flags after each event.
package health
