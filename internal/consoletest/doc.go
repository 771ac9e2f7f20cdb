// Package consoletest looks at the balancer-manager's console as people do: a
// real Chromium, driven over its debugging protocol, in front of a running
// Sallyport with backends that can be slowed down and killed. With SHOTS=DIR in
// the environment the tests leave pictures of what they saw in DIR.
//
// Without Chromium the tests are skipped, and without npm the one that lets
// axe-core look for barriers. It holds nothing but tests and shares no code with
// Sallyport.
package consoletest
