package md

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/certs"
	"sallyport/internal/conf"
	"sallyport/internal/conf/syntax"
	"sallyport/internal/diag"
)

var errNoName = &diag.Err{Text: "needs at least one domain name", Expected: "the DNS names of one certificate"}

// names reads DNS names and the words auto and manual.
func names(c *conf.Cmd, args []string) (list []string, manual conf.Opt[bool], err error) {
	for i, w := range args {
		switch n := strings.ToLower(w); n {
		case "auto", "manual":
			manual = conf.Some(c, n == "manual")
		default:
			if !isName(n) {
				return nil, manual, &diag.Err{Text: c.Directive.Name + ": '" + w + "' is no DNS name", Expected: "a name such as www.example.org, or *.example.org", Word: i + 1}
			}
			if !slices.Contains(list, n) {
				list = append(list, n)
			}
		}
	}
	return list, manual, nil
}

// isName reports a DNS name in lower case that a certificate can be for.
func isName(n string) bool {
	n = strings.TrimPrefix(n, "*.")
	if n == "" || len(n) > 253 {
		return false
	}
	for label := range strings.SplitSeq(n, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func setDomain(c *conf.Cmd, s *serverConf, args []string) error {
	_, err := newDomain(c, s, args)
	return err
}

func newDomain(c *conf.Cmd, s *serverConf, args []string) (*domain, error) {
	list, manual, err := names(c, args)
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, errNoName
	case s.inside != nil:
		return nil, errors.New(c.Directive.Name + " is not allowed inside an '<MDomainSet' context")
	}
	d := &domain{Pos: c.Pos, Names: list, Manual: manual}
	s.Domains = append(s.Domains, d)
	return d, nil
}

// openDomain reads <MDomainSet names…> or <MDomain names…>.
func openDomain(c *conf.Cmd, s *serverConf, args []string) error {
	if len(args) == 0 {
		return &diag.Err{Text: "<MDomainSet > section must specify a unique domain name", Expected: "the DNS names of one certificate"}
	}
	d, err := newDomain(c, s, args)
	if err != nil {
		return err
	}
	s.inside = d
	c.RunBody(nil)
	s.inside = nil
	return nil
}

func setMember(c *conf.Cmd, s *serverConf, args []string) error {
	list, manual, err := names(c, args)
	if err != nil {
		return err
	}
	if s.inside == nil {
		if len(list) > 0 || !manual.Is {
			return &diag.Err{Text: `unknown value, use "auto|manual"`, Word: 1, Hint: "names are added inside of <MDomainSet>"}
		}
		s.Set.Manual = manual
		return nil
	}
	if manual.Is {
		s.inside.Manual = manual
	}
	for _, n := range list {
		if !slices.Contains(s.inside.Names, n) {
			s.inside.Names = append(s.inside.Names, n)
		}
	}
	return nil
}

// onlyGlobal makes the setter of a directive that holds for all domains. It
// may stand in a virtual host, as in httpd, and is the process's nevertheless.
func onlyGlobal(f func(c *conf.Cmd, g *global, args []string) error) conf.Setter {
	return func(c *conf.Cmd, args []string) error {
		if s := server.In(c); s.inside != nil {
			return errors.New(c.Directive.Name + " is not allowed inside an '<MDomainSet' context")
		}
		top := c.Scope
		for top.Outer != nil {
			top = top.Outer
		}
		return f(c, &server.Make(top.Server).Global, args)
	}
}

func onOff(c *conf.Cmd, w string) (conf.Opt[bool], error) {
	switch strings.ToLower(w) {
	case "on":
		return conf.Some(c, true), nil
	case "off":
		return conf.Some(c, false), nil
	}
	return conf.Opt[bool]{}, &diag.Err{Text: "unknown '" + w + "', supported parameter values are 'on' and 'off'", Word: 1}
}

func flag(field func(*settings) *conf.Opt[bool]) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) (err error) {
		*field(s.here()), err = onOff(c, args[0])
		return err
	})
}

func globalFlag(field func(*global) *conf.Opt[bool]) func(*conf.Cmd, *global, []string) error {
	return func(c *conf.Cmd, g *global, args []string) (err error) {
		*field(g), err = onOff(c, args[0])
		return err
	}
}

func text(field func(*settings) *conf.Opt[string]) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
		*field(s.here()) = conf.Some(c, args[0])
		return nil
	})
}

