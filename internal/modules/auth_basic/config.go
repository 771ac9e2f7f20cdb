// Package auth_basic is mod_auth_basic: AuthType Basic. Clients send a name and
// a password with each request (RFC 7617); providers (package authn) tell whether
// they belong together.
package auth_basic

import (
	"strconv"
	"strings"
	"time"

	"sallyport/internal/authn"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/expr"
	"sallyport/internal/exprvars"
	"sallyport/internal/module"
	"sallyport/internal/modules/authn_core"
)

const within = conf.Sections | conf.InHtaccess

// Room declares mod_auth_basic.
var Room = module.Room{
	Name: "auth_basic",
	Directives: []conf.Directive{
		{Name: "AuthBasicProvider", In: within, Args: conf.Each, Set: dir.Do(provider),
			Help: "specify the auth providers for a directory or location"},
		{Name: "AuthBasicAuthoritative", In: within, Args: conf.Flag,
			Set:  dir.Flag(func(d *dirConf) *conf.Opt[bool] { return &d.Authoritative }),
			Help: "Set to 'Off' to allow access control to be passed along to lower modules if the UserID is not known to this module"},
		{Name: "AuthBasicFake", In: within, Args: conf.OneTwo, Set: dir.Do(fake),
			Help: "Fake basic authentication using the given expressions for username and password, 'off' to disable. Password defaults to 'password' if missing."},
		{Name: "AuthBasicUseDigestAlgorithm", In: within, Args: conf.One, Set: dir.Do(useDigest),
			Help: "Set to 'MD5' to use the auth provider's authentication check for digest auth, using a hash of 'user:realm:pass'"},
		{Name: "AuthBasicFailureLimit", In: conf.InServer, Args: conf.One, Set: server.Do(failureLimit),
			Help: "how many wrong passwords in a row a client may send before it has to wait, or Off"},
	},
	Compile: compile,
}

// dirConf is what one section says.
type dirConf struct {
	Providers     conf.Opt[[]authn_core.Bound]
	Authoritative conf.Opt[bool]
	Fake          conf.Opt[*fakeUser] // nil: off
	Digest        conf.Opt[bool]
}

// fakeUser is AuthBasicFake; password is nil where it is not given.
type fakeUser struct{ user, password *expr.Text }

var dir = conf.NewDirKey[dirConf]("auth_basic")

type serverConf struct {
	Limit conf.Opt[int] // 0: none
}

var server = conf.NewServerKey[serverConf]("auth_basic")

// defaultLimit is AuthBasicFailureLimit where it is not set.
const defaultLimit = 10

func provider(c *conf.Cmd, d *dirConf, args []string) error {
	b, found, known := authn_core.Find(c, args[0])
	if !found {
		return authn_core.Unknown(args[0], known, 1)
	}
	d.Providers = conf.Some(c, append(d.Providers.V, b))
	return nil
}

func fake(c *conf.Cmd, d *dirConf, args []string) error {
	if strings.EqualFold(args[0], "off") {
		d.Fake = conf.Some[*fakeUser](c, nil)
		return nil
	}
	f := &fakeUser{}
	var err error
	if f.user, err = exprvars.Text(args[0], "Could not parse fake username expression '"+args[0]+"': ", 1); err != nil {
		return err
	}
	if len(args) > 1 {
		before := "Could not parse fake password expression associated to user '" + args[0] + "': "
		if f.password, err = exprvars.Text(args[1], before, 2); err != nil {
			return err
		}
	}
	d.Fake = conf.Some(c, f)
	return nil
}

func useDigest(c *conf.Cmd, d *dirConf, args []string) error {
	switch {
	case strings.EqualFold(args[0], "MD5"):
		d.Digest = conf.Some(c, true)
	case strings.EqualFold(args[0], "Off"):
		d.Digest = conf.Some(c, false)
	default:
		return &diag.Err{Text: "Invalid algorithm in AuthBasicUseDigestAlgorithm: " + args[0], Expected: "MD5 or Off", Word: 1}
	}
	return nil
}

func failureLimit(c *conf.Cmd, s *serverConf, args []string) error {
	n, err := strconv.Atoi(args[0])
	switch {
	case strings.EqualFold(args[0], "off"):
		n = 0
	case err != nil || n < 1 || n > 1000000:
		return &diag.Err{Text: "AuthBasicFailureLimit: " + args[0] + " is no number of failures", Expected: "1 to 1000000, or Off", Word: 1}
	}
	s.Limit = conf.Some(c, n)
	return nil
}

func compile(b *module.Build) func(*module.Plan) {
	limit := defaultLimit
	if s := server.Of(b.Config.Main.Conf); s != nil && s.Limit.Is {
		limit = s.Limit.V
	}
	now := b.Env.Now
	if now == nil {
		now = time.Now
	}
	guard := authn.NewGuard(limit, now)
	return func(p *module.Plan) { furnish(p, guard) }
}
