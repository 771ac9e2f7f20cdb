package ssl

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/expr"
	"sallyport/internal/tlsconf"
)

// file makes the setter of a directive with a path.
func file(field func(*serverConf) *conf.Opt[string]) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
		path, err := existing(c, args[0])
		if err == nil {
			*field(s) = conf.Some(c, path)
		}
		return err
	})
}

// existing makes a path absolute and looks for it (ssl_cmd_check_file and
// _dir).
func existing(c *conf.Cmd, word string) (string, error) {
	path := c.Path(word)
	what, dir := "file", strings.HasSuffix(c.Directive.Name, "Path")
	if dir {
		what = "directory"
	}
	info, err := os.Stat(path)
	switch {
	case err != nil && !os.IsPermission(err):
	case err == nil && info.IsDir() != dir:
	case err == nil && !dir && info.Size() == 0:
	default:
		return path, nil
	}
	hint := ""
	switch {
	case err != nil:
		hint = reason(err)
	case !dir && !info.IsDir():
		hint = "the file is empty"
	case !dir:
		hint = "it is a directory"
	}
	return "", &diag.Err{Text: c.Directive.Name + ": " + what + " '" + path + "' does not exist or is empty", Hint: hint, Word: 1}
}

func setEngine(c *conf.Cmd, s *serverConf, args []string) error {
	switch strings.ToLower(args[0]) {
	case "on":
		s.Engine = conf.Some(c, engineOn)
	case "off":
		s.Engine = conf.Some(c, engineOff)
	case "optional":
		c.Warn("AH10510: 'SSLEngine optional' is no longer supported, it means off", "a port speaks TLS, or it does not")
		s.Engine = conf.Some(c, engineOff)
	default:
		return &diag.Err{Text: "Argument must be On or Off", Word: 1}
	}
	return nil
}

func addCertificate(c *conf.Cmd, s *serverConf, args []string) error {
	return addFile(c, &s.Certs, args[0])
}
func addKey(c *conf.Cmd, s *serverConf, args []string) error { return addFile(c, &s.Keys, args[0]) }

func addFile(c *conf.Cmd, list *[]conf.Opt[string], word string) error {
	if strings.HasPrefix(word, "pkcs11:") {
		return &diag.Err{Text: c.Directive.Name + ": Sallyport reads certificates and keys from files, not from tokens", Word: 1}
	}
	path, err := existing(c, word)
	if err == nil {
		*list = append(*list, conf.Some(c, path))
	}
	return err
}

func setDialog(c *conf.Cmd, s *serverConf, args []string) error {
	w, before := args[0], ""
	switch {
	case strings.EqualFold(w, "builtin"):
		s.Dialog = conf.Some(c, "")
		return nil
	case len(w) > 5 && w[:5] == "exec:":
		w = w[5:]
	case len(w) > 1 && w[0] == '|':
		w, before = w[1:], "|"
	default:
		return &diag.Err{Text: "SSLPassPhraseDialog: Invalid argument", Expected: "builtin, exec:/path/to/program or |/path/to/program", Word: 1}
	}
	path := w
	if before != "" {
		path, _, _ = strings.Cut(w, " ")
	}
	// After a reload, which need not run it, it may be out of sight.
	if info, err := os.Stat(c.Path(path)); err != nil && !os.IsPermission(err) || err == nil && info.IsDir() {
		return &diag.Err{Text: "SSLPassPhraseDialog: file '" + c.Path(path) + "' does not exist", Word: 1}
	}
	s.Dialog = conf.Some(c, before+c.Path(path)+strings.TrimPrefix(w, path))
	return nil
}

var versionNames = map[string]versions{"tlsv1": tls10, "tlsv1.1": tls11, "tlsv1.2": tls12, "tlsv1.3": tls13}

// parseVersions reads the words of SSLProtocol (ssl_cmd_protocol_parse). all is
// what "all" stands for.
func parseVersions(c *conf.Cmd, words string, all versions) (v versions, err error) {
	for i, w := range strings.Fields(words) {
		name, sign := w, byte(0)
		if w[0] == '+' || w[0] == '-' {
			name, sign = w[1:], w[0]
		}
		var this versions
		switch low := strings.ToLower(name); low {
		case "sslv2":
			if sign == '-' {
				continue
			}
			return 0, &diag.Err{Text: c.Directive.Name + ": SSLv2 is no longer supported", Word: i + 1}
		case "sslv3":
			if sign != '-' {
				return 0, &diag.Err{Text: c.Directive.Name + ": SSLv3 is no longer supported", Word: i + 1}
			}
			continue
		case "all":
			this = all
		default:
			if this = versionNames[low]; this == 0 {
				return 0, &diag.Err{Text: c.Directive.Name + ": Illegal protocol '" + name + "'",
					Expected: "all, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3, maybe with + or -", Word: i + 1}
			}
		}
		switch sign {
		case '-':
			v &^= this
		case '+':
			v |= this
		default:
			if v != 0 {
				c.Warn("AH02532: "+c.Directive.Name+": Protocol '"+name+"' overrides already set parameter(s). Check if a +/- prefix is missing.", "")
			}
			v = this
		}
	}
	return v, nil
}

