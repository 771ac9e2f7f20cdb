package ssl

import (
	"strconv"
	"strings"

	"sallyport/internal/backend/secure"
	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/tlsconf"
)

func setProxyVerify(c *conf.Cmd, p *proxyConf, args []string) error {
	switch strings.ToLower(args[0]) {
	case "none", "off":
		p.Verify = conf.Some(c, secure.VerifyNone)
	case "optional":
		p.Verify = conf.Some(c, secure.VerifyOptional)
	case "require", "on":
		p.Verify = conf.Some(c, secure.VerifyRequire)
	case "optional_no_ca":
		p.Verify = conf.Some(c, secure.VerifyOptionalNoCA)
	default:
		return &diag.Err{Text: "SSLProxyVerify: Invalid argument '" + args[0] + "'",
			Expected: "none, optional, require or optional_no_ca", Word: 1}
	}
	return nil
}

func setProxyDepth(c *conf.Cmd, p *proxyConf, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 0 {
		return &diag.Err{Text: "SSLProxyVerifyDepth: Invalid argument '" + args[0] + "'", Expected: "a number, 0 or more", Word: 1}
	}
	p.Depth = conf.Some(c, n)
	return nil
}

func setProxyProtocol(c *conf.Cmd, p *proxyConf, args []string) error {
	v, err := parseVersions(c, args[0], allVersions)
	if err != nil {
		return err
	}
	if v == 0 {
		return &diag.Err{Text: "SSLProxyProtocol: no protocol is left", Expected: "at least one of TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3"}
	}
	if strings.EqualFold(strings.TrimSpace(args[0]), "all -SSLv3") || v == allVersions && !strings.Contains(strings.ToLower(args[0]), "tlsv1") {
		// "all" is what the library offers by itself, as in a Debian httpd:
		// versions below 1.2 must be asked for by name.
		v = tls12 | tls13
	}
	if v.gap() {
		c.Warn("SSLProxyProtocol: the versions between the lowest and the highest named are offered, too", "")
	}
	p.Protocols = conf.Some(c, v)
	return nil
}

func setProxyCRLCheck(c *conf.Cmd, p *proxyConf, args []string) error {
	k, err := parseCRLCheck(c, args)
	if err == nil {
		p.CRLCheck = conf.Some(c, k)
	}
	return err
}

func setProxyCiphers(c *conf.Cmd, p *proxyConf, args []string) error {
	spec, which := args[0], "SSL"
	if len(args) == 2 {
		which, spec = args[0], args[1]
	}
	n := len(args)
	switch strings.ToLower(which) {
	case "ssl":
		list, err := tlsconf.ParseCiphers(spec)
		if err != nil {
			return &diag.Err{Text: "SSLProxyCipherSuite: " + err.Error(), Expected: "an OpenSSL cipher list, such as HIGH:!aNULL", Word: n}
		}
		if len(list.IDs) == 0 {
			return &diag.Err{Text: "SSLProxyCipherSuite: Sallyport has none of these ciphers", Expected: "a list such as HIGH:!aNULL", Word: n}
		}
		if len(list.Unknown) > 0 {
			c.Warn("SSLProxyCipherSuite: passed over, as nothing that OpenSSL knows: "+strings.Join(list.Unknown, ", "), "")
		}
		if len(list.Lacking) > 0 {
			c.Warn("SSLProxyCipherSuite: Sallyport does not have "+strings.Join(list.Lacking, ", "), "")
		}
		if len(list.Weak) > 0 {
			c.Warn("SSLProxyCipherSuite: these are no longer safe: "+strings.Join(list.Weak, ", "), "")
		}
		p.Suites = conf.Some(c, list.IDs)
	case "tlsv1.3":
		lacking, surplus, err := tlsconf.ParseCiphers13(spec)
		switch {
		case err != nil:
			return &diag.Err{Text: "SSLProxyCipherSuite TLSv1.3: " + err.Error(), Word: n}
		case len(lacking) > 0:
			c.Warn("SSLProxyCipherSuite TLSv1.3: Sallyport does not have "+strings.Join(lacking, ", "), "")
		case len(surplus) > 0:
			c.Warn("SSLProxyCipherSuite TLSv1.3: "+strings.Join(surplus, ", ")+" will be offered too", "")
		}
	default:
		return &diag.Err{Text: "procotol '" + which + "' not supported", Expected: "SSL or TLSv1.3", Word: 1}
	}
	return nil
}
