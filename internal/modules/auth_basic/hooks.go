package auth_basic

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/authn"
	"sallyport/internal/errorlog"
	"sallyport/internal/exchange"
	"sallyport/internal/exprvars"
	"sallyport/internal/message"
	"sallyport/internal/module"
	"sallyport/internal/modules/authn_core"
	"sallyport/internal/modules/authn_file"
)

func furnish(p *module.Plan, guard *authn.Guard) {
	d := dir.Of(p.Dir)
	if d == nil {
		d = &dirConf{}
	}
	if f := d.Fake.V; f != nil {
		p.Hook(exchange.Fixup, module.Last, f.pretend)
	}
	scheme := authn_core.Of(p.Dir)
	if scheme == nil || scheme.Never("Basic") {
		return
	}
	a := &asker{
		guard: guard, scheme: scheme, digest: d.Digest.V,
		authoritative: !d.Authoritative.Is || d.Authoritative.V,
	}
	for _, b := range d.Providers.V {
		a.providers = append(a.providers, b.New(p.Dir))
	}
	if !d.Providers.Is {
		a.providers = append(a.providers, authn_file.Provider.New(p.Dir))
	}
	p.Hook(exchange.Auth, module.Middle, a.authenticate)
}

// asker asks clients of one Place for a name and a password.
type asker struct {
	guard         *authn.Guard
	scheme        *authn_core.Scheme
	providers     []authn.Checker
	digest        bool
	authoritative bool
}

// authenticate is httpd's authenticate_basic_user.
func (a *asker) authenticate(x *exchange.Exchange) exchange.Verdict {
	if x.NeedUser != x.Place || !strings.EqualFold(a.scheme.Type(x), "Basic") {
		return exchange.Declined
	}
	realm := a.scheme.Realm(x)
	if realm == "" {
		x.Logf(errorlog.Error, "auth_basic", "AH01615: need AuthName: %s", x.Path)
		return exchange.Status(500)
	}
	x.AuthType, x.Challenge = "Basic", `Basic realm="`+quote(realm)+`"`
	field, given := x.Request.Header.Known(message.Authorization)
	if !given {
		return x.Unauthorized()
	}
	user, password, ok := credentials(field)
	if !ok {
		x.Logf(errorlog.Error, "auth_basic", "AH01614: client used wrong authentication scheme: %s", x.Path)
		return x.Unauthorized()
	}
	// Known to the log from here on, right or wrong.
	x.User, x.Claimed = user, true
	l := a.guard.Login(x, user, password)
	r := a.ask(&l, realm)
	x.User = l.User
	if l.News {
		x.Logf(errorlog.Warn, "auth_basic", "too many wrong passwords: user %s from %s has to wait before the next attempt", user, x.Client.Text())
	}
	switch r {
	case authn.Granted:
		if x.User != "" {
			x.Claimed = false
			return exchange.OK
		}
		// Unlike httpd: nobody is let in without a name, because everything
		// behind here takes no name for no user.
		fallthrough
	case authn.Denied:
		x.Logf(errorlog.Error, "auth_basic", "AH01617: user %s: authentication failure for \"%s\": Password Mismatch", user, x.Path)
		return x.Unauthorized()
	case authn.NotFound:
		if !a.authoritative {
			return authn_core.Unhandled(x, x.AuthType)
		}
		x.Logf(errorlog.Error, "auth_basic", "AH01618: user %s not found: %s", user, x.Path)
		return x.Unauthorized()
	case authn.Wait:
		// Unlike httpd: who fails again and again is refused for a while without
		// looking at the password, because else guessing is only a matter of time.
		x.Always.Set("Retry-After", strconv.Itoa(int((l.Wait+time.Second-1)/time.Second)))
		return exchange.Status(429)
	}
	return exchange.Status(500)
}

// ask shows the login to the providers until one knows the user.
func (a *asker) ask(l *authn.Login, realm string) authn.Result {
	decoy := ""
	for _, p := range a.providers {
		r := a.check(p, l, realm)
		if r != authn.NotFound {
			return r
		}
		if d, ok := p.(authn.Decoy); ok && decoy == "" && !a.digest {
			decoy = d.Decoy(l.X)
		}
	}
	return l.Unknown(decoy)
}

func (a *asker) check(p authn.Checker, l *authn.Login, realm string) authn.Result {
	if !a.digest {
		return p.Check(l)
	}
	d, ok := p.(authn.DigestChecker)
	if !ok {
		l.X.Logf(errorlog.Error, "auth_basic", "AH02493: Authn provider does not support AuthBasicUseDigestAlgorithm")
		return authn.Fault
	}
	hash, r := d.Digest(l.X, l.User, realm)
	if r != authn.Granted {
		return r
	}
	return l.VerifyDigest(realm, hash)
}

// credentials reads an Authorization field (httpd's get_basic_auth); false where
// the scheme is another one. As httpd's decoder it stops at the first byte that
// is not of base64, and at a NUL.
func credentials(field string) (user, password string, ok bool) {
	scheme, rest, _ := strings.Cut(field, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	rest = strings.TrimLeft(rest, " \t")
	end := 0
	for end < len(rest) && (rest[end]|0x20 >= 'a' && rest[end]|0x20 <= 'z' || rest[end] >= '0' && rest[end] <= '9' || rest[end] == '+' || rest[end] == '/') {
		end++
	}
	if end%4 == 1 {
		end-- // six bits that make no byte
	}
	plain, err := base64.RawStdEncoding.DecodeString(rest[:end])
	if err != nil {
		return "", "", true // can't be: every letter was looked at
	}
	text, _, _ := strings.Cut(string(plain), "\x00")
	user, password, _ = strings.Cut(text, ":")
	return user, password, true
}

// quote makes a realm fit for a quoted-string (RFC 9110 §5.6.4). What is escaped
// already stays as it is; control characters are left out.
func quote(realm string) string {
	if !strings.ContainsFunc(realm, func(r rune) bool { return r == '"' || r == '\\' || r < ' ' || r == 0x7f }) {
		return realm
	}
	var b strings.Builder
	for i := 0; i < len(realm); i++ {
		switch c := realm[i]; {
		case c < ' ' || c == 0x7f:
		case c == '\\' && i+1 < len(realm) && realm[i+1] >= ' ':
			b.WriteByte(c)
			i++
			b.WriteByte(realm[i])
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// pretend is AuthBasicFake: the backend gets a name and a password that the
// client did not send, or none (httpd's authenticate_basic_fake).
func (f *fakeUser) pretend(x *exchange.Exchange) exchange.Verdict {
	v := exprvars.Of(x)
	user, password := f.user.Value(v, nil), "password"
	if user != "" && f.password != nil {
		password = f.password.Value(v, nil)
	}
	x.Request.Header.DelKnown(message.Authorization)
	switch {
	case user == "":
		x.Logf(errorlog.Info, "auth_basic", "AH02458: AuthBasicFake: empty username expression for URI '%s', ignoring", x.Path)
	case password == "":
		x.Logf(errorlog.Info, "auth_basic", "AH02459: AuthBasicFake: empty password expression for URI '%s', ignoring", x.Path)
	default:
		x.Request.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	return exchange.OK
}
