package proxytest

import (
	"hash/fnv"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// pairDirs are the scripts about messages on their way: what they say holds
// whatever version of HTTP the client and the backends speak.
var pairDirs = []string{"pairs/", "forward/", "errors/", "headers/", "reverse/", "mapping/", "cookies/", "balancer/failover", "balancer/sticky"}

var (
	frontNames = []string{"h1", "https", "h2c", "h2", "h3"}
	backNames  = []string{"http", "https", "h2", "h2c"}
)

func newVia(front string) Via {
	switch front {
	case "https":
		return Over{newH2()}
	case "h2c":
		return newH2C()
	case "h2":
		return newH2()
	case "h3":
		return newH3()
	}
	return nil
}

// TestPairs plays the scripts about messages through other versions of HTTP in
// front and behind. What a script says of status, fields, content, trailers,
// interim responses, aborts, logs and what the backends saw must hold there
// too. Those of pairs/ go through every front to every backend; each of the
// others through every front, to backends that take turns so that all of them
// together cover the whole product. PAIRS=all plays the whole product of each.
func TestPairs(t *testing.T) {
	p := sallyport(t)
	played := map[string]int{}
	for _, s := range scripts(t) {
		if !inPairs(s) || s.Via != "" {
			continue
		}
		turn := turnOf(s.Name)
		for i, front := range frontNames {
			for j, back := range backNames {
				pair := front + "-" + back
				whole := strings.HasPrefix(s.Name, "pairs/") || os.Getenv("PAIRS") == "all"
				if pair == "h1-http" || !whole && j != (turn+i)%len(backNames) {
					continue
				}
				if why := carries(s, front, back); why != "" {
					if strings.HasPrefix(s.Name, "pairs/") {
						t.Run(pair+"/"+s.Name, func(t *testing.T) { t.Skip(why) })
					}
					continue
				}
				s, ok := s.behind(back)
				if !ok {
					continue
				}
				played[pair]++
				t.Run(pair+"/"+s.Name, func(t *testing.T) {
					t.Parallel()
					twice(t, func(r Reporter) { RunVia(r, p, s, newVia(front)) })
				})
			}
		}
	}
	t.Log(played)
	for _, front := range frontNames {
		for _, back := range backNames {
			if pair := front + "-" + back; pair != "h1-http" && played[pair] < 40 {
				t.Errorf("%s: only %d scripts", pair, played[pair])
			}
		}
	}
}

// turnOf is a number that a script's name gives it for ever.
func turnOf(name string) int {
	h := fnv.New32a()
	h.Write([]byte(name))
	return int(h.Sum32() >> 8)
}

func inPairs(s *Script) bool {
	return slices.ContainsFunc(pairDirs, func(d string) bool { return strings.HasPrefix(s.Name, d) })
}

// pairExclusions are scripts about something that not every version of HTTP
// has; "" stands for all fronts or backends.
var pairExclusions = []struct {
	fronts, backs string
	why           string
	scripts       []string
}{
	{"h2c h2 h3", "", "expects the client's version, 1.1, in Via", []string{"forward/via-full"}},
	{"h2c h2 h3", "", "asks for //a, which the client does not send", []string{"mapping/merge-slashes", "mapping/merge-slashes-off"}},
	{"h3", "", "the client takes no more than five interim responses", []string{"forward/interim-too-many"}},
	{"https", "", "HTTP/1.0 without Host, where TLS has named one", []string{"forward/http10-client", "forward/preserve-host-http10"}},
	{"https h2 h3", "", "expects what a server says of itself without TLS", []string{"headers/request-host-format", "reverse/host-port", "errors/signature"}},
	{"", "h2 h2c", "HTTP/2 has no other version to ask with", []string{"forward/force-http10"}},
	{"", "h2 h2c", "a safe request whose stream was reset before an answer is sent again", []string{"errors/closed-before-status", "errors/reset-before-status"}},
	{"", "h2 h2c", "a backend's Connection names fields", []string{"forward/response-hop-by-hop"}},
	{"", "h2 h2c", "has a <ProxyMatch ^http>", []string{"headers/merge-order"}},
	{"", "h2 h2c", "the client's own target has a scheme that it cannot have", []string{"mapping/proxyrequests"}},
}

// carries says why a script cannot be played through this pair; "" when it can.
func carries(s *Script, front, back string) string {
	for _, e := range pairExclusions {
		if slices.Contains(e.scripts, s.Name) && (e.fronts == "" || slices.Contains(strings.Fields(e.fronts), front)) &&
			(e.backs == "" || slices.Contains(strings.Fields(e.backs), back)) {
			return e.why
		}
	}
	if front != "h1" && front != "https" {
		if why := s.Excluded(); why != "" {
			return why
		}
	}
	if back == "h2" || back == "h2c" {
		return s.notMultiplexed()
	}
	return ""
}

// notMultiplexed says why a script cannot have backends that speak HTTP/2.
func (s *Script) notMultiplexed() string {
	steps, err := s.Steps(s.placeholders())
	if err != nil {
		return err.Error()
	}
	for _, st := range steps {
		for _, a := range st.Answers {
			switch a.action.verb {
			case "raw":
				return "a backend answers with bytes of HTTP/1.1"
			case "at once":
				return "a backend answers before it is asked"
			}
		}
	}
	return ""
}

var reTarget = regexp.MustCompile(`\b(http)(://127\.0\.0\.1:\$[A-Z])`)

// behind is the script with backends that are reached otherwise.
func (s *Script) behind(kind string) (*Script, bool) {
	if kind == "http" {
		return s, true
	}
	c := *s
	c.Back = kind
	changed := false
	change := func(text string) string {
		now := reTarget.ReplaceAllString(text, kind+"$2")
		changed = changed || now != text
		return now
	}
	c.Conf = change(s.Conf)
	c.Files = slices.Clone(s.Files)
	for i := range c.Files {
		c.Files[i].Data = []byte(change(string(c.Files[i].Data)))
	}
	if !changed {
		return nil, false
	}
	c.lines = slices.Clone(s.lines)
	for i := range c.lines {
		c.lines[i].text = change(c.lines[i].text)
	}
	c.Backends = slices.Clone(s.Backends)
	for i := range c.Backends {
		switch d := &c.Backends[i]; d.Kind {
		case "echo":
			d.Kind, d.Cert = kind, "behind"
			if kind == "https" {
				d.Kind = "tls"
			}
		case "refused":
		default:
			return nil, false
		}
	}
	c.Certs = append(slices.Clone(s.Certs), &madeCert{name: "behind", cn: "127.0.0.1", from: -time.Hour, to: time.Hour})
	c.Conf = "SSLProxyEngine On\nSSLProxyCheckPeerName Off\n" + c.Conf // some scripts keep the client's host
	c.Modules = slices.Clone(s.Modules)
	for _, m := range []string{"ssl", "proxy_http2"} {
		if !slices.Contains(c.Modules, m) {
			c.Modules = append(c.Modules, m)
		}
	}
	return &c, true
}
