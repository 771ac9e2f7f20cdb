// Package authz_groupfile is mod_authz_groupfile: Require group, by a text file
// that lists who is in which group.
package authz_groupfile

import (
	"slices"
	"strings"

	"sallyport/internal/authz"
	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/freshfile"
	"sallyport/internal/module"
	"sallyport/internal/modules/unixd"
)

// Room declares mod_authz_groupfile.
var Room = module.Room{
	Name: "authz_groupfile",
	Directives: []conf.Directive{
		{Name: "AuthGroupFile", In: conf.Sections | conf.InHtaccess, Args: conf.One, Set: dir.Do(groupFile),
			Help: "text file containing group names and member user IDs"},
	},
	Compile: func(b *module.Build) func(*module.Plan) {
		b.EachDir(func(v conf.Vector) {
			if d := dir.Of(v); d != nil && d.File.Is {
				unixd.WarnUnreadable(b, d.File.Pos, "AuthGroupFile", d.File.V.Path)
			}
		})
		return nil
	},
}

// Providers are what it adds to Require.
var Providers = []authz.Provider{{Name: "group", Module: "authz_groupfile", Parse: parse}}

type dirConf struct {
	File conf.Opt[*freshfile.File[members]]
}

var dir = conf.NewDirKey[dirConf]("authz_groupfile")

// members are the groups of each user.
type members map[string][]string

func groupFile(c *conf.Cmd, d *dirConf, args []string) error {
	d.File = conf.Some(c, freshfile.New(c.Path(args[0]), readGroups))
	return nil
}

// readGroups reads lines "group: user user …".
func readGroups(text string) members {
	m := members{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		group, users, _ := strings.Cut(line, ":")
		group = strings.TrimRight(group, " \t")
		for _, u := range syntax.Words(users) {
			if !slices.Contains(m[u], group) {
				m[u] = append(m[u], group)
			}
		}
	}
	return m
}

func parse(args string) (authz.Rule, error) {
	words, err := authz.Words(args)
	if err != nil {
		return authz.Rule{}, err
	}
	return authz.Rule{User: true, Bind: func(p *module.Plan) authz.Check {
		var file *freshfile.File[members]
		if d := dir.Of(p.Dir); d != nil {
			file = d.File.V
		}
		return func(x *exchange.Exchange) authz.Result { return check(x, file, words) }
	}}, nil
}

func check(x *exchange.Exchange, file *freshfile.File[members], words func(*exchange.Exchange) []string) authz.Result {
	if x.User == "" {
		return authz.NoUser
	}
	if file == nil {
		x.Logf(errorlog.Error, "authz_groupfile", "AH01664: No group file was specified in the configuration")
		return authz.Denied
	}
	all, err := file.Get(x.Received)
	if err != nil {
		x.LogErr(errorlog.Error, "authz_groupfile", err, "AH01665: Could not open group file: %s", file.Path)
		return authz.Denied
	}
	groups := all[x.User]
	if len(groups) == 0 {
		x.Logf(errorlog.Debug, "authz_groupfile", "AH01666: Authorization of user %s to access %s failed, reason: user doesn't appear in group file (%s).", x.User, x.Path, file.Path)
		return authz.Denied
	}
	for _, g := range words(x) {
		if slices.Contains(groups, g) {
			return authz.Granted
		}
	}
	x.Logf(errorlog.Debug, "authz_groupfile", "AH01667: Authorization of user %s to access %s failed, reason: user is not part of the 'require'ed group(s).", x.User, x.Path)
	return authz.Denied
}
