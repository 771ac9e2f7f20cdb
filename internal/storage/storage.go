// Package storage is the file system as requests see it: what a mapped path
// leads to, and how it is opened without stepping over a symbolic link that
// Options forbid.
//
// # To the newcomer
//
// A request for a file passes here twice. Whoever translated the URL (the
// rooms alias and files, later rewrite) calls Map: it looks at the path once,
// splits off what follows a file (PATH_INFO) and fills Exchange.Mapped, so
// that the sections for that file can be found. The handler calls Open; only
// there the symlink rules are enforced, on the descriptor that is then read:
// between the check and the use nothing can be swapped. Check does the same
// for a directory, before anything is told about it.
//
// It does not serve, list or cache files, and knows no HTTP beyond the status
// of a refusal. httpd does this work in ap_directory_walk.
package storage

import (
	"errors"
	"io/fs"
	"os"
	"sort"
	"strings"
	"syscall"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
)

// Map says that the URL leads to path, an absolute path in the file system,
// and finds out what is there. It fills x.Mapped and x.PathInfo: of
// "/docs/a.html/more" where a.html is a file, Mapped.Path is "/docs/a.html"
// and PathInfo "/more"; where nothing is found they are cut behind the first
// name that does not exist. The verdict is OK, or the status to answer at
// once: 403 where something is in the way, 404 for a path that cannot name a
// file.
func Map(x *exchange.Exchange, path string) exchange.Verdict {
	x.Mapped = exchange.Mapping{Kind: exchange.File, Path: path}
	x.PathInfo = ""
	if strings.IndexByte(path, 0) >= 0 {
		return exchange.Status(404)
	}
	if climbs(path) {
		// Unlike httpd: it folds "..", we refuse, because after the URL
		// was normalised only a substitution can have put one together.
		x.Logf(errorlog.Error, "core", "AH00036: access to %s failed (filesystem path '%s'): it steps upwards", x.Path, path)
		return exchange.Status(403)
	}
	what, err := look(path)
	if err == nil {
		x.Mapped.What = what
		return settled(x)
	}
	if !gone(err) {
		return refuse(x, path, err)
	}
	return cut(x, path)
}

// settled refuses what is neither file nor directory (AH00038).
func settled(x *exchange.Exchange) exchange.Verdict {
	if x.Mapped.What != exchange.Special {
		return exchange.OK
	}
	x.Logf(errorlog.Error, "core", "AH00038: Forbidden: %s doesn't point to a file or directory", x.Mapped.Path)
	return exchange.Status(403)
}

// cut finds the longest part of path that exists and puts the rest where it
// belongs. Whether a prefix exists is monotone in its length, so a path of
// thousands of segments costs a dozen looks.
func cut(x *exchange.Exchange, path string) exchange.Verdict {
	var ends []int // offsets of the slashes behind the first byte
	for i := 1; i < len(path); i++ {
		if path[i] == '/' && path[i-1] != '/' {
			ends = append(ends, i)
		}
	}
	var odd error
	n := sort.Search(len(ends), func(i int) bool {
		_, err := look(path[:ends[i]])
		if err != nil && !gone(err) {
			odd = err
		}
		return err != nil
	})
	if odd != nil {
		return refuse(x, path, odd)
	}
	if n > 0 {
		at := ends[n-1]
		what, err := look(path[:at])
		if err == nil && what != exchange.Directory {
			x.Mapped.Path, x.Mapped.What, x.PathInfo = path[:at], what, path[at:]
			return settled(x)
		}
	}
	// The part up to ends[n-1] is a directory, the name behind it is missing.
	if n < len(ends) {
		x.Mapped.Path, x.PathInfo = path[:ends[n]], path[ends[n]:]
	}
	x.Mapped.What = exchange.Missing
	if fi, err := os.Lstat(x.Mapped.Path); err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		return noLink(x, x.Mapped.Path) // a link into nothing
	}
	return exchange.OK
}

// look says what is at path, links followed.
func look(path string) (exchange.FileKind, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return exchange.NotLooked, err
	}
	return kindOf(fi.Mode()), nil
}

func kindOf(m fs.FileMode) exchange.FileKind {
	switch {
	case m.IsRegular():
		return exchange.Regular
	case m.IsDir():
		return exchange.Directory
	}
	return exchange.Special
}

// gone reports an error that only says "no such file".
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func refuse(x *exchange.Exchange, path string, err error) exchange.Verdict {
	switch {
	case errors.Is(err, fs.ErrPermission):
		x.LogErr(errorlog.Error, "core", err, "AH00035: access to %s denied (filesystem path '%s') because search permissions are missing on a component of the path", x.Path, path)
	case errors.Is(err, syscall.ELOOP):
		return noLink(x, path)
	default:
		x.LogErr(errorlog.Error, "core", err, "AH00036: access to %s failed (filesystem path '%s')", x.Path, path)
	}
	return exchange.Status(403)
}

func noLink(x *exchange.Exchange, path string) exchange.Verdict {
	x.Logf(errorlog.Error, "core", "AH00037: Symbolic link not allowed or link target not accessible: %s", path)
	return exchange.Status(403)
}

// climbs reports a ".." segment.
func climbs(path string) bool {
	for name := range strings.SplitSeq(path, "/") {
		if name == ".." {
			return true
		}
	}
	return false
}
