// Package checker carries health checks out: it knows when each member is due
// (checker.go), asks it over a connection of its own (check.go, http.go, h2.go),
// and hands what came back to package health, which judges and counts.
//
// One Checker lives as long as the process. A configuration that goes into
// service says which members are to be checked (Begin, Add, End); those that
// were checked before keep their state and their turn, those that are gone are
// not asked again. A member is asked once at a time, however slow it is.
//
// What it is not: it decides nothing about a member (package health), elects
// nobody (balancer) and shares no connection with requests (backend/pool).
package checker
