//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Every peer is told the same things of every case.
func TestConfigurations(t *testing.T) {
	base := Site{Dir: "/site", Port: 8000, Backends: []int{9001}, Conns: 64, Cores: 2}
	with := func(change func(*Site)) Site {
		s := base
		change(&s)
		return s
	}
	tests := []struct {
		name string
		site Site
		want map[string][]string // by peer
	}{
		{"plain", base, map[string][]string{
			"httpd":   {"Listen 127.0.0.1:8000", "ProxyPass / http://127.0.0.1:9001/", "KeepAlive On", "ThreadsPerChild 64"},
			"nginx":   {"worker_processes 2;", "server 127.0.0.1:9001", "keepalive 128;", "X-Forwarded-For", "X-Forwarded-Host", "access_log off"},
			"haproxy": {"nbthread 2", "option forwardfor", "X-Forwarded-Host", "http-reuse always", "server s1 127.0.0.1:9001"},
			"caddy":   {"http://:8000 {", "to 127.0.0.1:9001", "auto_https off"},
		}},
		{"more clients", with(func(s *Site) { s.Conns = 512 }), map[string][]string{"nginx": {"keepalive 512;"}}},
		{"log", with(func(s *Site) { s.LogFile = "/site/log" }), map[string][]string{
			"httpd":   {`CustomLog "/site/log" combined`, `\"%r\" %>s %O`},
			"nginx":   {"access_log /site/log combined"},
			"haproxy": {"log stdout", "%{+Q}r %ST %B"},
			"caddy":   {"output file /site/log"},
		}},
		{"balancer", with(func(s *Site) { s.Backends = []int{9001, 9002} }), map[string][]string{
			"httpd":   {"BalancerMember http://127.0.0.1:9002", "ProxyPass / balancer://pool/", "lbmethod_byrequests_module"},
			"nginx":   {"server 127.0.0.1:9002"},
			"haproxy": {"server s2 127.0.0.1:9002"},
			"caddy":   {"to 127.0.0.1:9002"},
		}},
		{"prefixes", with(func(s *Site) { s.Prefixes = 12 }), map[string][]string{
			"httpd":   {"ProxyPass /app00001/ http://127.0.0.1:9001/", "ProxyPass /app00012/ http"},
			"nginx":   {"location /app00012/ { proxy_pass http://pool/; }"},
			"haproxy": {"map_beg(/site/map)", "set-path"},
			"caddy":   {"handle_path /app00012/*"},
		}},
		{"hosts", with(func(s *Site) { s.Hosts = 12 }), map[string][]string{
			"httpd":   {"<VirtualHost *:8000>", "ServerName h00012.bench.test"},
			"nginx":   {"server_name h00012.bench.test;"},
			"haproxy": {"map_str(/site/map)"},
			"caddy":   {"http://h00012.bench.test:8000 {"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			texts := map[string]string{
				"httpd":   httpdConf(test.site, "/modules", true),
				"nginx":   nginxConf(test.site, true),
				"haproxy": haproxyConf(test.site, "/site/map", true),
				"caddy":   caddyConf(test.site),
			}
			for peer, wants := range test.want {
				for _, want := range wants {
					if !strings.Contains(texts[peer], want) {
						t.Errorf("%s lacks %q:\n%s", peer, want, texts[peer])
					}
				}
			}
		})
	}
	if strings.Contains(httpdConf(base, "/m", false), "ThreadsPerChild") {
		t.Error("Sallyport is given the sizes of httpd's processes")
	}
	if m := haproxyMap(with(func(s *Site) { s.Hosts = 2 })); m != "h00001.bench.test pool\nh00002.bench.test pool\n" {
		t.Errorf("map %q", m)
	}
}

// The peers' own checks accept what is written for them.
func TestPeersAccept(t *testing.T) {
	checks := map[string]func(binary, dir string, args []string) []string{
		"nginx":   func(b, _ string, args []string) []string { return append([]string{b, "-t"}, args...) },
		"haproxy": func(b, _ string, args []string) []string { return append([]string{b, "-c"}, args[:2]...) },
		"httpd":   func(b, _ string, args []string) []string { return append([]string{b, "-t"}, args[:2]...) },
		"caddy":   func(b, _ string, args []string) []string { return append([]string{b, "adapt"}, args[1:]...) },
	}
	for _, k := range kinds() {
		check := checks[k.Name]
		if check == nil {
			continue
		}
		binary, err := k.find("")
		if err != nil {
			t.Logf("%s: %v", k.Name, err)
			continue
		}
		for name, change := range map[string]func(*Site){
			"plain": func(*Site) {}, "log": func(s *Site) { s.LogFile = filepath.Join(s.Dir, "log") },
			"balancer": func(s *Site) { s.Backends = []int{9001, 9002} },
			"prefixes": func(s *Site) { s.Prefixes = 10 }, "hosts": func(s *Site) { s.Hosts = 10 },
		} {
			t.Run(k.Name+"/"+name, func(t *testing.T) {
				s := Site{Dir: t.TempDir(), Port: 8000, Backends: []int{9001}, Conns: 64, Cores: 2, Root: os.Geteuid() == 0}
				change(&s)
				c, err := k.Write(s)
				if err != nil {
					t.Fatal(err)
				}
				argv := check(binary, s.Dir, c.Args)
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Dir, cmd.Env = s.Dir, append(os.Environ(), c.Env...)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %v\n%s", argv, err, out)
				}
			})
		}
	}
}

func TestChoose(t *testing.T) {
	got, err := chooseCases("16k, 100b-c64")
	if err != nil || len(got) != 2 || got[0].Name != "100b-c64" || got[1].Name != "16k" {
		t.Errorf("cases %v, %v: want the race's order", got, err)
	}
	if _, err := chooseCases("17k"); err == nil {
		t.Error("a case that is not there is chosen")
	}
	for _, bad := range []string{"ngynx", "relay,relay", "x=ngynx:/bin/true"} {
		if _, _, err := choosePeers(bad); err == nil {
			t.Errorf("peers %q are chosen", bad)
		}
	}
	peers, absent, err := choosePeers("relay,old=nginx:/bin/true,gone=nginx:/no/such/nginx")
	if err != nil || len(peers) != 2 || peers[1].Label != "old" || peers[1].Name != "nginx" || peers[1].Binary != "/bin/true" {
		t.Errorf("peers %+v, %v", peers, err)
	}
	if len(absent) != 1 || !strings.HasPrefix(absent[0], "gone: left out") {
		t.Errorf("absent %q", absent)
	}
}

func TestBrowserHeaders(t *testing.T) {
	h := browserHeaders()
	if len(h)+1 != 15 { // wrk adds Host
		t.Errorf("%d fields, want 15 with Host", len(h)+1)
	}
	if cookie := strings.TrimPrefix(h[len(h)-1], "Cookie: "); len(cookie) != kib {
		t.Errorf("%d bytes of cookies, want %d", len(cookie), kib)
	}
}
