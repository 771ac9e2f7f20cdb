//go:build !linux

package errorlog

import "os"

// ThreadID stands in where threads have no number: the process's.
func ThreadID() int { return os.Getpid() }
