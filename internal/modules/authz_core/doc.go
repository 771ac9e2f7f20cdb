// Package authz_core is mod_authz_core: Require, its containers, AuthMerging, and
// the answer to a client that may not. Rules come from providers (package
// authz); those of authz_host and authz_user are listed in providers.go.
//
// Reading builds a tree of lines and containers per section (tree.go,
// config.go); merging sections joins trees; furnishing a Place compiles its
// tree (rules.go) and hooks it into phases Access and Auth (hooks.go). A Place
// whose tree always grants has no hook.
package authz_core
