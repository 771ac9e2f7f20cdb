package proxy_balancer_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/manager"
	"sallyport/internal/message"
)

// ask sends a request for a page of the manager and returns status and body.
func (r *rig) ask(method, target, body string, headers ...string) (int, string, *exchangetest.Recorder) {
	r.t.Helper()
	host := false
	for _, h := range headers {
		host = host || strings.HasPrefix(h, "Host:")
	}
	if !host {
		headers = append(headers, "Host: shop.test")
	}
	bare, _, _ := strings.Cut(target, "?")
	x, rec := exchangetest.NewExchange(method, strings.ReplaceAll(bare, "%", "%25"), headers...)
	x.Request.Target = target
	x.RawPath, x.Query, x.HasQuery = strings.Cut(target, "?")
	x.Client.Addr = mustAddr(r.from)
	x.Client.Remote = x.Client.Addr
	if body != "" {
		x.Request.Body = message.Body{Reader: strings.NewReader(body), Length: int64(len(body))}
		if !x.Request.Header.Has(message.ContentType) {
			x.Request.Header.Add("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	r.snap.At(x.Client.Local).Serve(x)
	return rec.Head.Status, rec.Body.String(), rec
}

// hidden finds a hidden field of a page.
func hidden(t *testing.T, page, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name=["']` + name + `["'][^>]* value=["']([^"']*)["']`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no field %s in %s", name, page)
	}
	return m[1]
}

const guardedShop = `
<Proxy balancer://shop>
  BalancerMember http://127.0.0.1:8001 route=a
  BalancerMember http://127.0.0.1:8002 route=b
</Proxy>
ProxyPass /shop balancer://shop
<Location /bm>
  SetHandler balancer-manager
  Require ip 127.0.0.1 192.0.2.0/24
</Location>
`

// TestWhoMayChange sends one change in many ways, to the plain page and to the
// console: it holds exactly where it may.
func TestWhoMayChange(t *testing.T) {
	const evil = "http://evil.test"
	for _, c := range []struct {
		name    string
		open    bool // no access rule
		from    string
		headers []string
		status  int
	}{
		{"script with the right Referer", false, "192.0.2.7:1", []string{"Referer: http://shop.test/bm"}, 200},
		{"script that says nothing", false, "192.0.2.7:1", nil, 403},
		{"Referer of another host", false, "192.0.2.7:1", []string{"Referer: " + evil + "/bm"}, 403},
		{"Referer whose path has our name", false, "192.0.2.7:1", []string{"Referer: " + evil + "/http://shop.test/"}, 403},
		{"Referer whose user has our name", false, "192.0.2.7:1", []string{"Referer: http://shop.test@evil.test/"}, 403},
		{"Referer of a host that begins like ours", false, "192.0.2.7:1", []string{"Referer: http://shop.test.evil.test/"}, 403},
		{"browser on our page", false, "192.0.2.7:1", []string{"Origin: http://shop.test", "Sec-Fetch-Site: same-origin"}, 200},
		{"browser on our page behind TLS of somebody else's", false, "192.0.2.7:1", []string{"Origin: https://shop.test"}, 200},
		{"browser on another site", false, "192.0.2.7:1", []string{"Origin: " + evil, "Sec-Fetch-Site: cross-site"}, 403},
		{"browser on another port of this host", false, "192.0.2.7:1", []string{"Origin: http://shop.test:81", "Sec-Fetch-Site: same-site"}, 403},
		{"old browser on another site", false, "192.0.2.7:1", []string{"Origin: " + evil, "Referer: http://shop.test/bm"}, 403},
		{"browser in a sandbox", false, "192.0.2.7:1", []string{"Origin: null", "Referer: http://shop.test/bm"}, 403},
		{"browser that says cross-site alone", false, "192.0.2.7:1", []string{"Sec-Fetch-Site: cross-site", "Referer: http://shop.test/bm"}, 403},
		{"name that was made to lead here", false, "192.0.2.7:1", []string{"Host: evil.test", "Origin: " + evil, "Sec-Fetch-Site: same-origin"}, 403},
		{"address instead of a name", false, "192.0.2.7:1", []string{"Host: 192.0.2.1:8080", "Origin: http://192.0.2.1:8080", "Sec-Fetch-Site: same-origin"}, 200},
		{"unprotected, from this machine", true, "127.0.0.1:1", []string{"Referer: http://shop.test/bm"}, 200},
		{"unprotected, from elsewhere", true, "192.0.2.7:1", []string{"Referer: http://shop.test/bm"}, 403},
		{"unprotected, passed on by a proxy of this machine", true, "127.0.0.1:1", []string{"Referer: http://shop.test/bm", "X-Forwarded-For: 192.0.2.7"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf := guardedShop
			if c.open {
				conf = strings.Replace(conf, "Require ip 127.0.0.1 192.0.2.0/24", "", 1)
			}
			r := newRig(t, conf)
			r.from = c.from
			_, page, _ := r.ask("GET", "/bm?b=shop&w=http://127.0.0.1:8001", "")
			change := "b=shop&w=http://127.0.0.1:8001&w_lf=7&nonce=" + hidden(t, page, "nonce")
			status, answer, _ := r.ask("POST", "/bm", change, c.headers...)
			if status != c.status || strings.Contains(answer, "<td>7.00</td>") != (c.status == 200) {
				t.Errorf("plain page: status %d, want %d: %s", status, c.status, answer)
			}
			_, page, _ = r.ask("GET", "/bm/console?b=shop&w=http://127.0.0.1:8001", "")
			change = "b=shop&w=http://127.0.0.1:8001&p.lbset=9&token=" + hidden(t, page, "token")
			want := c.status
			if want == 200 {
				want = 303
			}
			if status, answer, _ = r.ask("POST", "/bm/console/apply", change, c.headers...); status != want {
				t.Errorf("console: status %d, want %d: %s", status, want, answer)
			}
			_, xml, _ := r.ask("GET", "/bm?xml=1", "")
			if strings.Contains(xml, "<httpd:lbset>9<") != (want == 303) {
				t.Errorf("console: the change holds or does not: %s", xml)
			}
		})
	}
}

// TestTokens: nonce and token are asked for, everywhere.
func TestTokens(t *testing.T) {
	r := newRig(t, guardedShop)
	ours := "Referer: http://shop.test/bm"
	for _, c := range [][2]string{
		{"/bm", "b=shop&w=http://127.0.0.1:8001&w_lf=7"},
		{"/bm", "b=shop&w=http://127.0.0.1:8001&w_lf=7&nonce=x"},
		{"/bm", "b=shop&b_max=7&nonce="},
		{"/bm/console/preview", "b=shop&w=http://127.0.0.1:8001&p.loadfactor=7"},
		{"/bm/console/apply", "b=shop&w=http://127.0.0.1:8001&p.loadfactor=7&token=x"},
		{"/bm/console/preview", "pick.shop+http%3A%2F%2F127.0.0.1%3A8001=1&do=disable"},
		{"/bm/console/apply", "pick.shop+http%3A%2F%2F127.0.0.1%3A8001=1&do=disable&token=x"},
		{"/bm/console/undo", "revision=1&token="},
	} {
		if status, answer, _ := r.ask("POST", c[0], c[1], ours); status != 403 {
			t.Errorf("%s %s: status %d: %s", c[0], c[1], status, answer)
		}
	}
	none := newRig(t, strings.Replace(strings.Replace(guardedShop, "route=b\n", "route=b\nProxySet nonce=None\n", 1), "Require ip 127.0.0.1 192.0.2.0/24", "", 1))
	status, answer, _ := none.ask("POST", "/bm", "b=shop&w=http://127.0.0.1:8001&w_lf=7", ours)
	if status != 403 || !strings.Contains(answer, "nonce=None") {
		t.Errorf("nonce=None without access rules: status %d: %s", status, answer)
	}
}

// hostile are texts that would do harm where they stood bare.
var hostile = []string{
	`"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, `</textarea><svg/onload=alert(1)>`, `javascript:alert(1)`,
	`&lt;script&gt;`, "a\tb", `%22%3E%3Cscript%3E`, `{"}</script>`, `<!--`, `]]>`, "\u2028", `\"`,
}

// harmful are the tags that hostile texts try to make.
var harmful = regexp.MustCompile(`(?i)<script>|<img|<svg/|href="javascript`)

// TestHostileTexts puts them into every field, name, URL and header there is,
// and looks at every page that may show them.
func TestHostileTexts(t *testing.T) {
	r := newRig(t, guardedShop)
	ours := "Referer: http://shop.test/bm"
	_, page, _ := r.ask("GET", "/bm/console?b=shop", "")
	token := hidden(t, page, "token")
	_, page, _ = r.ask("GET", "/bm?b=shop", "")
	nonce := hidden(t, page, "nonce")
	look := func(what, body string) {
		t.Helper()
		if m := harmful.FindString(body); m != "" {
			t.Errorf("%s: %q stands bare", what, m)
		}
	}
	for _, evil := range hostile {
		q := url.QueryEscape(evil)
		for _, field := range strings.Fields("w_wr w_rr w_lf w_ls w_status_D w_hu w_hm nonsense") {
			_, body, _ := r.ask("POST", "/bm", fmt.Sprintf("b=shop&w=http://127.0.0.1:8001&nonce=%s&%s=%s", nonce, field, q), ours)
			look(field+" "+evil, body)
		}
		for _, field := range strings.Fields("b_ss b_lbm b_tmo b_nwrkr") {
			_, body, _ := r.ask("POST", "/bm", fmt.Sprintf("b=shop&nonce=%s&b_wyes=1&%s=%s", nonce, field, q), ours)
			look(field+" "+evil, body)
		}
		for _, field := range strings.Fields("p.route p.redirect p.loadfactor p.upgrade do f.D reason at timeout") {
			for _, path := range []string{"preview", "apply"} {
				_, body, _ := r.ask("POST", "/bm/console/"+path, fmt.Sprintf("b=shop&w=http://127.0.0.1:8001&token=%s&p.lbset=1&%s=%s", token, field, q), ours)
				look(path+" "+field+" "+evil, body)
			}
		}
		for _, many := range []string{"pick." + q + "=1&do=drain", "pick.shop+" + q + "=1&do=drain", "pick.shop+http%3A%2F%2F127.0.0.1%3A8001=1&do=" + q,
			"pick.shop+http%3A%2F%2F127.0.0.1%3A8001=1&do=factor&p.loadfactor=" + q, "pick.shop+http%3A%2F%2F127.0.0.1%3A8001=1&do=drain&" + q + "=" + q} {
			_, body, _ := r.ask("POST", "/bm/console/preview", many+"&token="+token, ours)
			look(many, body)
		}
		for _, field := range strings.Fields("revision reason at") {
			_, body, _ := r.ask("POST", "/bm/console/undo", "token="+token+"&"+field+"="+q, ours)
			look("undo "+field+" "+evil, body)
		}
		_, body, _ := r.ask("POST", "/bm/console/preview", "b=shop&do=add&token="+token+"&url="+q, ours)
		look("url "+evil, body)
		for _, target := range []string{
			"/bm?b=" + q, "/bm?b=shop&w=" + q, "/bm?xml=" + q, "/bm/" + strings.ReplaceAll(q, "+", "%20"), "/bm/console?b=" + q, "/bm/console?b=shop&w=" + q,
			"/bm/console?done=" + q, "/bm/console?undo=" + q, "/bm/console/history?balancer=" + q + "&member=" + q + "&user=" + q + "&param=" + q + "&before=" + q,
			"/bm", "/bm?b=shop", "/bm?b=shop&w=http://127.0.0.1:8001", "/bm?xml=1", "/bm/console", "/bm/console?b=shop", "/bm/console?b=shop&w=http://127.0.0.1:8001",
			"/bm/console/history", "/bm/console/hour",
		} {
			_, body, _ := r.ask("GET", target, "", "Referer: "+strings.ReplaceAll(evil, "\t", ""))
			look(target, body)
		}
	}
	_, body, rec := r.ask("GET", "/bm/console", "", `Host: "><script>alert(1)</script>`)
	look("Host", body)
	if csp := rec.Head.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
}

// TestEveryFieldRefused sends what no field takes and looks that the answer
// names the field and that nothing has changed.
func TestEveryFieldRefused(t *testing.T) {
	r := newRig(t, guardedShop)
	ours := "Referer: http://shop.test/bm"
	_, page, _ := r.ask("GET", "/bm?b=shop", "")
	nonce := hidden(t, page, "nonce")
	_, before, _ := r.ask("GET", "/bm?xml=1", "")
	for _, c := range [][2]string{
		{"w_lf", "0"}, {"w_lf", "101"}, {"w_lf", "NaN"}, {"w_lf", "1e9"}, {"w_ls", "100"}, {"w_ls", "-1"}, {"w_ls", "1.5"}, {"w_wr", strings.Repeat("r", 64)},
		{"w_wr", "a\nb"}, {"w_rr", strings.Repeat("r", 64)}, {"w_status_D", "on"}, {"w_status_X", "1"}, {"w_unknown", "1"},
		{"b_tmo", "7201"}, {"b_tmo", "x"}, {"b_max", "100"}, {"b_max", "-1"}, {"b_sforce", "yes"}, {"b_lbm", "nosuch"}, {"b_nwrkr", "nonsense"},
		{"b_nwrkr", "http://127.0.0.1:8001"}, {"b_unknown", "1"},
	} {
		target := "b=shop&b_wyes=1"
		if c[0][0] == 'w' {
			target = "b=shop&w=http://127.0.0.1:8001&w_rr=good"
		}
		status, body, _ := r.ask("POST", "/bm", fmt.Sprintf("%s&nonce=%s&%s=%s", target, nonce, c[0], url.QueryEscape(c[1])), ours)
		if status != 400 || !strings.Contains(body, "Nothing was changed") || !strings.Contains(body, c[0]) {
			t.Errorf("%s=%s: status %d: %s", c[0], c[1], status, body)
		}
	}
	for _, form := range []string{"b=nosuch&b_max=1&nonce=" + nonce, "b_max=1&nonce=" + nonce, "b=shop&w=http://127.0.0.9&w_lf=2&nonce=" + nonce, "b=shop&w_lf=2&nonce=" + nonce} {
		if status, body, _ := r.ask("POST", "/bm", form, ours); status != 400 {
			t.Errorf("%s: status %d: %s", form, status, body)
		}
	}
	if status, _, _ := r.ask("POST", "/bm", "{}", ours, "Content-Type: application/json"); status != 400 {
		t.Errorf("JSON as a form: status %d", status)
	}
	if _, after, _ := r.ask("GET", "/bm?xml=1", ""); after != before {
		t.Errorf("something has changed: %s", after)
	}
}

// TestStalePage: two people edit at once; the second is told.
func TestStalePage(t *testing.T) {
	r := newRig(t, guardedShop)
	ours := "Referer: http://shop.test/bm"
	_, page, _ := r.ask("GET", "/bm/console?b=shop&w=http://127.0.0.1:8001", "")
	token, at := hidden(t, page, "token"), hidden(t, page, "at")
	change := func(value string) (int, string) {
		status, body, _ := r.ask("POST", "/bm/console/apply", fmt.Sprintf("b=shop&w=http://127.0.0.1:8001&p.lbset=%s&token=%s&at=%s", value, token, at), ours)
		return status, body
	}
	if status, body := change("3"); status != 303 {
		t.Fatalf("the first: status %d: %s", status, body)
	}
	if status, body := change("4"); status != 400 || !strings.Contains(body, "has changed since") {
		t.Errorf("the second: status %d: %s", status, body)
	}
	if _, xml, _ := r.ask("GET", "/bm?xml=1", ""); !strings.Contains(xml, "<httpd:lbset>3<") {
		t.Errorf("the first has lost its change: %s", xml)
	}
}

// TestStaleMany: what somebody else has changed between the preview and the
// confirmation refuses a change of many, and an undo.
func TestStaleMany(t *testing.T) {
	r := newRig(t, guardedShop)
	ours := "Referer: http://shop.test/bm"
	_, page, _ := r.ask("GET", "/bm/console", "")
	token, at := hidden(t, page, "token"), hidden(t, page, "at")
	const picks = "pick.shop+http%3A%2F%2F127.0.0.1%3A8001=1&pick.shop+http%3A%2F%2F127.0.0.1%3A8002=1"
	form := picks + "&do=factor&p.loadfactor=4&token=" + token + "&at=" + at
	status, preview, _ := r.ask("POST", "/bm/console/preview", form, ours)
	if status != 200 || strings.Count(preview, `name="pick.shop http://127.0.0.1:800`) != 2 || hidden(t, preview, "at") != at {
		t.Fatalf("the preview: status %d: %s", status, preview)
	}
	r.do("POST", "changes", `{"edits":[{"op":"set","balancer":"shop","member":"http://127.0.0.1:8001","parameters":{"lbset":1}}]}`).is(200)
	if status, body, _ := r.ask("POST", "/bm/console/apply", form, ours); status != 409 || !strings.Contains(body, "has changed since") {
		t.Errorf("the confirmation: status %d: %s", status, body)
	}
	undo := func() (int, string) {
		_, page, _ := r.ask("GET", "/bm/console?undo=1", "")
		form := "revision=1&token=" + token + "&at=" + hidden(t, page, "at")
		if at != "" {
			r.do("PATCH", "balancers/shop", `{"parameters":{"maxattempts":1}}`).is(200)
		}
		status, body, _ := r.ask("POST", "/bm/console/undo", form, ours)
		return status, body
	}
	if status, body := undo(); status != 409 || !strings.Contains(body, "has changed since") {
		t.Errorf("undoing: status %d: %s", status, body)
	}
	at = ""
	if status, body := undo(); status != 303 {
		t.Errorf("undoing, seen anew: status %d: %s", status, body)
	}
	if status, body, _ := r.ask("GET", "/bm/console?undo=1", ""); status != 409 || !strings.Contains(body, "Nothing was changed") {
		t.Errorf("undoing twice: status %d: %s", status, body)
	}
	if status, body, _ := r.ask("POST", "/bm/console/preview", "do=drain&token="+token, ours); status != 400 || !strings.Contains(body, "No member is chosen") {
		t.Errorf("nobody chosen: status %d: %s", status, body)
	}
	if status, body, _ := r.ask("POST", "/bm/console/preview", picks+"&do=enable&token="+token, ours); status != 400 || !strings.Contains(body, "nothing to change") {
		t.Errorf("enabled already: status %d: %s", status, body)
	}
	if status, body, _ := r.ask("POST", "/bm/console/apply", picks+"&pick.shop+http%3A%2F%2F127.0.0.1%3A8009=1&do=drain&token="+token, ours); status != 400 || !strings.Contains(body, "127.0.0.1:8009") {
		t.Errorf("one is not there: status %d: %s", status, body)
	}
	if n := len(r.m.At("").History(manager.Filter{})); n != 3 {
		t.Errorf("%d changes, want 3", n)
	}
}

// TestAnsible does what Ansible's apache2_mod_proxy does with the page: version,
// links, the second table, and its form.
func TestAnsible(t *testing.T) {
	r := newRig(t, guardedShop)
	_, page, _ := r.ask("GET", "/bm", "")
	if !regexp.MustCompile(`(?i)SERVER VERSION: APACHE/2\.4\.\d+`).MatchString(page) {
		t.Error("no version that it knows")
	}
	links := regexp.MustCompile(`<a [^>]*href="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) != 3 {
		t.Fatalf("%d links: the first must be the balancer, all others members", len(links))
	}
	management := strings.ReplaceAll(links[1][1], "&amp;", "&")
	body := regexp.MustCompile(`(b=([\w\.\-]+)&w=(https?|ajp|wss?|ftp|[sf]cgi)://([\w\.\-]+):?(\d*)([/\w\.\-]*)&?[\w\-\=]*)`).FindString(management)
	if body == "" {
		t.Fatalf("%s is not of the form it expects", management)
	}
	tables := strings.Split(page, "<table")
	if len(tables) < 3 || !strings.Contains(tables[2], "<th>Worker URL</th>") || !strings.Contains(tables[2], "<th>Status</th>") {
		t.Fatal("the second table is not that of the members")
	}
	status, _, _ := r.ask("POST", management, body+"&w_status_D=1&w_status_N=0&w_status_H=0&w_status_I=1", "Referer: http://shop.test"+management)
	if status != 200 {
		t.Fatalf("its POST: status %d", status)
	}
	_, page, _ = r.ask("GET", "/bm", "")
	if !strings.Contains(page, "<td>Init Ign Dis </td>") {
		t.Errorf("it would not see its change: %s", page)
	}
}
