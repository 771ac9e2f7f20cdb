package md

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/certs"
	"sallyport/internal/diag"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
	"sallyport/internal/modules/proxy"
	"sallyport/internal/modules/proxy_http"
	"sallyport/internal/modules/roomtest"
	"sallyport/internal/modules/ssl"
)

var rooms = []*module.Room{&proxy.Room, &proxy_http.Room, &Room, &ssl.Room}

// TestExpand: which addresses a virtual host with AutoHTTPS and its twin get,
// and what is listened at.
func TestExpand(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{"one line", "Listen 80\n<VirtualHost *:80>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>",
			"https *:443; http *:80; listen 80 443"},
		{"for all", "Listen 80\nAutoHTTPS On\n<VirtualHost *:80>\nServerName a.test\n</VirtualHost>\n<VirtualHost *:80>\nServerName b.test\nAutoHTTPS Off\n</VirtualHost>",
			"https *:443; http *:80; - *:80; listen 80 443"},
		{"both ports", "Listen 80\nListen 443\n<VirtualHost *:80 *:443>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>",
			"https *:443; http *:80; listen 80 443"},
		{"any port", "Listen 80\nListen 8080\nListen 443\n<VirtualHost *>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>",
			"https *:443; http *:80 *:8080; listen 80 8080 443"},
		{"https only", "Listen 443\n<VirtualHost *:443>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>",
			"https *:443; listen 443"},
		{"https, and a port 80 of nobody", "Listen 80\nListen 443\n<VirtualHost *:443>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>",
			"https *:443; http *:80; listen 80 443"},
		{"https, and somebody at port 80", "Listen 80\nListen 443\n<VirtualHost *:443>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>\n<VirtualHost *:80>\nServerName b.test\nServerAlias A.test\n</VirtualHost>",
			"https *:443; - *:80; listen 80 443"},
		{"an address", "Listen 192.0.2.1:80\n<VirtualHost 192.0.2.1:80>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>",
			"https 192.0.2.1:443; http 192.0.2.1:80; listen 80 192.0.2.1:443"},
		{"IPv6", "Listen 80\n<VirtualHost [2001:db8::1]:80>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>",
			"https [2001:db8::1]:443; http [2001:db8::1]:80; listen 80 2001:db8::1:443"},
		{"mapped", "Listen 8080\nMDPortMap http:8080 https:8443\n<VirtualHost *:8080>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>",
			"https *:8443; http *:8080; listen 8080 8443"},
		{"a Listen for https", "Listen 80\nListen 9443 https\n<VirtualHost *:80 *:9443>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>",
			"https *:9443; http *:80; listen 80 9443"},
		{"two", "Listen 80\n<VirtualHost *:80>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>\n<VirtualHost *:80>\nServerName b.test\nAutoHTTPS On\n</VirtualHost>",
			"https *:443; http *:80; https *:443; http *:80; listen 80 443"},
	} {
		h, diags := roomtest.Compile(t, "/", c.text, rooms...)
		if h == nil || len(diags) > 0 && !strings.Contains(c.name, "https only") && len(diags.Errors()) > 0 {
			t.Errorf("%s: %v", c.name, diags)
			continue
		}
		var got []string
		for _, s := range h.Snap.Servers[1:] {
			side := "-"
			if own := server.Of(s.Source.Conf); own != nil {
				side = [...]string{"-", "https", "http"}[own.Twin]
			}
			if (side == "https") != (s.Server.TLS != nil) {
				t.Errorf("%s: %s has TLS: %v", c.name, s.Source.Addrs, s.Server.TLS != nil)
			}
			got = append(got, side+" "+strings.Join(s.Source.Addrs, " "))
		}
		line := "listen"
		for _, l := range core.Process.Of(h.Snap.Config.Main.Conf).Listen {
			host := ""
			if len(l.Addrs) > 0 && l.Proto == "https" {
				host = l.Addrs[0].String() + ":"
			}
			line += fmt.Sprintf(" %s%d", host, l.Port)
		}
		if s := strings.Join(append(got, line), "; "); s != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, s, c.want)
		}
	}
}

// TestTwinIsBare: what redirects has no workers, sections or handlers of its own.
func TestTwinIsBare(t *testing.T) {
	h := roomtest.New(t, `Listen 80
<VirtualHost *:80>
ServerName a.test
AutoHTTPS On
ProxyPass / http://127.0.0.1:1/
<Location /x>
SetHandler none
</Location>
</VirtualHost>`, rooms...)
	twin := h.Snap.Servers[2].Source
	if len(twin.Sections) != 0 || len(twin.Conf.Only("proxy")) != 0 || len(twin.Conf.Only("core", "md")) == 0 {
		t.Errorf("%d sections, %v", len(twin.Sections), twin.Conf)
	}
}

