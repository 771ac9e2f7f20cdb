// Package errorlog is the error log: levels, per-module thresholds, httpd's line
// shape (ErrorLogFormat), and the sinks an ErrorLog directive names (file, pipe,
// syslog, standard error). It knows no HTTP; an Entry brings the facts of a
// request as plain strings. The access log is the room log_config.
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
