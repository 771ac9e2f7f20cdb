// Package logfile writes log lines: the sink below both the error log (package
// errorlog) and the access logs (room log_config).
//
// A Target says where a log goes (a file, a program, syslog, standard error); a
// Sink is one open target. Whoever has a line ready puts it into the sink and
// goes on; one goroutine per sink writes what has gathered. The room for
// gathered lines is bounded: a disk that cannot keep up slows the writers of
// lines down, it loses none of them. A Set holds the sinks of one snapshot, so
// that two directives that name the same target share one; the next snapshot
// opens its own, which is how logs are reopened after rotation.
//
// Also here, because both logs need it: escaping, strftime, pooled lines. What
// a line says is the business of its neighbours above; HTTP is unknown here.
//
// Goroutines: one writer per sink from Set.Open to Set.Close, and one more per
// piped program that restarts it when it dies. Set.Close joins them all.
package logfile