// TestComplaints are those beyond httpd's, which scripts compare.
func TestComplaints(t *testing.T) {
	vhost := func(text string) string { return "Listen 80\n<VirtualHost *:80>\n" + text + "\n</VirtualHost>" }
	secure := func(text string) string {
		return "MDCertificateAgreement accepted\nListen 443\n" + text
	}
	for _, c := range []struct{ text, want string }{
		{"MDomain a_.test b..c", "1: MDomain: 'b..c' is no DNS name"},
		{"MDomain a.test/x", "1: MDomain: 'a.test/x' is no DNS name"},
		{"MDCAChallenges http-02", "1: MDCAChallenges: unknown type 'http-02'"},
		{"MDPrivateKeys secp256k1", "1: MDPrivateKeys: 'secp256k1' is no kind of key"},
		{"MDPrivateKeys rsa99999", "1: MDPrivateKeys: a key of 99999 bits"},
		{"MDHttpProxy foo", "1: MDHttpProxy: 'foo' is no URL of a proxy"},
		{"MDExternalAccountBinding a !!", "1: MDExternalAccountBinding: the hmac is not base64"},
		{"MDCertificateAuthority ftp://x/", "1: MDCertificateAuthority: ftp://x/: ACME is spoken over https"},
		{"<MDomainSet a.test>\nMDomain b.test\n</MDomainSet>", "2: MDomain is not allowed inside an '<MDomainSet' context"},
		{"MDActivationDelay 1d", "1: MDActivationDelay has no effect: new certificates are used at once"},
		{vhost("AutoHTTPS On"), "3: AutoHTTPS: the virtual host has no ServerName"},
		{vhost("ServerName localhost\nAutoHTTPS On"), "4: AutoHTTPS: no authority gives a certificate for the ServerName 'localhost'"},
		{vhost("ServerName a.test\nServerAlias *.a.test\nAutoHTTPS On"), "5: a certificate for *.a.test needs the challenge dns-01"},
		{vhost("ServerName a.test\nServerAlias x*.a.test\nAutoHTTPS On"), "2: ServerAlias x*.a.test can't stand in a certificate"},
		{"AutoHTTPS On\nListen 80", "1: AutoHTTPS has no effect: there is no <VirtualHost>"},
		{secure("MDomain a.test\nMDomain b.test a.test\n<VirtualHost *:443>\nServerName b.test\nSSLEngine on\n</VirtualHost>"), "4: AH10038: two Managed Domains have an overlap in domain 'a.test'"},
		{secure("MDomain a.test\nMDomain b.test\n<VirtualHost *:443>\nServerName c.test\nServerAlias a.test b.test\nSSLEngine on\n</VirtualHost>"), "5: AH10042: conflict: two Managed Domains match"},
		{secure("MDomain a.test manual\n<VirtualHost *:443>\nServerName a.test\nServerAlias b.test\nSSLEngine on\n</VirtualHost>"), "4: AH10040: Virtual Host a.test matches Managed Domain 'a.test', but the name/alias b.test itself is not managed"},
		{"MDomain a.test", "1: AH10045: No VirtualHost matches Managed Domain a.test"},
		{"Listen 443\nMDomain a.test\n<VirtualHost *:443>\nServerName a.test\nSSLEngine on\n</VirtualHost>", "2: the terms of the certificate authority are not accepted"},
		{"MDCertificateAgreement accepted\nListen 8443\nMDomain a.test\n<VirtualHost *:8443>\nServerName a.test\nSSLEngine on\n</VirtualHost>", "3: no certificate can be obtained for a.test: no challenge can reach this server"},
		{secure("MDChallengeDns01 /no/such/program x\nMDomain a.test\n<VirtualHost *:443>\nServerName a.test\nSSLEngine on\n</VirtualHost>"), "3: /no/such/program can't be run"},
		{secure("MDCACertificateFile /no/such/file\nMDomain a.test\n<VirtualHost *:443>\nServerName a.test\nSSLEngine on\n</VirtualHost>"), "3: can't read the certificates in /no/such/file"},
		{secure("<MDomainSet a.test>\nMDCertificateFile /no/such/file\n</MDomainSet>\n<VirtualHost *:443>\nServerName a.test\nSSLEngine on\n</VirtualHost>"), "4: MDCertificateFile: open /no/such/file"},
		{secure("<MDomainSet a.test>\nMDCertificateKeyFile /no/such/file\n</MDomainSet>\n<VirtualHost *:443>\nServerName a.test\nSSLEngine on\n</VirtualHost>"), "4: MDCertificateKeyFile without an MDCertificateFile"},
	} {
		_, diags := roomtest.Compile(t, "/", c.text, rooms...)
		found := false
		for _, d := range diags {
			found = found || strings.HasPrefix(fmt.Sprintf("%d: %s", d.Pos.Line, d.Text), c.want)
		}
		if !found {
			t.Errorf("%q:\nwant %s\n got %v", c.text, c.want, diags)
		}
	}
}

