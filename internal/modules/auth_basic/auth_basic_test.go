package auth_basic_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/module"
	"sallyport/internal/modules/auth_basic"
	"sallyport/internal/modules/authn_anon"
	"sallyport/internal/modules/authn_core"
	"sallyport/internal/modules/authn_file"
	"sallyport/internal/modules/authn_socache"
	"sallyport/internal/modules/authz_core"
	"sallyport/internal/modules/authz_groupfile"
	"sallyport/internal/modules/authz_host"
	"sallyport/internal/modules/authz_user"
	"sallyport/internal/modules/dir"
	"sallyport/internal/modules/files"
	"sallyport/internal/modules/roomtest"
)

var rooms = []*module.Room{
	&authn_core.Room, &authn_file.Room, &authn_anon.Room, &authn_socache.Room, &auth_basic.Room,
	&authz_core.Room, &authz_groupfile.Room, &authz_host.Room, &authz_user.Room,
}

const secret = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// Whoever guesses has to wait, and is told for how long; others are not
// concerned.
func TestWaits(t *testing.T) {
	root := roomtest.Files(t, "pw: joe:"+secret+"\njane:"+secret+"\n")
	h := roomtest.NewAt(t, root, `
AuthBasicFailureLimit 3
<Location />
AuthType Basic
AuthName R
AuthUserFile pw
Require valid-user
</Location>`, rooms...)
	var got []string
	for range 5 {
		got = append(got, fmt.Sprint(h.Do("GET", "/", basic("joe", "x")).Head.Status))
	}
	if s := strings.Join(got, " "); s != "401 401 401 429 429" {
		t.Errorf("guesses: %s", s)
	}
	rec := h.Do("GET", "/", basic("joe", "secret"))
	if rec.Head.Status != 429 || rec.Head.Header.Get("Retry-After") != "1" || rec.Head.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("right, but too early:\n%s", roomtest.Answer(rec))
	}
	if rec := h.Do("GET", "/", basic("jane", "secret")); rec.Head.Status != 404 {
		t.Errorf("somebody else: %d", rec.Head.Status)
	}
	if rec := h.Do("GET", "/"); rec.Head.Status != 401 {
		t.Errorf("without credentials: %d", rec.Head.Status)
	}
}

// A file that changes counts without a reload, and a group file too.
func TestChange(t *testing.T) {
	root := roomtest.Files(t, "pw: joe:"+secret, "gr: a: joe")
	h := roomtest.NewAt(t, root, `
<Location />
AuthType Basic
AuthName R
AuthUserFile pw
AuthGroupFile gr
Require group a
</Location>`, rooms...)
	at := time.Now()
	status := func() int {
		x, rec := h.Exchange("GET", "/", basic("joe", "secret"))
		x.Received = at
		h.Serve(x)
		return rec.Head.Status
	}
	if got := status(); got != 404 {
		t.Errorf("at first: %d", got)
	}
	os.WriteFile(filepath.Join(root, "gr"), []byte("b: joe"), 0o600)
	at = at.Add(2 * time.Second)
	if got := status(); got != 401 {
		t.Errorf("out of the group: %d", got)
	}
	os.WriteFile(filepath.Join(root, "gr"), []byte("b: joe\na: joe"), 0o600)
	at = at.Add(2 * time.Second)
	if got := status(); got != 404 {
		t.Errorf("back in the group: %d", got)
	}
}

// Nobody gets in without a name; who may come anonymously has one given.
func TestNoName(t *testing.T) {
	root := roomtest.Files(t, "pw: :"+secret)
	h := roomtest.NewAt(t, root, `
<Location />
AuthType Basic
AuthName R
AuthUserFile pw
Require valid-user
</Location>
<Location /anon>
AuthBasicProvider socache anon
Anonymous guest
Anonymous_NoUserId On
Anonymous_MustGiveEmail Off
</Location>
<Location /some>
AuthBasicProvider anon
Anonymous_NoUserId On
</Location>`, rooms...)
	for path, want := range map[string]string{"/": "401 ", "/anon": "404 anonymous", "/some": "401 "} {
		password := "secret"
		x, rec := h.Exchange("GET", path, basic("", password))
		h.Serve(x)
		if got := fmt.Sprint(rec.Head.Status, " ", x.User); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// A look ahead proves the user anew, and does not inherit him.
func TestLookAhead(t *testing.T) {
	root := roomtest.Files(t, "pw: joe:"+secret)
	h := roomtest.NewAt(t, root, `
<Location /in>
AuthType Basic
AuthName R
AuthUserFile pw
Require valid-user
</Location>`, rooms...)
	for cred, want := range map[string]string{basic("joe", "secret"): "200 joe", basic("joe", "bad"): "401 joe"} {
		x, _ := h.Exchange("GET", "/out", cred)
		h.Serve(x)
		user := ""
		status := h.Snap.Probe(x, "/in", false, func(sub *exchange.Exchange) { user = sub.User })
		if got := fmt.Sprint(status, " ", user); got != want {
			t.Errorf("%s: %s, want %s", cred, got, want)
		}
	}
}

// What one index failed to prove does not open the next one.
func TestIndexes(t *testing.T) {
	root := roomtest.Files(t, "pw: joe:"+secret+"\njane:"+secret, "htdocs/d/a.html: a", "htdocs/d/b.html: b", "htdocs/d/c.html: c")
	h := roomtest.NewAt(t, root, `
DocumentRoot htdocs
DirectoryIndex a.html b.html c.html
<Directory />
AuthType Basic
AuthName R
AuthUserFile pw
</Directory>
<Files a.html>
Require valid-user
</Files>
<Files b.html>
Require user joe
</Files>
<Files c.html>
Require all granted
</Files>`, append([]*module.Room{&dir.Room, &files.Room}, rooms...)...)
	for cred, want := range map[string]string{
		basic("joe", "bad"): "200 c  ", basic("joe", "secret"): "200 a joe ", basic("jane", "secret"): "200 a jane ", "X: y": "200 c  ",
	} {
		x, rec := h.Exchange("GET", "/d/", cred)
		h.Serve(x)
		if got := fmt.Sprint(rec.Head.Status, " ", rec.Body.String(), " ", x.User, " ", rec.Head.Header.Get("WWW-Authenticate")); got != want {
			t.Errorf("%s: %q, want %q", cred, got, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	root := roomtest.Files(t, "pw: joe:"+secret)
	h := roomtest.NewAt(t, root, "<Location />\nAuthUserFile pw\n</Location>\n<Location /a>\nAuthUserFile gone\n<If true>\nAuthGroupFile gone\n</If>\n</Location>", rooms...)
	want := "5: AuthUserFile: " + root + "/gone does not exist; requests that need it will be answered with 500\n" +
		"7: AuthGroupFile: " + root + "/gone does not exist; requests that need it will be answered with 500"
	if got := h.Warnings(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestErrors(t *testing.T) {
	for in, want := range map[string]string{
		"AuthBasicFailureLimit 0":                           "1: AuthBasicFailureLimit: 0 is no number of failures",
		"AuthBasicFailureLimit many":                        "1: AuthBasicFailureLimit: many is no number of failures",
		"<Location />\nAuthnCacheTimeout soon\n</Location>": "2: AuthnCacheTimeout: soon is no number of seconds",
	} {
		if got := roomtest.Errors(t, in, rooms...); got != want {
			t.Errorf("%s:\n got %s\nwant %s", in, got, want)
		}
	}
}
