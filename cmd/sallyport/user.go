package main

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"sallyport/internal/modules/unixd"
)

// drops reports whether privileges are to be dropped: we are root, and the
// configuration names another user.
func drops(u *unixd.Conf) bool { return os.Geteuid() == 0 && u.User.Is }

// dropPrivileges becomes User and Group, once sockets and logs are open.
func dropPrivileges(u *unixd.Conf) error {
	who, gid := u.User.V, groupOf(u)
	if gid < 0 {
		return fmt.Errorf("user %s has no group: add a Group directive", who.Name)
	}
	groups := who.Also
	if !slices.Contains(groups, gid) {
		groups = append(slices.Clone(groups), gid)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("set group %d: %w", gid, err)
	}
	if err := syscall.Setuid(who.UID); err != nil {
		return fmt.Errorf("set user %d: %w", who.UID, err)
	}
	return nil
}

// groupOf is the group of the Group directive, else the user's; negative: there
// is none.
func groupOf(u *unixd.Conf) int {
	if u.Group.Is {
		return u.Group.V.GID
	}
	return u.User.V.GID
}
