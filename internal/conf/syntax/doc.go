// Package syntax is httpd's configuration language as text: lines, words and
// sections with their positions, and back to text again. It knows no directive
// and no meaning: what Include, Define or <IfModule> do is the business of
// package conf, which reads the same Lines and plants the same Tree. A reader
// who wants to know how a quote or a backslash is read is in the right place.
//
// The language has no grammar beyond this: a text is lines; a line is a name
// and its arguments; a line that opens with "<" is the head of a section, which
// ends at the "</" of the same name; a line that opens with "#" is a comment.
package syntax
