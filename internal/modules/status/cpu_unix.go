//go:build unix

package status

import "syscall"

// processorTime is what the process and its ended children have used so far,
// in seconds.
func processorTime() (user, sys, childUser, childSys float64) {
	var own, kids syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &own) != nil || syscall.Getrusage(syscall.RUSAGE_CHILDREN, &kids) != nil {
		return 0, 0, 0, 0
	}
	return hundredths(own.Utime), hundredths(own.Stime), hundredths(kids.Utime), hundredths(kids.Stime)
}

// hundredths is the resolution of httpd's page.
func hundredths(t syscall.Timeval) float64 { return float64(t.Nano()/1e7) / 100 }
