package errorlog

import "syscall"

// threadID is the system's number of the thread that happens to log.
func threadID() int { return syscall.Gettid() }
