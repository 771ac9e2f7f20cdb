//go:build !unix

package logfile

import "syscall"

func ownGroup() *syscall.SysProcAttr { return nil }
