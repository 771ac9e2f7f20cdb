package proxy

import (
	"fmt"
	"strings"
	"testing"
)

// Lines that hardly mean what they say are told.
func TestLineWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"ProxyPass /app/ http://127.0.0.1:9":                                                   "1: ProxyPass /app/ http://127.0.0.1:9: what follows /app/ is appended as it is: /app/x becomes http://127.0.0.1:9x",
		"ProxyPass / http://127.0.0.1:9/app":                                                   "1: ProxyPass / http://127.0.0.1:9/app: what follows / is appended as it is: /x becomes http://127.0.0.1:9/appx",
		"ProxyPass / http://127.0.0.1:9/":                                                      "",
		"ProxyPass /app http://127.0.0.1:9":                                                    "",
		"ProxyPassMatch ^/a/(.*)$ http://127.0.0.1:9":                                          "",
		"ProxyPass /a/ !":                                                                      "",
		"ProxyPass /o http://127.0.0.1:9\nProxyPass /o/sub http://127.0.0.1:8":                 "2: ProxyPass /o/sub is never asked: ProxyPass /o (line 1) takes all of it",
		"ProxyPass / http://127.0.0.1:9/\nProxyPass /status !":                                 "2: ProxyPass /status is never asked: ProxyPass / (line 1) takes all of it",
		"ProxyPass /o/sub http://127.0.0.1:8\nProxyPass /o http://127.0.0.1:9":                 "",
		"ProxyPass /o http://127.0.0.1:9\nProxyPass /other http://127.0.0.1:8":                 "",
		"ProxyPass /o/ http://127.0.0.1:9/\nProxyPass /o http://127.0.0.1:8":                   "",
		"ProxyPass /b balancer://none":                                                         "1: balancer://none has no members: its requests will be answered with 503",
		"<Proxy balancer://b>\nBalancerMember http://h:1\n</Proxy>\nProxyPass /b balancer://b": "",
	} {
		_, diags := build(t, text)
		var got []string
		for _, d := range diags {
			if strings.Contains(d.Text, "ProxyPass /") || strings.Contains(d.Text, "members") {
				got = append(got, fmt.Sprintf("%d: %s", d.Pos.Line, d.Text))
			}
		}
		if g := strings.Join(got, "; "); g != want {
			t.Errorf("%s:\n got %s\nwant %s", text, g, want)
		}
	}
}