// file makes the setter of a path; "none" is no file.
func file(field func(*settings) *conf.Opt[string]) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
		path := ""
		if !strings.EqualFold(args[0], "none") {
			path = c.Path(args[0])
		}
		*field(s.here()) = conf.Some(c, path)
		return nil
	})
}

// command makes the setter of a program with arguments. A relative path starts
// at ServerRoot; a bare name is looked for in PATH.
func command(field func(*settings) *conf.Opt[[]string]) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
		argv := syntax.Words(args[0])
		if len(argv) > 0 && strings.ContainsRune(argv[0], filepath.Separator) {
			argv[0] = c.Path(argv[0])
		}
		*field(s.here()) = conf.Some(c, argv)
		return nil
	})
}

// idle makes the setter of a directive that is known and has no effect.
func idle(why string) conf.Setter {
	return func(c *conf.Cmd, _ []string) error {
		c.Warn(c.Directive.Name+" has no effect: "+why, "")
		return nil
	}
}

func setAuthority(c *conf.Cmd, s *serverConf, args []string) error {
	if len(args) == 0 {
		return errors.New("missing CA name or URL")
	}
	var list []string
	for i, w := range args {
		if u, ok := authorities[strings.ToLower(w)]; ok {
			list = append(list, u)
			continue
		}
		u, err := url.Parse(w)
		switch {
		case err != nil || u.Scheme == "" || u.Host == "":
			return &diag.Err{
				Text:     "The CA name '" + w + "' is not known and it is not a URL either (missing uri scheme). Known CA names are: LetsEncrypt LetsEncrypt-Test Buypass Buypass-Test.",
				Expected: "a name or the URL of an ACME directory", Word: i + 1,
			}
		case u.Scheme != "https" && u.Scheme != "http":
			return &diag.Err{Text: "MDCertificateAuthority: " + w + ": ACME is spoken over https", Expected: "https://…", Word: i + 1}
		case u.Scheme == "http":
			c.Warn("MDCertificateAuthority "+w+": ACME is spoken over https (RFC 8555 §6.1)", "")
		}
		list = append(list, w)
	}
	s.here().Authorities = conf.Some(c, list)
	return nil
}

func setProtocol(c *conf.Cmd, _ *serverConf, args []string) error {
	if !strings.EqualFold(args[0], "ACME") {
		c.Warn("MDCertificateProtocol "+args[0]+": only ACME is spoken", "")
	}
	return nil
}

func setBinding(c *conf.Cmd, s *serverConf, args []string) error {
	var b binding
	switch {
	case len(args) == 2:
		b = binding{args[0], args[1]}
	case strings.EqualFold(args[0], "none"):
	default:
		path := c.Path(args[0])
		text, err := c.Loader.ReadFile(path)
		if err != nil {
			return &diag.Err{Text: "MDExternalAccountBinding: file not found: " + path, Hint: err.Error(), Word: 1}
		}
		var in struct{ Kid, Hmac string }
		if err := json.Unmarshal(text, &in); err != nil || in.Kid == "" || in.Hmac == "" {
			return &diag.Err{Text: "MDExternalAccountBinding: " + path + " is not as it should be", Expected: `{"kid": "…", "hmac": "…"}`, Word: 1}
		}
		b = binding{in.Kid, in.Hmac}
	}
	b.mac = strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(b.mac)
	if _, err := base64.RawURLEncoding.DecodeString(b.mac); err != nil {
		return &diag.Err{Text: "MDExternalAccountBinding: the hmac is not base64", Word: len(args)}
	}
	s.here().Binding = conf.Some(c, b)
	return nil
}

func setProxy(c *conf.Cmd, s *serverConf, args []string) error {
	u, err := url.Parse(args[0])
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &diag.Err{Text: "MDHttpProxy: '" + args[0] + "' is no URL of a proxy", Expected: "http://host:port", Word: 1}
	}
	s.here().Proxy = conf.Some(c, args[0])
	return nil
}

func setChallenges(c *conf.Cmd, s *serverConf, args []string) error {
	known := []string{certs.HTTP01, certs.TLSALPN01, certs.DNS01}
	var list []string
	for i, w := range args {
		n := strings.ToLower(w)
		if !slices.Contains(known, n) {
			return &diag.Err{Text: "MDCAChallenges: unknown type '" + w + "'", Expected: strings.Join(known, ", "), Word: i + 1}
		}
		list = append(list, n)
	}
	if len(list) == 0 {
		return &diag.Err{Text: "MDCAChallenges needs a type of challenge", Expected: strings.Join(known, ", ")}
	}
	s.here().Challenges = conf.Some(c, list)
	return nil
}

