// Package pipe moves large bodies from one socket to another inside the kernel
// (splice(2)): through a pipe, without a copy in our memory.
//
// net.TCPConn.ReadFrom does that too. But when a deadline strikes while its
// pipe holds bytes, they are lost: taken from one side and never given to the
// other, and nobody is told. And its error does not say whose deadline it was.
// Here the two steps are the caller's: Fill blocks on the source alone, Drain
// on the destination alone, and what a pipe holds stays there until drained.
//
// It knows no HTTP and keeps no deadlines; who calls does.
package pipe
