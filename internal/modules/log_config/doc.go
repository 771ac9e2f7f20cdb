// Package log_config is mod_log_config: LogFormat, CustomLog, TransferLog,
// GlobalLog, BufferedLogs. A format is compiled when the configuration is
// read, to a list of small functions that append to a pooled buffer; an
// exchange that ends is a walk down that list and one copy into the sink.
//
// Where lines go (files, programs, one writer each) is package logfile's; the
// error log is package errorlog. The items of mod_logio are made here too; its
// room only takes the time of the first byte.
//
// The order of the files: config.go (directives), format.go (the language of
// formats), items.go and times.go (what each item says), hooks.go (the phase
// Log).
package log_config