func setDNSVersion(c *conf.Cmd, g *global, args []string) error {
	if args[0] != "1" && args[0] != "2" {
		return &diag.Err{Text: "Only versions `1` and `2` are supported", Word: 1}
	}
	g.DNSVersion = conf.Some(c, int(args[0][0]-'0'))
	return nil
}

// curves are the names of curves that keys can have.
var curves = map[string]string{
	"secp256r1": "secp256r1", "prime256v1": "secp256r1", "p-256": "secp256r1",
	"secp384r1": "secp384r1", "p-384": "secp384r1",
	"secp521r1": "secp521r1", "p-521": "secp521r1",
}

// setKeys reads kinds of keys: RSA [bits], rsaBITS, a curve, Default.
func setKeys(c *conf.Cmd, s *serverConf, args []string) error {
	if len(args) == 0 {
		return errors.New("needs to specify the private key type")
	}
	var keys []certs.Key
	for i := 0; i < len(args); i++ {
		at := i
		w := strings.ToLower(args[i])
		var k certs.Key
		switch digits, isRSA := strings.CutPrefix(w, "rsa"); {
		case w == "default":
			k.Bits = 2048
			if len(args) > 1 {
				return &diag.Err{Text: "'Default' must be the only key type", Word: i + 1}
			}
		case isRSA:
			if digits == "" {
				digits = "2048"
				if i+1 < len(args) && strings.Trim(args[i+1], "0123456789") == "" {
					i++
					digits = args[i]
				}
			}
			n, err := strconv.Atoi(digits)
			switch {
			case err != nil:
				return &diag.Err{Text: "MDPrivateKeys: '" + args[at] + "' is no kind of key", Expected: "RSA, rsa3072, secp256r1 or secp384r1", Word: at + 1}
			case n < 2048:
				return &diag.Err{Text: "must be 2048 or higher in order to be considered safe.", Word: i + 1}
			case n > 8192:
				return &diag.Err{Text: "MDPrivateKeys: a key of " + digits + " bits would cost more than it protects", Expected: "2048 to 8192", Word: i + 1}
			}
			k.Bits = n
		default:
			curve, ok := curves[w]
			if !ok {
				return &diag.Err{Text: "MDPrivateKeys: '" + args[i] + "' is no kind of key", Expected: "RSA, rsa3072, secp256r1 or secp384r1", Word: i + 1}
			}
			k.Curve = curve
		}
		if slices.ContainsFunc(keys, func(o certs.Key) bool { return o.Kind() == k.Kind() }) {
			name := k.Curve
			if name == "" {
				name = "RSA"
			}
			return &diag.Err{Text: "two keys of type '" + name + "' are not possible.", Word: i + 1}
		}
		keys = append(keys, k)
	}
	s.here().Keys = conf.Some(c, keys)
	return nil
}

func setMode(c *conf.Cmd, s *serverConf, args []string) error {
	m, ok := map[string]certs.Mode{"auto": certs.Auto, "automatic": certs.Auto, "always": certs.Always, "manual": certs.Manual, "stick": certs.Manual}[strings.ToLower(args[0])]
	if !ok {
		return &diag.Err{Text: "unknown MDDriveMode " + args[0], Expected: "auto, always or manual", Word: 1}
	}
	s.here().Mode = conf.Some(c, m)
	return nil
}

// window makes the setter of a time before the end: "21d", or "33%" of a
// certificate's life.
func window(field func(*settings) *conf.Opt[certs.Window]) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
		var w certs.Window
		if digits, ok := strings.CutSuffix(args[0], "%"); ok {
			n, err := strconv.Atoi(digits)
			switch {
			case err != nil || n < 0:
				return &diag.Err{Text: c.Directive.Name + " has unrecognized format", Expected: "a time such as 21d, or 33%", Word: 1}
			case n >= 100:
				return &diag.Err{Text: c.Directive.Name + " a length of 100% or more is not allowed.", Word: 1}
			}
			w.Percent = n
		} else {
			d, ok := duration(args[0], 24*time.Hour)
			if !ok {
				return &diag.Err{Text: c.Directive.Name + " has unrecognized format", Expected: "a time such as 21d, or 33%", Word: 1}
			}
			w.Fixed = d
		}
		*field(s.here()) = conf.Some(c, w)
		return nil
	})
}

