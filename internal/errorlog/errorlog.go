// Package errorlog is the error log: levels, per-module thresholds, httpd's line
// shape (ErrorLogFormat) and its Logger. The sinks an ErrorLog directive names
// are package logfile's. It knows no HTTP; Facts bring what is known of a
// request as plain texts. The access log is the room log_config.
//
// The order of the files: errorlog.go (levels), levels.go (LogLevel), format.go
// (ErrorLogFormat), logger.go (writing a line), errno.go (system errors as
// httpd prints them).
package errorlog

// Level is httpd's severity: the smaller, the graver.
type Level int8

// httpd's levels (LogLevel).
const (
	Emerg Level = iota
	Alert
	Crit
	Error
	Warn
	Notice
	Info
	Debug
	Trace1
	Trace2
	Trace3
	Trace4
	Trace5
	Trace6
	Trace7
	Trace8
)

var levelNames = [...]string{
	"emerg", "alert", "crit", "error", "warn", "notice", "info", "debug",
	"trace1", "trace2", "trace3", "trace4", "trace5", "trace6", "trace7", "trace8",
}

// String gives the level's keyword.
func (l Level) String() string {
	if l < Emerg || l > Trace8 {
		return "unknown"
	}
	return levelNames[l]
}
