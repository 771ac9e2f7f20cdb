package errorlog

import "syscall"

// ThreadID is the system's number of the thread that happens to log.
func ThreadID() int { return syscall.Gettid() }
