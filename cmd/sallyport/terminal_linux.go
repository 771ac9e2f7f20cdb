package main

import (
	"os"
	"syscall"
	"time"

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

// resizing is how long after a change of the window SIGWINCH still counts for
// one: a person who drags it makes many, and the last look may have seen what
// later ones are about.
const resizing = 2 * time.Second

var lastResize time.Time

// resized reports whether the terminal's window has changed its size since the
// last look: then that is what SIGWINCH was about.
func resized() bool {
	before := window
	window = windowSize()
	if before != nil && window != nil && *before != *window {
		lastResize = time.Now()
	}
	return time.Since(lastResize) < resizing
}
