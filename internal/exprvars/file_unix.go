//go:build unix

package exprvars

import (
	"os"
	"os/user"
	"strconv"
	"syscall"

	"sallyport/internal/exchange"
	"sallyport/internal/expr"
)

// fileFact is what a variable says about the mapped file.
func fileFact(x *exchange.Exchange, n expr.Variable) string {
	if x.Mapped.Kind != exchange.File || x.Mapped.What == exchange.Missing {
		return ""
	}
	fi, err := os.Stat(x.Mapped.Path)
	if err != nil {
		return ""
	}
	if n == expr.LastModified {
		return fi.ModTime().Format("20060102150405")
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	if n == expr.ScriptGroup {
		id := strconv.Itoa(int(st.Gid))
		if g, err := user.LookupGroupId(id); err == nil {
			return g.Name
		}
		return id
	}
	id := strconv.Itoa(int(st.Uid))
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