// setProtocol takes "all" for TLS 1.2 and 1.3.
//
// Unlike httpd: older ones must be named, because RFC 8996 gave them up; where
// OpenSSL keeps to Debian's defaults it comes to the same.
func setProtocol(c *conf.Cmd, s *serverConf, args []string) error {
	v, err := parseVersions(c, args[0], tls12|tls13)
	if err == nil {
		s.Protocols = conf.Some(c, v)
	}
	return err
}

func setCiphers(c *conf.Cmd, args []string) error {
	spec, which := args[0], "SSL"
	if len(args) == 2 {
		which, spec = args[0], args[1]
	}
	section := c.Scope.Section != nil
	switch strings.ToLower(which) {
	case "ssl":
		if section {
			if _, err := tlsconf.ParseCiphers(spec); err != nil {
				return &diag.Err{Text: "SSLCipherSuite: " + err.Error(), Word: len(args)}
			}
			dir.In(c).Ciphers = conf.Some(c, spec)
		} else {
			server.In(c).Ciphers = conf.Some(c, spec)
		}
	case "tlsv1.3":
		if section {
			return &diag.Err{Text: "TLSv1.3 ciphers cannot be set inside a directory context", Word: 1}
		}
		server.In(c).Ciphers13 = conf.Some(c, spec)
	default:
		return &diag.Err{Text: "protocol '" + which + "' not supported", Expected: "SSL or TLSv1.3", Word: 1}
	}
	return nil
}

func setPolicy(c *conf.Cmd, s *serverConf, args []string) error {
	switch strings.ToLower(args[0]) {
	case "modern":
		s.Protocols = conf.Some(c, tls13)
	case "intermediate":
		s.Protocols = conf.Some(c, tls12|tls13)
	case "old":
		s.Protocols = conf.Some(c, allVersions)
	default:
		return &diag.Err{Text: "SSLPolicy: unknown policy '" + args[0] + "'", Expected: "modern, intermediate or old", Word: 1}
	}
	return nil
}

func setCRLCheck(c *conf.Cmd, s *serverConf, args []string) error {
	k, err := parseCRLCheck(c, args)
	if err == nil {
		s.CRLCheck = conf.Some(c, k)
	}
	return err
}

// parseCRLCheck reads the words of SSLCARevocationCheck and SSLProxyCARevocationCheck.
func parseCRLCheck(c *conf.Cmd, args []string) (k crlCheck, err error) {
	name, words := c.Directive.Name, strings.Fields(args[0])
	if len(words) == 0 {
		return k, errors.New(name + " requires an argument")
	}
	switch strings.ToLower(words[0]) {
	case "none":
	case "leaf":
		k.leaf = true
	case "chain":
		k.leaf, k.chain = true, true
	default:
		return k, &diag.Err{Text: name + ": Invalid argument '" + words[0] + "'", Expected: "none, leaf or chain", Word: 1}
	}
	for i, w := range words[1:] {
		if !strings.EqualFold(w, "no_crl_for_cert_ok") {
			return k, &diag.Err{Text: name + ": Invalid argument '" + w + "'", Expected: "no_crl_for_cert_ok", Word: i + 2}
		}
		k.lenient = true
	}
	return k, nil
}

func setVerify(c *conf.Cmd, d *dirConf, args []string) error {
	switch strings.ToLower(args[0]) {
	case "none", "off":
		d.Verify = conf.Some(c, verifyNone)
	case "optional":
		d.Verify = conf.Some(c, verifyOptional)
	case "require", "on":
		d.Verify = conf.Some(c, verifyRequire)
	case "optional_no_ca":
		d.Verify = conf.Some(c, verifyOptionalNoCA)
	default:
		return &diag.Err{Text: "SSLVerifyClient: Invalid argument '" + args[0] + "'", Expected: "none, optional, require or optional_no_ca", Word: 1}
	}
	return nil
}

func setDepth(c *conf.Cmd, d *dirConf, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 {
		return &diag.Err{Text: "SSLVerifyDepth: Invalid argument '" + args[0] + "'", Expected: "a number, 0 or more", Word: 1}
	}
	d.Depth = conf.Some(c, n)
	return nil
}

var optionNames = map[string]option{
	"stdenvvars": stdEnvVars, "exportcertdata": exportCertData, "fakebasicauth": fakeBasicAuth,
	"strictrequire": strictRequire, "optrenegotiate": optRenegotiate, "legacydnstringformat": legacyDN,
}

