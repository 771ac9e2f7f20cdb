package server

import (
	"bufio"
	"bytes"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"sallyport/internal/errorlog"
)

// What one exchange may hold at the same time while it is busy: a goroutine or
// two with their stacks, the heads of both sides, 16 KB of a request body that
// might have to be sent again, and a buffer of 32 KB for each direction.
const exchangeMemory = 128 << 10

// Bounds of the default for exchanges, whatever the machine says.
const (
	fewestExchanges = 64
	mostExchanges   = 1 << 20
)

// filesInReserve are descriptors that are neither clients' nor backends':
// listeners, logs, the watcher, name look-ups, files being sent.
const filesInReserve = 64

// capacity is how much the process takes on at once; see docs/limits.md.
type capacity struct {
	exchanges   int64
	connections int64
}

// plan derives the capacity from what the machine gives: memory in bytes, and
// files, the number of descriptors. workers is MaxRequestWorkers; 0: not set.
func plan(workers int, memory, files int64) capacity {
	backends := files / 4
	c := capacity{exchanges: int64(workers)}
	if workers <= 0 {
		c.exchanges = min(max(min(memory/2/exchangeMemory, backends), fewestExchanges), mostExchanges)
	}
	// An idle connection needs one descriptor, an exchange one more for its
	// backend, a large body two for its pipe.
	pipes := min(files/32, 1024) * 2
	c.connections = max(files-min(backends, c.exchanges)-pipes-filesInReserve, files/4, 1)
	return c
}

// applyCapacity puts MaxRequestWorkers to work; it may be called again.
func (s *Server) applyCapacity(workers int) {
	files := fileLimit()
	c := plan(workers, memoryLimit(), files)
	s.open.limit.Store(c.connections)
	s.gate.resize(c.exchanges)
	if workers > 0 && int64(workers) > files/2 {
		s.Logf(errorlog.Warn, "core", "MaxRequestWorkers %d: the process may open %d files, enough for about %d exchanges at once", workers, files, files/2)
	}
}

func fileLimit() int64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	return int64(min(l.Cur, math.MaxInt32))
}

// memoryLimit is the least of what GOMEMLIMIT, the control group and the
// machine allow, in bytes.
func memoryLimit() int64 {
	limit := debug.SetMemoryLimit(-1)
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if b, err := os.ReadFile(file); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 {
				limit = min(limit, n)
			}
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		if n := memTotal(b); n > 0 {
			limit = min(limit, n)
		}
	}
	if limit == math.MaxInt64 {
		return 1 << 30 // nobody says
	}
	return limit
}

// memTotal reads the machine's memory out of /proc/meminfo; 0 if it is not
// there.
func memTotal(meminfo []byte) int64 {
	for lines := bufio.NewScanner(bytes.NewReader(meminfo)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n << 10
		}
	}
	return 0
}
