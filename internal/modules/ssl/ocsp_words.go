package ssl

import (
	"net/url"
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
)

// setOCSP reads SSLOCSPEnable on|leaf|off [no_ocsp_for_cert_ok].
func setOCSP(c *conf.Cmd, s *serverConf, args []string) error {
	words := strings.Fields(args[0])
	if len(words) == 0 {
		return &diag.Err{Text: "SSLOCSPEnable requires an argument", Expected: "on, leaf or off"}
	}
	var m ocspMode
	switch strings.ToLower(words[0]) {
	case "off":
	case "on":
		m.on = true
	case "leaf":
		m.on, m.leaf = true, true
	default:
		return &diag.Err{Text: "SSLOCSPEnable: Invalid argument '" + words[0] + "'", Expected: "on, leaf or off", Word: 1}
	}
	for i, w := range words[1:] {
		if !strings.EqualFold(w, "no_ocsp_for_cert_ok") {
			return &diag.Err{Text: "SSLOCSPEnable: Invalid argument '" + w + "'", Expected: "no_ocsp_for_cert_ok", Word: i + 2}
		}
		m.noURLOK = true
	}
	s.OCSP = conf.Some(c, m)
	return nil
}

// responderURL reports a URL that can be asked.
func responderURL(w string) bool {
	u, err := url.Parse(w)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func setOCSPURL(c *conf.Cmd, s *serverConf, args []string) error {
	if !responderURL(args[0]) {
		return &diag.Err{Text: "SSLOCSPDefaultResponder: '" + args[0] + "' is no URL of an OCSP responder", Expected: "http://host[:port]/path", Word: 1}
	}
	s.OCSPURL = conf.Some(c, args[0])
	return nil
}

func setOCSPProxy(c *conf.Cmd, s *serverConf, args []string) error {
	w := args[0]
	if !strings.Contains(w, "://") {
		w = "http://" + w
	}
	u, err := url.Parse(w)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return &diag.Err{Text: "SSLOCSPProxyURL: Cannot parse URL " + args[0], Expected: "http://host:port/", Word: 1}
	}
	s.OCSPProxy = conf.Some(c, u)
	return nil
}
