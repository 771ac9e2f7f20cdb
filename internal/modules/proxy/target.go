package proxy

import (
	"strconv"
	"strings"

	"sallyport/internal/diag"
)

// target is a worker's URL taken apart, as httpd's ap_proxy_define_worker
// understands it.
type target struct {
	// Scheme is in lower case; Host too, IPv6 literals without brackets.
	Scheme, Host string
	// Port is 0 for the scheme's own port, written or not.
	Port uint16
	// Path is what follows the authority, "?" and all: a target has no query.
	// Empty, or it begins with "/" (or "?" and "#", which httpd lets stand).
	Path string
	// Socket is the path of a unix: target.
	Socket string
	// Open: the URL holds $n or ${name} where the authority must be known,
	// so that the place to connect to is only known per request.
	Open bool
}

// defaultPort of a scheme; 0: none that httpd knows.
func defaultPort(scheme string) uint16 {
	switch scheme {
	case "http", "ws", "h2c":
		return 80
	case "https", "wss", "h2":
		return 443
	case "ftp":
		return 21
	case "fcgi":
		return 8000
	case "ajp":
		return 8009
	case "scgi":
		return 4000
	}
	return 0
}

// port is the port to connect to.
func (t *target) port() uint16 {
	if t.Port != 0 {
		return t.Port
	}
	return defaultPort(t.Scheme)
}

// name is the worker's canonical URL: what it is known by, in logs and in the
// balancer manager.
func (t *target) name() string {
	s := t.authority() + t.Path
	if t.Socket != "" {
		return "unix:" + t.Socket + "|" + s
	}
	return s
}

// authority is scheme://host[:port].
func (t *target) authority() string { return t.Scheme + "://" + t.hostport() }

// hostport is the Host field sent to this target: the port is left out when
// it is the scheme's.
func (t *target) hostport() string {
	h := t.Host
	if strings.Contains(h, ":") {
		h = "[" + h + "]"
	}
	if t.Port != 0 && t.Port != defaultPort(t.Scheme) {
		h += ":" + strconv.Itoa(int(t.Port))
	}
	return h
}

// addr is host:port to connect to.
func (t *target) addr() string {
	h := t.Host
	if strings.Contains(h, ":") {
		h = "[" + h + "]"
	}
	return h + ":" + strconv.Itoa(int(t.port()))
}

// unsocket strips "unix:path|" from a target, completing "http:" and
// "http://" behind it with localhost. ok is false when the bar is followed by
// no URL (httpd's ap_proxy_de_socketfy).
func unsocket(text string) (url, socket string, ok bool) {
	if len(text) < 5 || !strings.EqualFold(text[:5], "unix:") {
		return text, "", true
	}
	socket, url, found := strings.Cut(text[5:], "|")
	if !found {
		return text, "", true // no socket: refused later, as a URL without host
	}
	scheme, rest, found := strings.Cut(url, ":")
	if !found {
		return "", "", false
	}
	if rest == "" || rest == "//" {
		url = scheme + "://localhost"
	}
	return url, socket, true
}

// parseTarget reads the URL of a worker. regex allows $n in it. The errors are
// httpd's, without the directive's name.
func parseTarget(text string, regex bool) (target, error) {
	var t target
	url, socket, ok := unsocket(text)
	if !ok {
		return t, badTarget("Unable to parse URL: " + text)
	}
	t.Socket = socket
	scheme, rest, found := strings.Cut(url, "://")
	if !found || !isScheme(scheme) {
		first, _, _ := strings.Cut(url, "/")
		if before, _, colon := strings.Cut(first, ":"); colon && !isScheme(before) {
			return t, badTarget("Unable to parse URL: " + text)
		}
		return t, badTarget("URL must be absolute!: " + text)
	}
	t.Scheme = strings.ToLower(scheme)
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority := rest[:end]
	t.Path = rest[end:]
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:] // user and password reach no HTTP backend
	}
	if regex {
		// "host:80$1" and "host$1": the group is the start of the path as far
		// as the text can tell; "$1.example" or "host:8$1" with more behind is
		// known per request only.
		for len(authority) > 2 && isGroup(authority[len(authority)-2:]) {
			t.Path = authority[len(authority)-2:] + t.Path
			authority = authority[:len(authority)-2]
		}
		if i := strings.IndexByte(authority, '$'); i >= 0 && i+1 < len(authority) && isGroup(authority[i:i+2]) {
			t.Open = true
		}
		if isGroup(authority) {
			t.Open = true
		}
	}
	if strings.Contains(authority, "${") {
		t.Open = true
	}
	if t.Open {
		t.Host = strings.ToLower(authority)
		return t, nil
	}
	host, port, err := splitHostPort(authority)
	if err != nil {
		return t, badTarget("Unable to parse URL: " + text)
	}
	if host == "" {
		if socket == "" {
			return t, badTarget("URL must be absolute!: " + text)
		}
		host = "localhost"
	}
	t.Host = strings.ToLower(host)
	if port != defaultPort(t.Scheme) {
		t.Port = port
	}
	return t, nil
}

func badTarget(text string) error {
	return &diag.Err{Text: text, Expected: "scheme://host[:port][/path], such as http://127.0.0.1:8080/"}
}

func isGroup(s string) bool { return len(s) == 2 && s[0] == '$' && '0' <= s[1] && s[1] <= '9' }

func isScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if ('a' > c || c > 'z') && (i == 0 || ('0' > c || c > '9') && s[i] != '+' && s[i] != '-' && s[i] != '.') {
			return false
		}
	}
	return s != ""
}

type hostError struct{}

func (hostError) Error() string { return "bad host or port" }

// splitHostPort splits host[:port]; the port may be missing or empty (0).
func splitHostPort(s string) (host string, port uint16, err error) {
	p := ""
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 || strings.Contains(s[1:i], "[") {
			return "", 0, hostError{}
		}
		host, p = s[1:i], s[i+1:]
		if p != "" && p[0] != ':' {
			return "", 0, hostError{}
		}
		p = strings.TrimPrefix(p, ":")
	} else {
		host, p, _ = strings.Cut(s, ":")
	}
	if p == "" {
		return host, 0, nil
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, hostError{}
	}
	return host, uint16(n), nil
}

const balancerScheme = "balancer:"

// isBalancer reports that a target names a balancer rather than a worker.
func isBalancer(url string) bool {
	return len(url) >= len(balancerScheme) && strings.EqualFold(url[:len(balancerScheme)], balancerScheme)
}

// balancerName is the canonical name, "balancer://name", of a balancer URL:
// in lower case, without path and port. httpd's words for what is no name.
func balancerName(url string) (string, error) {
	if len(url) <= len("balancer://") || !isBalancer(url) || url[9:11] != "//" {
		return "", &diag.Err{
			Text:     "Bad syntax for a balancer name (" + url + ")",
			Expected: "balancer://name",
		}
	}
	return balancerScheme + "//" + balancerHost(url[11:]), nil
}

// balancerHost is the name in what follows "balancer://". The port is no part
// of it: httpd drops it before it looks the balancer up.
func balancerHost(s string) string {
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	s, _, _ = strings.Cut(s, ":")
	return strings.ToLower(s)
}
