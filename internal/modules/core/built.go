package core

import (
	"runtime/debug"
	"strings"
)

// Built is when the source was committed that the program was built from;
// "unknown" when the program does not know.
func Built() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				return strings.TrimSuffix(s.Value, "Z")
			}
		}
	}
	return "unknown"
}
