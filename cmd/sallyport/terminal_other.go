//go:build !linux

package main

import (
	"os"
	"syscall"
)

// become makes the descriptor of what another name for the file f.
func become(f, what *os.File) error {
	return syscall.Dup2(int(f.Fd()), int(what.Fd()))
}

// resized is not known here.
func resized() bool { return false }
