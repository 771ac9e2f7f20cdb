//go:build !unix

package exprvars

import (
	"os"

	"sallyport/internal/exchange"
	"sallyport/internal/expr"
)

// fileFact is what a variable says about the mapped file; owners are not known
// here.
func fileFact(x *exchange.Exchange, n expr.Variable) string {
	if n != expr.LastModified || x.Mapped.Kind != exchange.File {
		return ""
	}
	fi, err := os.Stat(x.Mapped.Path)
	if err != nil {
		return ""
	}
	return fi.ModTime().Format("20060102150405")
}
