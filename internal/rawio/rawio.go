// Package rawio reads and writes a non-blocking socket without telling the Go
// scheduler: the one place in Sallyport that uses package unsafe.
//
// An ordinary system call is announced to the scheduler, in case it blocks;
// the runtime's monitor then wakes up to fifty thousand times a second to look
// after threads that are in one. A non-blocking read or write of a few
// kilobytes never blocks, so the announcement is pure cost: about an eighth of
// the CPU time of a small proxied request (see bench).
//
// The caller must hold the descriptor (be inside a RawConn callback), and keep
// the buffers small: the thread cannot be preempted meanwhile.
package rawio

// advance takes n bytes off the front of the parts.
func advance(parts *[3][]byte, n int) {
	for i := range parts {
		m := min(n, len(parts[i]))
		parts[i] = parts[i][m:]
		n -= m
	}
}
