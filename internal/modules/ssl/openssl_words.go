package ssl

import (
	"slices"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
)

// openssl are the commands of configuration files that OpenSSL knows
// (SSL_CONF_cmd(3)) and that have no effect here.
var openssl = []string{
	"signaturealgorithms", "clientsignaturealgorithms", "verifymode", "certificate", "privatekey", "chaincafile", "chaincapath", "verifycafile",
	"verifycapath", "requestcafile", "requestcapath", "clientcafile", "clientcapath", "serverinfofile", "dhparameters", "recordpadding", "numtickets",
}

// setConfCmd knows those of OpenSSL's commands that mean something here.
func setConfCmd(c *conf.Cmd, s *serverConf, args []string) error {
	switch strings.ToLower(args[0]) {
	case "groups", "curves", "ecdhparameters":
		if w := args[1]; !strings.EqualFold(w, "automatic") && !strings.EqualFold(w, "auto") {
			s.Groups = conf.Some(c, w)
		}
	case "ciphersuites":
		s.Ciphers13 = conf.Some(c, args[1])
	case "cipherstring":
		s.Ciphers = conf.Some(c, args[1])
	case "protocol":
		return setConfProtocol(c, s, args[1])
	case "options":
		for w := range strings.SplitSeq(args[1], ",") {
			switch strings.ToLower(strings.TrimSpace(w)) {
			case "-sessionticket":
				s.Tickets = conf.Some(c, false)
			case "sessionticket", "+sessionticket":
				s.Tickets = conf.Some(c, true)
			default:
				c.Warn("SSLOpenSSLConfCmd Options "+strings.TrimSpace(w)+" has no effect: Sallyport does not use OpenSSL", "SessionTicket is understood")
			}
		}
	case "minprotocol", "maxprotocol":
		at := versionNames[strings.ToLower(args[1])]
		if at == 0 {
			return &diag.Err{Text: "SSLOpenSSLConfCmd " + args[0] + ": unknown protocol '" + args[1] + "'", Expected: "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3", Word: 2}
		}
		keep := at<<1 - 1 // up to it
		if strings.EqualFold(args[0], "minprotocol") {
			keep = allVersions &^ (at - 1)
		}
		s.Protocols = conf.Some(c, s.Protocols.Or(allVersions)&keep)
	default:
		if !slices.Contains(openssl, strings.ToLower(args[0])) {
			return &diag.Err{Text: "'" + args[0] + "': invalid OpenSSL configuration command", Word: 1,
				Expected: "Protocol, Groups, Curves, Ciphersuites, CipherString, MinProtocol, MaxProtocol, Options or another of SSL_CONF_cmd(3)"}
		}
		c.Warn("SSLOpenSSLConfCmd "+args[0]+" has no effect: Sallyport does not use OpenSSL",
			"Protocol, Groups, Curves, Ciphersuites, CipherString, MinProtocol, MaxProtocol and Options SessionTicket are understood")
	}
	return nil
}

// setConfProtocol reads the command Protocol: versions between commas that are
// added to those there are, or taken away with a minus.
func setConfProtocol(c *conf.Cmd, s *serverConf, list string) error {
	v := s.Protocols.Or(tls12 | tls13)
	for w := range strings.SplitSeq(list, ",") {
		w = strings.TrimSpace(w)
		name, minus := strings.CutPrefix(strings.TrimPrefix(w, "+"), "-")
		this := versionNames[strings.ToLower(name)]
		switch strings.ToLower(name) {
		case "all":
			this = tls12 | tls13
			if minus {
				this = allVersions
			}
		case "sslv2", "sslv3":
		default:
			if this == 0 {
				return &diag.Err{Text: "SSLOpenSSLConfCmd Protocol: unknown protocol '" + w + "'", Expected: "ALL, TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3, maybe with -", Word: 2}
			}
		}
		if minus {
			v &^= this
		} else {
			v |= this
		}
	}
	s.Protocols = conf.Some(c, v)
	return nil
}

// cacheKinds are the providers that SSLSessionCache and SSLStaplingCache can name.
var cacheKinds = []string{"default", "shmcb", "dbm", "memcache", "redis", "dc"}

// checkCache wants the name of a provider, and a closed parenthesis.
func checkCache(c *conf.Cmd, args []string) error {
	kind, rest, _ := strings.Cut(args[0], ":")
	kinds := cacheKinds
	if c.Directive.Name == "SSLSessionCache" {
		kinds = append([]string{"none", "nonenotnull"}, kinds...)
	}
	if !slices.Contains(kinds, strings.ToLower(kind)) {
		return &diag.Err{Text: c.Directive.Name + ": '" + kind + "' cache not supported", Expected: strings.Join(kinds, ", "), Word: 1}
	}
	if strings.Contains(rest, "(") && !strings.HasSuffix(rest, ")") {
		return &diag.Err{Text: c.Directive.Name + ": Invalid argument: no closing parenthesis or cache size missing after pathname with parenthesis", Word: 1}
	}
	return nil
}
