package errorlog

import "net/netip"

// Facts are what an exchange adds to a line.
type Facts struct {
	Client  netip.AddrPort
	Referer string
}

// Logger writes the error log of one server. A nil Logger discards. Safe for
// use by many goroutines.
type Logger struct{}

// Enabled reports whether a line of this module and level would be written.
func (l *Logger) Enabled(module string, lv Level) bool { return l != nil }

// Logf formats and writes one line, e.g. Logf(Error, "proxy", f, "AH00898: %s
// returned by %s", …). The module is a room's name.
func (l *Logger) Logf(lv Level, module string, f Facts, format string, args ...any) {}
