//go:build !linux

package errorlog

import "os"

func threadID() int { return os.Getpid() }
