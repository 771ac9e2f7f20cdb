// Package tlsconf knows what TLS is configured with: OpenSSL's words for
// ciphers and groups (ciphers.go, with the table of suites.go), certificates
// and keys as they stand in files (pem.go), and what is wrong with them
// (check.go).
//
// It is pure: bytes and a time come in, values of crypto/tls and crypto/x509 go
// out. It opens no file and knows no directive; room ssl does, for clients and
// for backends.
package tlsconf
