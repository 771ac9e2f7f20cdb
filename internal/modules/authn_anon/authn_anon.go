// Package authn_anon is mod_authn_anon: users like "anonymous" whose password is
// whatever they say, by custom an e-mail address.
package authn_anon

import (
	"strings"

	"sallyport/internal/authn"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/errorlog"
	"sallyport/internal/module"
)

const within = conf.Sections | conf.InHtaccess

// Room declares mod_authn_anon.
var Room = module.Room{
	Name: "authn_anon",
	Directives: []conf.Directive{
		{Name: "Anonymous", In: within, Args: conf.Each, Set: dir.Do(anonymous),
			Help: "a space-separated list of user IDs"},
		{Name: "Anonymous_MustGiveEmail", In: within, Args: conf.Flag, Help: "Limited to 'on' or 'off'",
			Set: dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.MustGive })},
		{Name: "Anonymous_NoUserId", In: within, Args: conf.Flag, Help: "Limited to 'on' or 'off'",
			Set: dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.NoUser })},
		{Name: "Anonymous_VerifyEmail", In: within, Args: conf.Flag, Help: "Limited to 'on' or 'off'",
			Set: dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.LooksLike })},
		{Name: "Anonymous_LogEmail", In: within, Args: conf.Flag, Help: "Limited to 'on' or 'off'",
			Set: dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.Log })},
	},
}

// Provider is what AuthBasicProvider knows as "anon".
var Provider = authn.Provider{Name: "anon", Module: "authn_anon", New: func(v conf.Vector) authn.Checker {
	d := dir.Of(v)
	if d == nil {
		d = &dirConf{}
	}
	return (*checker)(d)
}}

// dirConf is what one section says. As in httpd an inner section with any of
// the directives replaces all of an outer one's.
type dirConf struct {
	Users            []string // lower case
	Any              bool     // Anonymous *
	MustGive, NoUser conf.Opt[bool]
	LooksLike, Log   conf.Opt[bool]
}

var dir = func() *conf.Key[dirConf] {
	k := conf.NewDirKey[dirConf]("authn_anon")
	k.Merge = func(_, inner *dirConf) *dirConf { return inner }
	return k
}()

func anonymous(_ *conf.Cmd, d *dirConf, args []string) error {
	switch args[0] {
	case "":
		return &diag.Err{Text: "Anonymous string cannot be empty, use Anonymous_NoUserId", Word: 1}
	case "*":
		d.Any = true
	default:
		d.Users = append(d.Users, strings.ToLower(args[0]))
	}
	return nil
}

type checker dirConf

// Check implements authn.Checker.
func (c *checker) Check(l *authn.Login) authn.Result {
	known := l.User == "" && c.NoUser.V || c.Any
	for _, u := range c.Users {
		known = known || strings.EqualFold(u, l.User)
	}
	if len(c.Users) == 0 && !c.Any || !known {
		return authn.NotFound
	}
	mustGive := !c.MustGive.Is || c.MustGive.V
	if mustGive && l.Password == "" || c.LooksLike.V && !(strings.Contains(l.Password, "@") && strings.Contains(l.Password, ".")) {
		return authn.Denied
	}
	if (!c.Log.Is || c.Log.V) && l.X.Prev == nil && l.X.Sub == 0 {
		said := l.Password
		if said == "" {
			said = "(none)"
		}
		l.X.Logf(errorlog.Info, "authn_anon", "AH01672: Anonymous: Passwd <%s> Accepted", said)
	}
	if l.User == "" {
		// Unlike httpd: who gives no name is called "anonymous", because no name
		// means here that nobody was authenticated.
		l.User = "anonymous"
	}
	return authn.Granted
}
