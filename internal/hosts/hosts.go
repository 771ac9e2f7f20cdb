// Package hosts tells who a client is by address or by name: the address
// patterns of Require ip and Allow from (net.go), sets of them (set.go), and
// names from the DNS for Require host, forward-dns and the log's %h (name.go).
//
// It decides nothing about access; the rooms authz_host and access_compat do.
// Listen addresses and virtual hosts are package snapshot's.
package hosts
