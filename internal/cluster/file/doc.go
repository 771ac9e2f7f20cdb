// Package file keeps the log of edits in one text file (BalancerPersist On), so
// that they survive a restart: a cluster of one node.
//
// The file is for people as well: first what holds, in httpd's syntax, each
// edit below a line that says who made it, when and why, and what the
// configuration said at that time; then the history, one change a line. The
// last line is a sum over all others: without it the file was cut short, or
// somebody has changed it by hand. Who has done so on purpose removes the line.
//
// A change is written to a new file, which is synced, takes the name of the old
// one, and whose directory is synced: at any moment there is a whole file under
// the name, and a change that was confirmed is in it. Where any of this fails
// the change is refused and the old file stays.
//
// format.go writes and reads the text, store.go the file. What holds of the
// edits when the configuration has changed is package cluster's business, what
// is done about a damaged file package manager's.
package file
