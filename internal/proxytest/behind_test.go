package proxytest

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestBehind runs the scripts about forwarding with the same backends over TLS
// and over HTTP/2: but for the wire the client must see the same, and so must
// the backend.
func TestBehind(t *testing.T) {
	p := sallyport(t)
	for kind, scheme := range map[string]string{"tls": "https", "h2": "h2"} {
		for _, s := range scripts(t) {
			if !strings.HasPrefix(s.Name, "forward/") && !strings.HasPrefix(s.Name, "errors/") && !strings.HasPrefix(s.Name, "reverse/") {
				continue
			}
			if !behind(s, kind, scheme) {
				continue
			}
			t.Run(kind+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				Run(t, p, s)
			})
		}
	}
}

var (
	reTarget = regexp.MustCompile(`http(://127\.0\.0\.1:\$[A-Z])`)
	// onWire are lines about what only an HTTP/1.1 connection has, or only one
	// that is not multiplexed.
	onWire = regexp.MustCompile(`(?m)^(sallyport: )?(b1|b2|a|b)(#\d)?([<>] (head |headers |framing |raw |until-close|at once|tunnel|read body|` +
		`connection|requests|Connection:|Transfer-Encoding|Content-Length|!Content-Length|!Transfer|!Expect|Expect|Keep-Alive|incomplete|TE:|!TE|Trailer|!Trailer|Upgrade|!Upgrade|Date:|Server:)|.* HTTP/1\.)`)
)

// notH2 are scripts that mean something else over HTTP/2.
var notH2 = map[string]string{
	"errors/ping-timeout":         "the backend's library sends the 100 by itself",
	"errors/closed-before-status": "a safe request is sent again",
	"errors/reset-before-status":  "a safe request is sent again",
	"errors/override":             "there are no reason phrases",
	"forward/status-codes":        "there are no reason phrases",
}

// behind makes the script one whose backends speak otherwise; false when it is
// about the wire of HTTP/1.1.
func behind(s *Script, kind, scheme string) bool {
	if len(s.Backends) == 0 || len(s.Files) > 0 {
		return false
	}
	text := ""
	for _, l := range s.lines {
		text += l.text + "\n"
	}
	if kind != "tls" && (notH2[s.Name] != "" || onWire.MatchString(text) || strings.Contains(s.Conf, "force-proxy") || strings.Contains(s.Conf, "BadHeader") ||
		strings.Contains(text, "hangup ")) {
		return false
	}
	for i := range s.Backends {
		switch d := &s.Backends[i]; d.Kind {
		case "echo":
			d.Kind, d.Cert = kind, "behind"
		case "refused":
		default:
			return false
		}
	}
	s.Certs = append(s.Certs, &madeCert{name: "behind", cn: "127.0.0.1", from: -time.Hour, to: time.Hour})
	was := s.Conf
	const on = "SSLProxyEngine On\nSSLProxyCheckPeerName Off\n" // some scripts keep the client's host
	s.Conf = on + reTarget.ReplaceAllString(s.Conf, scheme+"$1")
	for i := range s.lines {
		s.lines[i].text = reTarget.ReplaceAllString(s.lines[i].text, scheme+"$1")
	}
	s.Modules = append(s.Modules, "ssl", "proxy_http2")
	return s.Conf != on+was
}
