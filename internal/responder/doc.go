// Package responder asks OCSP responders about certificates (RFC 6960): whether
// they are good, or have been revoked.
//
// # To the newcomer
//
// Three users have the same question: SSLUseStapling and MDStapling, which pass
// the answer on with a server's own certificate, and SSLOCSPEnable, which asks
// about a client's. Ask makes the question, carries it over HTTP, and checks
// everything about the answer that makes it one: who signed it, that it is about
// this very certificate, its time, its nonce. What it says (good, revoked,
// unknown) is for the caller to judge.
//
// What it is not: a cache. Who asks remembers. Neighbours: modules/ssl and certs
// above, golang.org/x/crypto/ocsp below, which reads answers but knows neither
// nonces nor who may sign.
package responder
