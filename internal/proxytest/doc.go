// Package proxytest runs small scripts against a web server and says where
// the server and the script disagree.
//
// # To the newcomer
//
// A script is one txtar file below testdata: a piece of httpd configuration,
// a few scripted backends, the requests a client sends, and what everybody
// must see: the client (status, header, body, framing), each backend (the
// request exactly as it arrived) and the logs. The same script runs twice:
// on a real Apache httpd, which is the oracle, and on Sallyport. What httpd
// answers is right by definition, except where a script says `differs` and
// gives the reason; such a difference also stands in docs/differences.md.
//
// The files, in the order the data meets them: script.go reads a script,
// parse.go its lines, serve.go starts the server under test with the prelude
// of prelude.go, backend.go and answer.go play the backends, client.go sends,
// run.go walks the steps, expect.go compares. wire.go reads messages for both
// sides; it is deliberately naive and shares no code with Sallyport's own
// codecs, so that one mistake cannot hide another. README.md describes the
// script language.
//
// What it is not: a load generator, a conformance suite for HTTP, or a place
// for tests of a single package. It knows nothing of Sallyport's insides and
// talks to it as the world does: a configuration file, a socket, a signal.
package proxytest
