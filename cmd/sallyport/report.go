package main

import (
	"io"
	"strings"

	"sallyport/internal/diag"
)

// report prints what was found in a configuration: errors as httpd does, with
// the line, a caret and hints; what else there is in one line each, because a
// stock configuration loads much that Sallyport does not need.
func (o *options) report(w io.Writer, l diag.List) {
	var b strings.Builder
	l.Errors().Print(&b, "sallyport")
	for _, d := range l.Warnings().Grouped() {
		if d.Severity <= o.level {
			d.Line = ""
			diag.List{d}.Print(&b, "sallyport")
		}
	}
	io.WriteString(w, b.String())
}
