package module

import (
	"net/netip"
	"time"
)

// Scoreboard tells what the process is doing (httpd's scoreboard): for status
// pages. It may be asked by many at a time.
type Scoreboard interface {
	// Extend switches counting on, until it has been switched off as often:
	// accesses, bytes and what is under way cost a little per request.
	Extend(on bool)
	// Totals are the sums since the start; requests adds what is under way.
	Totals(requests bool) Totals
}

// Totals are what a Scoreboard knows.
type Totals struct {
	Started    time.Time // of the process
	Loaded     time.Time // of the configuration that serves now
	Generation int       // how many configurations have served, from 1

	// Only while extended: requests served, bytes sent with heads, and the
	// time they took.
	Accesses int64
	Bytes    int64
	Took     time.Duration

	Busy        int // exchanges under way
	Limit       int // how many there may be
	Connections int // of clients, busy or not
	// Requests are those under way, the oldest first.
	Requests []Underway
}

// Underway is one request being served.
type Underway struct {
	Connection uint64 // Client.ID
	Client     netip.Addr
	TLS        bool
	Method     string
	Target     string
	Version    string // "HTTP/1.1"
	Host       string // as the client asked for it
	Began      time.Time
	Served     int   // requests on the connection before
	Bytes      int64 // sent on the connection before
}
