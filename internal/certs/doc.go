// Package certs keeps managed certificates: it obtains them from an ACME server
// (RFC 8555), stores them, renews them in time, and hands them to handshakes
// from memory. It is the engine behind mod_md's directives and AutoHTTPS.
//
// # To the newcomer
//
// A Spec (spec.go) says what somebody wants: names, keys, which authority. The
// room md makes one per managed domain each time a configuration is built, and
// puts them into a Draft (manager.go), which is prepared when the snapshot opens
// and settled when that serves. From a Spec a Domain (domain.go) comes to life: it lives beside the
// snapshots, under its name, keeps its certificates over reloads, and has one
// goroutine that looks after them. A handshake only loads a pointer.
//
// A certificate is obtained in obtain.go, which drives acmez; the proof that we
// are who we say lies in challenge.go until the authority has seen it. store.go
// is the directory where all of it survives a restart, laid out as mod_md lays
// it out, so that either can take over from the other. While there is no
// certificate yet, a Domain shows a temporary one that it signed itself, and is
// not Ready.
//
// An authority that is away blocks nothing: the Domain tries again, later each
// time, and the error log says when.
//
// # What it is not
//
// It listens nowhere: the rooms md and ssl answer challenges with what lies
// here. It knows no directive and no snapshot. Why acmez and not certmagic,
// which is built upon it: that manages one name per certificate and brings a
// store, listeners and a cache of its own; a managed domain is a group of names
// with one certificate per kind of key, in mod_md's store.
package certs
