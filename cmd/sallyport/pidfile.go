package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// instance is what a PidFile says about a running server.
type instance struct {
	pid   int    // 0: there is no PidFile
	alive bool   // the process is there, and is a server
	name  string // of the process, where the system tells
}

// errPidFile is httpd's pair of lines about a PidFile that holds no number.
type errPidFile struct {
	file string
	err  error
}

func (e *errPidFile) Error() string {
	return fmt.Sprintf("%v: AH00058: Error retrieving pid file %s\nAH00059: Remove it before continuing if it is corrupted.", e.err, e.file)
}

// running reads a PidFile and looks whether its process is there.
func running(file string) (instance, error) {
	var in instance
	if file == "" {
		return in, nil
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return in, nil
	}
	if err != nil {
		return in, &errPidFile{file, err}
	}
	in.pid, err = strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil || in.pid <= 0 {
		return in, &errPidFile{file, errors.New("not the number of a process")}
	}
	if in.pid == os.Getpid() {
		return in, nil // left over from before a restart of the container
	}
	err = syscall.Kill(in.pid, 0)
	in.name = processName(in.pid)
	in.alive = (err == nil || errors.Is(err, fs.ErrPermission)) && (in.ours() || in.httpd())
	return in, nil
}

// ours reports whether the process may be a Sallyport. A number is given again:
// after a crash or a reboot it may be anybody's, who must not be signalled.
//
// Unlike httpd, which asks only whether there is a process of that number.
func (in instance) ours() bool {
	return in.name == "" || strings.HasPrefix(in.name, "sallyport") || in.name == processName(os.Getpid())
}

// httpd reports whether it is the original.
func (in instance) httpd() bool { return in.name == "apache2" || in.name == "httpd" }

// processName gives the name of a process, at most 15 bytes of it; "" where the
// system does not tell.
func processName(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
