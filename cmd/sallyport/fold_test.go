package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFold: edits are folded into real layouts, and the configuration then
// says what was edited, and nothing is edited any more.
func TestFold(t *testing.T) {
	s := newSite(t)
	host := func(n string) string { return "http://127.0.0.1:" + n }
	main := managed + `LoadModule macro_module x
LoadModule proxy_hcheck_module x
LoadModule lbmethod_bytraffic_module x
Define APP 127.0.0.1:9004
Define HEAVY 7
ProxyHCTemplate often hcmethod=NONE hcinterval=30
<Macro Pair $name $port>
  <Proxy balancer://$name>
    BalancerMember http://127.0.0.1:$port
  </Proxy>
</Macro>
Use Pair twin 9008

# Not in a section, and with the settings on the ProxyPass line.
BalancerMember balancer://flat http://127.0.0.1:9006 timeout=5
BalancerMember balancer://flat http://127.0.0.1:9007 # comments
ProxyPass /flat balancer://flat lbmethod=byrequests nofailover=On
ProxyPass /twin balancer://twin
ProxyPass /shop balancer://shop
IncludeOptional conf.d/*.conf
`
	main = strings.Replace(main, " # comments", "", 1)
	shop := `# The shop. Ask Anna first.
<Proxy "balancer://shop">
	# the big one
	BalancerMember "http://127.0.0.1:9001/" loadfactor=${HEAVY}   route=a status=+H
	BalancerMember HTTP://127.0.0.1:9002 \
		LoadFactor=2 \
		enablereuse=On hctemplate=often

	# goes soon
	BalancerMember http://127.0.0.1:9003 route=c
	BalancerMember http://${APP} 'route=d'
	ProxySet stickysession=SID # not a comment for httpd
</Proxy>
`
	shop = strings.Replace(shop, " # not a comment for httpd", "", 1)
	conf := s.write("httpd.conf", main)
	extra := s.write("conf.d/shop.conf", shop)
	f := s.serve()
	for _, args := range [][]string{
		{"set", "shop", "a", "loadfactor=3", "status=+D-H", "timeout=1500ms", "route=a b"},
		{"set", "shop", host("9002"), "loadfactor=4", "disablereuse=On", "hcinterval=5", "hcheader=A: 1", "hcheader=B: 2"},
		{"set", "shop", "d", "retry=5"},
		{"set", "shop", "lbmethod=bytraffic", "stickysession=SID|sid", "failonstatus=500,503"},
		{"add", "shop", host("9005"), "route=e", "loadfactor=2"},
		{"set", "shop", host("9005"), "lbset=1"},
		{"remove", "shop", "c", "-timeout", "0s"},
		{"set", "flat", host("9007"), "loadfactor=9"},
		{"set", "flat", "lbmethod=bybusyness", "maxattempts=2"},
		{"remove", "flat", host("9006"), "-timeout", "0s"},
		{"set", "twin", host("9008"), "loadfactor=6"},
	} {
		s.want(s.ctl(args...), 0, "revision")
	}
	f.until("the removed members to leave", func() bool { return !strings.Contains(s.ctl("members").out, "leaving") })
	before := s.ctl("members").out

	got := s.ctl("export", "-into", conf)
	s.want(got, 0, "--- "+conf, "left out: balancer://twin http://127.0.0.1:9008: it stands in a macro 'pair'", "left out: balancer://shop: it stands at "+extra, "give -into "+extra,
		"-BalancerMember balancer://flat http://127.0.0.1:9006 timeout=5", "+BalancerMember balancer://flat http://127.0.0.1:9007 loadfactor=9",
		"+ProxySet balancer://flat maxattempts=2", "+ProxyPass /flat balancer://flat lbmethod=bybusyness nofailover=On")
	s.want(s.ctl("export", "-into", extra, "-diff"), 0, "--- "+extra)
	if s.read("httpd.conf") != strings.ReplaceAll(main, "$ROOT", s.root) && s.read("conf.d/shop.conf") != shop {
		t.Fatal("-diff has written something")
	}
	s.want(s.ctl("export", "-diff"), 1, "need -into")
	s.want(s.ctl("export", "-into", filepath.Join(s.root, "nothing.conf")), 1, "no such file")

	link := filepath.Join(s.root, "link.conf")
	if err := os.Symlink(extra, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(extra, 0o640); err != nil {
		t.Fatal(err)
	}
	s.want(s.ctl("export", "-into", link, "-write"), 0, extra+" is written")
	s.want(s.ctl("export", "-into", conf, "-write"), 0, conf+" is written")
	want := `# The shop. Ask Anna first.
<Proxy "balancer://shop">
	# the big one
	BalancerMember "http://127.0.0.1:9001/" loadfactor=3   "route=a b" status=+D-H timeout=1500ms
	BalancerMember HTTP://127.0.0.1:9002 \
		LoadFactor=4 \
		disablereuse=On hctemplate=often "hcheader=A: 1" "hcheader=B: 2" hcinterval=5

	# goes soon
	BalancerMember http://${APP} 'route=d' retry=5
	BalancerMember http://127.0.0.1:9005 lbset=1 loadfactor=2 route=e
	ProxySet stickysession=SID|sid
	ProxySet failonstatus=500,503 lbmethod=bytraffic
</Proxy>
`
	if got := s.read("conf.d/shop.conf"); got != want {
		t.Errorf("folded:\n%s\nwant\n%s", got, want)
	}
	if info, err := os.Stat(extra); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("rights: %v %v", info, err)
	}
	kept, _ := filepath.Glob(extra + ".*.bak")
	if len(kept) != 1 {
		t.Fatalf("kept: %q", kept)
	}
	if old, _ := os.ReadFile(kept[0]); string(old) != shop {
		t.Errorf("kept:\n%s", old)
	}
	// The file was changed since it was read: its lines may be anything.
	s.want(s.ctl("export", "-into", extra), 2, "the file was changed since; reload")

	s.want(sallyport(t, "-t", "-f", conf), 0, "Syntax OK")
	f.reload(syscall.SIGUSR1)
	f.until("the edits to be forgotten", func() bool {
		got := s.ctl("export").out
		return strings.Contains(got, "twin") && !strings.Contains(got, "shop") && !strings.Contains(got, "flat")
	})
	s.want(s.ctl("export", "-into", conf), 2, "nothing of what was edited can be folded")
	if got := s.ctl("conflicts"); got.out != "" {
		t.Errorf("conflicts: %v", got)
	}
	strip := func(text string) string { // how many parameters are edited, the last column
		var out []string
		for line := range strings.Lines(text) {
			w := strings.Fields(line)
			out = append(out, strings.Join(w[:len(w)-1], " "))
		}
		return strings.Join(out, "\n")
	}
	if after := s.ctl("members").out; strip(after) != strip(before) {
		t.Errorf("members\n%s\nwere\n%s", after, before)
	}
	f.stop()
}
