// Package unixd is mod_unixd: the user and group Sallyport becomes after its
// ports are open, when it was started as root. This room finds out who that
// is; package server does it.
package unixd

import (
	"os/user"
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/module"
)

// Room declares mod_unixd.
var Room = module.Room{Name: "unixd", Static: true, Directives: directives}

// Process is the room's configuration, of the main server.
var Process = conf.NewServerKey[Conf]("unixd")

// Conf is what the directives say.
type Conf struct {
	User  conf.Opt[User]
	Group conf.Opt[Group]
}

// User is who to become. Name is "" for a number without an entry.
type User struct {
	Name string
	UID  int
	GID  int   // of the user's entry; -1 when there is none
	Also []int // supplementary groups, as initgroups(3) would set them
}

// Group is the group to become a member of.
type Group struct {
	Name string
	GID  int
}

var directives = []conf.Directive{
	{Name: "User", In: conf.InServer, Args: conf.One, Help: "user to become when started as root: a name or #number", Set: Process.Do(setUser)},
	{Name: "Group", In: conf.InServer, Args: conf.One, Help: "group to become when started as root: a name or #number", Set: Process.Do(setGroup)},
	{Name: "ChrootDir", In: conf.InServer, Args: conf.One, Help: "directory to make the root of all paths", Set: refuseChroot},
	{Name: "Suexec", In: conf.InServer, Args: conf.Flag, Help: "run programs as other users", Set: refuseSuexec},
}

func setUser(c *conf.Cmd, u *Conf, args []string) error {
	v := User{Name: args[0], GID: -1}
	var entry *user.User
	var err error
	if digits, ok := strings.CutPrefix(args[0], "#"); ok {
		if v.UID, err = strconv.Atoi(digits); err != nil || v.UID < 0 {
			return badName("user", args[0])
		}
		v.Name = ""
		if entry, err = user.LookupId(digits); err == nil {
			v.Name = entry.Username
		}
	} else if entry, err = user.Lookup(args[0]); err != nil {
		return badName("user", args[0])
	} else if v.UID, err = strconv.Atoi(entry.Uid); err != nil {
		return badName("user", args[0])
	}
	if v.UID == 0 {
		return &diag.Err{Text: "User must not be root: a server that anybody may talk to must not own the machine", Word: 1}
	}
	if entry != nil {
		if gid, err := strconv.Atoi(entry.Gid); err == nil {
			v.GID = gid
		}
		ids, _ := entry.GroupIds()
		for _, id := range ids {
			if gid, err := strconv.Atoi(id); err == nil {
				v.Also = append(v.Also, gid)
			}
		}
	}
	u.User = conf.Some(c, v)
	return nil
}

func setGroup(c *conf.Cmd, u *Conf, args []string) error {
	v := Group{Name: args[0]}
	id, numeric := strings.CutPrefix(args[0], "#")
	if !numeric {
		g, err := user.LookupGroup(args[0])
		if err != nil {
			return badName("group", args[0])
		}
		id = g.Gid
	}
	gid, err := strconv.Atoi(id)
	if err != nil || gid < 0 {
		return badName("group", args[0])
	}
	v.GID = gid
	u.Group = conf.Some(c, v)
	return nil
}

// badName is httpd's complaint (AH00543, AH00544).
func badName(what, word string) error {
	e := &diag.Err{Text: "bad " + what + " name " + word, Expected: "the name of a " + what + " of this machine, or #number", Word: 1}
	if strings.HasPrefix(word, "${") {
		e.Hint = "the variable is not set; on Debian it comes from /etc/apache2/envvars"
	}
	return e
}

// refuseChroot: to go on without would take a protection away in silence.
func refuseChroot(*conf.Cmd, []string) error {
	return &diag.Err{Text: "ChrootDir: Sallyport does not change its root directory", Hint: "start it inside a container or a systemd unit with RootDirectory="}
}

func refuseSuexec(c *conf.Cmd, args []string) error {
	if args[0] == "on" {
		return &diag.Err{Text: "suEXEC isn't supported: Sallyport runs no CGI programs", Word: 1}
	}
	return nil
}
