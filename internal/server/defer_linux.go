package server

import "syscall"

// deferAccept has the system hand over connections when their first bytes are
// there: nobody needs to wake up for a connection, and again for its request.
func deferAccept(fd, seconds int) {
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, seconds)
}
