//go:build linux

package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of /proc/PID/stat's times. USER_HZ is 100 on every
// Linux that Go runs on, whatever the kernel's own HZ.
const clockTick = 10 * time.Millisecond

// stat is what the race needs of /proc/PID/stat (proc_pid_stat(5)).
type stat struct {
	PID, Parent, Group int
	CPU                time.Duration // utime + stime of the process's threads
	Reaped             time.Duration // cutime + cstime: children waited for
}

// parseStat reads the text of /proc/PID/stat. The command may hold spaces and
// parentheses, so fields are counted from the last closing one.
func parseStat(b []byte) (stat, error) {
	var s stat
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 1 || end < open {
		return s, fmt.Errorf("parse stat: no command in %q", b)
	}
	f := strings.Fields(string(b[end+1:]))
	if len(f) < 15 {
		return s, fmt.Errorf("parse stat: %d fields after the command", len(f))
	}
	num := func(text string) int64 {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			n = 0
		}
		return n
	}
	s.PID = int(num(strings.TrimSpace(string(b[:open]))))
	if s.PID == 0 {
		return s, fmt.Errorf("parse stat: no process number in %q", b)
	}
	s.Parent, s.Group = int(num(f[1])), int(num(f[2]))
	s.CPU = time.Duration(num(f[11])+num(f[12])) * clockTick
	s.Reaped = time.Duration(num(f[13])+num(f[14])) * clockTick
	return s, nil
}

// readStat reads one process; false when it is gone.
func readStat(pid int) (stat, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, false
	}
	s, err := parseStat(b)
	return s, err == nil
}

// parentOrGroup reports whether pid still is what it was: a child or a group
// member of root, and not a stranger that got its number.
func parentOrGroup(pid, root int) bool {
	s, ok := readStat(pid)
	return ok && (s.Parent == root || s.Group == root)
}

// Tree returns root and all its living descendants.
func Tree(root int) []int {
	children := map[int][]int{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		if s, err := parseStat(b); err == nil {
			children[s.Parent] = append(children[s.Parent], s.PID)
		}
	}
	tree := []int{root}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree
}

// TreeCPU is the user and system time of root and its descendants, those it
// already reaped included.
func TreeCPU(root int) time.Duration {
	var sum time.Duration
	for _, pid := range Tree(root) {
		if s, ok := readStat(pid); ok {
			sum += s.CPU + s.Reaped
		}
	}
	return sum
}

// StatusKB reads one "Name: N kB" line out of the text of /proc/PID/status.
func StatusKB(status []byte, name string) (int64, bool) {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte(name+":"))
		if !ok {
			continue
		}
		f := bytes.Fields(rest)
		if len(f) == 0 {
			return 0, false
		}
		n, err := strconv.ParseInt(string(f[0]), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// TreeMemory sums a size of /proc/PID/status (VmRSS, VmHWM) over root and its
// descendants, in bytes. Pages that processes share count in each of them.
func TreeMemory(root int, name string) int64 {
	var sum int64
	for _, pid := range Tree(root) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		if kb, ok := StatusKB(b, name); ok {
			sum += kb << 10
		}
	}
	return sum
}

// ResetPeaks lowers each process's VmHWM to what it holds now
// (proc_pid_clear_refs(5), value 5).
func ResetPeaks(root int) {
	for _, pid := range Tree(root) {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
	}
}

// parseBusy returns the time all cores were not idle, from the text of
// /proc/stat: everything on the "cpu" line but idle and iowait, and guest
// time, which user time already holds.
func parseBusy(b []byte) (time.Duration, error) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := strings.Fields(string(line))
	if len(f) < 9 || f[0] != "cpu" {
		return 0, fmt.Errorf("parse /proc/stat: first line %q", line)
	}
	var ticks int64
	for i, text := range f[1:9] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse /proc/stat: %w", err)
		}
		if i != 3 && i != 4 {
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick, nil
}

// TreeFiles counts the open file descriptors of root and its descendants. A
// process of another user, whose list this one may not read, counts as none.
func TreeFiles(root int) int {
	n := 0
	for _, pid := range Tree(root) {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err == nil {
			n += len(list)
		}
	}
	return n
}

// TreeThreads counts the threads of root and its descendants.
func TreeThreads(root int) int {
	n := 0
	for _, pid := range Tree(root) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		threads, _ := StatusKB(b, "Threads")
		n += int(threads)
	}
	return n
}

// MachineBusy reads parseBusy's figure now; 0 when it cannot.
func MachineBusy() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	busy, err := parseBusy(b)
	if err != nil {
		return 0
	}
	return busy
}

// OwnCPU is the time of this process and of the children it waited for, which
// are the runs of wrk and the peers already stopped.
func OwnCPU() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}
