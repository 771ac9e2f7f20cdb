//go:build !linux

package storage

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// openChecked opens path once every link on the way has been judged by name.
// Without openat2(2) a name can be swapped between the look and the open:
// where that matters, serve from Linux. Owners are not compared here, so
// SymLinksIfOwnerMatch allows no link.
func openChecked(path string, dir bool, rules func(string) links) (*os.File, error) {
	for i := 0; i < len(path); {
		for i < len(path) && path[i] == '/' {
			i++
		}
		if i == len(path) {
			break
		}
		end := len(path)
		if j := strings.IndexByte(path[i:], '/'); j >= 0 {
			end = i + j
		}
		fi, err := os.Lstat(path[:end])
		if err != nil {
			return nil, err
		}
		if fi.Mode()&fs.ModeSymlink != 0 && !rules(parent(path, end)).follow {
			return nil, errLink
		}
		i = end
	}
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