func setOptions(c *conf.Cmd, d *dirConf, args []string) error {
	first := true
	for i, w := range strings.Fields(args[0]) {
		name, sign := w, byte(0)
		if w[0] == '+' || w[0] == '-' {
			name, sign = w[1:], w[0]
		}
		o := optionNames[strings.ToLower(name)]
		if o == 0 {
			return &diag.Err{Text: "SSLOptions: Illegal option '" + name + "'",
				Expected: "StdEnvVars, ExportCertData, FakeBasicAuth, StrictRequire, OptRenegotiate or LegacyDNStringFormat", Word: i + 1}
		}
		to := &d.Options
		switch sign {
		case '-':
			to.set, to.add, to.del = to.set&^o, to.add&^o, to.del|o
		case '+':
			to.set, to.add, to.del = to.set|o, to.add|o, to.del&^o
		default:
			if first {
				*to = options{}
			}
			to.is, first = true, false
			to.set |= o
		}
	}
	return nil
}

// setRequireSSL minds no arguments, as httpd.
func setRequireSSL(c *conf.Cmd, d *dirConf, args []string) error {
	if w := args[0]; w != "" && !strings.EqualFold(w, "on") {
		c.Warn("SSLRequireSSL takes no arguments: it is on, '"+w+"' or not", "")
	}
	d.RequireSSL = conf.Some(c, true)
	return nil
}

// addRequire reads SSLRequire's condition. httpd, too, has long had one
// language for it and for Require expr.
func addRequire(_ *conf.Cmd, d *dirConf, args []string) error {
	cond, err := expr.Parse(args[0], expr.Options{SSLRequire: true, Other: func(string) bool { return true }})
	if err != nil {
		return expr.Diag(err, args[0], "SSLRequire: ", 1)
	}
	d.Requires = append(d.Requires, cond)
	return nil
}

func setSNIPolicy(c *conf.Cmd, s *serverConf, args []string) error {
	for p := sniSecure; p <= sniInsecure; p++ {
		if strings.EqualFold(args[0], p.String()) {
			s.SNIPolicy = conf.Some(c, p)
			return nil
		}
	}
	return &diag.Err{Text: "Invalid SSLVhostSNIPolicy argument '" + args[0] + "'", Expected: "strict, secure, authonly or insecure", Word: 1}
}

func setSessionTimeout(c *conf.Cmd, s *serverConf, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 {
		return &diag.Err{Text: "SSLSessionCacheTimeout: Invalid argument", Expected: "seconds", Word: 1}
	}
	s.SessionTimeout = conf.Some(c, n)
	return nil
}

// seconds makes the setter of a directive with a number of seconds; -1 is no
// limit.
func seconds(field func(*serverConf) *conf.Opt[int]) conf.Setter {
	return server.Do(func(c *conf.Cmd, s *serverConf, args []string) error {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < -1 || n < 0 && !strings.HasSuffix(c.Directive.Name, "MaxAge") {
			return &diag.Err{Text: c.Directive.Name + ": invalid argument", Expected: "seconds", Word: 1}
		}
		*field(s) = conf.Some(c, n)
		return nil
	})
}

func setStapleURL(c *conf.Cmd, s *serverConf, args []string) error {
	if !responderURL(args[0]) {
		return &diag.Err{Text: "SSLStaplingForceURL: '" + args[0] + "' is no URL of an OCSP responder", Expected: "http://host[:port]/path", Word: 1}
	}
	s.StapleURL = conf.Some(c, args[0])
	return nil
}

// refuseOn makes the setter of a switch that can only be off here.
func refuseOn(why string) conf.Setter {
	return func(c *conf.Cmd, args []string) error {
		if args[0] == "on" {
			c.Warn(c.Directive.Name+" On has no effect: "+why, "")
		}
		return nil
	}
}

func setDevice(_ *conf.Cmd, _ *serverConf, args []string) error {
	if args[0] != "builtin" {
		return &diag.Err{Text: "SSLCryptoDevice: Invalid argument; must be one of: 'builtin' (none)", Word: 1}
	}
	return nil
}

// setSeed checks the line. The random numbers are the system's.
func setSeed(_ *conf.Cmd, _ *serverConf, args []string) error {
	if w := strings.ToLower(args[0]); w != "startup" && w != "connect" {
		return &diag.Err{Text: "SSLRandomSeed: invalid context: `" + args[0] + "'", Expected: "startup or connect", Word: 1}
	}
	if len(args) == 3 {
		if strings.EqualFold(args[1], "builtin") {
			return &diag.Err{Text: "SSLRandomSeed: byte specification not allowed for builtin seed source", Word: 3}
		}
		if n, err := strconv.Atoi(args[2]); err != nil || n < 0 {
			return &diag.Err{Text: "SSLRandomSeed: invalid number of bytes specified", Word: 3}
		}
	}
	return nil
}

func noSRP(c *conf.Cmd, _ *serverConf, _ []string) error {
	return &diag.Err{Text: c.Directive.Name + ": Sallyport does not offer TLS-SRP", Hint: "client certificates (SSLVerifyClient) are the way to know clients"}
}
