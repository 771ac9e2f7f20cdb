// Package ssl is mod_ssl: TLS towards clients (SSLEngine and its kin) and
// towards backends (SSLProxy…).
//
// # To the newcomer
//
// The front side, in the order the data meets it: table.go lists the
// directives, config.go and words.go are what they write, compile.go makes one
// exchange.ServerTLS of each server (with the files of load.go and the lists
// of package tlsconf). The handshakes are crypto/tls's, called by front/h1;
// hooks.go is what is left to do for a request: who may come, what the
// variables say (vars.go).
//
// The far side stands in the files proxy*.go.
package ssl
