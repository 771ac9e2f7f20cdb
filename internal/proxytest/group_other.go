//go:build !linux

package proxytest

import "syscall"

// ownGroup puts a server in a process group of its own, so that its children
// can be ended with it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
