//go:build !linux

package pipe

import (
	"errors"
	"syscall"
)

// Size is what one pipe would hold.
const Size = 1 << 20

// Pipe exists on Linux only.
type Pipe struct{}

// Get lends none here: callers copy.
func Get(int64) *Pipe { return nil }

// Put has nothing to take back.
func Put(*Pipe) {}

// Held is always 0.
func (*Pipe) Held() int { return 0 }

// Fill does not work here.
func (*Pipe) Fill(syscall.RawConn, int) (int, error) { return 0, errors.ErrUnsupported }

// Drain does not work here.
func (*Pipe) Drain(syscall.RawConn) (int, error) { return 0, errors.ErrUnsupported }
