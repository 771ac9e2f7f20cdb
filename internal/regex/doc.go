// Package regex is httpd's regular expressions: PCRE on bytes, with httpd's
// default options (the dot matches a newline, "$" only the very end).
//
// A pattern is read once by a translator, which resolves all that PCRE and Go
// see differently (flags, classes, escapes, names, case) into a plain pattern
// over bytes 0 to 255. If nothing in it needs backtracking, Go's regexp runs it,
// in linear time; what needs it (look-around, back-references, atomic groups,
// possessive quantifiers) goes to a backtracking engine under a time limit. The
// simplest and commonest shapes (^/path, ^/path(.*)$, \.php$) run without any
// engine.
//
// Bytes are bytes, as for httpd: "é" is two of them, and a text that is no
// UTF-8 is nothing special. Both engines get such texts with each byte as one
// character, so offsets are always byte offsets.
//
// Not here: what a pattern is matched against, and the flags of rewrite rules.
// Everything that has a pattern uses this package and no engine directly.
package regex
