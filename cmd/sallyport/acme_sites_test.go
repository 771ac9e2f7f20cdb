package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// authority writes the root of the authority's own certificate and gives the
// lines that all sites here need.
func (s *acmeSite) authority() string {
	s.t.Helper()
	data, err := os.ReadFile(s.ca.RootFile)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("ca.pem", string(data))
	return prelude + s.text(`
Listen 127.0.0.1:$HTTPS https
MDStoreDir $ROOT/md
MDCertificateAuthority $CA
MDCACertificateFile $CAFILE
MDPortMap http:$PORT https:$HTTPS
MDContactEmail web@example.org
MDCertificateAgreement accepted
MDCAChallenges http-01
`)
}

// TestChallengesPass: an authority gets its answer whatever a site does with
// everybody else's requests.
func TestChallengesPass(t *testing.T) {
	s := newACMESite(t)
	hostile := []string{
		`Redirect permanent "/" "https://elsewhere.test/"`,
		"RewriteEngine On\nRewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]",
		"RewriteEngine On\nRewriteRule ^ - [F]",
		"<Location \"/\">\nRequire all denied\n</Location>",
		"<Location \"/\">\nAuthType Basic\nAuthName x\nAuthBasicProvider file\nAuthUserFile \"$ROOT/users\"\nRequire valid-user\n</Location>",
		`ProxyPass "/" "` + backend(t, "backend") + `/"`,
		"RewriteEngine On\nRewriteRule ^/(.*)$ " + backend(t, "backend") + "/$1 [P]",
		"ProxyPassMatch \"^/(.*)$\" \"http://127.0.0.1:1/$1\"",
		"<If \"true\">\nRequire all denied\n</If>",
		"AliasMatch \"^/(.*)$\" \"$ROOT/none/$1\"",
		"RedirectMatch 410 \"^/\"",
		"MDRequireHttps permanent",
		"<Location \"/\">\nSSLRequireSSL\nSetHandler server-status\n</Location>",
	}
	config := s.authority()
	s.write("users", "")
	for i, lines := range hostile {
		config += strings.NewReplacer("$N", fmt.Sprint(i), "$HTTPS", fmt.Sprint(s.ca.TLSPort)).Replace(`
MDomain d$N.test
<VirtualHost 127.0.0.1:$PORT>
ServerName d$N.test
` + lines + `
</VirtualHost>
<VirtualHost 127.0.0.1:$HTTPS>
ServerName d$N.test
SSLEngine on
</VirtualHost>
`)
	}
	s.write("httpd.conf", config)
	s.serve()
	for i, lines := range hostile {
		host := fmt.Sprintf("d%d.test", i)
		if r := s.trusted(host, "/"); r.cert.DNSNames[0] != host {
			t.Errorf("%s\nhas the certificate of %s", lines, r.cert.DNSNames)
		}
	}
	if strings.Contains(s.read("error.log"), "encountered error") {
		t.Errorf("not at the first try:\n%s", s.read("error.log"))
	}
}

// TestKilledInOrder: a process that is killed while the authority waits leaves
// nothing behind that keeps the next one from obtaining the certificate.
func TestKilledInOrder(t *testing.T) {
	s := newACMESite(t)
	s.write("event", "#!/bin/sh\ncase $1 in challenge-setup*) ;; *) exit 0 ;; esac\n"+
		"touch "+s.path("run/began")+"\nwhile [ -e "+s.path("slow")+" ]; do sleep 0.1; done\n")
	if err := os.Chmod(s.path("event"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("run/.keep", "")
	if err := os.Chmod(s.path("run"), 0o777); err != nil {
		t.Fatal(err)
	}
	s.write("slow", "")
	s.write("httpd.conf", s.authority()+strings.ReplaceAll(`
MDMessageCmd $ROOT/event
MDomain a.test
<VirtualHost 127.0.0.1:$HTTPS>
ServerName a.test
SSLEngine on
</VirtualHost>
`, "$HTTPS", fmt.Sprint(s.ca.TLSPort)))
	f := s.serve()
	s.await("an order", func() bool { _, err := os.Stat(s.path("run/began")); return err == nil })
	pid := f.cmd.Process.Pid
	f.signal(syscall.SIGKILL)
	<-f.exited
	os.Remove(s.path("slow"))
	if left, _ := filepath.Glob(s.path("md/challenges/*/*")); len(left) == 0 {
		t.Error("the process was not killed in the middle: there is no challenge in the store")
	}
	s.gone(pid)
	s.serve()
	s.trusted("a.test", "/")
	s.await("clean up", func() bool { left, _ := filepath.Glob(s.path("md/challenges/*/*")); return len(left) == 0 })
	checkStore(t, s.path("md"))
}
