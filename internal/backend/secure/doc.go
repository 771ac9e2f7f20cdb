// Package secure is TLS towards backends: what a configuration asks of a
// backend's certificate (Settings), the check itself (verify.go), and a
// connection that does it (Conn).
//
// The handshake, the records and the ciphers are crypto/tls's. Ours is what
// mod_ssl asks of a proxy's peer, which no library has: a chain that need not
// be verified at all (SSLProxyVerify none) beside a name and an expiry date that
// are, a depth, revocation lists from files, the choice of a certificate of our
// own. Every refusal says which check failed (CheckError).
//
// The directives are modules/ssl's (SSLProxy…), the pooling backend/pool's. The
// server's own side of TLS is not here.
package secure
