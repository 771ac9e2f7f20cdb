// Package cluster is the ordered log of what operators changed while the server
// runs: every edit of a balancer or a member is one entry of one Change, every
// Change has a Revision, and a node that applies the changes in order knows
// what all others know.
//
// An edit goes Propose → store → Watch → apply on every node, the proposing one
// included: a standalone server is a cluster of one, whose store is a Log in
// memory or, with BalancerPersist On, one that keeps a file (package
// cluster/file). If the store is away traffic goes on and edits are refused.
//
// What is in here knows no balancer that runs: values are texts, spelt as the
// configuration spells them, and were checked by package manager, which also
// fills in what each replaced. Overlay is what the changes add up to: what is to
// be laid over the configuration. merge.go compares it with a configuration that
// has changed since.
package cluster
