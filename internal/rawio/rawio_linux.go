package rawio

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Max is the most that is moved in one call, in bytes.
const Max = 64 << 10

// Read reads into p once. n is 0 at the end of the stream. EINTR is retried.
func Read(fd int, p []byte) (n int, err error) {
	return call(syscall.SYS_RECVFROM, fd, p, syscall.MSG_DONTWAIT)
}

// Write writes p once; n may be less than len(p).
func Write(fd int, p []byte) (n int, err error) {
	return call(syscall.SYS_SENDTO, fd, p, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
}

// Writev writes the parts in one go, once, and takes what was written off them;
// n may be less than all of it.
func Writev(fd int, parts *[3][]byte) (n int, err error) {
	if len(parts[1])+len(parts[2]) == 0 { // send(2) has less to look at
		n, err = Write(fd, parts[0])
		parts[0] = parts[0][n:]
		return n, err
	}
	var vec [len(parts)]unix.Iovec
	k, room := 0, Max
	for _, p := range parts {
		if p = p[:min(len(p), room)]; len(p) > 0 {
			vec[k].Base = &p[0]
			vec[k].SetLen(len(p))
			room -= len(p)
			k++
		}
	}
	msg := unix.Msghdr{Iov: &vec[0]}
	msg.SetIovlen(k)
	for {
		r, _, e := syscall.RawSyscall(syscall.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
		switch e {
		case 0:
			advance(parts, int(r))
			return int(r), nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, syscall.EAGAIN
		}
		return 0, e
	}
}

// Queued is how many bytes written to a TCP socket its peer has not yet
// acknowledged; 0 when that cannot be known.
func Queued(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// call is recv(2) or send(2): a shorter way through the kernel than read(2)
// and write(2), which serve files too.
func call(trap uintptr, fd int, p []byte, flags uintptr) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(p) > Max {
		p = p[:Max]
	}
	for {
		r, _, e := syscall.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), flags, 0, 0)
		switch e {
		case 0:
			return int(r), nil
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			return 0, syscall.EAGAIN // no allocation for the common one
		}
		return 0, e
	}
}
