package proxytest

import "syscall"

// ownGroup puts a server in a process group of its own, so that its children
// can be ended with it, and ends it when the test program dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
