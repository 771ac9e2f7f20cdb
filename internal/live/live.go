// Package live holds what outlives a snapshot: workers with their status and
// counters, balancers, and the overlay of operators' edits, each under a
// stable key. A reload finds its workers here again; nothing in here knows
// the configuration text.
package live

// Registry is all live state of the process. Safe for use by many goroutines.
type Registry struct{}
