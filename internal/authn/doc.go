// Package authn says what stands behind AuthBasicProvider: a Provider, known by
// its name ("file", "anon"), that tells whether a user and a password belong
// together. It is to authentication what package authz is to Require.
//
// # To the newcomer
//
// A room that asks clients who they are (auth_basic) makes one Guard per
// snapshot and, for each request with credentials, one Login, which it shows to
// the providers of the Place one after the other. A provider that keeps hashes
// looks the user's up and hands it to Login.Verify: only there passwords are
// tried. That is where the Guard stands:
//
//   - What matched once is remembered (seen.go), so that a bcrypt hash does not
//     cost 100 ms on each request. Kept is a keyed hash over user, password
//     and stored hash: a changed file needs no other notice, and the memory
//     gives away no password.
//   - Who fails again and again must wait (throttle.go): a user from one address,
//     one address with many users, one user from many addresses.
//   - No more hashes are tried at once than half of the processors can take; a few
//     wait, more are refused. A flood of logins must not stop the traffic.
//
// It reads no files and answers no clients; package passwd knows the hashes.
package authn
