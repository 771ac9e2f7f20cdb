package storage

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/message"
)

// errLink is what openChecked returns for a link that may not be followed.
var errLink = errors.New("symbolic link not allowed")

// links are the rules for the links in one directory: Options FollowSymLinks
// and SymLinksIfOwnerMatch.
type links struct{ follow, owner bool }

// Open opens the file that Map found at x.Mapped.Path for reading, if the
// symlink rules allow every link on the way, and returns what the open file
// is (never a directory or a device). On failure file is nil and the verdict
// the status to answer. The caller closes the file.
func Open(x *exchange.Exchange) (file *os.File, info fs.FileInfo, v exchange.Verdict) {
	path := x.Mapped.Path
	f, err := openChecked(path, false, rulesFor(x))
	if err != nil {
		return nil, nil, failed(x, err)
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, failed(x, err)
	}
	if !fi.Mode().IsRegular() {
		// It was a file when Map looked.
		f.Close()
		x.Mapped.What = kindOf(fi.Mode())
		x.Logf(errorlog.Error, "core", "AH00038: Forbidden: %s doesn't point to a file or directory", path)
		return nil, nil, exchange.Status(403)
	}
	return f, fi, exchange.OK
}

// Check enforces the symlink rules on the directory that Map found: OK, or the
// status to answer.
func Check(x *exchange.Exchange) exchange.Verdict {
	f, err := openChecked(x.Mapped.Path, true, rulesFor(x))
	if err != nil {
		if gone(err) {
			return exchange.OK // it went away: the handler's business
		}
		return failed(x, err)
	}
	f.Close()
	return exchange.OK
}

func failed(x *exchange.Exchange, err error) exchange.Verdict {
	path := x.Mapped.Path
	switch {
	case gone(err):
		x.Mapped.What = exchange.Missing
		return exchange.Status(404)
	case err == errLink, errors.Is(err, syscall.ELOOP):
		return noLink(x, path)
	case errors.Is(err, fs.ErrPermission):
		x.LogErr(errorlog.Error, "core", err, "AH00132: file permissions deny server access: %s", path)
		return exchange.Status(403)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		x.LogErr(errorlog.Error, "core", err, "opening %s failed", path)
		return exchange.Status(503)
	}
	x.LogErr(errorlog.Error, "core", err, "AH00036: access to %s failed (filesystem path '%s')", x.Path, path)
	return exchange.Status(403)
}

// rulesFor gives the rules for the links that stand in a directory. As in
// httpd they are those of the directory the link is in, by its <Directory>
// sections alone: Options in a <Location> do not reach the file system.
func rulesFor(x *exchange.Exchange) func(dir string) links {
	return func(dir string) links {
		core := &x.Place.Core
		if x.Server != nil && x.Server.Locate != nil {
			probe := &exchange.Exchange{
				Request: message.Request{Method: x.Request.Method, Version: x.Request.Version},
				Client:  x.Client,
				Path:    noURL,
				Server:  x.Server,
				Mapped:  exchange.Mapping{Kind: exchange.File, Path: dir, What: exchange.Directory},
			}
			if p := x.Server.Locate(probe); p != nil {
				core = &p.Core
			}
		}
		return links{follow: core.FollowSymlinks, owner: core.SymlinksIfOwner}
	}
}

// noURL is a path that no <Location> is meant for.
const noURL = "?"

// parent is the directory part of path[:at], with its slash.
func parent(path string, at int) string {
	return path[:strings.LastIndexByte(path[:at], '/')+1]
}