// duration reads a number with a unit: ms, s, mi, h, d; unit is meant where
// none is given.
func duration(s string, unit time.Duration) (time.Duration, bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.Atoi(s[:i])
	if err != nil || n > 1<<20 && unit > time.Hour {
		return 0, false
	}
	switch strings.ToLower(s[i:]) {
	case "":
	case "ms":
		unit = time.Millisecond
	case "s":
		unit = time.Second
	case "mi", "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	case "d":
		unit = 24 * time.Hour
	default:
		return 0, false
	}
	if n > int(100*365*24*time.Hour/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

func setRetryDelay(c *conf.Cmd, s *serverConf, args []string) error {
	d, ok := duration(args[0], time.Second)
	if !ok || d <= 0 {
		return &diag.Err{Text: "unrecognized duration format", Expected: "a time such as 30s or 5mi", Word: 1}
	}
	s.here().RetryDelay = conf.Some(c, d)
	return nil
}

func setRetryFailover(c *conf.Cmd, s *serverConf, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil || n <= 0 {
		return &diag.Err{Text: "invalid argument, must be a number > 0", Word: 1}
	}
	s.here().RetryFailover = conf.Some(c, n)
	return nil
}

func setInterval(c *conf.Cmd, g *global, args []string) error {
	d, ok := duration(args[0], time.Second)
	switch {
	case !ok:
		return &diag.Err{Text: "unrecognized duration format", Expected: "a time such as 12h", Word: 1}
	case d < time.Second:
		return &diag.Err{Text: "check interval cannot be less than one second", Word: 1}
	}
	g.Interval = conf.Some(c, d)
	return nil
}

func setInitialDelay(c *conf.Cmd, g *global, args []string) error {
	d, ok := duration(args[0], time.Second)
	if !ok {
		return &diag.Err{Text: "unrecognized duration format", Expected: "a time such as 30s", Word: 1}
	}
	g.Delay = conf.Some(c, d)
	return nil
}

// setStoreLocks: locks are always taken, for as long as an attempt lasts.
func setStoreLocks(_ *conf.Cmd, _ *global, args []string) error {
	w := strings.ToLower(args[0])
	if _, ok := duration(w, time.Second); !ok && w != "on" && w != "off" {
		return &diag.Err{Text: "neither 'on', 'off' or a duration specified", Word: 1}
	}
	return nil
}

func setMatchNames(c *conf.Cmd, g *global, args []string) error {
	w := strings.ToLower(args[0])
	if w != "all" && w != "servernames" {
		return &diag.Err{Text: "invalid argument, must be a 'all' or 'servernames'", Word: 1}
	}
	g.NamesOnly = conf.Some(c, w == "servernames")
	return nil
}

// setPortMap reads http:PORT, https:PORT, with "-" for a port that nobody
// reaches.
func setPortMap(c *conf.Cmd, g *global, args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return &diag.Err{Text: "MDPortMap takes 1-2 arguments", Expected: "http:8080 https:8443"}
	}
	for i, w := range args {
		which, port, _ := strings.Cut(strings.ToLower(w), ":")
		to := &g.HTTP
		switch which {
		case "http", "80":
		case "https", "443":
			to = &g.TLS
		default:
			return &diag.Err{Text: "no ':' after first port number", Expected: "http:PORT or https:PORT", Word: i + 1}
		}
		n := 0
		if port != "-" {
			var err error
			if n, err = strconv.Atoi(port); err != nil || n <= 0 || n > 65535 {
				return &diag.Err{Text: "invalid number for port map, must be in ]0,65535]", Word: i + 1}
			}
		}
		*to = conf.Some(c, n)
	}
	return nil
}

func setCertFile(field func(*domain) *[]conf.Opt[string]) func(*conf.Cmd, *serverConf, []string) error {
	return func(c *conf.Cmd, s *serverConf, args []string) error {
		if s.inside == nil {
			return errors.New(c.Directive.Name + " is only valid inside a '<MDomainSet' context, not here")
		}
		to := field(s.inside)
		*to = append(*to, conf.Some(c, c.Path(args[0])))
		return nil
	}
}

func setRequire(c *conf.Cmd, s *serverConf, args []string) error {
	r, ok := map[string]require{"off": requireOff, "temporary": requireTemporary, "permanent": requirePermanent}[strings.ToLower(args[0])]
	if !ok {
		return &diag.Err{Text: "unknown '" + args[0] + "', supported parameter values are 'temporary' and 'permanent'", Expected: "off, temporary or permanent", Word: 1}
	}
	s.here().Require = conf.Some(c, r)
	return nil
}