// TestSpecs: what package certs is told, with the settings of the right place.
func TestSpecs(t *testing.T) {
	h := roomtest.New(t, `
Listen 80
Listen 443
MDCertificateAgreement accepted
MDCertificateAuthority letsencrypt-test https://ca.test/dir
MDRenewWindow 21d
MDContactEmail all@example.org
MDChallengeDns01 true --zone x
<MDomainSet a.test>
  MDMember *.a.test
  MDContactEmail one@example.org
  MDPrivateKeys secp384r1 RSA 3072
  MDRenewMode always
  MDExternalAccountBinding kid z+/w=
</MDomainSet>
<VirtualHost *:443>
  ServerName a.test
  ServerAlias www.a.test other.test
  SSLEngine on
</VirtualHost>
<VirtualHost *:80>
  ServerName auto.test
  ServerAlias www.auto.test
  ServerAdmin admin@auto.test
  MDRetryDelay 5
  AutoHTTPS On
</VirtualHost>
`, rooms...)
	bd := &builder{b: &module.Build{Config: h.Snap.Config, Servers: h.Snap.Servers, Diags: new(diag.List)}, ports: ports{80, 443}}
	for _, sb := range h.Snap.Servers {
		bd.collect(sb)
	}
	for _, sb := range h.Snap.Servers {
		bd.auto(sb)
	}
	for _, sb := range h.Snap.Servers {
		bd.match(sb)
	}
	if len(bd.groups) != 2 {
		t.Fatalf("%d domains", len(bd.groups))
	}
	for _, g := range bd.groups {
		bd.finish(g)
	}
	a, auto := bd.groups[0].spec, bd.groups[1].spec
	if !slices.Equal(a.Names, []string{"a.test", "*.a.test", "other.test"}) || a.Contact != "one@example.org" || a.Mode != certs.Always ||
		!slices.Equal(a.Keys, []certs.Key{{Curve: "secp384r1"}, {Bits: 3072}}) || a.EABKey != "kid" || a.EABMAC != "z-_w" ||
		!slices.Equal(a.Challenges, []string{certs.TLSALPN01, certs.HTTP01, certs.DNS01}) || !slices.Equal(a.DNSCommand, []string{"true", "--zone", "x"}) {
		t.Errorf("%+v", a)
	}
	if !slices.Equal(auto.Names, []string{"auto.test", "www.auto.test"}) || auto.Contact != "all@example.org" || auto.RetryDelay != 5*time.Second ||
		!slices.Equal(auto.Keys, autoKeys) || !auto.Agreed || auto.RenewWindow.Fixed != 21*24*time.Hour ||
		!slices.Equal(auto.Authorities, []string{authorities["letsencrypt-test"], "https://ca.test/dir"}) {
		t.Errorf("%+v", auto)
	}
	if n := len(bd.groups[1].servers); n != 2 {
		t.Errorf("%d servers belong to auto.test", n)
	}
}

func TestWithoutSSL(t *testing.T) {
	_, diags := roomtest.Compile(t, "/", "Listen 80\n<VirtualHost *:80>\nServerName a.test\nAutoHTTPS On\n</VirtualHost>", &Room)
	if len(diags) != 1 || diags[0].Text != "AutoHTTPS needs the module ssl" || diags[0].Pos.Line != 4 {
		t.Errorf("%v", diags)
	}
}

func TestDuration(t *testing.T) {
	day := 24 * time.Hour
	for s, want := range map[string]time.Duration{"5": 5 * day, "21d": 21 * day, "30s": 30 * time.Second, "90mi": 90 * time.Minute, "12h": 12 * time.Hour, "100ms": 100 * time.Millisecond} {
		if got, ok := duration(s, day); !ok || got != want {
			t.Errorf("%s: %v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "d", "2w", "-1d", "1.5h", "99999999999d", "99999999", "1 d"} {
		if got, ok := duration(s, day); ok {
			t.Errorf("%s: %v", s, got)
		}
	}
}
