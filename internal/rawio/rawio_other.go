//go:build !linux

package rawio

import "syscall"

// Max is the most that is moved in one call, in bytes.
const Max = 64 << 10

// Read reads into p once. n is 0 at the end of the stream. EINTR is retried.
func Read(fd int, p []byte) (n int, err error) {
	for {
		n, err = syscall.Read(fd, p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// Write writes p once; n may be less than len(p).
func Write(fd int, p []byte) (n int, err error) {
	for {
		n, err = syscall.Write(fd, p[:min(len(p), Max)])
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// Writev writes the parts, one after the other, and takes what was written off
// them; n may be less than all of it.
func Writev(fd int, parts *[3][]byte) (n int, err error) {
	for _, p := range parts {
		m, err := Write(fd, p)
		n += m
		if err != nil || m < len(p) {
			advance(parts, n)
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
	}
	advance(parts, n)
	return n, nil
}

// Queued is how many bytes written to a TCP socket its peer has not yet
// acknowledged; 0 when that cannot be known.
func Queued(int) int { return 0 }
