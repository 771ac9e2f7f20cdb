package proxy

import (
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
)

// reverse is one ProxyPassReverse: what begins with real in a response is
// shown to the client as beginning with fake.
type reverse struct {
	fake, real  string
	interpolate bool
}

// cookieRule is one ProxyPassReverseCookieDomain or …Path.
type cookieRule struct {
	internal, public string
	interpolate      bool
}

// setReverse reads ProxyPassReverse: inside a section its path is the first
// half of the pair.
func setReverse(c *conf.Cmd, d *dirConf, args []string) error {
	if err := c.Outside(nowhere); err != nil {
		return err
	}
	r := reverse{}
	if s := c.Scope.Section; s != nil {
		r.fake, r.real = s.Arg, args[0]
		if len(args) > 1 && !strings.EqualFold(args[1], "interpolate") {
			return &diag.Err{
				Text: "ProxyPassReverse can not have a path when defined in a location",
				Hint: "inside <" + s.Name + "> the section's path is the path: remove " + args[0],
				Word: 1,
			}
		}
		r.interpolate = len(args) > 1
	} else {
		r.fake = args[0]
		if len(args) < 2 || strings.EqualFold(args[1], "interpolate") {
			return &diag.Err{
				Text:     "ProxyPassReverse needs a path when not defined in a location",
				Expected: "a path and a URL, such as /app http://127.0.0.1:8080/app",
			}
		}
		r.real = args[1]
		r.interpolate = len(args) > 2 && strings.EqualFold(args[2], "interpolate")
	}
	d.Reverse = append(d.Reverse, r)
	return nil
}

// setCookie makes the setter of one of the two lists for cookies.
func setCookie(field func(*dirConf) *[]cookieRule) func(*conf.Cmd, *dirConf, []string) error {
	return func(_ *conf.Cmd, d *dirConf, args []string) error {
		list := field(d)
		*list = append(*list, cookieRule{args[0], args[1], len(args) > 2 && strings.EqualFold(args[2], "interpolate")})
		return nil
	}
}
