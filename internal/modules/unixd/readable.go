package unixd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"sallyport/internal/diag"
	"sallyport/internal/module"
)

// WarnUnreadable warns of a file that a directive names for use while requests
// are served, and that cannot be read then: it is not there, or only root may
// read it and the server will have become User.
func WarnUnreadable(b *module.Build, pos diag.Position, directive, path string) {
	switch _, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		b.Warn(pos, directive+": "+path+" does not exist; requests that need it will be answered with 500", "")
		return
	case err != nil || os.Geteuid() != 0:
		return // who can't look can't tell
	}
	p := Process.Of(b.Config.Main.Conf)
	if p == nil || !p.User.Is {
		return
	}
	groups := slices.Clone(p.User.V.Also)
	if p.Group.Is {
		groups = append(groups, p.Group.V.GID)
	} else if p.User.V.GID >= 0 {
		groups = append(groups, p.User.V.GID)
	}
	if bad := locked(path, p.User.V.UID, groups); bad != "" {
		b.Warn(pos, directive+": the server's User will not be able to read "+path+"; requests that need it will be answered with 500",
			"chgrp the file to the server's Group and chmod it to 640: "+bad+" is closed to it")
	}
}

// locked names the file or directory on the way to path that a user may not
// read or enter, by the permission bits; "" for none.
func locked(path string, uid int, groups []int) string {
	want := fs.FileMode(4)
	for p := path; ; p = filepath.Dir(p) {
		fi, err := os.Stat(p)
		if err != nil {
			return ""
		}
		st, ok := fi.Sys().(*syscall.Stat_t)
		if !ok {
			return ""
		}
		mode := fi.Mode().Perm()
		switch {
		case int(st.Uid) == uid:
			mode >>= 6
		case slices.Contains(groups, int(st.Gid)):
			mode >>= 3
		}
		if mode&want == 0 {
			return p
		}
		if p == filepath.Dir(p) {
			return ""
		}
		want = 1
	}
}
