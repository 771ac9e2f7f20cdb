package storage

import (
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// noOpenat2 is set once the kernel, or a sandbox, has shown that it lacks
// openat2(2); then every path is walked.
var noOpenat2 atomic.Bool

// A special file that took the place of a regular one must neither block the
// open nor become our terminal.
const readFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// openChecked opens path: for reading, or with dir as a mere handle on a
// directory. A path without links costs one system call, in which the kernel
// itself vouches that there were none. Where it met one, the path is walked
// from the root, each name opened relative to the descriptor of the directory
// before it, and each link judged by the rules of its directory.
func openChecked(path string, dir bool, rules func(string) links) (*os.File, error) {
	flags := readFlags
	if dir {
		flags = unix.O_PATH | unix.O_CLOEXEC | unix.O_DIRECTORY
	}
	if !noOpenat2.Load() {
		how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_NO_SYMLINKS}
		fd, err := again(func() (int, error) { return unix.Openat2(unix.AT_FDCWD, path, &how) })
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), path), nil
		case unix.ELOOP:
		case unix.ENOSYS, unix.EPERM, unix.E2BIG:
			noOpenat2.Store(true)
		default:
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
	fd, err := walk(path, flags, rules)
	if err == errLink {
		return nil, errLink
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

const handle = unix.O_PATH | unix.O_CLOEXEC

func walk(path string, flags int, rules func(string) links) (int, error) {
	at, err := again(func() (int, error) { return unix.Open("/", handle|unix.O_DIRECTORY, 0) })
	if err != nil {
		return -1, err
	}
	for i := 0; ; {
		for i < len(path) && path[i] == '/' {
			i++
		}
		if i == len(path) {
			// "/" itself, or a slash at the end: open the directory as asked.
			fd, err := again(func() (int, error) { return unix.Openat(at, ".", flags, 0) })
			unix.Close(at)
			return fd, err
		}
		end := len(path)
		if j := strings.IndexByte(path[i:], '/'); j >= 0 {
			end = i + j
		}
		want := handle
		if end == len(path) {
			want = flags
		}
		fd, err := step(at, path[i:end], want, func() links { return rules(parent(path, end)) })
		unix.Close(at)
		if err != nil || end == len(path) {
			return fd, err
		}
		at, i = fd, end
	}
}

// step opens one name below the directory at. A link is read from its own
// descriptor, so that what is judged is what is followed; only its target's
// path is left to the kernel, as httpd leaves it.
func step(at int, name string, flags int, rules func() links) (int, error) {
	self, err := again(func() (int, error) { return unix.Openat(at, name, handle|unix.O_NOFOLLOW, 0) })
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(self, &st); err != nil {
		unix.Close(self)
		return -1, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if flags == handle {
			return self, nil
		}
		unix.Close(self)
		fd, err := again(func() (int, error) { return unix.Openat(at, name, flags|unix.O_NOFOLLOW, 0) })
		if err == unix.ELOOP {
			err = errLink // it became a link in between
		}
		return fd, err
	}
	defer unix.Close(self)
	rule := rules()
	if !rule.follow && !rule.owner {
		return -1, errLink
	}
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(self, "", buf[:])
	if err != nil {
		return -1, err
	}
	fd, err := again(func() (int, error) { return unix.Openat(at, string(buf[:n]), flags, 0) })
	if err != nil {
		if err == unix.ENOENT || err == unix.EACCES {
			err = errLink // httpd: "or link target not accessible"
		}
		return -1, err
	}
	if !rule.follow {
		var to unix.Stat_t
		if err := unix.Fstat(fd, &to); err != nil || to.Uid != st.Uid {
			unix.Close(fd)
			return -1, errLink
		}
	}
	return fd, nil
}

// again repeats a call that a signal interrupted.
func again(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}
