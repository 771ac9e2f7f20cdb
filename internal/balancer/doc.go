// Package balancer decides which member of a balancer serves a request, and
// what a request's end means for the member that served it. It is the pure
// core: requests and outcomes in, decisions out. No sockets, no clock (now is
// an argument), no goroutines; package live keeps the state, so that a reload
// loses none.
//
// A request goes through it like this:
//
//	var p balancer.Pick                      // one per exchange, pooled with it
//	for {
//		r := b.Elect(time.Now(), balancer.Request{URL: …, Cookie: …}, &p)
//		if r.Refused() { … 503, r.Line() into the log … ; break }
//		… send the request to p.Member …
//		v := b.Done(&p, balancer.Outcome{…}, time.Now())
//		if !v.Again { break }
//	}
//	… answer, log; p.Vars are the BALANCER_* variables …
//	b.Release(&p)
//
// What happens in Elect, in the order of the files: forced recovery and the
// look at who may serve (group.go), the session's own member (sticky.go), else
// the method's choice (method.go, on the standings kept in tally.go). What
// happens in Done is one table and one transition (outcome.go). The methods
// themselves are rooms: modules/lbmethod_byrequests and its siblings.
//
// Elect, Done and Release together take about 70 ns and allocate nothing under
// byrequests, whether there are two members or a thousand (tally.go says how);
// bybusyness and bytraffic look at every member: 2.5 and 5 µs for a thousand,
// 0.1 µs for sixteen.
//
// The order of picks is httpd's, for the same start and the same outcomes;
// where we differ the code says "Unlike httpd".
package balancer
