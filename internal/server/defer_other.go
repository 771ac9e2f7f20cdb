//go:build !linux

package server

// deferAccept is for Linux only.
func deferAccept(fd, seconds int) {}
