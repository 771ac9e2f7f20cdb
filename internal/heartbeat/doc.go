// Package heartbeat knows how busy backends say they are: once a second each
// sends a datagram "v=1&ready=75&busy=0" to whoever balances between them.
// httpd's mod_heartbeat sends such, and mod_heartmonitor gathers them.
//
// A Board is where the reports are pinned up. It outlives snapshots, so that
// a reload does not forget who is alive: snapshots hold its sources (Listen,
// Follow) while they serve, and one that two of them hold is opened once.
// Announce is the other side, a server that reports about itself.
//
// It does not choose: that is the room lbmethod_heartbeat.
package heartbeat
