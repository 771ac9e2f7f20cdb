// Package authn_file is mod_authn_file: users and their passwords in a text
// file as htpasswd(1) writes it. It looks users up; who asks, and what a wrong
// password leads to, is the room auth_basic's.
package authn_file

import (
	"strings"

	"sallyport/internal/authn"
	"sallyport/internal/conf"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/freshfile"
	"sallyport/internal/module"
	"sallyport/internal/modules/unixd"
	"sallyport/internal/passwd"
)

// Room declares mod_authn_file.
var Room = module.Room{
	Name: "authn_file",
	Directives: []conf.Directive{
		{Name: "AuthUserFile", In: conf.Sections | conf.InHtaccess, Args: conf.One, Set: dir.Do(userFile),
			Help: "text file containing user IDs and passwords"},
	},
	Compile: func(b *module.Build) func(*module.Plan) {
		b.EachDir(func(v conf.Vector) {
			if d := dir.Of(v); d != nil && d.File.Is {
				unixd.WarnUnreadable(b, d.File.Pos, "AuthUserFile", d.File.V.Path)
			}
		})
		return nil
	},
}

// Provider is what AuthBasicProvider knows as "file".
var Provider = authn.Provider{Name: "file", Module: "authn_file", New: func(v conf.Vector) authn.Checker {
	d := dir.Of(v)
	if d == nil {
		return &checker{}
	}
	return &checker{d.File.V}
}}

type dirConf struct {
	File conf.Opt[*freshfile.File[users]]
}

var dir = conf.NewDirKey[dirConf]("authn_file")

func userFile(c *conf.Cmd, d *dirConf, args []string) error {
	d.File = conf.Some(c, freshfile.New(c.Path(args[0]), parse))
	return nil
}

// users is the content of a file.
type users struct {
	hashes map[string]string
	// digests are the lines of htdigest, by "user:realm".
	digests map[string]string
	// decoy is a hash that costs time to try; "" where none does.
	decoy string
}

// parse reads lines "user:hash[:…]"; the first of a user counts.
func parse(text string) users {
	u := users{hashes: map[string]string{}, digests: map[string]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		user, rest, _ := strings.Cut(line, ":")
		hash, more, three := strings.Cut(rest, ":")
		if three {
			sum, _, _ := strings.Cut(more, ":")
			if _, seen := u.digests[user+":"+hash]; !seen {
				u.digests[user+":"+hash] = sum
			}
		}
		if _, seen := u.hashes[user]; seen {
			continue
		}
		u.hashes[user] = hash
		if u.decoy == "" && !passwd.KindOf(hash).Quick() {
			u.decoy = hash
		}
	}
	return u
}

// checker is the file of one Place; nil: none was named.
type checker struct {
	file *freshfile.File[users]
}

// Check implements authn.Checker.
func (c *checker) Check(l *authn.Login) authn.Result {
	if c.file == nil {
		l.X.Logf(errorlog.Error, "authn_file", "AH01619: AuthUserFile not specified in the configuration")
		return authn.Fault
	}
	u, err := c.file.Get(l.Now())
	if err != nil {
		l.X.LogErr(errorlog.Error, "authn_file", err, "AH01620: Could not open password file: %s", c.file.Path)
		return authn.Fault
	}
	hash, ok := u.hashes[l.User]
	if !ok {
		return authn.NotFound
	}
	r := l.Verify(hash)
	if r == authn.Denied && passwd.KindOf(hash) == passwd.Unknown {
		l.X.Logf(errorlog.Warn, "authn_file", "what %s holds for user %s is no hash that a password could match; htpasswd -B makes one", c.file.Path, l.User)
	}
	return r
}

// Digest implements authn.DigestChecker: lines "user:realm:hash".
func (c *checker) Digest(x *exchange.Exchange, user, realm string) (string, authn.Result) {
	if c.file == nil {
		x.Logf(errorlog.Error, "authn_file", "AH01621: AuthUserFile not specified in the configuration")
		return "", authn.Fault
	}
	u, err := c.file.Get(x.Received)
	if err != nil {
		x.LogErr(errorlog.Error, "authn_file", err, "AH01622: Could not open password file: %s", c.file.Path)
		return "", authn.Fault
	}
	if hash, ok := u.digests[user+":"+realm]; ok {
		return hash, authn.Granted
	}
	return "", authn.NotFound
}

// Decoy implements authn.Decoy.
func (c *checker) Decoy(x *exchange.Exchange) string {
	if c.file == nil {
		return ""
	}
	u, _ := c.file.Get(x.Received)
	return u.decoy
}
