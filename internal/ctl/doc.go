// Package ctl is `sallyport ctl`: a client of the balancer-manager's JSON API
// (package manager/api) for the command line, scripts and cron. It knows nothing
// of the server but the API's address, prints tables for people and JSON for
// programs, and tells by its exit code how it went.
//
// args.go reads the command line, client.go speaks HTTP, commands.go does what
// is asked, print.go makes tables.
package ctl
