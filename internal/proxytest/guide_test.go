package proxytest

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// guide are the examples of docs/guide.md as scripts. Behind each configuration
// stand comments that a reader does not see:
//
//	<!-- run
//	replace app1.example.com:8080 => 127.0.0.1:$A
//	backend a
//	GET /x => 200 a
//	-->
//
// The configuration, with its hosts replaced, and these lines make a script;
// several comments run the same one in several ways.
func guide(t *testing.T) (all []*Script) {
	t.Helper()
	data, err := os.ReadFile("../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	heading := ""
	parts := strings.Split(string(data), "```")
	for i := 0; i+1 < len(parts); i += 2 {
		for _, m := range reHeading.FindAllStringSubmatch(parts[i], -1) {
			heading = m[1]
		}
		conf, ok := strings.CutPrefix(parts[i+1], "apache\n")
		if !ok {
			t.Errorf("below %q: a block that is no configuration", heading)
			continue
		}
		after := ""
		if i+2 < len(parts) {
			after = strings.TrimLeft(parts[i+2], "\n")
		}
		runs := 0
		for strings.HasPrefix(after, "<!-- run\n") {
			lines, rest, _ := strings.Cut(strings.TrimPrefix(after, "<!-- run\n"), "-->")
			after = strings.TrimLeft(rest, "\n")
			runs++
			name := fmt.Sprintf("guide/%s#%d.%d", strings.ReplaceAll(strings.ToLower(heading), " ", "-"), i/2, runs)
			s, err := guideScript(name, conf, lines)
			if err != nil {
				t.Error(err)
				continue
			}
			all = append(all, s)
		}
		if runs == 0 {
			t.Errorf("below %q: an example that nothing runs:\n%s", heading, conf)
		}
	}
	return all
}

var reHeading = regexp.MustCompile(`(?m)^## (.*)$`)

func guideScript(name, conf, lines string) (*Script, error) {
	var script []string
	for line := range strings.Lines(lines) {
		if pair, ok := strings.CutPrefix(line, "replace "); ok {
			from, to, _ := strings.Cut(strings.TrimSpace(pair), " => ")
			if !strings.Contains(conf, from) {
				return nil, fmt.Errorf("%s: there is no %s to replace", name, from)
			}
			conf = strings.ReplaceAll(conf, from, to)
			continue
		}
		script = append(script, line)
	}
	if strings.Contains(conf, "example.com") {
		return nil, fmt.Errorf("%s: a host is left:\n%s", name, conf)
	}
	return ParseScript(name, []byte("An example of the guide.\n-- httpd.conf --\n"+conf+"-- script --\n"+strings.Join(script, "")))
}

func runGuide(t *testing.T, p Program) {
	for _, s := range guide(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			twice(t, func(r Reporter) { Run(r, p, s) })
		})
	}
}

// TestOracleGuide: what docs/guide.md shows runs on httpd as it says.
func TestOracleGuide(t *testing.T) { runGuide(t, oracle(t)) }

// TestSallyportGuide: and on Sallyport.
func TestSallyportGuide(t *testing.T) { runGuide(t, sallyport(t)) }

// TestGuideTopics: the guide has a section for each topic of httpd's.
func TestGuideTopics(t *testing.T) {
	data, err := os.ReadFile("../../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	topics := map[string]string{ // of howto/reverse_proxy.html
		"Simple reverse proxying":                   "One backend",
		"Clusters and Balancers":                    "Clusters and balancers",
		"Balancer and BalancerMember configuration": "Parameters of balancers and members",
		"Failover":                    "Failover",
		"Balancer Manager":            "The balancer manager",
		"Dynamic Health Checks":       "Health checks",
		"BalancerMember status flags": "What the flags mean",
	}
	for theirs, ours := range topics {
		if !strings.Contains(string(data), "\n## "+ours+"\n") {
			t.Errorf("no section %q for httpd's %q", ours, theirs)
		}
	}
	page, err := os.ReadFile("/usr/share/doc/apache2-doc/manual/en/howto/reverse_proxy.html")
	if err != nil {
		t.Skip("apache2-doc is not here: its topics are not compared")
	}
	for _, m := range regexp.MustCompile(`<h2><a name="[^"]*"[^>]*>([^<]+)</a>`).FindAllStringSubmatch(string(page), -1) {
		if m[1] != "Reverse Proxy" && topics[m[1]] == "" {
			t.Errorf("httpd's guide has a topic that ours does not: %s", m[1])
		}
	}
}
