package rawio

import "syscall"

// Waiting reports whether bytes, not the end of the stream, wait to be read.
func Waiting(fd int) bool {
	var b [1]byte
	n, err := call(syscall.SYS_RECVFROM, fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return n > 0 && err == nil
}

// Silent reports whether a connection has nothing to say: no bytes, no end, no
// error.
func Silent(fd int) bool {
	var b [1]byte
	_, err := call(syscall.SYS_RECVFROM, fd, b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return err == syscall.EAGAIN
}

// Peek is Read that leaves the bytes where they are.
func Peek(fd int, p []byte) (n int, err error) {
	return call(syscall.SYS_RECVFROM, fd, p, syscall.MSG_DONTWAIT|syscall.MSG_PEEK)
}
