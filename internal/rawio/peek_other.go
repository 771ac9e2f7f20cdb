//go:build !linux

package rawio

import "syscall"

// Waiting reports whether bytes, not the end of the stream, wait to be read.
func Waiting(fd int) bool {
	n, _, err := syscall.Recvfrom(fd, make([]byte, 1), syscall.MSG_PEEK)
	return n > 0 && err == nil
}

// Silent reports whether a connection has nothing to say: no bytes, no end, no
// error.
func Silent(fd int) bool {
	_, _, err := syscall.Recvfrom(fd, make([]byte, 1), syscall.MSG_PEEK)
	return err == syscall.EAGAIN
}

// Peek is Read that leaves the bytes where they are.
func Peek(fd int, p []byte) (n int, err error) {
	for {
		n, _, err = syscall.Recvfrom(fd, p, syscall.MSG_PEEK)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
