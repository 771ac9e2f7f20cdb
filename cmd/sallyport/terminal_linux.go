package main

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// become makes the descriptor of what another name for the file f.
func become(f, what *os.File) error {
	return syscall.Dup3(int(f.Fd()), int(what.Fd()), 0)
}

// window is the size of our terminal's when we last looked; nil: there is no
// terminal.
var window = windowSize()

func windowSize() *unix.Winsize {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return nil
	}
	defer tty.Close()
	size, err := unix.IoctlGetWinsize(int(tty.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return nil
	}
	return size
}

// resized reports whether the terminal's window has changed its size since the
// last look: then that is what SIGWINCH was about.
func resized() bool {
	before := window
	window = windowSize()
	return before != nil && window != nil && *before != *window
}
