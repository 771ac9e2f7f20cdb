// Package urlmap finds out where a URL path leads and how it is spelt there.
//
// # To the newcomer
//
// A reverse proxy's configuration is a list of aliases, "this path goes to
// that backend", in which the first match wins. httpd walks that list line by
// line for every request. Map gives the same answer without the walk: literal
// prefixes stand in a tree that is descended once, however many there are, and
// only the regular expressions written above the best prefix are tried.
// canon.go spells a decoded path for the wire; servlet.go matches a path whose
// segments carry parameters (mapping=servlet); subst.go fills $1 into a target.
//
// Everything here is pure: strings in, strings out, no configuration, no
// exchange. What an alias means, and what happens with the result, is the
// business of modules/proxy.
package urlmap
